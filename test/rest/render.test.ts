import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatCursor, parseCursor } from "#rest/cursor.ts";
import { renderBinary, renderJson, renderReadable } from "#rest/render.ts";
import { utf8 } from "../doubles/rest-cluster.ts";

/** Bytes of every kind that a record may hold. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 60 }),
  fc.string({ unit: "binary", maxLength: 40 }).map(utf8),
  fc.json({ maxDepth: 4 }).map(utf8),
  fc.jsonValue({ maxDepth: 3 }).map((value) => utf8(JSON.stringify(value, null, "\t"))),
);

describe("what a live tail shows", () => {
  it("is one line of JSON for any bytes, from which the bytes' meaning can be had back", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const shown = renderReadable(bytes);
        expect(shown).not.toMatch(/[\r\n]/);
        const value = JSON.parse(shown);
        if (!isUtf8(bytes)) {
          expect(value).toEqual({ base64: Buffer.from(bytes).toString("base64") });
          return;
        }
        const text = Buffer.from(bytes).toString("utf8");
        expect(value).toEqual(isJson(text) ? JSON.parse(text) : text);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the embedded formats", () => {
  it("give back the bytes", () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(Buffer.from(JSON.parse(renderBinary(bytes)), "base64")).toEqual(Buffer.from(bytes));
        const json = renderJson(bytes);
        const text = Buffer.from(bytes).toString("utf8");
        if (json === undefined) expect(isUtf8(bytes) && isJson(text)).toBe(false);
        else expect(JSON.parse(json)).toEqual(JSON.parse(text));
      }),
    );
    expect([renderBinary(null), renderJson(null), renderReadable(null)]).toEqual(["null", "null", "null"]);
  });
});

describe("a resume point", () => {
  it("comes back as it was", () => {
    const positions = fc.uniqueArray(fc.tuple(fc.nat(10_000), fc.maxSafeNat()), {
      selector: ([partition]) => partition,
      minLength: 1,
    });
    fc.assert(
      fc.property(positions, (entries) => {
        expect(parseCursor(formatCursor(new Map(entries)))).toEqual(new Map(entries));
      }),
    );
  });

  it("is nothing else", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(..."0123:,- ") }), (text) => {
        const positions = parseCursor(text);
        if (positions !== null) expect(text).toMatch(/^\d+:\d+(,\d+:\d+)*$/);
      }),
    );
  });
});

function isUtf8(bytes: Uint8Array): boolean {
  return Buffer.from(Buffer.from(bytes).toString("utf8"), "utf8").equals(bytes);
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
