/**
 * `npm run sim`: whole clusters in one process, each from a seed, under faults, their clients' histories held against `docs/promises.md`.
 *
 *   -- --seed N         one seed            --seeds N --from N   many
 *   -- --until MS       simulated time before the quiet end
 *   -- --trace          prints all that happens
 *   -- --mutants [TEXT] sows the bugs of `test/sim/mutants/list.ts` one after the other (those whose name holds TEXT)
 *
 * A failure prints its seed and a smaller workload that fails as well; trace and history are written to `build/sim/`.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { generate } from "#test/sim/generate.ts";
import { MUTANTS } from "#test/sim/mutants/list.ts";
import { type RunResult, run } from "#test/sim/run.ts";
import { shrink } from "#test/sim/shrink.ts";

const OUT = "build/sim";
const MAX_SHOWN = 10;
const HOOK = "./test/sim/mutants/hook.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: "string" },
    seeds: { type: "string", default: "100" },
    from: { type: "string", default: "1" },
    until: { type: "string" },
    trace: { type: "boolean", default: false },
    mutants: { type: "boolean", default: false },
    brief: { type: "boolean", default: false },
  },
});

const cpuSeconds = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

async function tell(result: RunResult): Promise<void> {
  const { seed } = result.workload;
  console.log(`seed ${seed} fails:`);
  for (const problem of result.problems.slice(0, MAX_SHOWN)) console.log(`  ${problem}`);
  if (values.brief) return;
  const { workload } = await shrink(result);
  const small = await run(workload, true);
  mkdirSync(OUT, { recursive: true });
  writeFileSync(`${OUT}/${seed}.trace`, `${small.trace.join("\n")}\n`);
  writeFileSync(`${OUT}/${seed}.history`, `${small.history.map((event) => JSON.stringify(event)).join("\n")}\n`);
  console.log(`  the smallest workload that fails as well: ${JSON.stringify(workload)}`);
  for (const problem of small.problems.slice(0, MAX_SHOWN)) console.log(`  ${problem}`);
  console.log(`  its ${small.events} events: ${OUT}/${seed}.trace, what clients saw: ${OUT}/${seed}.history`);
}

async function runSeeds(first: number, count: number): Promise<number> {
  const began = { cpu: cpuSeconds(), wall: performance.now() };
  let simulatedSeconds = 0;
  let failures = 0;
  for (let seed = first; seed < first + count; seed++) {
    const result = await run(
      generate(seed, values.until === undefined ? undefined : Number(values.until)),
      values.trace,
    );
    simulatedSeconds += result.simulatedMs / 1000;
    if (values.trace) console.log(result.trace.join("\n"));
    if (result.problems.length > 0) {
      failures += 1;
      await tell(result);
      if (values.brief) break;
    }
    // Lets signals and output through.
    await new Promise(setImmediate);
  }
  const cpu = cpuSeconds() - began.cpu;
  const wall = (performance.now() - began.wall) / 1000;
  console.log(
    `${count} seeds, ${simulatedSeconds.toFixed(0)} simulated seconds in ${wall.toFixed(1)} s (${cpu.toFixed(1)} s of CPU): ` +
      `${(simulatedSeconds / wall).toFixed(0)} per second (${(simulatedSeconds / cpu).toFixed(0)} per second of CPU); ${failures} failed`,
  );
  return failures;
}

/** Each mutant in a process of its own: the bug is sown while the sources are loaded. */
function runMutants(text: string): number {
  let survivors = 0;
  for (const { name, seeds } of MUTANTS.filter((mutant) => mutant.name.includes(text))) {
    const args = [
      "--no-warnings",
      "--import",
      HOOK,
      import.meta.filename,
      "--brief",
      "--from",
      values.from,
      "--seeds",
      `${seeds}`,
    ];
    const env = { ...process.env, KEDGE_SIM_MUTANT: name };
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8", maxBuffer: 1 << 28 });
    const found = /^seed (\d+) fails:\n {2}(.{0,140})/m.exec(stdout);
    if (status === 1 && found !== null) console.log(`found    ${name}: seed ${found[1]}, ${found[2]}`);
    else {
      survivors += 1;
      console.log(status === 0 ? `SURVIVED ${name}: ${seeds} seeds` : `BROKEN   ${name}: ${stderr.slice(0, 500)}`);
    }
  }
  return survivors;
}

const failures = values.mutants
  ? runMutants(positionals[0] ?? "")
  : await runSeeds(Number(values.seed ?? values.from), values.seed === undefined ? Number(values.seeds) : 1);
process.exit(failures > 0 ? 1 : 0);
