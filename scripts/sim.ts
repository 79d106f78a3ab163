/**
 * `npm run sim`: whole clusters in one process, each from a seed, under faults, their clients' histories held against `docs/promises.md`.
 *
 *   -- --seed N         one seed            --seeds N --from N   many
 *   -- --until MS       simulated time before the quiet end
 *   -- --trace          prints all that happens
 *   -- --jobs N         in so many processes
 *   -- --regressions    the smallest workloads of all bugs that were found
 *   -- --mutants [TEXT] sows the bugs of `test/sim/mutants/list.ts` one after the other (those whose name holds TEXT): first with the seed that
 *                       found it before
 *
 * A failure prints its seed and a smaller workload that fails as well; trace and history are written to `build/sim/`.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { generate } from "#test/sim/generate.ts";
import { MUTANTS } from "#test/sim/mutants/list.ts";
import type { Mutant } from "#test/sim/mutants/mutant.ts";
import { regressions } from "#test/sim/regressions.ts";
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
    jobs: { type: "string", default: "1" },
    mutants: { type: "boolean", default: false },
    regressions: { type: "boolean", default: false },
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

async function runRegressions(): Promise<number> {
  let failures = 0;
  for (const { seed, what, workload } of regressions) {
    const { problems } = await run(workload);
    if (problems.length === 0) continue;
    failures += 1;
    console.log(`seed ${seed} fails:\n  ${problems.slice(0, MAX_SHOWN).join("\n  ")}\n  it was mended once: ${what}`);
  }
  console.log(`${regressions.length} regressions; ${failures} failed`);
  return failures;
}

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** This script again, with a bug sown or without: sources are rewritten while they are loaded, so it takes a process of its own. */
function again(args: readonly string[], mutant?: string): Promise<Ended> {
  const env = mutant === undefined ? process.env : { ...process.env, KEDGE_SIM_MUTANT: mutant };
  const child = spawn(process.execPath, ["--no-warnings", "--import", HOOK, import.meta.filename, ...args], { env });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}

/** Runs the tasks, so many at a time. */
async function parallel<T>(tasks: readonly (() => Promise<T>)[], jobs: number): Promise<T[]> {
  const results: T[] = [];
  const waiting = [...tasks];
  const lane = async () => {
    for (let task = waiting.shift(); task !== undefined; task = waiting.shift()) results.push(await task());
  };
  await Promise.all(Array.from({ length: jobs }, lane));
  return results;
}

async function runMutants(text: string, jobs: number): Promise<number> {
  const tasks = MUTANTS.filter((mutant) => mutant.name.includes(text)).map((mutant) => () => sow(mutant));
  const found = await parallel(tasks, jobs);
  const count = found.filter((isFound) => isFound).length;
  console.log(`${count} of ${found.length} mutants found`);
  return found.length - count;
}

/** Whether a mutant is found: by the seed that found it before, or by another one. */
async function sow({ name, seeds, foundBy }: Mutant): Promise<boolean> {
  if (foundBy !== undefined && (await isFoundBy(name, foundBy, 1)) === true) return true;
  const isFound = await isFoundBy(name, Number(values.from), seeds);
  if (isFound === false) console.log(`SURVIVED ${name}: ${seeds} seeds`);
  return isFound === true;
}

/** Undefined when the seeds couldn't be run. */
async function isFoundBy(name: string, from: number, seeds: number): Promise<boolean | undefined> {
  const { status, stdout, stderr } = await again(["--brief", "--from", `${from}`, "--seeds", `${seeds}`], name);
  if (status === 0) return false;
  const found = /^seed (\d+) fails:\n {2}(.{0,140})/m.exec(stdout);
  if (status === 1 && found !== null) console.log(`found    ${name}: seed ${found[1]}, ${found[2]}`);
  else console.log(`BROKEN   ${name}: ${stderr.slice(0, 500)}`);
  return status === 1 && found !== null ? true : undefined;
}

const SLICE_SEEDS = 25;

/** Slices of the seeds, each in a process of its own. */
async function runSlices(first: number, count: number, jobs: number): Promise<number> {
  const until = values.until === undefined ? [] : ["--until", values.until];
  const starts = Array.from({ length: Math.ceil(count / SLICE_SEEDS) }, (_, i) => first + i * SLICE_SEEDS);
  const tasks = starts.map((from) => async () => {
    const seeds = Math.min(SLICE_SEEDS, first + count - from);
    const { status, stdout, stderr } = await again(["--from", `${from}`, "--seeds", `${seeds}`, ...until]);
    process.stdout.write(stdout.replace(/^/, `from ${from}: `) + stderr);
    return status === 0;
  });
  const failures = (await parallel(tasks, jobs)).filter((isFine) => !isFine).length;
  console.log(`${count} seeds; ${failures} slices with failures`);
  return failures;
}

const jobs = Number(values.jobs);
const first = Number(values.seed ?? values.from);
const count = values.seed === undefined ? Number(values.seeds) : 1;

function main(): Promise<number> {
  if (values.regressions) return runRegressions();
  if (values.mutants) return runMutants(positionals[0] ?? "", jobs);
  return jobs > 1 ? runSlices(first, count, jobs) : runSeeds(first, count);
}

process.exit((await main()) > 0 ? 1 : 0);
