// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, RFC 3720 appendix B.4).
//
// Long messages are folded without a table: in GF(2) arithmetic, adding a multiple of the polynomial leaves the remainder as it
// is, so a byte may be taken away if it is added again at the distances of a sparse multiple. That is one pass of
// loads and xors, 16 bytes at a time (the idea of Chorba, Sparks et al., arXiv:2412.16398, for another polynomial):
//
//     w[p] = message[p] ^ w[p - d1] ^ w[p - d2] ^ w[p - d3]
//
// and the last d3 bytes, with what was added to them, are a message with the same CRC. Level 1 reduces anything to 5424
// bytes, level 2 those to 640 by a denser multiple at multiples of 16 bytes, and level 3 is slicing by 16 tables.
// scripts/derive-crc32c-multiples.ts finds the multiples.
const POLYNOMIAL: u32 = 0x82f63b78;

// Level 1: x^5424 + x^4146 + x^3859 + 1.
const FAR: u32 = 5424;
const MIDDLE: u32 = 1565;
const NEAR: u32 = 1278;
/** Bytes that one turn of level 1 folds; scratch holds the window of FAR bytes and a chunk. */
const STRIDE: u32 = 128;
const CHUNK: u32 = 16384;
/** Below this, level 2 alone is faster. */
const LEVEL_1_FROM: u32 = 11264;

// Level 2: twelve terms in x^128; distances of 2, 4, 5, 7, 10, 13, 20, 27, 33, 39 and 40 blocks of 16 bytes.
const WINDOW: u32 = 640;
/** Below this, level 3 alone is faster. */
const LEVEL_2_FROM: u32 = 1536;

const TABLES = memory.data(16 * 1024, 16);
const FOLDED = memory.data(5424 + 16384, 16);
const BLOCKS = memory.data(640 + 11264 + 640, 16);
const REST = memory.data(640, 16);

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
  let crc = ~seed;
  if (length >= LEVEL_1_FROM) {
    const folded = ((length - FAR) / STRIDE) * STRIDE;
    // The state of a CRC acts on a message as if it were added to its first four bytes.
    const first = load<u32>(from);
    store<u32>(from, first ^ crc);
    level1(from, folded);
    store<u32>(from, first);
    crc = level2(FOLDED, FAR);
    from += folded + FAR;
    length -= folded + FAR;
  } else if (length >= LEVEL_2_FROM) {
    const blocks = length & ~15;
    const first = load<u32>(from);
    store<u32>(from, first ^ crc);
    crc = level2(from, blocks);
    store<u32>(from, first);
    from += blocks;
    length -= blocks;
  }
  return ~level3(crc, from, length);
}

/** Folds the first `folded` bytes into the FAR bytes behind them, which it leaves at FOLDED. */
function level1(from: usize, folded: u32): void {
  memory.fill(FOLDED, 0, FAR);
  while (folded > 0) {
    const chunk = min(folded, CHUNK);
    for (let at: usize = 0; at < chunk; at += STRIDE) {
      fold(from + at, at);
      fold(from + at + 16, at + 16);
      fold(from + at + 32, at + 32);
      fold(from + at + 48, at + 48);
      fold(from + at + 64, at + 64);
      fold(from + at + 80, at + 80);
      fold(from + at + 96, at + 96);
      fold(from + at + 112, at + 112);
    }
    memory.copy(FOLDED, FOLDED + chunk, FAR);
    from += chunk;
    folded -= chunk;
  }
  // What follows the window is not taken away any more, so it adds nothing to what comes after it.
  memory.fill(FOLDED + FAR, 0, FAR);
  for (let at: usize = 0; at < FAR; at += 16) {
    v128.store(
      at,
      v128.xor(
        v128.xor(v128.load(from + at), v128.load(at, FOLDED)),
        v128.xor(v128.load(at, FOLDED + FAR - MIDDLE), v128.load(at, FOLDED + FAR - NEAR)),
      ),
      FOLDED,
    );
  }
}

function fold(message: usize, at: usize): void {
  v128.store(
    at,
    v128.xor(
      v128.xor(v128.load(message), v128.load(at, FOLDED)),
      v128.xor(v128.load(at, FOLDED + FAR - MIDDLE), v128.load(at, FOLDED + FAR - NEAR)),
    ),
    FOLDED + FAR,
  );
}

/** The CRC, from state 0 and not yet inverted, of `length` bytes, a multiple of 16 from WINDOW to LEVEL_1_FROM. */
function level2(from: usize, length: u32): u32 {
  const folded: usize = length - WINDOW;
  memory.fill(BLOCKS, 0, WINDOW);
  for (let at: usize = 0; at < folded; at += 16) v128.store(at, v128.xor(v128.load(from + at), gather(at)), BLOCKS + WINDOW);
  memory.fill(BLOCKS + WINDOW + folded, 0, WINDOW);
  for (let at: usize = 0; at < WINDOW; at += 16) {
    v128.store(at, v128.xor(v128.load(from + folded + at), gather(folded + at)), REST);
  }
  return level3(0, REST, WINDOW);
}

/** What the blocks taken away so far add to the block at `at`. */
function gather(at: usize): v128 {
  const recent = v128.xor(
    v128.xor(v128.load(at, BLOCKS + WINDOW - 4 * 16), v128.load(at, BLOCKS + WINDOW - 5 * 16)),
    v128.xor(v128.load(at, BLOCKS + WINDOW - 7 * 16), v128.load(at, BLOCKS + WINDOW - 10 * 16)),
  );
  const older = v128.xor(
    v128.xor(v128.load(at, BLOCKS + WINDOW - 13 * 16), v128.load(at, BLOCKS + WINDOW - 20 * 16)),
    v128.xor(v128.load(at, BLOCKS + WINDOW - 27 * 16), v128.load(at, BLOCKS + WINDOW - 33 * 16)),
  );
  const oldest = v128.xor(v128.load(at, BLOCKS + WINDOW - 39 * 16), v128.load(at, BLOCKS + WINDOW - 40 * 16));
  // The youngest block comes last: it has just been stored.
  return v128.xor(v128.xor(v128.xor(oldest, older), recent), v128.load(at, BLOCKS + WINDOW - 2 * 16));
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
