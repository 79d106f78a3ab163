import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readJson, writeJson } from "#rest/json.ts";
import { utf8 } from "../doubles/rest-cluster.ts";

function through(text: string): string {
  const parsed = readJson(utf8(text), 100);
  if (!parsed.ok) throw new Error(parsed.reason);
  return writeJson(parsed.value);
}

describe("JSON in and out", () => {
  it.each([
    "9007199254740993",
    "-9223372036854775808",
    "123456789012345678901234567890",
    "1.0",
    "0.1000",
    "1e400",
    "1E2",
    "-0",
    '{"a":[1.50,{"b":18446744073709551615}]}',
  ])("keeps the number as it is written: %s", (text) => {
    expect(through(text)).toBe(text);
  });

  it.each([
    ['{ "a" : 1 ,\n "b":[ ] }', '{"a":1,"b":[]}'],
    ['"gr\\u00fc\\u00dfe 🚀"', '"grüße 🚀"'],
    ['"\\ud800"', '"\\ud800"'],
    ['{"__proto__":1}', '{"__proto__":1}'],
    ['"1.0 and 12345678901234567890"', '"1.0 and 12345678901234567890"'],
    ['"\\\\",1.0'.replace(",1.0", ""), '"\\\\"'],
    ['["\\"",1.0]', '["\\"",1.0]'],
  ])("writes %s in one line", (text, written) => {
    expect(through(text)).toBe(written);
  });

  it("gives back any JSON value", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(JSON.parse(through(JSON.stringify(value)))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("refuses what is nested too deep, without recursion", () => {
    expect(readJson(utf8("[".repeat(100) + "]".repeat(100)), 100)).toMatchObject({ ok: true });
    expect(readJson(utf8("[".repeat(101) + "]".repeat(101)), 100)).toMatchObject({ ok: false });
    expect(readJson(utf8("[".repeat(1_000_000)), 100)).toMatchObject({ ok: false });
    expect(readJson(utf8(`"${"[".repeat(101)}"`), 100)).toMatchObject({ ok: true });
  });

  it.each(["", "{", '{"a":}', "nul", "01", '"\u0001"', "[1,]", "1 2"])("refuses %j", (text) => {
    expect(readJson(utf8(text), 100)).toMatchObject({ ok: false });
  });

  it("refuses bytes that are no UTF-8", () => {
    expect(readJson(Uint8Array.of(0x22, 0xff, 0x22), 100)).toEqual({ ok: false, reason: "the body is no UTF-8" });
  });
});
