import { describe, expect, it } from "vitest";
import type { Codecs, Inflated } from "#ports/codecs.ts";

/** The cases of the gzip and zstd adapter, for Node and for workerd. */
export function runCodecCases(codecs: Codecs): void {
  const content = Uint8Array.from({ length: 50_000 }, (_, at) => (at * at) >>> 5);
  const formats: readonly [string, (b: Uint8Array) => Uint8Array, (b: Uint8Array, maxBytes: number) => Inflated][] = [
    ["gzip", codecs.gzip, codecs.gunzip],
    ["zstd", codecs.zstdCompress, codecs.zstdDecompress],
  ];

  describe.each(formats)("%s by node:zlib", (_, pack, unpack) => {
    it("gets back what it compressed", () => {
      for (const bytes of [content, content.subarray(0, 1), content.subarray(0, 0)]) {
        const inflated = unpack(pack(bytes), bytes.length);
        expect(inflated.ok && new Uint8Array(inflated.bytes)).toEqual(bytes);
      }
    });

    it("stops a stream that inflates beyond the limit", () => {
      const bomb = pack(new Uint8Array(20_000_000));
      for (const maxBytes of [0, 1, 1000, 19_999_999]) {
        expect([maxBytes, unpack(bomb, maxBytes)]).toEqual([maxBytes, { ok: false, reason: "too-large" }]);
      }
      expect(unpack(bomb, 20_000_000).ok).toBe(true);
    });

    it("refuses what is cut off or no such stream", () => {
      const packed = pack(content);
      for (const length of [0, 1, 5, 20, packed.length >> 1, packed.length - 1]) {
        expect([length, unpack(packed.subarray(0, length), 1 << 20)]).toEqual([
          length,
          { ok: false, reason: "corrupt" },
        ]);
      }
      expect(unpack(content, 1 << 20)).toEqual({ ok: false, reason: "corrupt" });
    });
  });
}
