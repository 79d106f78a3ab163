// Snappy (https://github.com/google/snappy/blob/main/format_description.txt) and Java's framing around it. The layout is
// drawn in the twin, src/kernels/reference/snappy.ts.
import { copyLiterals, copyMatch, matchLength } from "./copy";
import { CORRUPT, TOO_LARGE } from "./failure";
import { clearTable, slotOf, TABLE } from "./match-table";

/** 82 'SNAPPY' 00, and version 1, compatible with version 1. */
const XERIAL_MAGIC: u64 = 0x00595050414e5382;
const XERIAL_VERSIONS: u64 = 0x01000000_01000000;
const XERIAL_HEADER_BYTES: u32 = 16;
const CHUNK_BYTES: u32 = 65536;
const MIN_MATCH: u32 = 4;
const MAX_COPY: u32 = 64;
/** After 2^4 misses in a row the search goes on in steps of two bytes, and so on. */
const SKIP_SHIFT: u32 = 4;
/** A run of so many literals is written without a loop. */
const SHORT_LITERALS: u32 = 32;
/** A chunk shorter than this is not searched, so that four bytes may be loaded anywhere in the search. */
const MIN_SEARCHED: u32 = 16;

/** Tags from here on that are literals have their length behind them. */
const LONG_LITERAL: u32 = 60 << 2;
/** More than any other tag takes of the input, 61, or writes, 64; and the copies' excess. */
const SAFE_BYTES: usize = 96;

// What a tag byte says: bits 0-7 the length, 8-10 the high bits of a short offset, 11-13 how many bytes follow the tag.
// A literal has the length 0 if bytes follow, which then hold it.
const TAGS = memory.data(256 * 2, 16);
const LENGTH_MASK: u32 = 0xff;
const OFFSET_MASK: u32 = 0x700;
const EXTRA_SHIFT: u32 = 11;

for (let tag: u32 = 0; tag < 256; tag++) {
  const high = tag >> 2;
  let entry: u32 = 0;
  if ((tag & 3) == 0) entry = high < 60 ? high + 1 : (high - 59) << EXTRA_SHIFT;
  else if ((tag & 3) == 1) entry = (4 + (high & 7)) | ((tag >> 5) << 8) | (1 << EXTRA_SHIFT);
  else entry = (high + 1) | (((tag & 3) == 2 ? 2 : 4) << EXTRA_SHIFT);
  store<u16>(TAGS + (tag << 1), <u16>entry);
}

/** Snappy blocks of at most 64 KB in Java's framing. The caller has made room for the worst case. */
export function snappyCompress(from: usize, length: u32, to: usize): i32 {
  const start = to;
  const end = from + length;
  store<u64>(to, XERIAL_MAGIC);
  store<u64>(to, XERIAL_VERSIONS, 8);
  to += XERIAL_HEADER_BYTES;
  while (from < end) {
    const chunkLength = min(<u32>(end - from), CHUNK_BYTES);
    const packed = encodeChunk(from, chunkLength, to + 4);
    store<u32>(to, bswap(packed));
    to += 4 + packed;
    from += chunkLength;
  }
  return <i32>(to - start);
}

/** The exact size of the output, or the failure that the outline of the input shows already. */
export function snappyMeasure(from: usize, length: u32, maxBytes: u32): i32 {
  if (!isXerial(from, length)) return measureBlock(from, length, maxBytes);
  const end = from + length;
  if (!hasSoundChunks(from, end)) return CORRUPT;
  let total: u32 = 0;
  let at = from + XERIAL_HEADER_BYTES;
  while (at < end) {
    const chunkLength = bswap(load<u32>(at));
    const measured = measureBlock(at + 4, chunkLength, maxBytes - total);
    if (measured < 0) return measured;
    total += measured;
    at += 4 + chunkLength;
  }
  return <i32>total;
}

