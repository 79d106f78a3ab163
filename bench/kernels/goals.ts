/**
 * The goals of the kernels as ratios, so that a run says by itself which of them it meets. A ratio is taken within each round, where
 * both sides ran within the same second, and the median of the rounds counts: a machine that is fast in one minute and slow in the
 * next, as shared ones are, harms the quotient of two medians far more.
 */
import { type Measured, spread } from "../measure.ts";

const OURS = "Kedge (workerd)";
const IN_PLACE = "Kedge in place (workerd)";
const TWIN = "Kedge's TypeScript twin (workerd)";
const BEST_JS = [TWIN, "crc-32 (workerd)"];
const NATIVE_CRC = ["SSE4.2, 3 lanes (native)"];

interface Goal {
  readonly bench: string;
  readonly ours: string;
  /** The fastest of these is what ours is divided by. */
  readonly rivals: readonly string[];
  readonly least: number;
  readonly stretch?: number;
}

const LZ4_PLACE = [
  ["decompress", 0.65, 0.8],
  ["compress", 0.72, 0.9],
] as const;
const SNAPPY_PLACE = [
  ["decompress", 0.9, 1],
  ["compress", 0.8, 1],
] as const;

const GOALS: readonly Goal[] = [
  crc("1 KB", BEST_JS, 1.6, 3),
  crc("16 KB", BEST_JS, 4.5),
  crc("16 KB", ["kafkajs (workerd)"], 14),
  crc("16 KB", NATIVE_CRC, 0.33, 0.45),
  ...["256 KB", "1 MB"].flatMap((size) => [
    crc(size, BEST_JS, 9),
    crc(size, ["kafkajs (workerd)"], 28),
    crc(size, NATIVE_CRC, 0.55, 0.7),
    crc(size, ["@node-rs/crc32 (node)"], 1),
  ]),
  ...["JSON", "text"].flatMap((content) =>
    ["16 KB", "64 KB", "1 MB"].flatMap((size) => [
      codec(`lz4 decompress ${content} ${size}`, OURS, ["lz4-wasm (workerd)"], [1.3]),
      codec(`lz4 decompress ${content} ${size}`, OURS, ["lz4js (workerd)"], [3.5]),
      codec(`lz4 compress ${content} ${size}`, OURS, ["lz4-wasm (workerd)"], [1.05]),
      codec(`lz4 compress ${content} ${size}`, OURS, ["lz4js (workerd)"], [2]),
      ...LZ4_PLACE.map(([what, ...goal]) =>
        codec(`lz4 ${what} ${content} ${size}`, IN_PLACE, ["liblz4 (native)"], goal),
      ),
      codec(`lz4 ratio ${content} ${size}`, OURS, ["liblz4 (native)"], [0.99]),
      codec(`snappy decompress ${content} ${size}`, OURS, ["snappyjs (workerd)"], [2.8]),
      codec(`snappy compress ${content} ${size}`, OURS, ["snappyjs (workerd)"], [2.8]),
      ...SNAPPY_PLACE.map(([what, ...goal]) =>
        codec(`snappy ${what} ${content} ${size}`, IN_PLACE, ["libsnappy (native)"], goal),
      ),
    ]),
  ),
  codec("batch validate 100 B values", OURS, [TWIN], [3.8, 5]),
  codec("batch validate 1000 B values", OURS, [TWIN], [7, 10]),
  // Their decode computes no CRC: with values of 1000 B the CRC alone takes longer than an eighth of it, native SSE4.2's, too.
  codec("batch validate 100 B values", OURS, ["@platformatic/kafka (node)"], [8]),
  codec("batch encode 100 B values", OURS, [TWIN], [2]),
  codec("batch encode 1000 B values", OURS, [TWIN], [2.8]),
  codec("batch encode 100 B values", OURS, ["@platformatic/kafka (node)"], [12]),
  codec("batch encode 1000 B values", OURS, ["@platformatic/kafka (node)"], [4]),
];

function crc(size: string, rivals: readonly string[], least: number, stretch?: number): Goal {
  // Native code has its bytes at hand, so ours may, too; JavaScript has to get them into WASM memory first.
  return { bench: `crc32c ${size}`, ours: rivals === NATIVE_CRC ? IN_PLACE : OURS, rivals, least, stretch };
}

function codec(bench: string, ours: string, rivals: readonly string[], [least, stretch]: readonly number[]): Goal {
  return { bench, ours, rivals, least, stretch };
}

export interface Verdict extends Goal {
  readonly oursMedian: number;
  readonly rivalMedian: number;
  readonly rival: string;
  /** Ours by theirs, round by round. */
  readonly ratio: Pick<Measured, "median" | "min" | "max">;
}

/** Those goals whose both sides were measured. */
export function judge(measured: readonly Measured[]): Verdict[] {
  const byName = new Map(measured.map((one) => [`${one.name}/${one.target}`, one]));
  return GOALS.flatMap((goal): Verdict[] => {
    const ours = byName.get(`${goal.bench}/${goal.ours}`);
    const [rival] = goal.rivals
      .flatMap((name) => byName.get(`${goal.bench}/${name}`) ?? [])
      .sort((a, b) => b.median - a.median);
    if (ours === undefined || rival === undefined) return [];
    const ratio = spread(ours.rounds.map((value, round) => value / rival.rounds[round]));
    return [{ ...goal, oursMedian: ours.median, rival: rival.target, rivalMedian: rival.median, ratio }];
  });
}

export function toGoalTable(verdicts: readonly Verdict[]): string {
  const rows = verdicts.map((verdict) => {
    const { bench, ours, oursMedian, rival, rivalMedian, ratio, least, stretch } = verdict;
    const isStretched = stretch !== undefined && ratio.median >= stretch;
    const met = ratio.median < least ? "**no**" : isStretched ? "yes, and the stretch" : "yes";
    const goal = stretch === undefined ? `${least}×` : `${least}× (${stretch}×)`;
    const quotient = `${short(ratio.median)}× (${short(ratio.min)}–${short(ratio.max)})`;
    return `| ${bench} | ${ours} ${short(oursMedian)} | ${rival} ${short(rivalMedian)} | ${quotient} | ${goal} | ${met} |`;
  });
  const head = "| bench | ours | rival | ratio (smallest–largest) | at least (stretch) | met |";
  return [head, "|---|---|---|---:|---:|---|", ...rows].join("\n");
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
