import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { runKernelCases, sameBytes } from "./cases.ts";
import { noise, TEXT } from "./inputs.ts";
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
