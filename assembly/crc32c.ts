// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4).
//
// Long messages are folded without a table: in GF(2) arithmetic, adding a multiple of the polynomial leaves the remainder as it
// is, so a byte may be taken away if it is added again at the distances of a sparse multiple. That is one pass of
// loads and xors, 16 bytes at a time (the idea of Chorba, Sparks et al., arXiv:2412.16398, for another polynomial):
//
//     w[p] = message[p] ^ w[p - d1] ^ w[p - d2] ^ w[p - d3]
//
// and the last d3 bytes, with what was added to them, are a message with the same CRC. Level 1 reduces anything to 5424
// bytes in that way, level 2 (crc32c-nibbles.ts) those to 19, and level 3 is slicing by 16 tables.
// scripts/derive-crc32c-multiples.ts finds the multiple.
import { foldNibbles, NIBBLES_FROM, REST_BYTES } from "./crc32c-nibbles";

const POLYNOMIAL: u32 = 0x82f63b78;

// Level 1: x^5424 + x^4146 + x^3859 + 1.
const FAR: u32 = 5424;
const MIDDLE: u32 = 1565;
const NEAR: u32 = 1278;
/** Bytes that one turn of level 1 folds; scratch holds the window of FAR bytes and a chunk. */
const STRIDE: u32 = 256;
const CHUNK: u32 = 16384;
/** Below this, level 2 alone is faster. */
const LEVEL_1_FROM: u32 = 12288;

const TABLES = memory.data(16 * 1024, 16);
const FOLDED = memory.data(5424 + 16384, 16);

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
  if (length < LEVEL_1_FROM) return ~short(~seed, from, length);
  const folded = foldedOf(length);
  // The state of a CRC acts on a message as if it were added to its first four bytes.
  const first = load<u32>(from);
  store<u32>(from, first ^ ~seed);
  foldCopy(from, folded);
  store<u32>(from, first);
  return ~short(short(0, FOLDED, FAR), from + folded + FAR, length - folded - FAR);
}

/** The same, faster, for a message that nobody needs any more: it is overwritten where it stands. */
export function crc32cSpending(seed: u32, from: usize, length: u32): u32 {
  if (length < LEVEL_1_FROM) return ~short(~seed, from, length);
  const folded = foldedOf(length);
  store<u32>(from, load<u32>(from) ^ ~seed);
  foldInPlace(from, folded);
  return ~short(short(0, FOLDED, FAR), from + folded + FAR, length - folded - FAR);
}

function foldedOf(length: u32): u32 {
  return ((length - FAR) / STRIDE) * STRIDE;
}

function short(crc: u32, from: usize, length: u32): u32 {
  return length < NIBBLES_FROM ? level3(crc, from, length) : level3(0, foldNibbles(from, length, crc), REST_BYTES);
}

/** Folds the first `folded` bytes into the FAR bytes behind them, which it leaves at FOLDED. */
function foldCopy(from: usize, folded: u32): void {
  memory.fill(FOLDED, 0, FAR);
  while (folded > 0) {
    const chunk = min(folded, CHUNK);
    memory.copy(FOLDED + FAR, from, chunk);
    foldChunk(FOLDED + FAR, FOLDED + FAR + chunk);
    memory.copy(FOLDED, FOLDED + chunk, FAR);
    from += chunk;
    folded -= chunk;
  }
  memory.fill(FOLDED + FAR, 0, FAR);
  foldWindow(FOLDED, from);
}

/** The same, on the message itself. */
function foldInPlace(from: usize, folded: u32): void {
  // The first bytes have less than three behind them. A vector that has only a part of them reaches before the message.
  const before = v128.load(from - 16);
  v128.store(from - 16, i8x16.splat(0));
  let at = from + (NEAR & ~15);
  const middle = from + (MIDDLE & ~15);
  const far = from + FAR;
  for (; at < middle; at += 16) v128.store(at, v128.xor(v128.load(at), v128.load(at - NEAR)));
  for (; at < far; at += 16) {
    v128.store(at, v128.xor(v128.load(at), v128.xor(v128.load(at - NEAR), v128.load(at - MIDDLE))));
  }
  v128.store(from - 16, before);
  const end = from + folded;
  // FAR is not a multiple of STRIDE, but of a vector.
  for (; (end - at) % STRIDE != 0; at += 16) fold(at - FAR);
  foldChunk(at, end);
  memory.copy(FOLDED, end, FAR);
  memory.fill(end, 0, FAR);
  foldWindow(end - FAR, FOLDED);
}

/** Takes away the bytes from `from` to `end`, a multiple of STRIDE, with FAR bytes already taken away before them. */
function foldChunk(from: usize, end: usize): void {
  from -= FAR;
  end -= FAR;
  while (from < end) {
    fold(from);
    fold(from + 16);
    fold(from + 32);
    fold(from + 48);
    fold(from + 64);
    fold(from + 80);
    fold(from + 96);
    fold(from + 112);
    fold(from + 128);
    fold(from + 144);
    fold(from + 160);
    fold(from + 176);
    fold(from + 192);
    fold(from + 208);
    fold(from + 224);
    fold(from + 240);
    from += STRIDE;
  }
}

/** One vector, FAR bytes on: the load and the store of one address share a bounds check. */
function fold(at: usize): void {
  v128.store(
    at,
    v128.xor(
      v128.xor(v128.load(at, FAR), v128.load(at)),
      v128.xor(v128.load(at, FAR - MIDDLE), v128.load(at, FAR - NEAR)),
    ),
    FAR,
  );
}

/**
 * Adds what the FAR bytes at `taken` leave behind to the FAR bytes at `rest`, and puts the sum at FOLDED. Behind `taken` are
 * zeros: what isn't taken away adds nothing to what comes after it.
 */
function foldWindow(taken: usize, rest: usize): void {
  for (let at: usize = 0; at < FAR; at += 16) {
    const sum = v128.xor(
      v128.xor(v128.load(rest + at), v128.load(taken + at)),
      v128.xor(v128.load(taken + at, FAR - MIDDLE), v128.load(taken + at, FAR - NEAR)),
    );
    v128.store(at, sum, FOLDED);
  }
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
