import type { Prng } from "../sim/prng.ts";

/** Sizes and counts that code tends to believe. */
const LIES = [0, 1, -1, -2, 2, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, -0x80000000, 100_000_000];
const VARINTS = ["00", "01", "7f", "8001", "ffff03", "ffffffff07", "ffffffff0f", "8080808008", "ffffffffffffffffff01"];
const MAX_CHUNK = 32;
const MAX_STEPS = 4;

/** What mutation needs beside the input. */
export interface Material {
  readonly random: Prng;
  readonly corpus: readonly Uint8Array[];
  /** Words that the target's language has. */
  readonly words: readonly Uint8Array[];
  readonly maxBytes: number;
}

type Step = (bytes: Uint8Array, material: Material) => Uint8Array;

const STEPS: readonly Step[] = [
  (bytes, { random }) => changed(bytes, random, (copy, at) => copy.set([copy[at] ^ (1 << random.below(8))], at)),
  (bytes, { random }) => changed(bytes, random, (copy, at) => copy.set([random.below(256)], at)),
  (bytes, { random }) => changed(bytes, random, (copy, at) => copy.set([copy[at] + random.pick([1, -1, 2, 8])], at)),
  (bytes, { random }) => written(bytes, random, integer(random)),
  (bytes, { random }) => written(bytes, random, Buffer.from(random.pick(VARINTS), "hex")),
  (bytes, { random, words }) => (words.length === 0 ? bytes : written(bytes, random, random.pick(words))),
  (bytes, { random, words }) => (words.length === 0 ? bytes : inserted(bytes, random, random.pick(words))),
  (bytes, { random }) => inserted(bytes, random, noise(random)),
  (bytes, { random }) => inserted(bytes, random, chunk(bytes, random)),
  (bytes, { random, corpus }) => inserted(bytes, random, chunk(random.pick(corpus), random)),
  (bytes, { random, corpus }) => written(bytes, random, chunk(random.pick(corpus), random)),
  (bytes, { random }) => {
    const at = random.below(bytes.length + 1);
    return joined(bytes.subarray(0, at), bytes.subarray(at + random.between(1, MAX_CHUNK)));
  },
  (bytes, { random }) => bytes.slice(0, random.below(bytes.length + 1)),
  (bytes, { random, corpus }) => {
    const other = random.pick(corpus);
    return joined(bytes.subarray(0, random.below(bytes.length + 1)), other.subarray(random.below(other.length + 1)));
  },
];

/** A few changes of one input, each drawn by chance. The corpus may not be empty. */
export function mutate(input: Uint8Array, material: Material): Uint8Array {
  let bytes = input;
  for (let left = material.random.between(1, MAX_STEPS); left > 0; left--)
    bytes = material.random.pick(STEPS)(bytes, material);
  return bytes.slice(0, material.maxBytes);
}

function changed(bytes: Uint8Array, random: Prng, change: (copy: Uint8Array, at: number) => void): Uint8Array {
  if (bytes.length === 0) return bytes;
  const copy = bytes.slice();
  change(copy, random.below(bytes.length));
  return copy;
}

function written(bytes: Uint8Array, random: Prng, what: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, at), what, bytes.subarray(at + what.length));
}

function inserted(bytes: Uint8Array, random: Prng, what: Uint8Array): Uint8Array {
  const at = random.below(bytes.length + 1);
  return joined(bytes.subarray(0, at), what, bytes.subarray(at));
}

function integer(random: Prng): Uint8Array {
  const bytes = Buffer.alloc(8);
  const value = random.pick(LIES) + (random.chance(0.2) ? random.between(-2, 2) : 0);
  const size = random.pick([2, 4, 8]);
  if (size === 8) bytes.writeBigInt64BE(BigInt(value));
  else if (size === 4) bytes.writeInt32BE(value | 0);
  else bytes.writeUInt16BE(value & 0xffff);
  return random.chance(0.2) ? bytes.subarray(0, size).reverse() : bytes.subarray(0, size);
}

function noise(random: Prng): Uint8Array {
  return Uint8Array.from({ length: random.between(1, 8) }, () => random.below(256));
}

function chunk(bytes: Uint8Array, random: Prng): Uint8Array {
  const at = random.below(bytes.length + 1);
  return bytes.subarray(at, at + random.between(1, MAX_CHUNK));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(Buffer.concat(parts));
}
