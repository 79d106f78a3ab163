/**
 * `npm run fuzz -- --frames 100000 [--seed N]`: mutated frames of every supported API and version to a Kedge started for it, or
 * with `--bootstrap HOST:PORT` to another broker (whose processes aren't watched then). `-- --parsers` fuzzes the parsers in this
 * process instead: `scripts/fuzz-parsers.ts`.
 */
import { parseArgs } from "node:util";
import type { FuzzReport } from "#test/e2e/fuzz.ts";

const { values } = parseArgs({
  options: {
    frames: { type: "string", default: "100000" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    bootstrap: { type: "string" },
    parsers: { type: "boolean", default: false },
    minutes: { type: "string", default: "5" },
    target: { type: "string" },
    keep: { type: "boolean", default: false },
  },
});
if (values.parsers) {
  const { fuzzParsers } = await import("./fuzz-parsers.ts");
  const { minutes, seed, target, keep } = values;
  process.exit((await fuzzParsers({ minutes: Number(minutes), seed: Number(seed), target, keep })) > 0 ? 1 : 0);
}
// Coverage counts only what is loaded after it began, so nothing is loaded before it is known what is to be done.
const { seeded } = await import("#test/clients/records.ts");
const { fuzz } = await import("#test/e2e/fuzz.ts");
const { guard } = await import("#test/e2e/fuzz-guard.ts");
const { startKedge } = await import("#test/e2e/kedge.ts");

const PROGRESS_FRAMES = 10_000;

/** What Kedge prints when it starts; anything later is about the frames. */
const LINES_AT_START = 20;

const kedge = values.bootstrap === undefined ? await startKedge() : undefined;
const watch = kedge === undefined ? undefined : guard(kedge);
console.log(`seed ${values.seed}; broker ${values.bootstrap ?? kedge?.kafka}`);
const startedAt = performance.now();

function progress(report: FuzzReport): void {
  watch?.afterBatch(report.sent);
  if (report.sent % PROGRESS_FRAMES === 0)
    console.log(`${report.sent} frames, connections ${JSON.stringify(report.outcomes)}`);
}

try {
  const report = await fuzz({
    bootstrap: values.bootstrap ?? (kedge?.kafka as string),
    frames: Number(values.frames),
    random: seeded(Number(values.seed)),
    afterBatch: progress,
  });
  await watch?.atEnd();
  console.log("| mutation | frames |\n|---|---|");
  for (const [mutation, frames] of Object.entries(report.mutations)) console.log(`| ${mutation} | ${frames} |`);
  console.log(`connections: ${report.connections} (${JSON.stringify(report.outcomes)})`);
  if (watch !== undefined) console.log(watch.summary());
  const said = kedge?.output().split("\n").slice(LINES_AT_START).filter(Boolean) ?? [];
  if (said.length > 0) console.log(`Kedge said ${said.length} lines, the last of them:\n${said.slice(-5).join("\n")}`);
  console.log(
    `${report.sent} frames in ${Math.round((performance.now() - startedAt) / 1000)} s: no crash, no hang, no growth`,
  );
} catch (error) {
  console.error(error);
  if (kedge !== undefined) console.error(`Kedge said:\n${kedge.output().slice(-8000)}`);
  process.exitCode = 1;
} finally {
  await kedge?.stop();
}
process.exit();
