import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { uuidFromBytes, uuidToBytes, ZERO_UUID } from "#bytes/uuid.ts";

function toBytes(uuid: string): Uint8Array {
  const bytes = new Uint8Array(16).fill(0xaa);
  uuidToBytes(uuid, bytes);
  return bytes;
}

describe("uuid", () => {
  it("is base64url as Node writes it", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
        const text = Buffer.from(bytes).toString("base64url");
        expect(uuidFromBytes(bytes)).toBe(text);
        expect(toBytes(text)).toEqual(bytes);
      }),
    );
  });

  it("has a zero", () => {
    expect(uuidFromBytes(new Uint8Array(20), 3)).toBe(ZERO_UUID);
    expect(toBytes(ZERO_UUID)).toEqual(new Uint8Array(16));
  });

  it.each([
    "",
    "AAAA",
    "AAAAAAAAAAAAAAAAAAAAA+",
    "AAAAAAAAAAAAAAAAAAAAAB",
    "AAAAAAAAAAAAAAAAAAAAÄA",
    "AAAAAAAAAAAAAAAAAAAAAAA",
  ])("%j is none", (text) => {
    expect(() => toBytes(text)).toThrow(MalformedMessageError);
  });
});
