// LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md). The layout is drawn in the twin,
// src/kernels/reference/lz4-frame.ts; both check the same things in the same order.
import { copyLiterals } from "./copy";
import { CHECKSUM, CORRUPT, TOO_LARGE, UNSUPPORTED } from "./failure";
import { decodeBlock, encodeBlock, FULL } from "./lz4-block";
import { xxhash32 } from "./xxhash32";

const MAGIC: u32 = 0x184d2204;
const HEADER_BYTES: u32 = 7;
const BLOCK_BYTES: u32 = 65536;
const STORED: u32 = 0x80000000;
/** No LZ4 sequence yields more than 255 bytes of output for a byte of input. */
const MAX_RATIO: u64 = 255;

const INDEPENDENT: u32 = 0x20;
const BLOCK_CHECKSUM: u32 = 0x10;
const CONTENT_SIZE: u32 = 0x08;
const CONTENT_CHECKSUM: u32 = 0x04;
const RESERVED: u32 = 0x02;
const DICTIONARY: u32 = 0x01;

/** One frame of independent 64 KB blocks without checksums. The caller has made room for the worst case. */
export function lz4Compress(from: usize, length: u32, to: usize): i32 {
  const start = to;
  const end = from + length;
  store<u32>(to, MAGIC);
  // Version 1, independent blocks; 64 KB at most.
  store<u16>(to, 0x4060, 4);
  store<u8>(to, headerChecksum(to + 4, 2), 6);
  to += HEADER_BYTES;
  while (from < end) {
    const blockLength = min(<u32>(end - from), BLOCK_BYTES);
    const packed = encodeBlock(from, blockLength, to + 4);
    if (packed < blockLength) {
      store<u32>(to, packed);
      to += 4 + packed;
    } else {
      store<u32>(to, blockLength | STORED);
      copyLiterals(to + 4, from, blockLength);
      to += 4 + blockLength;
    }
    from += blockLength;
  }
  store<u32>(to, 0);
  return <i32>(to + 4 - start);
}

/** The room that decoding the frame takes, never more than `maxBytes`, or the failure that its outline shows already. */
export function lz4Measure(from: usize, length: u32, maxBytes: u32): i32 {
  const failure = checkHeader(from, length);
  if (failure != 0) return failure;
  const flags: u32 = load<u8>(from, 4);
  if (flags & CONTENT_SIZE && load<u64>(from, 6) > <u64>maxBytes) return TOO_LARGE;
  const end = from + length;
  const maxBlockBytes = maxBlockBytesOf(from);
  const trailer: u32 = flags & BLOCK_CHECKSUM ? 4 : 0;
  let bound: u64 = 0;
  let at = from + headerBytes(flags);
  while (true) {
    if (end - at < 4) return CORRUPT;
    const field = load<u32>(at);
    at += 4;
    if (field == 0) break;
    const blockLength = field & ~STORED;
    if (blockLength > maxBlockBytes || <u32>(end - at) < blockLength + trailer) return CORRUPT;
    bound += field & STORED ? <u64>blockLength : min(<u64>maxBlockBytes, <u64>blockLength * MAX_RATIO);
    at += blockLength + trailer;
  }
  if (end - at != (flags & CONTENT_CHECKSUM ? 4 : 0)) return CORRUPT;
  return <i32>min(bound, <u64>maxBytes);
}

/** Decodes a frame that `lz4Measure` has accepted into the `room` bytes that it asked for. Returns the bytes written. */
export function lz4Decompress(from: usize, to: usize, room: u32, maxBytes: u32): i32 {
  const flags: u32 = load<u8>(from, 4);
  const maxBlockBytes = maxBlockBytesOf(from);
  const start = to;
  const end = to + room;
  let at = from + headerBytes(flags);
  while (true) {
    const field = load<u32>(at);
    at += 4;
    if (field == 0) break;
    const blockLength = field & ~STORED;
    const block = at;
    at += blockLength;
    if (flags & BLOCK_CHECKSUM) {
      if (xxhash32(block, blockLength, 0) != load<u32>(at)) return CHECKSUM;
      at += 4;
    }
    const blockRoom = min(maxBlockBytes, <u32>(end - to));
    if (field & STORED) {
      if (blockLength > blockRoom) return TOO_LARGE;
      copyLiterals(to, block, blockLength);
      to += blockLength;
      continue;
    }
    const written = decodeBlock(block, block + blockLength, to, to + blockRoom, flags & INDEPENDENT ? to : start);
    if (written == FULL) {
      const isLimit = <u32>(to - start) + blockRoom == maxBytes && blockRoom < maxBlockBytes;
      return isLimit ? TOO_LARGE : CORRUPT;
    }
    if (written < 0) return written;
    to += written;
  }
  const total = <u32>(to - start);
  if (flags & CONTENT_SIZE && load<u64>(from, 6) != <u64>total) return CORRUPT;
  if (flags & CONTENT_CHECKSUM && xxhash32(start, total, 0) != load<u32>(at)) return CHECKSUM;
  return <i32>total;
}

function checkHeader(from: usize, length: u32): i32 {
  if (length < HEADER_BYTES || load<u32>(from) != MAGIC) return CORRUPT;
  const flags: u32 = load<u8>(from, 4);
  const descriptor: u32 = load<u8>(from, 5);
  if (flags >> 6 != 1) return UNSUPPORTED;
  const blockCode = descriptor >> 4;
  if (flags & RESERVED || descriptor & 0x0f || blockCode < 4 || blockCode > 7) return CORRUPT;
  const total = headerBytes(flags);
  if (length < total) return CORRUPT;
  if (headerChecksum(from + 4, total - 5) != load<u8>(from + total - 1)) return CHECKSUM;
  return flags & DICTIONARY ? UNSUPPORTED : 0;
}

function headerBytes(flags: u32): u32 {
  return HEADER_BYTES + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0);
}

function maxBlockBytesOf(frame: usize): u32 {
  return 1 << (8 + 2 * (<u32>load<u8>(frame, 5) >> 4));
}

function headerChecksum(descriptor: usize, length: u32): u8 {
  return <u8>(xxhash32(descriptor, length, 0) >> 8);
}