/** Decodes what `snappyMeasure` has accepted into the `total` bytes that it found. Returns `total`, or CORRUPT. */
export function snappyDecompress(from: usize, length: u32, to: usize, total: u32): i32 {
  if (!isXerial(from, length)) return decodeBlock(from, from + length, to) == total ? <i32>total : CORRUPT;
  const start = to;
  const end = from + length;
  let at = from + XERIAL_HEADER_BYTES;
  while (at < end) {
    const chunkLength = bswap(load<u32>(at));
    const written = decodeBlock(at + 4, at + 4 + chunkLength, to);
    if (written < 0) return written;
    to += written;
    at += 4 + chunkLength;
  }
  return <u32>(to - start) == total ? <i32>total : CORRUPT;
}

function isXerial(from: usize, length: u32): bool {
  return length >= 8 && load<u64>(from) == XERIAL_MAGIC;
}

/** Whether the header is whole and the chunks' lengths lead exactly to the end. */
function hasSoundChunks(from: usize, end: usize): bool {
  if (end - from < XERIAL_HEADER_BYTES) return false;
  let at = from + XERIAL_HEADER_BYTES;
  while (at < end) {
    if (end - at < 4) return false;
    const chunkLength = bswap(load<u32>(at));
    if (chunkLength > <u32>(end - at - 4)) return false;
    at += 4 + chunkLength;
  }
  return true;
}

/** Bytes of the last preamble that was read. */
let preambleBytes: u32 = 0;

/** A block's preamble, its output size as a varint of at most 32 bits; -1 when there is none. */
function readPreamble(from: usize, length: u32): i64 {
  let value: u64 = 0;
  for (let at: u32 = 0; at < 5 && at < length; at++) {
    const byte: u64 = load<u8>(from + at);
    if (at == 4 && byte > 0x0f) return -1;
    value |= (byte & 0x7f) << (7 * at);
    if (byte < 0x80) {
      preambleBytes = at + 1;
      return <i64>value;
    }
  }
  return -1;
}

function measureBlock(from: usize, length: u32, maxBytes: u32): i32 {
  const size = readPreamble(from, length);
  if (size < 0) return CORRUPT;
  return size > <i64>maxBytes ? TOO_LARGE : <i32>size;
}

/** Decodes one raw block whose preamble has been checked. Returns the bytes written, or CORRUPT. */
function decodeBlock(from: usize, fromEnd: usize, to: usize): i32 {
  const start = to;
  const toEnd = to + <usize>readPreamble(from, <u32>(fromEnd - from));
  from += preambleBytes;
  const fromSafe = fromEnd - SAFE_BYTES;
  const toSafe = toEnd - SAFE_BYTES;
  while (from < fromEnd) {
    // Far from both ends there is room for whatever a tag can ask, but for long literals.
    while (<isize>from <= <isize>fromSafe && <isize>to <= <isize>toSafe) {
      const tag: u32 = load<u8>(from);
      if ((tag & 3) == 0) {
        if (tag >= LONG_LITERAL) break;
        const length = (tag >> 2) + 1;
        v128.store(to, v128.load(from, 1));
        if (length > 16) {
          v128.store(to, v128.load(from, 17), 16);
          if (length > 32) {
            v128.store(to, v128.load(from, 33), 32);
            v128.store(to, v128.load(from, 49), 48);
          }
        }
        from += 1 + length;
        to += length;
        continue;
      }
      const entry: u32 = load<u16>(tag << 1, TAGS);
      const extra = entry >> EXTRA_SHIFT;
      const offset = (entry & OFFSET_MASK) + <u32>(load<u32>(from, 1) & ((<u64>1 << (extra << 3)) - 1));
      if (offset - 1 >= <u32>(to - start)) return CORRUPT;
      const length = entry & LENGTH_MASK;
      copyMatch(to, offset, length);
      from += 1 + extra;
      to += length;
    }
    const tag: u32 = load<u8>(from++);
    const entry: u32 = load<u16>(tag << 1, TAGS);
    const extra = entry >> EXTRA_SHIFT;
    if (<u32>(fromEnd - from) < extra) return CORRUPT;
    // Four bytes can be loaded whatever follows, thanks to the slack; only `extra` of them count.
    const trailer = <u32>(load<u32>(from) & ((<u64>1 << (extra << 3)) - 1));
    from += extra;
    let length = entry & LENGTH_MASK;
    if ((tag & 3) == 0) {
      if (length == 0) {
        if (trailer == 0xffffffff) return CORRUPT;
        length = trailer + 1;
      }
      if (length > <u32>(fromEnd - from) || length > <u32>(toEnd - to)) return CORRUPT;
      copyLiterals(to, from, length);
      from += length;
    } else {
      const offset = (entry & OFFSET_MASK) + trailer;
      // One comparison for both ends: an offset of 0 wraps to the largest number.
      if (offset - 1 >= <u32>(to - start) || length > <u32>(toEnd - to)) return CORRUPT;
      copyMatch(to, offset, length);
    }
    to += length;
  }
  return to == toEnd ? <i32>(to - start) : CORRUPT;
}

