/**
 * `node bench/kernels/run.ts [--json] [--rounds N] [--sample-ms N] [--only TEXT]`: our kernels in workerd and in Node beside other
 * people's, in one interleaved run. `--only` takes benches whose name has TEXT in it, or one of several divided by commas.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { type Measured, spread } from "../measure.ts";
import { circumstances, footer, toJson, toTable } from "../report.ts";
import { judge, toGoalTable } from "./goals.ts";
import { input } from "./inputs.ts";
import { buildNative, NativeRuntime } from "./native.ts";
import { NodeRuntime, type Runtime } from "./runtime.ts";
import { CODEC_SIZES, CONTENTS, sizeName } from "./subject.ts";
import { WorkerdRuntime } from "./workerd.ts";

const ROOT = path.join(import.meta.dirname, "../..");
/** What each bench runs before it counts, for the engines' compilers. */
const WARM_SECONDS = 0.25;
const COMPARE = path.join(ROOT, "bench/compare");

export interface KernelRun {
  readonly rounds: number;
  readonly sampleMs: number;
  readonly only: readonly string[];
  readonly say: (text: string) => void;
}

export const FULL_RUN: Omit<KernelRun, "say"> = { rounds: 15, sampleMs: 12, only: [] };

/** Figures of all kernels everywhere. The target of each is `subject (runtime)`. */
export async function measureKernels(run: KernelRun): Promise<Measured[]> {
  installPeers();
  execute(process.execPath, [path.join(ROOT, "scripts/build-kernels.ts")], ROOT);
  const module = new WebAssembly.Module(readFileSync(path.join(ROOT, "build/kernels.wasm")));
  const missing = buildNative();
  if (missing !== null) run.say(missing);
  const runtimes: Runtime[] = [];
  // Each runtime ends its process on `exit`, which a signal alone would not bring about.
  for (const signal of SIGNALS) process.once(signal, exit);
  try {
    runtimes.push(await NodeRuntime.start());
    if (missing === null) runtimes.push(new NativeRuntime());
    runtimes.push(await WorkerdRuntime.start());
    const measured = await inTurns(run, runtimes);
    const native = runtimes.find((runtime) => runtime instanceof NativeRuntime);
    return [...measured, ...(await ratios(module, native, run))];
  } finally {
    for (const runtime of runtimes) await runtime.stop();
    for (const signal of SIGNALS) process.removeListener(signal, exit);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function exit(): never {
  process.exit(130);
}

/** The peers have a manifest of their own, so that they are no part of the product. */
function installPeers(): void {
  if (existsSync(path.join(COMPARE, "node_modules"))) return;
  execute("npm", ["ci", "--no-audit", "--no-fund"], COMPARE);
}

function execute(command: string, options: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync(command, options, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${options.join(" ")} failed:\n${stdout}${stderr}`);
}

interface Contender {
  readonly runtime: Runtime;
  readonly index: number;
  turns: number;
  readonly values: number[];
}

/** Each bench on every contender before the next bench, so that a busy moment of the machine hits all of them. */
async function inTurns(run: KernelRun, runtimes: readonly Runtime[]): Promise<Measured[]> {
  const byName = new Map<string, Contender[]>();
  for (const runtime of runtimes) {
    for (const [index, { name }] of runtime.benches.entries()) {
      if (run.only.length > 0 && !run.only.some((part) => name.includes(part))) continue;
      byName.set(name, [...(byName.get(name) ?? []), { runtime, index, turns: 1, values: [] }]);
    }
  }
  run.say(`${byName.size} benches, ${[...byName.values()].flat().length} contenders`);
  for (const contender of [...byName.values()].flat())
    contender.turns = await calibrated(contender, run.sampleMs / 1000);
  for (let round = 0; round < run.rounds; round++) {
    run.say(`round ${round + 1} of ${run.rounds}`);
    for (const contenders of byName.values()) {
      for (const contender of round % 2 === 0 ? contenders : contenders.toReversed()) {
        const { runtime, index, turns, values } = contender;
        const { amount } = runtime.benches[index];
        values.push((turns * amount) / (await runtime.seconds(index, turns)) / 1e6);
      }
    }
  }
  return [...byName].flatMap(([name, contenders]) =>
    contenders.map(({ runtime, index, values }) => {
      const { subject, unit } = runtime.benches[index];
      return { name, target: `${subject} (${runtime.name})`, unit, ...spread(values) };
    }),
  );
}

/** As many turns as fill the time, found after the compilers have had theirs. */
async function calibrated({ runtime, index }: Contender, wantedSeconds: number): Promise<number> {
  let turns = 1;
  let warmSeconds = 0;
  for (;;) {
    const seconds = await runtime.seconds(index, turns);
    warmSeconds += seconds;
    if (seconds >= wantedSeconds / 2 && warmSeconds >= WARM_SECONDS) {
      return Math.max(1, Math.round((turns * wantedSeconds) / seconds));
    }
    const factor = wantedSeconds / Math.max(seconds, 1e-6);
    turns = Math.ceil(turns * Math.min(16, Math.max(seconds < wantedSeconds / 2 ? 2 : 1, factor)));
  }
}

/** How small each codec makes each input, as input bytes for a byte of output, ours and the library's. */
async function ratios(
  module: WebAssembly.Module,
  native: NativeRuntime | undefined,
  run: KernelRun,
): Promise<Measured[]> {
  const { createWasmKernels } = await import("#kernels/wasm.ts");
  const kernels = createWasmKernels(module);
  const found: Measured[] = [];
  for (const codec of ["lz4", "snappy"] as const) {
    for (const content of CONTENTS) {
      for (const bytes of CODEC_SIZES) {
        const name = `${codec} ratio ${content} ${sizeName(bytes)}`;
        if (run.only.length > 0 && !run.only.some((part) => name.includes(part) || part.startsWith(codec))) continue;
        const data = input(content, bytes);
        const blocks = Math.ceil(bytes / 65_536);
        // The frame around the blocks is left out of ours: 11 bytes for LZ4 and 16 for xerial, plus a length for each block of xerial.
        const ours = codec === "lz4" ? kernels.lz4Compress(data).length - 11 : kernels.snappyCompress(data).length - 16;
        found.push({ name, target: "Kedge (workerd)", unit: "×", ...spread([bytes / ours]) });
        if (native === undefined) continue;
        const theirs = (await native.packedBytes(codec, content, bytes)) + (codec === "snappy" ? 4 * blocks : 0);
        found.push({ name, target: `lib${codec} (native)`, unit: "×", ...spread([bytes / theirs]) });
      }
    }
  }
  return found;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: "boolean", default: false },
      rounds: { type: "string", default: String(FULL_RUN.rounds) },
      "sample-ms": { type: "string", default: String(FULL_RUN.sampleMs) },
      only: { type: "string", default: "" },
    },
  });
  const only = values.only === "" ? [] : values.only.split(",");
  const rounds = Number(values.rounds);
  const say = (text: string) => console.error(text);
  const measured = await measureKernels({ rounds, sampleMs: Number(values["sample-ms"]), only, say });
  const about = circumstances("none: kernels alone", rounds);
  if (values.json) for (const one of measured) console.log(toJson(one, about));
  else console.log(`${toTables(measured)}\n\n${toGoalTable(judge(measured))}\n\n${footer(about)}`);
}

/** One table for each kind of bench, since hardly any peer does them all. */
export function toTables(measured: readonly Measured[]): string {
  const kinds = Map.groupBy(measured, ({ name }) =>
    name
      .split(" ")
      .slice(0, 2)
      .join(" ")
      .replace(/ \d+.*/, ""),
  );
  return [...kinds.values()].map((some) => toTable(some)).join("\n\n");
}

if (import.meta.main) {
  await main();
  process.exit();
}
