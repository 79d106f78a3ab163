// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4), in three levels: crc32c-ring.ts folds long messages to
// 688 to 1375 bytes, crc32c-nibbles.ts those to 19, and here these go through 16 tables.
import { foldNibbles, NIBBLES_FROM, REST_BYTES } from "./crc32c-nibbles";
import { addRing, foldLaps, LAP } from "./crc32c-ring";

const POLYNOMIAL: u32 = 0x82f63b78;
/** Below this, the second level alone is faster. */
const RING_FROM: u32 = 2560;

const TABLES = memory.data(16 * 1024, 16);
/** The end of a message that must stay as it is, with slack. */
const REST = memory.data(2 * 688 + 64, 16);

for (let byte: u32 = 0; byte < 256; byte++) {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * POLYNOMIAL);
  store<u32>(TABLES + (byte << 2), crc);
}
for (let at: u32 = 1024; at < 16 * 1024; at += 4) {
  const previous = load<u32>(TABLES + at - 1024);
  store<u32>(TABLES + at, (previous >> 8) ^ load<u32>(TABLES + ((previous & 0xff) << 2)));
}

/** The CRC of `length` bytes, continuing from the CRC `seed` of what came before. */
export function crc32c(seed: u32, from: usize, length: u32): u32 {
  if (length < RING_FROM) return ~short(~seed, from, length);
  const end = foldLaps(~seed, from, length);
  const left = length - <u32>(end - from);
  memory.copy(REST, end, left);
  addRing(REST);
  return ~short(0, REST, left);
}

/** The same, a little faster, for a message that nobody needs any more: its end is overwritten. */
export function crc32cSpending(seed: u32, from: usize, length: u32): u32 {
  if (length < RING_FROM) return ~short(~seed, from, length);
  const end = foldLaps(~seed, from, length);
  addRing(end);
  return ~short(0, end, length - <u32>(end - from));
}

function short(crc: u32, from: usize, length: u32): u32 {
  return length < NIBBLES_FROM ? level3(crc, from, length) : level3(0, foldNibbles(from, length, crc), REST_BYTES);
}

/** Slicing by 16 (Kounavis and Berry). 64-bit values keep V8 from loading each table entry twice. */
function level3(crc: u32, from: usize, length: u32): u32 {
  while (length >= 16) {
    const low = load<u64>(from) ^ <u64>crc;
    const high = load<u64>(from, 8);
    crc = <u32>(
      <u64>load<u32>((<usize>low & 0xff) << 2, TABLES + 15 * 1024) ^
      <u64>load<u32>((<usize>(low >> 8) & 0xff) << 2, TABLES + 14 * 1024) ^
      <u64>load<u32>((<usize>(low >> 16) & 0xff) << 2, TABLES + 13 * 1024) ^
      <u64>load<u32>((<usize>(low >> 24) & 0xff) << 2, TABLES + 12 * 1024) ^
      <u64>load<u32>((<usize>(low >> 32) & 0xff) << 2, TABLES + 11 * 1024) ^
      <u64>load<u32>((<usize>(low >> 40) & 0xff) << 2, TABLES + 10 * 1024) ^
      <u64>load<u32>((<usize>(low >> 48) & 0xff) << 2, TABLES + 9 * 1024) ^
      <u64>load<u32>(<usize>(low >> 56) << 2, TABLES + 8 * 1024) ^
      <u64>load<u32>((<usize>high & 0xff) << 2, TABLES + 7 * 1024) ^
      <u64>load<u32>((<usize>(high >> 8) & 0xff) << 2, TABLES + 6 * 1024) ^
      <u64>load<u32>((<usize>(high >> 16) & 0xff) << 2, TABLES + 5 * 1024) ^
      <u64>load<u32>((<usize>(high >> 24) & 0xff) << 2, TABLES + 4 * 1024) ^
      <u64>load<u32>((<usize>(high >> 32) & 0xff) << 2, TABLES + 3 * 1024) ^
      <u64>load<u32>((<usize>(high >> 40) & 0xff) << 2, TABLES + 2 * 1024) ^
      <u64>load<u32>((<usize>(high >> 48) & 0xff) << 2, TABLES + 1 * 1024) ^
      <u64>load<u32>(<usize>(high >> 56) << 2, TABLES)
    );
    from += 16;
    length -= 16;
  }
  while (length > 0) {
    crc = (crc >> 8) ^ load<u32>(((crc ^ load<u8>(from)) & 0xff) << 2, TABLES);
    from++;
    length--;
  }
  return crc;
}
