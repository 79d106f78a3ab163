/** LZ4 frames and Snappy streams in xerial's framing, of every legal kind and damaged, for fuzz-native.ts. */
import { referenceKernels } from "#kernels/reference.ts";
import { bytesOf, concat, noise } from "./inputs.ts";
import { damage, type Kernels, MAX_BYTES, random, sample } from "./native-judge.ts";

const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
const INDEPENDENT = 0x20;
const STORED = 0x80000000;

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function bigEndian(value: number): Uint8Array {
  return int32(value).reverse();
}

function hash(bytes: Uint8Array): Uint8Array {
  return int32(referenceKernels.xxhash32(bytes));
}

function extended(length: number): number[] {
  if (length < 15) return [];
  return [...Array.from({ length: Math.floor((length - 15) / 255) }, () => 255), (length - 15) % 255];
}

/** A block of sequences at random whose matches reach back into `history`. The content is appended to `out`. */
function inventedBlock(out: number[], history: number): Uint8Array {
  const block: number[] = [];
  const put = (literals: number, match: number) => {
    block.push((Math.min(literals, 15) << 4) | Math.min(Math.max(match - 4, 0), 15), ...extended(literals));
    for (const byte of noise(literals, random(1e9) + 1)) {
      block.push(byte);
      out.push(byte);
    }
  };
  for (let left = random(8); left > 0; left--) {
    const match = 4 + random(random(5) === 0 ? 400 : 24);
    const literals = out.length === history ? 1 + random(20) : random(random(5) === 0 ? 300 : 20);
    put(literals, match);
    const most = Math.min(out.length - history, 65_535);
    const offset = 1 + random(random(2) === 0 ? Math.min(most, 20) : most);
    block.push(offset & 0xff, offset >> 8, ...extended(match - 4));
    for (let byte = 0; byte < match; byte++) out.push(out[out.length - offset]);
  }
  put(12 + random(30), 4);
  return Uint8Array.from(block);
}

/** Blocks of a frame, each behind its length and maybe before its checksum, and what they hold. */
function blocks(kernels: Kernels, flags: number): { body: Uint8Array[]; content: Uint8Array } {
  const out: number[] = [];
  const body: Uint8Array[] = [];
  for (let left = random(5); left > 0; left--) {
    const kind = random(5);
    let block: Uint8Array;
    let field = 0;
    if (kind === 0) {
      block = sample();
      out.push(...block);
      field = STORED;
    } else if (kind < 3) {
      const data = sample();
      block = kernels.pack("lz4", data);
      // Behind the frame's header and the block's length, which says whether it is stored.
      field = data.length > 0 && block[10] & 0x80 ? STORED : 0;
      block = block.subarray(11, block.length - 4);
      out.push(...data);
    } else {
      block = inventedBlock(out, flags & INDEPENDENT ? out.length : 0);
    }
    if (random(6) === 0) block = damage(block);
    if (block.length === 0) continue;
    body.push(int32((field | block.length) >>> 0), block);
    if (flags & BLOCK_CHECKSUM) body.push(random(12) === 0 ? int32(random(1e9)) : hash(block));
  }
  return { body, content: Uint8Array.from(out) };
}

export function lz4FrameCase(kernels: Kernels): { stream: Uint8Array; room: number } {
  let flags = 0x40;
  for (const flag of [INDEPENDENT, BLOCK_CHECKSUM, CONTENT_SIZE, CONTENT_CHECKSUM]) if (random(2) === 0) flags |= flag;
  if (random(40) === 0) flags |= 1 << random(8);
  const { body, content } = blocks(kernels, flags);
  const size = content.length + (random(12) === 0 ? random(5) - 2 : 0);
  const descriptor = concat(
    Uint8Array.of(flags, (4 + random(4)) << 4),
    ...(flags & CONTENT_SIZE ? [int32(size), int32(0)] : []),
    ...(flags & 1 ? [int32(random(1e9))] : []),
  );
  let frame = concat(
    bytesOf("04224d18"),
    descriptor,
    Uint8Array.of(headerCheck(descriptor)),
    ...body,
    new Uint8Array(4),
    ...(flags & CONTENT_CHECKSUM ? [random(12) === 0 ? int32(random(1e9)) : hash(content)] : []),
  );
  if (random(3) === 0) frame = repaired(damage(frame));
  const room = random(4) === 0 ? random(MAX_BYTES) : content.length + random(3);
  return { stream: frame, room };
}

