/** What the fuzzer does to a valid frame. Everything follows from the random numbers that are passed in. */
import { referenceKernels } from "#kernels/reference.ts";
import { BATCH_HEADER_BYTES, peekBatch, stampCrc } from "#records/batch.ts";
import type { Seed } from "./fuzz-seeds.ts";

export interface Mutant {
  readonly mutation: string;
  readonly bytes: Uint8Array;
}

type Random = () => number;
type Mutate = (seed: Seed, random: Random, seeds: readonly Seed[]) => Uint8Array;

const SIZE_BYTES = 4;
const HEADER_BYTES = 12;
const MAX_FLIPS = 8;
const MAX_EXTRA_BYTES = 64;
/** Sizes and counts that code tends to believe: negative, huge, off by one around 2^15, 2^16, 2^31. */
const LIES = [-1, -2, -0x80000000, 0x7fffffff, 0x7ffffffe, 0x10000, 0xffff, 0x7fff, 0x8000, 0, 1, 100_000_000];
/** The same as unsigned varints of five bytes, the longest that is legal, and one that never ends. */
const VARINT_LIES = ["ffffffff0f", "ffffffff07", "8080808008", "ffffffffffffffffff", "00", "01", "feffffff0f"];

const MUTATIONS: Record<string, Mutate> = {
  untouched: (seed) => seed.frame.slice(),
  "bit flips": (seed, random) => {
    const bytes = seed.frame.slice();
    const flips = 1 + below(MAX_FLIPS, random);
    for (let flip = 0; flip < flips; flip++) {
      bytes[SIZE_BYTES + below(bytes.length - SIZE_BYTES, random)] ^= 1 << below(8, random);
    }
    return bytes;
  },
  "truncated body": (seed, random) =>
    sized(seed.frame.slice(0, SIZE_BYTES + below(seed.frame.length - SIZE_BYTES, random))),
  "cut off": (seed, random) => seed.frame.slice(0, 1 + below(seed.frame.length - 1, random)),
  overlong: (seed, random) => {
    const extra = Uint8Array.from({ length: 1 + below(MAX_EXTRA_BYTES, random) }, () => below(256, random));
    return sized(Buffer.concat([seed.frame, extra]));
  },
  "lying size": (seed, random) => {
    const bytes = Buffer.from(seed.frame);
    const near = bytes.length - SIZE_BYTES + below(9, random) - 4;
    bytes.writeInt32BE(random() < 0.5 ? pick(LIES, random) : near, 0);
    return bytes;
  },
  "lying count": (seed, random) => {
    const bytes = Buffer.from(seed.frame);
    if (bytes.length < HEADER_BYTES + SIZE_BYTES + 4) return bytes;
    const at = HEADER_BYTES + below(bytes.length - HEADER_BYTES - 4, random);
    if (random() < 0.5) bytes.writeInt32BE(pick(LIES, random), at);
    else Buffer.from(pick(VARINT_LIES, random), "hex").copy(bytes, at);
    return bytes;
  },
  "other header": (seed, random) => {
    const bytes = Buffer.from(seed.frame);
    bytes.writeInt16BE(random() < 0.5 ? below(100, random) : below(0x10000, random) - 0x8000, SIZE_BYTES);
    if (random() < 0.5) bytes.writeInt16BE(below(25, random) - 2, SIZE_BYTES + 2);
    return bytes;
  },
  splice: (seed, random, seeds) => {
    const other = pick(seeds, random).frame;
    const head = seed.frame.subarray(0, HEADER_BYTES + below(seed.frame.length - HEADER_BYTES + 1, random));
    return sized(Buffer.concat([head, other.subarray(below(other.length, random))]));
  },
  "lying batch": (seed, random) => {
    const bytes = Buffer.from(seed.frame);
    const at = seed.batchAt;
    if (at === undefined || at < 0) return bytes;
    const changes = 1 + below(3, random);
    for (let change = 0; change < changes; change++) {
      const where = at + 8 + below(BATCH_HEADER_BYTES + 20, random);
      if (where + 4 > bytes.length) continue;
      if (random() < 0.5) bytes.writeInt32BE(pick(LIES, random), where);
      else bytes[where] ^= 1 << below(8, random);
    }
    rightCrc(bytes, at);
    return bytes;
  },
};

const NAMES = Object.keys(MUTATIONS);

export function mutate(seeds: readonly Seed[], random: Random): Mutant {
  const seed = pick(seeds, random);
  // Batches get more than their share: what stands in them is stored and handed to other clients.
  const mutation = seed.batchAt !== undefined && random() < 0.5 ? "lying batch" : pick(NAMES, random);
  return { mutation, bytes: MUTATIONS[mutation](seed, random, seeds) };
}

/** A wrong CRC would hide the lie behind it, so it is put right where the batch's size still makes sense. */
function rightCrc(bytes: Buffer, at: number): void {
  const peek = peekBatch(bytes, at, bytes.length);
  if (peek.kind === "batch") stampCrc(referenceKernels, bytes, at);
}

function sized(bytes: Uint8Array): Uint8Array {
  const frame = Buffer.from(bytes);
  if (frame.length >= SIZE_BYTES) frame.writeInt32BE(frame.length - SIZE_BYTES, 0);
  return frame;
}

function below(limit: number, random: Random): number {
  return Math.floor(random() * Math.max(limit, 1));
}

function pick<T>(items: readonly T[], random: Random): T {
  return items[below(items.length, random)];
}
