// LZ4 blocks (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md): a chain of
//
//     token | literal length 0..n | literals | offset 2 (little-endian) | match length 0..n
//
// The last sequence ends after its literals. The twin is src/kernels/reference/lz4-block.ts.
import { copyLiterals, copyMatch, matchBefore, matchLength } from "./copy";
import { CORRUPT } from "./failure";
import { clearTable, slotOf, TABLE } from "./match-table";

const MIN_MATCH: u32 = 4;
/** The last match must begin this far before the end of the block, and the last 5 bytes must be literals. */
const MATCH_LIMIT: u32 = 12;
const LAST_LITERALS: u32 = 5;
/** After 2^6 misses in a row the search goes on in steps of two bytes, and so on. */
const SKIP_SHIFT: u32 = 6;

/** A run of so many literals is written without a loop. */
const SHORT_LITERALS: u32 = 32;

/** More than a sequence with lengths below 15 takes of the input, 17, or writes, 32; and the copies' excess. */
const SAFE_INPUT: usize = 40;
const SAFE_OUTPUT: usize = 64;

/** The output has no room for what the block says. */
export const FULL: i32 = -16;

/** Where the last length ended that had extension bytes; 0 when it ran over the input. */
let lengthEnd: usize = 0;

/** Adds up the bytes that extend a length of 15. Blocks of at most 4 MB can't make it overflow. */
function extendedLength(from: usize, end: usize): u32 {
  let length: u32 = 15;
  while (from < end) {
    const byte: u32 = load<u8>(from++);
    length += byte;
    if (byte != 255) {
      lengthEnd = from;
      return length;
    }
  }
  lengthEnd = 0;
  return 0;
}

/**
 * Decodes the block from `from` to `fromEnd` to `to`. Matches may reach back to `history`, output ends at `toEnd`.
 * Returns the number of bytes written, CORRUPT or FULL.
 */
export function decodeBlock(from: usize, fromEnd: usize, to: usize, toEnd: usize, history: usize): i32 {
  const start = to;
  // Far from both ends only long lengths need to be held against them.
  const fromSafe = fromEnd - SAFE_INPUT;
  const toSafe = toEnd - SAFE_OUTPUT;
  while (<isize>from <= <isize>fromSafe && <isize>to <= <isize>toSafe) {
    const token: u32 = load<u8>(from);
    const literals = token >> 4;
    let at = from + 1 + literals;
    let next = to + literals;
    if (literals != 15) {
      v128.store(to, v128.load(from, 1));
    } else {
      const length = extendedLength(from + 1, fromEnd);
      if (lengthEnd == 0) return CORRUPT;
      at = lengthEnd;
      if (<isize>length > <isize>(fromSafe - at) || <isize>length > <isize>(toSafe - to)) break;
      copyLiterals(to, at, length);
      at += length;
      next = to + length;
    }
    const offset: u32 = load<u16>(at);
    if (offset - 1 >= <u32>(next - history)) return CORRUPT;
    from = at + 2;
    to = next;
    let length = (token & 15) + MIN_MATCH;
    if (length == 15 + MIN_MATCH) {
      length = extendedLength(from, fromEnd) + MIN_MATCH;
      if (lengthEnd == 0) return CORRUPT;
      from = lengthEnd;
      if (length > <u32>(toEnd - to)) return FULL;
      copyMatch(to, offset, length);
    } else if (offset >= 16) {
      // 18 bytes are the most, and no branch guesses how many.
      v128.store(to, v128.load(to - offset));
      store<u16>(to, load<u16>(to - offset, 16), 16);
    } else {
      copyMatch(to, offset, length);
    }
    to += length;
  }
  while (from < fromEnd) {
    const token: u32 = load<u8>(from++);
    let length = token >> 4;
    if (length != 15) {
      if (length > <u32>(fromEnd - from)) return CORRUPT;
      if (length > <u32>(toEnd - to)) return FULL;
      v128.store(to, v128.load(from));
    } else {
      length = extendedLength(from, fromEnd);
      if (lengthEnd == 0) return CORRUPT;
      from = lengthEnd;
      if (length > <u32>(fromEnd - from)) return CORRUPT;
      if (length > <u32>(toEnd - to)) return FULL;
      copyLiterals(to, from, length);
    }
    from += length;
    to += length;
    if (from == fromEnd) return <i32>(to - start);

    if (fromEnd - from < 2) return CORRUPT;
    const offset: u32 = load<u16>(from);
    from += 2;
    // One comparison for both ends: an offset of 0 wraps to the largest number.
    if (offset - 1 >= <u32>(to - history)) return CORRUPT;
    length = token & 15;
    if (length == 15) {
      length = extendedLength(from, fromEnd);
      if (lengthEnd == 0) return CORRUPT;
      from = lengthEnd;
    }
    length += MIN_MATCH;
    if (length > <u32>(toEnd - to)) return FULL;
    copyMatch(to, offset, length);
    to += length;
  }
  return CORRUPT;
}

