/** The one list of cases for every implementation of the kernels. It runs in Node over both twins and in workerd over WASM. */
import { describe, expect, it } from "vitest";
import type { Decoded, Kernels } from "#kernels/kernels.ts";
import { batchCases } from "./batch-cases.ts";
import { ascii, bytesOf, concat, noise, sameBytes, samples, slowCrc32c, TEXT } from "./inputs.ts";

const MAX = 1 << 20;

export function runKernelCases(kernels: Kernels): void {
  describe(`${kernels.name} kernels`, () => {
    crcCases(kernels);
    patchCases(kernels);
    xxhashCases(kernels);
    batchCases(kernels);
    roundTripCases(kernels);
    lz4Cases(kernels);
    snappyCases(kernels);
  });
}

function crcCases(kernels: Kernels): void {
  const up = Uint8Array.from({ length: 32 }, (_, at) => at);
  const readCommand = bytesOf(
    "01c0 0000 0000 0000 0000 0000 0000 0000 1400 0000 0000 0400 0000 0014 0000 0018 2800 0000 0000 0000 0200 0000 0000 0000",
  );
  it.each([
    ["32 zeros", new Uint8Array(32), 0x8a9136aa],
    ["32 ones", new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ["ascending", up, 0x46dd794e],
    ["descending", up.toReversed(), 0x113fdb5c],
    ["an iSCSI command", readCommand, 0xd9963a56],
    ["123456789", ascii("123456789"), 0xe3069283],
    ["nothing", new Uint8Array(0), 0],
  ])("computes the CRC-32C of RFC 3720: %s", (_, bytes, crc) => {
    expect(kernels.crc32c(bytes)).toBe(crc);
  });

  it("agrees with the definition at every length that takes another way", () => {
    const data = noise(41_000);
    // Slicing up to 64, nibbles in blocks of 128 up to 2560, then laps of 688; tens of thousands for whatever comes to mind.
    const laps = [2, 3, 4, 5, 6, 23, 24].map((count) => count * 688);
    const turns = [0, 16, 64, 128, 256, 384, 1280, 2432, 2560, ...laps, 12_288, 16_384, 38_192];
    for (const turn of turns) {
      for (let length = Math.max(0, turn - 2); length <= turn + 19; length += turn < 12_000 ? 1 : 3) {
        const bytes = data.subarray(3, 3 + length);
        expect([length, kernels.crc32c(bytes)]).toEqual([length, slowCrc32c(bytes)]);
      }
    }
  });

  it("continues from a seed, whatever the cut", () => {
    const data = noise(600_000);
    const whole = kernels.crc32c(data);
    for (const cut of [0, 1, 100, 5000, 20_000, 262_144, 299_999]) {
      expect(kernels.crc32c(data.subarray(cut), kernels.crc32c(data.subarray(0, cut)))).toBe(whole);
    }
  });
}

function patchCases(kernels: Kernels): void {
  it("renews a CRC without looking at the message", () => {
    const data = noise(70_000);
    for (const length of [1, 22, 43, 61, 1000, 12_345, 65_536, 70_000]) {
      for (const at of [0, 21, length >> 1, length - 1]) {
        const message = data.slice(0, length);
        const difference = noise(Math.min(22, length - at), 77).subarray(0, length - at);
        const before = slowCrc32c(message);
        for (const [index, byte] of difference.entries()) message[at + index] ^= byte;
        const bytesBehind = length - at - difference.length;
        expect([length, at, kernels.crc32cPatched(before, difference, bytesBehind)]).toEqual([
          length,
          at,
          slowCrc32c(message),
        ]);
      }
    }
  });
}

function xxhashCases(kernels: Kernels): void {
  it.each([
    ["", 0, 0x02cc5d05],
    ["", 1, 0x0b2cb792],
    ["a", 0, 0x550d7456],
    ["abc", 0, 0x32d153ff],
    ["Nobody inspects the spammish repetition", 0, 0xe2293b2f],
  ])("computes the xxHash of %j with seed %i", (text, seed, hash) => {
    expect(kernels.xxhash32(ascii(text), seed)).toBe(hash);
  });
}

function roundTripCases(kernels: Kernels): void {
  it.each(["lz4", "snappy"] as const)("gets back what it compressed: %s", (codec) => {
    for (const [index, data] of samples().entries()) {
      const decoded =
        codec === "lz4"
          ? kernels.lz4Decompress(kernels.lz4Compress(data), data.length)
          : kernels.snappyDecompress(kernels.snappyCompress(data), data.length);
      expect([index, decoded.ok && sameBytes(decoded.bytes, data)]).toEqual([index, true]);
    }
  });

  it("compresses text and does not let noise grow much", () => {
    for (const compress of [kernels.lz4Compress, kernels.snappyCompress]) {
      expect(compress.call(kernels, TEXT).length).toBeLessThan(TEXT.length / 3);
      expect(compress.call(kernels, noise(100_000)).length).toBeLessThan(100_100);
    }
  });
}

export function reasonOf(decoded: Decoded): string {
  return decoded.ok ? `${decoded.bytes.length} bytes` : decoded.reason;
}

/** A frame with the given flags and blocks, and a header checksum that is right. */
function lz4Frame(kernels: Kernels, descriptor: readonly number[], ...body: readonly Uint8Array[]): Uint8Array {
  const check = (kernels.xxhash32(Uint8Array.from(descriptor)) >>> 8) & 0xff;
  return concat(bytesOf("04224d18"), Uint8Array.from([...descriptor, check]), ...body);
}

function lz4Block(content: string): Uint8Array {
  const bytes = bytesOf(content);
  return concat(Uint8Array.of(bytes.length, 0, 0, 0), bytes);
}

function lz4Cases(kernels: Kernels): void {
  const END = new Uint8Array(4);
  const frame = (content: string) => lz4Frame(kernels, [0x60, 0x40], lz4Block(content), END);
  it.each([
    ["literals only", "50 68656c6c6f", "5 bytes"],
    ["a match over itself", "14 61 0100 50 6263646566", "14 bytes"],
    ["an offset of 0", "14 61 0000 50 6263646566", "corrupt"],
    ["an offset before the start", "14 61 0200 50 6263646566", "corrupt"],
    ["literals beyond the block", "60 68656c6c6f", "corrupt"],
    ["an end within an offset", "14 61 01", "corrupt"],
    ["an end after a match", "14 61 0100", "corrupt"],
    ["an endless literal length", `f0 ${"ff".repeat(40)}`, "corrupt"],
    ["an endless match length", `1f 61 0100 ${"ff".repeat(40)}`, "corrupt"],
    ["a match beyond the largest block", `1f 61 0100 ${"ff".repeat(300)} 00 50 6263646566`, "corrupt"],
    ["an empty literal run", "00", "0 bytes"],
  ])("decodes an LZ4 block with %s", (_, content, outcome) => {
    const bytes = frame(content);
    expect(reasonOf(kernels.lz4Decompress(bytes, MAX))).toBe(outcome);
  });

  const hello = lz4Block("50 68656c6c6f");
  const stored = concat(bytesOf("05000080"), ascii("hello"));
  it.each([
    ["a stored block", lz4Frame(kernels, [0x60, 0x40], stored, END), "5 bytes"],
    ["no block at all", lz4Frame(kernels, [0x60, 0x40], END), "0 bytes"],
    ["a content size", lz4Frame(kernels, [0x68, 0x40, 5, 0, 0, 0, 0, 0, 0, 0], hello, END), "5 bytes"],
    ["a content size that lies", lz4Frame(kernels, [0x68, 0x40, 6, 0, 0, 0, 0, 0, 0, 0], hello, END), "corrupt"],
    ["a huge content size", lz4Frame(kernels, [0x68, 0x40, 0, 0, 0, 0, 0, 0, 0, 1], hello, END), "too-large"],
    ["a dictionary id", lz4Frame(kernels, [0x61, 0x40, 1, 2, 3, 4], hello, END), "unsupported"],
    ["another version", lz4Frame(kernels, [0xa0, 0x40], hello, END), "unsupported"],
    ["a reserved flag", lz4Frame(kernels, [0x62, 0x40], hello, END), "corrupt"],
    ["a reserved block size", lz4Frame(kernels, [0x60, 0x30], hello, END), "corrupt"],
    ["a reserved descriptor bit", lz4Frame(kernels, [0x60, 0xc0], hello, END), "corrupt"],
    ["no end mark", lz4Frame(kernels, [0x60, 0x40], hello), "corrupt"],
    ["bytes behind the end", lz4Frame(kernels, [0x60, 0x40], hello, END, END.subarray(0, 1)), "corrupt"],
    [
      "a block larger than it may be",
      lz4Frame(kernels, [0x60, 0x40], bytesOf("01000180"), noise(65_537), END),
      "corrupt",
    ],
    ["a block beyond the input", lz4Frame(kernels, [0x60, 0x40], bytesOf("ffffff7f"), END), "corrupt"],
    ["a wrong content checksum", lz4Frame(kernels, [0x64, 0x40], hello, END, END), "checksum"],
    ["a wrong block checksum", lz4Frame(kernels, [0x70, 0x40], hello, END, END), "checksum"],
    ["nothing", new Uint8Array(0), "corrupt"],
  ])("decodes an LZ4 frame with %s", (_, bytes, outcome) => {
    expect(reasonOf(kernels.lz4Decompress(bytes, MAX))).toBe(outcome);
  });

  it("refuses a header whose checksum is wrong, and two frames in a row", () => {
    const sound = lz4Frame(kernels, [0x60, 0x40], hello, END);
    expect(reasonOf(kernels.lz4Decompress(sound.with(6, sound[6] ^ 1), MAX))).toBe("checksum");
    expect(reasonOf(kernels.lz4Decompress(concat(sound, sound), MAX))).toBe("corrupt");
  });

  it("stops at the limit, not behind it", () => {
    const zeros = kernels.lz4Compress(new Uint8Array(500_000));
    for (const maxBytes of [0, 1, 65_535, 65_536, 65_537, 499_999]) {
      expect([maxBytes, reasonOf(kernels.lz4Decompress(zeros, maxBytes))]).toEqual([maxBytes, "too-large"]);
    }
    expect(reasonOf(kernels.lz4Decompress(zeros, 500_000))).toBe("500000 bytes");
  });
}

function snappyCases(kernels: Kernels): void {
  it.each([
    ["literals", "05 10 68656c6c6f", "5 bytes"],
    ["a copy over itself", "09 00 61 11 01", "9 bytes"],
    ["a long copy", "05 00 61 0e 0100", "5 bytes"],
    ["a copy of 32 bits", "05 00 61 0f 01000000", "5 bytes"],
    ["an offset of 0", "05 00 61 0e 0000", "corrupt"],
    ["an offset before the start", "05 00 61 0e 0200", "corrupt"],
    ["an offset near 2^32", "05 00 61 0f ffffffff", "corrupt"],
    ["a copy beyond the output", "04 00 61 0e 0100", "corrupt"],
    ["a literal beyond the output", "04 10 68656c6c6f", "corrupt"],
    ["a literal beyond the input", "05 10 68656c6c", "corrupt"],
    ["a literal length near 2^32", "05 fc ffffffff 68", "corrupt"],
    ["too little output", "06 10 68656c6c6f", "corrupt"],
    ["a cut literal length", "05 f4 01", "corrupt"],
    ["a cut offset", "05 00 61 0e 01", "corrupt"],
    ["a preamble without an end", "ff ff ff ff ff", "corrupt"],
    ["a preamble beyond 32 bits", "ff ff ff ff 1f 00", "corrupt"],
    ["a huge preamble", "ff ff ff ff 0f 00", "too-large"],
    ["nothing in it", "00", "0 bytes"],
    ["no preamble", "", "corrupt"],
    ["a framing header only", "82534e4150505900 00000001 00000001", "0 bytes"],
    ["a chunk", "82534e4150505900 00000001 00000001 00000007 05 10 68656c6c6f", "5 bytes"],
    ["a cut framing header", "82534e4150505900 000000", "corrupt"],
    ["a cut chunk length", "82534e4150505900 00000001 00000001 0000", "corrupt"],
    ["a chunk beyond the input", "82534e4150505900 00000001 00000001 00000008 05 10 68656c6c6f", "corrupt"],
    ["a negative chunk length", "82534e4150505900 00000001 00000001 ffffffff 05 10 68656c6c6f", "corrupt"],
    ["an empty chunk", "82534e4150505900 00000001 00000001 00000000", "corrupt"],
  ])("decodes Snappy with %s", (_, content, outcome) => {
    expect(reasonOf(kernels.snappyDecompress(bytesOf(content), MAX))).toBe(outcome);
  });

  it("stops at the limit, not behind it", () => {
    const zeros = kernels.snappyCompress(new Uint8Array(200_000));
    for (const maxBytes of [0, 1, 65_536, 199_999]) {
      expect([maxBytes, reasonOf(kernels.snappyDecompress(zeros, maxBytes))]).toEqual([maxBytes, "too-large"]);
    }
    expect(reasonOf(kernels.snappyDecompress(zeros, 200_000))).toBe("200000 bytes");
  });
}
