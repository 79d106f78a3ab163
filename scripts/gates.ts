import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

/** One check that either passes or says why not. */
export interface Gate {
  readonly name: string;
  /** Arguments of this Node: a script and its own. */
  readonly command: readonly string[];
}

const TSC = "node_modules/typescript/bin/tsc";

/** Every gate but the tests, the slow ones first: two run at a time. */
export const GATES: readonly Gate[] = [
  { name: "dead code (knip)", command: ["node_modules/knip/bin/knip.js", "--no-progress"] },
  { name: "types: core", command: [TSC, "-p", "tsconfig.json"] },
  { name: "types: rooms that serve HTTP", command: [TSC, "-p", "tsconfig.rest.json"] },
  { name: "types: worker", command: [TSC, "-p", "tsconfig.worker.json"] },
  { name: "types: Node side and tests", command: [TSC, "-p", "tsconfig.node.json"] },
  { name: "types: tests in workerd", command: [TSC, "-p", "tsconfig.workerd-tests.json"] },
  { name: "format and lint (biome)", command: ["node_modules/@biomejs/biome/bin/biome", "ci", "--colors=off", "."] },
  { name: "tidy", command: ["scripts/tidy.ts"] },
  { name: "docs/support.md is up to date", command: ["scripts/support.ts", "--check"] },
  { name: "size of the Worker", command: ["scripts/size.ts"] },
];

export interface GateResult {
  readonly gate: Gate;
  readonly passed: boolean;
  readonly output: string;
  readonly durationMs: number;
}

export function runGate(gate: Gate): Promise<GateResult> {
  const startedMs = performance.now();
  const [script, ...args] = gate.command;
  const result = (passed: boolean, output: string) => ({
    gate,
    passed,
    output,
    durationMs: performance.now() - startedMs,
  });
  if (!existsSync(script as string)) return Promise.resolve(result(false, `there is no ${script}`));
  return new Promise((resolve) => {
    const env = { ...process.env, NO_COLOR: "1" };
    const child = spawn(process.execPath, ["--no-warnings", script as string, ...args], { env });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk: Buffer) => {
        output += chunk.toString();
      });
    }
    child.on("close", (code) => resolve(result(code === 0, output)));
  });
}

/** Runs the gates, a few at a time, and reports each when it is done. */
export async function runGates(gates: readonly Gate[], parallel: number, report: (result: GateResult) => void) {
  const results: GateResult[] = [];
  const waiting = [...gates];
  const lane = async () => {
    for (let gate = waiting.shift(); gate; gate = waiting.shift()) {
      const result = await runGate(gate);
      results.push(result);
      report(result);
    }
  };
  await Promise.all(Array.from({ length: parallel }, lane));
  return results;
}