/** Encodes the block of at most 64 KB from `from` on to `to`, which has room for it. Returns the bytes written. */
export function encodeBlock(from: usize, length: u32, to: usize): u32 {
  const start = to;
  const end = from + length;
  let anchor = from;
  if (length > MATCH_LIMIT) {
    const base = from;
    const lastMatch = end - MATCH_LIMIT;
    const matchEnd = end - LAST_LITERALS;
    const shift = clearTable(length);
    from++;
    let misses: u32 = 1 << SKIP_SHIFT;
    while (from + 3 <= lastMatch) {
      // Eight bytes at once hold four places to look at, one by one.
      const bytes = load<u64>(from);
      let sequence = <u32>bytes;
      let slot = slotOf(bytes, shift);
      let candidate = base + <usize>load<u16>(slot, TABLE);
      store<u16>(slot, <u16>(from - base), TABLE);
      if (load<u32>(candidate) != sequence) {
        sequence = <u32>(bytes >> 8);
        slot = slotOf(bytes >> 8, shift);
        candidate = base + <usize>load<u16>(slot, TABLE);
        store<u16>(slot, <u16>(++from - base), TABLE);
        if (load<u32>(candidate) != sequence) {
          sequence = <u32>(bytes >> 16);
          slot = slotOf(bytes >> 16, shift);
          candidate = base + <usize>load<u16>(slot, TABLE);
          store<u16>(slot, <u16>(++from - base), TABLE);
          if (load<u32>(candidate) != sequence) {
            sequence = <u32>(bytes >> 24);
            slot = slotOf(bytes >> 24, shift);
            candidate = base + <usize>load<u16>(slot, TABLE);
            store<u16>(slot, <u16>(++from - base), TABLE);
            if (load<u32>(candidate) != sequence) {
              from += misses >> SKIP_SHIFT;
              misses += 4;
              continue;
            }
          }
        }
      }
      while (from > anchor && candidate > base && load<u8>(from - 1) == load<u8>(candidate - 1)) {
        from--;
        candidate--;
      }
      const matched = matchLength(from + MIN_MATCH, candidate + MIN_MATCH, matchEnd);
      const offset = <u16>(from - candidate);
      const literals = <u32>(from - anchor);
      if (literals <= SHORT_LITERALS) {
        // The byte that extends the length is overwritten by literals when it isn't wanted.
        store<u8>(to, <u8>((min<u32>(literals, 15) << 4) | min<u32>(matched, 15)));
        store<u8>(to, <u8>(literals - 15), 1);
        to += 1 + <usize>(literals >= 15);
        v128.store(to, v128.load(anchor));
        if (literals > 16) v128.store(to, v128.load(anchor, 16), 16);
        to += literals;
      } else {
        to = putLiterals(to, anchor, literals, matched);
      }
      store<u16>(to, offset);
      to += 2;
      if (matched < 15 + 255) {
        store<u8>(to, <u8>(matched - 15));
        to += <usize>(matched >= 15);
      } else {
        to = putExtension(to, matched);
      }
      from += matched + MIN_MATCH;
      anchor = from;
      if (from + 3 > lastMatch) break;
      misses = 1 << SKIP_SHIFT;
    }
  }
  return <u32>(putLiterals(to, anchor, <u32>(end - anchor), 0) - start);
}

/** Writes a token, the rest of the literal length and the literals. */
function putLiterals(to: usize, from: usize, length: u32, matchCode: u32): usize {
  store<u8>(to, <u8>((min(length, 15) << 4) | min(matchCode, 15)));
  to = putExtension(to + 1, length);
  copyLiterals(to, from, length);
  return to + length;
}

function putExtension(to: usize, length: u32): usize {
  if (length < 15) return to;
  length -= 15;
  while (length >= 255) {
    store<u8>(to++, 255);
    length -= 255;
  }
  store<u8>(to, <u8>length);
  return to + 1;
}
