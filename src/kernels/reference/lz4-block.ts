/**
 * LZ4 blocks (https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md). A block is a chain of sequences:
 *
 *     token | literal length 0..n | literals | offset 2 (little-endian) | match length 0..n
 *
 * where the token's high half is the literal length and its low half the match length less 4, and 15 means that
 * length bytes follow. The last sequence ends after its literals.
 */
const MIN_MATCH = 4;
/** The last match must begin this far before the end of the block, and the last 5 bytes must be literals. */
const MATCH_LIMIT = 12;
const LAST_LITERALS = 5;
const HASH_BITS = 13;
const MAX_OFFSET = 0xffff;

export const LZ4_CORRUPT = -1;
export const LZ4_FULL = -2;

/**
 * Decodes one block into `output` from `at` on; what is before `at` is history that matches may reach, and the end
 * of `output` is the limit. Returns the end of what was written, LZ4_CORRUPT, or LZ4_FULL.
 */
export function decodeLz4Block(input: Uint8Array, output: Uint8Array, at: number): number {
  const inputEnd = input.length;
  let from = 0;
  let to = at;
  while (from < inputEnd) {
    const token = input[from++];
    let length = token >>> 4;
    if (length === 15) {
      let byte: number;
      do {
        if (from >= inputEnd) return LZ4_CORRUPT;
        byte = input[from++];
        length += byte;
      } while (byte === 255);
    }
    if (length > inputEnd - from) return LZ4_CORRUPT;
    if (length > output.length - to) return LZ4_FULL;
    output.set(input.subarray(from, from + length), to);
    from += length;
    to += length;
    if (from === inputEnd) return to;

    if (inputEnd - from < 2) return LZ4_CORRUPT;
    const offset = input[from] | (input[from + 1] << 8);
    from += 2;
    if (offset === 0 || offset > to) return LZ4_CORRUPT;
    length = token & 15;
    if (length === 15) {
      let byte: number;
      do {
        if (from >= inputEnd) return LZ4_CORRUPT;
        byte = input[from++];
        length += byte;
      } while (byte === 255);
    }
    length += MIN_MATCH;
    if (length > output.length - to) return LZ4_FULL;
    // A match may overlap what it writes, so bytes go one by one.
    for (const end = to + length; to < end; to++) output[to] = output[to - offset];
  }
  // The block ended after a match, or was empty.
  return LZ4_CORRUPT;
}

/** The most bytes that a block of `length` bytes can need. */
export function lz4BlockBound(length: number): number {
  return length + Math.floor(length / 255) + 16;
}

/** Encodes one block of at most 64 KB, greedily. `output` has `lz4BlockBound` bytes from `at` on. Returns the end. */
export function encodeLz4Block(input: Uint8Array, output: Uint8Array, at: number): number {
  const table = new Int32Array(1 << HASH_BITS).fill(-1);
  const lastMatchStart = input.length - MATCH_LIMIT;
  const matchEnd = input.length - LAST_LITERALS;
  let anchor = 0;
  let from = 0;
  let to = at;
  while (from <= lastMatchStart) {
    const sequence = word(input, from);
    const slot = Math.imul(sequence, 0x9e3779b1) >>> (32 - HASH_BITS);
    const candidate = table[slot];
    table[slot] = from;
    if (candidate < 0 || from - candidate > MAX_OFFSET || word(input, candidate) !== sequence) {
      // Incompressible stretches are crossed in growing steps.
      from += 1 + ((from - anchor) >>> 6);
      continue;
    }
    let length = MIN_MATCH;
    while (from + length < matchEnd && input[candidate + length] === input[from + length]) length++;
    to = putLengths(input.subarray(anchor, from), output, to, length - MIN_MATCH);
    const offset = from - candidate;
    output[to++] = offset & 0xff;
    output[to++] = offset >>> 8;
    to = putExtension(output, to, length - MIN_MATCH);
    from += length;
    anchor = from;
  }
  return putLengths(input.subarray(anchor), output, to, 0);
}

function putLengths(literals: Uint8Array, output: Uint8Array, at: number, matchLength: number): number {
  output[at] = (Math.min(literals.length, 15) << 4) | Math.min(matchLength, 15);
  const to = putExtension(output, at + 1, literals.length);
  output.set(literals, to);
  return to + literals.length;
}

function putExtension(output: Uint8Array, at: number, length: number): number {
  if (length < 15) return at;
  let to = at;
  let rest = length - 15;
  for (; rest >= 255; rest -= 255) output[to++] = 255;
  output[to++] = rest;
  return to;
}

function word(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24);
}
