/**
 * `npm run check`, the one gate, and all that `npm test` does once everything is installed: builds, gates, then the tests of both vitest
 * projects. Ends with the line `N passed, N failed`, where a gate counts as a test. Arguments go to vitest and leave the gates out.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { GATES, type GateResult, runGates } from "./gates.ts";
import { add, type Counts, count } from "./test-results.ts";

const REPORT = "build/test-report.json";
const PARALLEL_GATES = 2;

function build(): Counts {
  console.log("\nBuilding");
  const { status } = spawnSync(process.execPath, ["--no-warnings", "scripts/build-worker.ts"], { stdio: "inherit" });
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1 };
}

async function gates(): Promise<Counts> {
  console.log("\nGates");
  const results = await runGates(GATES, PARALLEL_GATES, show);
  const failed = results.filter(({ passed }) => !passed).length;
  return { passed: results.length - failed, failed };
}

function show({ gate, passed, output, durationMs }: GateResult): void {
  console.log(`  ${passed ? "ok  " : "FAIL"} ${gate.name} (${(durationMs / 1000).toFixed(1)} s)`);
  if (!passed) console.log(output.replace(/^/gm, "       "));
}

function tests(filters: readonly string[]): Counts {
  console.log("\nTests");
  mkdirSync("build", { recursive: true });
  rmSync(REPORT, { force: true });
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", ...reporters, ...filters], {
    stdio: "inherit",
  });
  if (!existsSync(REPORT)) return { passed: 0, failed: 1 };
  return count(JSON.parse(readFileSync(REPORT, "utf8")));
}

const filters = process.argv.slice(2);
const total = [build(), ...(filters.length === 0 ? [await gates()] : []), tests(filters)].reduce(add);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
process.exitCode = total.failed > 0 ? 1 : 0;
