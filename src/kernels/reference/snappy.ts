/**
 * Snappy (https://github.com/google/snappy/blob/main/format_description.txt): the output length as a varint, then
 * elements whose low two tag bits tell literal (00) or copy with an offset of 11 (01), 16 (10) or 32 bits (11).
 *
 * Java's framing ("xerial", of snappy-java's SnappyOutputStream) wraps such blocks:
 *
 *     82 'SNAPPY' 00 | version 4 = 1 | compatible 4 = 1 | { length 4, big-endian | raw block } …
 */
import type { Decoded, DecodeFailure } from "../kernels.ts";

const XERIAL_HEADER = Uint8Array.of(0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1);
const XERIAL_MAGIC_BYTES = 8;
const CHUNK_BYTES = 64 * 1024;
const HASH_BITS = 13;
const MIN_MATCH = 4;
const MAX_COPY = 64;

export function snappyCompress(bytes: Uint8Array): Uint8Array {
  const chunks = Math.ceil(bytes.length / CHUNK_BYTES);
  const framed = new Uint8Array(XERIAL_HEADER.length + chunks * 4 + snappyBound(bytes.length) + chunks * 32);
  const view = new DataView(framed.buffer);
  framed.set(XERIAL_HEADER);
  let to = XERIAL_HEADER.length;
  for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
    const end = encodeChunk(bytes.subarray(from, from + CHUNK_BYTES), framed, to + 4);
    view.setUint32(to, end - to - 4);
    to = end;
  }
  return framed.slice(0, to);
}

export function snappyDecompress(bytes: Uint8Array, maxBytes: number): Decoded {
  const blocks = splitBlocks(bytes);
  if (blocks === null) return { ok: false, reason: "corrupt" };
  let total = 0;
  for (const block of blocks) {
    const preamble = readLength(block);
    if (preamble === null) return { ok: false, reason: "corrupt" };
    total += preamble.length;
    if (total > maxBytes) return { ok: false, reason: "too-large" };
  }
  const output = new Uint8Array(total);
  let to = 0;
  for (const block of blocks) {
    const preamble = readLength(block);
    if (preamble === null) return { ok: false, reason: "corrupt" };
    const end = to + preamble.length;
    const failure = decodeBlock(block.subarray(preamble.bytes), output.subarray(to, end));
    if (failure !== null) return { ok: false, reason: failure };
    to = end;
  }
  return { ok: true, bytes: output };
}

export function snappyBound(length: number): number {
  return 32 + length + Math.ceil(length / 6);
}

/** The raw blocks inside, or null when the framing is broken. */
function splitBlocks(bytes: Uint8Array): Uint8Array[] | null {
  if (bytes.length < XERIAL_MAGIC_BYTES) return [bytes];
  for (let at = 0; at < XERIAL_MAGIC_BYTES; at++) if (bytes[at] !== XERIAL_HEADER[at]) return [bytes];
  if (bytes.length < XERIAL_HEADER.length) return null;
  const blocks: Uint8Array[] = [];
  let at = XERIAL_HEADER.length;
  while (at < bytes.length) {
    if (bytes.length - at < 4) return null;
    const length = ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
    at += 4;
    if (length > bytes.length - at) return null;
    blocks.push(bytes.subarray(at, at + length));
    at += length;
  }
  return blocks;
}

/** The preamble: an unsigned 32-bit varint of at most five bytes. */
function readLength(block: Uint8Array): { length: number; bytes: number } | null {
  let length = 0;
  for (let at = 0; at < 5 && at < block.length; at++) {
    const byte = block[at];
    if (at === 4 && byte > 0x0f) return null;
    length += (byte & 0x7f) * 2 ** (7 * at);
    if (byte < 0x80) return { length, bytes: at + 1 };
  }
  return null;
}

/** Decodes the elements of a block; they must fill the output exactly. */
function decodeBlock(input: Uint8Array, output: Uint8Array): DecodeFailure | null {
  const end = input.length;
  let from = 0;
  let to = 0;
  while (from < end) {
    const tag = input[from++];
    const kind = tag & 3;
    if (kind === 0) {
      let length = tag >>> 2;
      if (length >= 60) {
        const extra = length - 59;
        if (end - from < extra) return "corrupt";
        length = littleEndian(input, from, extra);
        from += extra;
      }
      length += 1;
      if (length > end - from || length > output.length - to) return "corrupt";
      output.set(input.subarray(from, from + length), to);
      from += length;
      to += length;
      continue;
    }
    const extra = kind === 3 ? 4 : kind;
    if (end - from < extra) return "corrupt";
    const length = kind === 1 ? 4 + ((tag >>> 2) & 7) : 1 + (tag >>> 2);
    const offset = kind === 1 ? ((tag >>> 5) << 8) | input[from] : littleEndian(input, from, extra);
    from += extra;
    if (offset === 0 || offset > to || length > output.length - to) return "corrupt";
    for (const stop = to + length; to < stop; to++) output[to] = output[to - offset];
  }
  return to === output.length ? null : "corrupt";
}

function littleEndian(bytes: Uint8Array, at: number, count: number): number {
  let value = 0;
  for (let index = 0; index < count; index++) value += bytes[at + index] * 2 ** (8 * index);
  return value;
}

/** Encodes at most 64 KB as one raw block. Returns the end of what was written. */
function encodeChunk(input: Uint8Array, output: Uint8Array, at: number): number {
  let to = at;
  let rest = input.length;
  for (; rest >= 0x80; rest >>>= 7) output[to++] = (rest & 0x7f) | 0x80;
  output[to++] = rest;

  const table = new Int32Array(1 << HASH_BITS).fill(-1);
  const lastMatchStart = input.length - MIN_MATCH;
  let anchor = 0;
  let from = 0;
  while (from <= lastMatchStart) {
    const sequence = word(input, from);
    const slot = Math.imul(sequence, 0x1e35a7bd) >>> (32 - HASH_BITS);
    const candidate = table[slot];
    table[slot] = from;
    if (candidate < 0 || word(input, candidate) !== sequence) {
      from += 1 + ((from - anchor) >>> 5);
      continue;
    }
    let length = MIN_MATCH;
    while (from + length < input.length && input[candidate + length] === input[from + length]) length++;
    to = putLiteral(input.subarray(anchor, from), output, to);
    to = putCopy(output, to, from - candidate, length);
    from += length;
    anchor = from;
  }
  return putLiteral(input.subarray(anchor), output, to);
}

function putLiteral(literal: Uint8Array, output: Uint8Array, at: number): number {
  if (literal.length === 0) return at;
  const length = literal.length - 1;
  let to = at;
  if (length < 60) {
    output[to++] = length << 2;
  } else if (length < 0x100) {
    output[to++] = 60 << 2;
    output[to++] = length;
  } else {
    output[to++] = 61 << 2;
    output[to++] = length & 0xff;
    output[to++] = length >>> 8;
  }
  output.set(literal, to);
  return to + literal.length;
}

function putCopy(output: Uint8Array, at: number, offset: number, length: number): number {
  let to = at;
  for (let rest = length; rest > 0; rest -= MAX_COPY) {
    output[to++] = ((Math.min(rest, MAX_COPY) - 1) << 2) | 2;
    output[to++] = offset & 0xff;
    output[to++] = offset >>> 8;
  }
  return to;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
