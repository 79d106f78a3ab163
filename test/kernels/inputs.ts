/** Inputs that several kernel tests share; nothing here needs Node. */

const encoder = new TextEncoder();

/** The text of test/vectors/kernels/make.py. */
export const TEXT = encoder.encode(
  Array.from({ length: 2000 }, (_, i) => {
    return `{"id":${i},"name":"user-${(i * 7919) % 1000}","ok":${i % 3 === 0 ? "false" : "true"}}\n`;
  }).join(""),
);

/** The noise of make.py (xorshift32). */
export function noise(length: number, seed = 2463534242): Uint8Array {
  let state = seed | 0;
  return Uint8Array.from({ length }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state & 0xff;
  });
}

export function ascii(text: string): Uint8Array {
  return encoder.encode(text);
}

export function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/[0-9a-f]{2}/g) ?? [], (pair) => Number.parseInt(pair, 16));
}

export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** A frame with one bare LZ4 block, of up to 4 MB decoded. */
export function lz4FrameOf(block: Uint8Array): Uint8Array {
  const frame = concat(bytesOf("04224d18 6070 73 00000000"), block, new Uint8Array(4));
  new DataView(frame.buffer).setUint32(7, block.length, true);
  return frame;
}

/** Data of all kinds that a codec meets, with lengths around what the kernels treat specially. */
export function samples(): Uint8Array[] {
  const lengths = [
    0, 1, 3, 4, 5, 11, 12, 13, 15, 16, 17, 31, 64, 100, 255, 256, 257, 270, 285, 1000, 65_535, 65_536, 65_537,
  ];
  return [
    ...lengths.map((length) => noise(length)),
    ...lengths.map((length) => TEXT.subarray(0, length)),
    ...lengths.map((length) => new Uint8Array(length).fill(7)),
    // Matches at each short distance, which overlap what they copy.
    ...Array.from({ length: 20 }, (_, period) => Uint8Array.from({ length: 300 }, (_, at) => at % (period + 1))),
    // Matches that end at each place within a vector, before bytes that also repeat.
    ...Array.from({ length: 40 }, (_, at) =>
      concat(noise(16), noise(16), noise(at), noise(9, 5), noise(16), noise(16), noise(at), TEXT),
    ),
    ...Array.from({ length: 40 }, (_, at) => concat(new Uint8Array(60), noise(at), new Uint8Array(60 + at), noise(40))),
    TEXT,
    noise(140_000),
    concat(noise(70_000), noise(70_000)),
  ];
}

/** The definition, bit by bit. */
export function slowCrc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

export function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}
