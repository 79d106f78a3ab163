/** CRC-32C, reflected polynomial 0x82F63B78 (RFC 3720 appendix B.4), by slicing over eight tables. */
const POLYNOMIAL = 0x82f63b78;
const SLICES = 8;

const tables = new Int32Array(SLICES * 256);
for (let byte = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  tables[byte] = crc;
}
for (let at = 256; at < tables.length; at++) {
  const previous = tables[at - 256];
  tables[at] = (previous >>> 8) ^ tables[previous & 0xff];
}

export function crc32c(bytes: Uint8Array, seed = 0): number {
  const t = tables;
  const end = bytes.length;
  let crc = ~seed;
  let at = 0;
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    crc =
      t[1792 + (low & 0xff)] ^
      t[1536 + ((low >>> 8) & 0xff)] ^
      t[1280 + ((low >>> 16) & 0xff)] ^
      t[1024 + (low >>> 24)] ^
      t[768 + bytes[at + 4]] ^
      t[512 + bytes[at + 5]] ^
      t[256 + bytes[at + 6]] ^
      t[bytes[at + 7]];
  }
  for (; at < end; at++) crc = (crc >>> 8) ^ t[(crc ^ bytes[at]) & 0xff];
  return ~crc >>> 0;
}

/** The polynomial x^n, n = 1, 2, 4, 8, …: what n zero bits do to a CRC. The bit 31 is x^0. */
const powers = new Int32Array(32);
powers[0] = 1 << 30;
for (let at = 1; at < 32; at++) powers[at] = product(powers[at - 1], powers[at - 1]);

/** The product of two polynomials modulo the polynomial. */
function product(left: number, right: number): number {
  let sum = 0;
  for (let rest = left, factor = right; rest !== 0; rest <<= 1) {
    if (rest < 0) sum ^= factor;
    factor = (factor >>> 1) ^ (factor & 1 ? POLYNOMIAL : 0);
  }
  return sum;
}

/** A CRC is linear: that of the difference, moved on by the bytes behind it, fewer than 2^29, is the difference of the CRCs. */
export function crc32cPatched(crc: number, difference: Uint8Array, bytesBehind: number): number {
  let moved = ~crc32c(difference, 0xffffffff);
  // A byte is 2^3 bits.
  for (let at = 3, rest = bytesBehind; rest > 0; at++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) moved = product(powers[at], moved);
  }
  return (crc ^ moved) >>> 0;
}