function encodeChunk(from: usize, length: u32, to: usize): u32 {
  const start = to;
  let rest = length;
  while (rest >= 0x80) {
    store<u8>(to++, <u8>(rest | 0x80));
    rest >>= 7;
  }
  store<u8>(to++, <u8>rest);
  const end = from + length;
  let anchor = from;
  if (length >= MIN_SEARCHED) {
    const base = from;
    const lastMatch = end - MIN_SEARCHED;
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
      const matched = MIN_MATCH + matchLength(from + MIN_MATCH, candidate + MIN_MATCH, end);
      const literals = <u32>(from - anchor);
      if (literals <= SHORT_LITERALS) {
        // No literals at all are a tag that is overwritten.
        store<u8>(to, <u8>((literals - 1) << 2));
        to += <usize>(literals != 0);
        v128.store(to, v128.load(anchor));
        if (literals > 16) v128.store(to, v128.load(anchor, 16), 16);
        to += literals;
      } else {
        to = putLiteral(to, anchor, literals);
      }
      const offset = <u32>(from - candidate);
      if (matched <= MAX_COPY) {
        const isShort = u32(matched < 12) & u32(offset < 0x800);
        const short = 1 | ((matched - 4) << 2) | ((offset >> 8) << 5) | ((offset & 0xff) << 8);
        store<u32>(to, isShort ? short : 2 | ((matched - 1) << 2) | (offset << 8));
        to += 3 - isShort;
      } else {
        to = putCopies(to, offset, matched);
      }
      from += matched;
      anchor = from;
      if (from + 3 > lastMatch) break;
      misses = 1 << SKIP_SHIFT;
    }
  }
  return <u32>(putLiteral(to, anchor, <u32>(end - anchor)) - start);
}

function putLiteral(to: usize, from: usize, length: u32): usize {
  if (length == 0) return to;
  const code = length - 1;
  if (code < 60) {
    store<u8>(to++, <u8>(code << 2));
  } else if (code < 0x100) {
    store<u16>(to, <u16>((60 << 2) | (code << 8)));
    to += 2;
  } else {
    store<u8>(to++, 61 << 2);
    store<u16>(to, <u16>code);
    to += 2;
  }
  copyLiterals(to, from, length);
  return to + length;
}

function putCopies(to: usize, offset: u32, length: u32): usize {
  // A short copy must be 4 bytes at least, so a long match must not leave less than that.
  while (length >= MAX_COPY + 4) {
    to = putLongCopy(to, offset, MAX_COPY);
    length -= MAX_COPY;
  }
  if (length > MAX_COPY) {
    to = putLongCopy(to, offset, MAX_COPY - 4);
    length -= MAX_COPY - 4;
  }
  if (length > 11 || offset > 0x7ff) return putLongCopy(to, offset, length);
  store<u16>(to, <u16>(1 | ((length - 4) << 2) | ((offset >> 8) << 5) | ((offset & 0xff) << 8)));
  return to + 2;
}

function putLongCopy(to: usize, offset: u32, length: u32): usize {
  store<u8>(to, <u8>(2 | ((length - 1) << 2)));
  store<u16>(to, <u16>offset, 1);
  return to + 3;
}
