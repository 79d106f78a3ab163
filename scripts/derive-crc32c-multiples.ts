/**
 * `node scripts/derive-crc32c-multiples.ts`: finds the sparse multiples of the CRC-32C polynomial that assembly/crc32c.ts
 * can fold messages with, and prints them as distances in bytes. Nothing runs this by itself; it says where constants come from.
 *
 * If x^a + x^b + x^c + 1 is a multiple of P, then so is its eighth power x^8a + x^8b + x^8c + 1 (squaring is linear over
 * GF(2)), and that one moves whole bytes: a byte of the message may be taken away if it is added a-b, a-c and a bytes later.
 */

/** P(x) without x^32, highest power first (RFC 3720: 0x1EDC6F41). */
const POLYNOMIAL = 0x1edc6f41;
const BLOCK_BYTES = 16;

function timesX(value: number): number {
  return (value & 0x80000000 ? (value << 1) ^ POLYNOMIAL : value << 1) >>> 0;
}

/** x^0 … x^(count-1) mod P. */
function powers(count: number): Uint32Array {
  const result = new Uint32Array(count);
  let value = 1;
  for (let exponent = 0; exponent < count; exponent++) {
    result[exponent] = value;
    value = timesX(value);
  }
  return result;
}

interface Trinomial {
  readonly a: number;
  readonly b: number;
  readonly c: number;
}

/**
 * All multiples x^a + x^b + x^c + 1 with a > b > c > 0 and a up to `maxDegree` that suit the kernel: the longest distance a
 * whole number of blocks, and the shortest one long enough for a load never to meet a store that is still on its way.
 */
function findFourTerms(maxDegree: number, minDistance: number): Trinomial[] {
  const power = powers(maxDegree + 1);
  const exponentOf = new Map<number, number>();
  for (let exponent = 1; exponent <= maxDegree; exponent++) exponentOf.set(power[exponent], exponent);
  const found: Trinomial[] = [];
  for (let a = BLOCK_BYTES; a <= maxDegree; a += BLOCK_BYTES) {
    const target = (power[a] ^ 1) >>> 0;
    for (let b = a - minDistance; b > 1; b--) {
      const c = exponentOf.get((target ^ power[b]) >>> 0);
      if (c !== undefined && c < b) found.push({ a, b, c });
    }
  }
  return found;
}

for (const { a, b, c } of findFourTerms(7000, 512)) {
  console.log(`x^${a} + x^${b} + x^${c} + 1, distances ${a - b}, ${a - c}, ${a} bytes`);
}
