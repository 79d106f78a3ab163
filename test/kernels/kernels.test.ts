import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runKernelCases } from "./cases.ts";
import { bytesOf, lz4FrameOf, noise, sameBytes, TEXT } from "./inputs.ts";
import { twins } from "./twins.ts";

function vector(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(`../vectors/kernels/${name}`, import.meta.url)));
}

for (const kernels of twins) runKernelCases(kernels);

describe.each(twins)("streams made by liblz4 and libsnappy ($name)", (kernels) => {
  const contents: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["noise", noise(1000)],
    ["zeros", new Uint8Array(100_000)],
  ];

  it.each([
    ...["default", "independent", "linked", "checksums", "no-checksums", "high"].map((name) => [name, TEXT] as const),
    ...contents,
  ])("decodes %s.lz4", (name, content) => {
    const decoded = kernels.lz4Decompress(vector(`${name}.lz4`), content.length);
    expect(decoded.ok && sameBytes(decoded.bytes, content)).toBe(true);
  });

  it("refuses a stream that needs a dictionary", () => {
    expect(kernels.lz4Decompress(vector("dictionary.lz4"), 1 << 20)).toEqual({ ok: false, reason: "corrupt" });
  });

  it.each([["text", TEXT] as const, ...contents])("decodes %s.snappy", (name, content) => {
    const decoded = kernels.snappyDecompress(vector(`${name}.snappy`), content.length);
    expect(decoded.ok && sameBytes(decoded.bytes, content)).toBe(true);
  });
});

/** Made by fuzz-native.ts. `written` is -1 for what the library refuses. */
interface Damaged {
  readonly kind: "lz4" | "lz4-frame" | "snappy" | "xerial";
  readonly room: number;
  readonly stream: string;
  readonly written: number;
  readonly crc: number;
}

describe.each(twins)("damaged streams, beside liblz4 and libsnappy ($name)", (kernels) => {
  const corpus = JSON.parse(new TextDecoder().decode(vector("damaged.json"))) as Damaged[];

  it.each(["lz4", "lz4-frame", "snappy", "xerial"] as const)("makes the same of %s", (kind) => {
    let accepted = 0;
    for (const one of corpus.filter((each) => each.kind === kind)) {
      const stream = bytesOf(one.stream);
      const isLz4 = kind === "lz4" || kind === "lz4-frame";
      const decoded = isLz4
        ? kernels.lz4Decompress(kind === "lz4" ? lz4FrameOf(stream) : stream, one.room)
        : kernels.snappyDecompress(stream, one.room);
      // liblz4 also wants the last five bytes to be literals, which the decoder has no need of.
      if (one.written < 0 && isLz4) continue;
      const outcome = decoded.ok
        ? [decoded.bytes.length, decoded.bytes.length > 0 ? kernels.crc32c(decoded.bytes) : 0]
        : [-1, 0];
      expect([one.stream, ...outcome]).toEqual([one.stream, one.written, one.crc]);
      if (decoded.ok) accepted++;
    }
    expect(accepted).toBeGreaterThan(20);
  });
});
