/**
 * LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md):
 *
 *     magic 4 | FLG 1 | BD 1 | content size 0/8 | dictionary id 0/4 | HC 1 | blocks | 0 (4) | content checksum 0/4
 *     block: size 4 (bit 31: stored) | data | checksum 0/4
 *     FLG: version 7-6 = 01 | independent 5 | block checksum 4 | content size 3 | content checksum 2 | 0 | dictionary 0
 *     BD: 0 | maximum block size 6-4 (4: 64 KB, 5: 256 KB, 6: 1 MB, 7: 4 MB) | 0000
 */
import type { Decoded, DecodeFailure } from "../kernels.ts";
import { decodeLz4Block, encodeLz4Block, LZ4_CORRUPT, LZ4_FULL, lz4BlockBound } from "./lz4-block.ts";
import { xxhash32 } from "./xxhash32.ts";

const MAGIC = 0x184d2204;
const HEADER_BYTES = 7;
const BLOCK_BYTES = 64 * 1024;
const STORED = 0x80000000;
/** No LZ4 sequence yields more than 255 bytes of output for a byte of input. */
const MAX_RATIO = 255;

interface FrameHeader {
  readonly independent: boolean;
  readonly blockChecksum: boolean;
  readonly contentChecksum: boolean;
  /** -1 when the frame does not tell. */
  readonly contentBytes: number;
  readonly maxBlockBytes: number;
  readonly headerBytes: number;
}

export function lz4Compress(bytes: Uint8Array): Uint8Array {
  const blocks = Math.ceil(bytes.length / BLOCK_BYTES);
  const frame = new Uint8Array(HEADER_BYTES + 4 + blocks * (4 + lz4BlockBound(BLOCK_BYTES)));
  const view = new DataView(frame.buffer);
  view.setUint32(0, MAGIC, true);
  frame[4] = 0x60;
  frame[5] = 0x40;
  frame[6] = headerChecksum(frame.subarray(4, 6));
  let to = HEADER_BYTES;
  for (let from = 0; from < bytes.length; from += BLOCK_BYTES) {
    const block = bytes.subarray(from, from + BLOCK_BYTES);
    const end = encodeLz4Block(block, frame, to + 4);
    const length = end - to - 4;
    if (length < block.length) {
      view.setUint32(to, length, true);
      to = end;
    } else {
      view.setUint32(to, (block.length | STORED) >>> 0, true);
      frame.set(block, to + 4);
      to += 4 + block.length;
    }
  }
  view.setUint32(to, 0, true);
  return frame.slice(0, to + 4);
}

export function lz4Decompress(bytes: Uint8Array, maxBytes: number): Decoded {
  const header = readFrameHeader(bytes);
  if (typeof header === "string") return { ok: false, reason: header };
  if (header.contentBytes > maxBytes) return { ok: false, reason: "too-large" };
  const bound = outputBound(bytes, header);
  if (bound < 0) return { ok: false, reason: "corrupt" };
  const output = new Uint8Array(Math.min(bound, maxBytes));
  const end = decodeBlocks(bytes, header, output, maxBytes);
  return typeof end === "string" ? { ok: false, reason: end } : { ok: true, bytes: output.slice(0, end) };
}

function readFrameHeader(bytes: Uint8Array): FrameHeader | DecodeFailure {
  if (bytes.length < HEADER_BYTES || word(bytes, 0) !== MAGIC) return "corrupt";
  const flags = bytes[4];
  if (flags >>> 6 !== 1) return "unsupported";
  const blockCode = bytes[5] >>> 4;
  if ((flags & 2) !== 0 || (bytes[5] & 0x0f) !== 0 || blockCode < 4 || blockCode > 7) return "corrupt";
  const headerBytes = HEADER_BYTES + (flags & 8 ? 8 : 0) + (flags & 1 ? 4 : 0);
  if (bytes.length < headerBytes) return "corrupt";
  if (headerChecksum(bytes.subarray(4, headerBytes - 1)) !== bytes[headerBytes - 1]) return "checksum";
  if ((flags & 1) !== 0) return "unsupported";
  return {
    independent: (flags & 0x20) !== 0,
    blockChecksum: (flags & 0x10) !== 0,
    contentChecksum: (flags & 4) !== 0,
    contentBytes: flags & 8 ? word(bytes, 6) + word(bytes, 10) * 2 ** 32 : -1,
    maxBlockBytes: 1 << (8 + 2 * blockCode),
    headerBytes,
  };
}

/** The most that the frame can yield, by its block headers alone; -1 when their chain leaves the frame. */
function outputBound(bytes: Uint8Array, header: FrameHeader): number {
  const trailer = header.blockChecksum ? 4 : 0;
  let bound = 0;
  let at = header.headerBytes;
  for (;;) {
    if (bytes.length - at < 4) return -1;
    const field = word(bytes, at);
    at += 4;
    if (field === 0) break;
    const length = field % STORED;
    if (length > header.maxBlockBytes || bytes.length - at < length + trailer) return -1;
    bound += field >= STORED ? length : Math.min(header.maxBlockBytes, length * MAX_RATIO);
    at += length + trailer;
  }
  return bytes.length - at === (header.contentChecksum ? 4 : 0) ? bound : -1;
}

/** Runs after `outputBound`, which has made sure that every block lies inside the frame. */
function decodeBlocks(
  bytes: Uint8Array,
  header: FrameHeader,
  output: Uint8Array,
  maxBytes: number,
): number | DecodeFailure {
  let at = header.headerBytes;
  let to = 0;
  for (;;) {
    const field = word(bytes, at);
    at += 4;
    if (field === 0) break;
    const block = bytes.subarray(at, at + (field % STORED));
    at += block.length;
    if (header.blockChecksum) {
      if (xxhash32(block) !== word(bytes, at)) return "checksum";
      at += 4;
    }
    const room = Math.min(header.maxBlockBytes, output.length - to);
    if (field >= STORED) {
      if (block.length > room) return "too-large";
      output.set(block, to);
      to += block.length;
      continue;
    }
    const history = header.independent ? to : 0;
    const end = decodeLz4Block(block, output.subarray(history, to + room), to - history);
    if (end === LZ4_CORRUPT) return "corrupt";
    if (end === LZ4_FULL) return to + room === maxBytes && room < header.maxBlockBytes ? "too-large" : "corrupt";
    to = history + end;
  }
  if (header.contentBytes >= 0 && header.contentBytes !== to) return "corrupt";
  if (header.contentChecksum && xxhash32(output.subarray(0, to)) !== word(bytes, at)) return "checksum";
  return to;
}

function headerChecksum(descriptor: Uint8Array): number {
  return (xxhash32(descriptor) >>> 8) & 0xff;
}

function word(bytes: Uint8Array, at: number): number {
  return (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0;
}
