/**
 * `node scripts/derive-crc32c-ring.ts`: finds the sparse multiples of the CRC-32C polynomial that suit assembly/crc32c-ring.ts, and prints
 * its lap. Nothing runs this by itself; it says where constants come from.
 *
 * If a polynomial is a multiple of P, then so is its eighth power (squaring is linear over GF(2)), whose exponents are eight
 * times as large, and that one moves whole bytes: with 1 + x^-a + x^-b + … = 0 modulo P, a byte of the message may be taken
 * away if it is added a, b, … bytes later. P is a multiple of x + 1, so the terms are even in number; four need a degree of
 * 5243 at least, but six are found soon. Of the five distances, two times two shall differ by a few vectors, so that what is
 * loaded for the near one can be kept for the far one.
 */

/** P(x) without x^32, highest power first (RFC 3720: 0x1EDC6F41). */
const POLYNOMIAL = 0x1edc6f41;
const VECTOR_BYTES = 16;
/** No load may meet a store that is still on its way. */
const LEAST_DISTANCE = 512;
const MOST_DISTANCE = 1000;
/** How many vectors registers can keep. */
const MOST_KEPT = 8;

function overX(value: number): number {
  return (value & 1 ? ((value ^ POLYNOMIAL) >>> 1) | 0x80000000 : value >>> 1) >>> 0;
}

/** x^0, x^-1, x^-2 … mod P. */
function powers(count: number): Uint32Array {
  const result = new Uint32Array(count);
  let value = 1;
  for (let exponent = 0; exponent < count; exponent++) {
    result[exponent] = value;
    value = overX(value);
  }
  return result;
}

interface Pair {
  readonly near: number;
  readonly vectors: number;
}

interface Multiple {
  readonly single: number;
  readonly pairs: readonly [Pair, Pair];
}

function farOf({ near, vectors }: Pair): number {
  return near + VECTOR_BYTES * vectors;
}

function longestOf({ single, pairs }: Multiple): number {
  return Math.max(single, farOf(pairs[0]), farOf(pairs[1]));
}

/** All that suit, the shortest first. */
function findMultiples(): Multiple[] {
  const power = powers(MOST_DISTANCE + 1);
  const singles = new Map<number, number>();
  const pairs: Pair[] = [];
  for (let near = LEAST_DISTANCE; near <= MOST_DISTANCE; near++) {
    singles.set((power[near] ^ 1) >>> 0, near);
    for (let vectors = 1; vectors <= MOST_KEPT && farOf({ near, vectors }) <= MOST_DISTANCE; vectors++) {
      pairs.push({ near, vectors });
    }
  }
  const worthOf = (pair: Pair) => power[pair.near] ^ power[farOf(pair)];
  const found = pairs.flatMap((one, index) =>
    pairs.slice(index + 1).flatMap((other): Multiple[] => {
      const single = singles.get((worthOf(one) ^ worthOf(other)) >>> 0);
      return single === undefined ? [] : [{ single, pairs: [one, other] }];
    }),
  );
  return found.sort((one, other) => longestOf(one) - longestOf(other));
}

/** The lap around a ring that holds the longest distance. */
function lapOf({ single, pairs }: Multiple, ringBytes: number): string[] {
  const [far, mid] = pairs;
  const back = (distance: number, slot: number) =>
    `v128.load(RING + ${(ringBytes + VECTOR_BYTES * slot - distance) % ringBytes})`;
  const declare = (name: string, pair: Pair) => [
    ...Array.from({ length: pair.vectors }, (_, slot) => `let ${name}${slot} = ${back(farOf(pair), slot)};`),
    `let ${name}${pair.vectors}: v128;`,
  ];
  const newest = (name: string, { vectors }: Pair, slot: number) => `${name}${(slot + vectors) % (vectors + 1)}`;
  const oldest = (name: string, { vectors }: Pair, slot: number) => `${name}${slot % (vectors + 1)}`;
  const lines = [...declare("far", far), ...declare("mid", mid)];
  for (let slot = 0; slot < ringBytes / VECTOR_BYTES; slot++) {
    lines.push(`${newest("far", far, slot)} = ${back(far.near, slot)};`);
    lines.push(`${newest("mid", mid, slot)} = ${back(mid.near, slot)};`);
    const at = VECTOR_BYTES * slot;
    const message = slot === 0 ? "v128.load(from)" : `v128.load(from, ${at})`;
    const kept = [
      oldest("far", far, slot),
      newest("far", far, slot),
      oldest("mid", mid, slot),
      newest("mid", mid, slot),
    ];
    const sum = `sum(${message}, ${back(single, slot)}, ${kept.join(", ")})`;
    if (slot > 0) lines.push(`v128.store(RING + ${at}, ${sum});`);
    else lines.push(`const first = ${sum};`, "v128.store(RING, first);", "v128.store(RING + LAP, first);");
  }
  return lines;
}

const multiples = findMultiples();
for (const { single, pairs } of multiples) {
  const both = pairs.map((pair) => `${pair.near} and ${farOf(pair)}`).join(", ");
  console.log(`distances ${single}, ${both} bytes`);
}
const [shortest] = multiples;
console.log(lapOf(shortest, VECTOR_BYTES * Math.ceil(longestOf(shortest) / VECTOR_BYTES)).join("\n"));