function headerCheck(descriptor: Uint8Array): number {
  return (referenceKernels.xxhash32(descriptor) >>> 8) & 0xff;
}

/** The header's checksum is put right as a rule, or hardly any damage would get past it. */
function repaired(frame: Uint8Array): Uint8Array {
  const end = 6 + (frame[4] & CONTENT_SIZE ? 8 : 0) + (frame[4] & 1 ? 4 : 0);
  if (frame.length <= end || random(8) === 0) return frame;
  return frame.with(end, headerCheck(frame.subarray(4, end)));
}

/**
 * Whether the frame has what liblz4 takes and we refuse on purpose: a dictionary's id, a content size of 0, which it takes for
 * none, or that it is a frame to be skipped.
 */
export function isRefusedFrame(frame: Uint8Array): boolean {
  if (frame.length < 14) return frame.length > 4 && (frame[4] & 1) !== 0;
  const view = new DataView(frame.buffer, frame.byteOffset);
  const isSizeless = (frame[4] & CONTENT_SIZE) !== 0 && view.getBigUint64(6, true) === 0n;
  return isSizeless || view.getUint32(0, true) >>> 4 === 0x184d2a5 || (frame[4] & 1) !== 0;
}

/** The blocks of a frame that are not stored, as far as its lengths can be believed. */
export function* packedBlocks(frame: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const flags = frame[4];
  let at = 7 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & 1 ? 4 : 0);
  while (at + 4 <= frame.length) {
    const field = view.getUint32(at, true);
    const length = field & 0x7fffffff;
    if (field === 0) return;
    if (field < STORED) yield frame.subarray(at + 4, at + 4 + length);
    at += 4 + length + (flags & BLOCK_CHECKSUM ? 4 : 0);
  }
}

export const XERIAL_HEADER = bytesOf("82534e4150505900 00000001 00000001");

export function xerialCase(kernels: Kernels): { stream: Uint8Array; room: number } {
  const parts: Uint8Array[] = [random(30) === 0 ? damage(XERIAL_HEADER) : XERIAL_HEADER];
  let total = 0;
  for (let left = random(5); left > 0; left--) {
    const data = sample().subarray(0, random(4) === 0 ? random(4) : MAX_BYTES);
    // Behind the header and the chunk's length; nothing makes no chunk at all.
    let chunk = kernels.pack("snappy", data).subarray(20);
    if (data.length === 0) chunk = Uint8Array.of(0);
    if (random(5) === 0) chunk = damage(chunk);
    const length = random(20) === 0 ? chunk.length + random(5) - 2 : chunk.length;
    parts.push(bigEndian(random(60) === 0 ? random(2 ** 31) * 2 : length), chunk);
    total += data.length;
  }
  let stream = concat(...parts);
  if (random(8) === 0) stream = damage(stream);
  return { stream, room: random(4) === 0 ? random(MAX_BYTES) : total + random(3) };
}

/** The chunks of a xerial stream, or null when their lengths don't lead to its end. */
export function xerialChunks(stream: Uint8Array): Uint8Array[] | null {
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  const chunks: Uint8Array[] = [];
  let at = XERIAL_HEADER.length;
  if (stream.length < at) return null;
  while (at < stream.length) {
    if (stream.length - at < 4) return null;
    const length = view.getUint32(at);
    if (length > stream.length - at - 4) return null;
    chunks.push(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return chunks;
}

export function isXerial(stream: Uint8Array): boolean {
  return stream.length >= 8 && XERIAL_HEADER.subarray(0, 8).every((byte, at) => stream[at] === byte);
}
