import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { MAX_KEPT_BYTES, Writer } from "#bytes/writer.ts";

function written(write: (writer: Writer) => void): Uint8Array {
  // A capacity of 1 makes every write grow the buffer.
  const writer = new Writer(1);
  write(writer);
  return writer.finish().slice();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

describe("the known form of", () => {
  it.each<[string, (writer: Writer) => void, string]>([
    ["int8", (w) => w.int8(-2), "fe"],
    ["int16", (w) => w.int16(-2), "fffe"],
    ["uint16", (w) => w.uint16(0xfffe), "fffe"],
    ["int32", (w) => w.int32(-2), "fffffffe"],
    ["uint32", (w) => w.uint32(0xfffffffe), "fffffffe"],
    ["int64", (w) => w.int64(-2), "fffffffffffffffe"],
    ["a large int64", (w) => w.int64(2 ** 53 - 1), "001fffffffffffff"],
    ["a saturated int64", (w) => w.int64Saturated(Number.MAX_SAFE_INTEGER), "7fffffffffffffff"],
    ["a saturated negative int64", (w) => w.int64Saturated(Number.MIN_SAFE_INTEGER), "8000000000000000"],
    ["bigint64", (w) => w.bigint64(-2n), "fffffffffffffffe"],
    ["float64", (w) => w.float64(1), "3ff0000000000000"],
    ["boolean", (w) => w.boolean(true), "01"],
    ["unsignedVarint", (w) => w.unsignedVarint(300), "ac02"],
    ["the largest unsignedVarint", (w) => w.unsignedVarint(0xffffffff), "ffffffff0f"],
    ["varint", (w) => w.varint(-65), "8101"],
    ["the smallest varint", (w) => w.varint(-0x80000000), "ffffffff0f"],
    ["varlong", (w) => w.varlong(-65), "8101"],
    ["a large varlong", (w) => w.varlong(2 ** 53 - 1), "feffffffffffff1f"],
    ["shortText", (w) => w.shortText("ä"), "0002c3a4"],
    ["compactText", (w) => w.compactText("ab"), "036162"],
    ["uuid", (w) => w.uuid("AAAAAAAAAAAAAAAAAAAAAQ"), "00000000000000000000000000000001"],
  ])("%s", (_name, write, bytes) => {
    expect(hex(written(write))).toBe(bytes);
  });
});

describe("what was written is read back", () => {
  const cases: [string, fc.Arbitrary<unknown>, (w: Writer, v: never) => void, (r: Reader) => unknown][] = [
    ["int8", fc.integer({ min: -128, max: 127 }), (w, v) => w.int8(v), (r) => r.int8()],
    ["int16", fc.integer({ min: -32768, max: 32767 }), (w, v) => w.int16(v), (r) => r.int16()],
    ["uint16", fc.integer({ min: 0, max: 65535 }), (w, v) => w.uint16(v), (r) => r.uint16()],
    ["int32", fc.integer(), (w, v) => w.int32(v), (r) => r.int32()],
    ["uint32", fc.integer({ min: 0, max: 0xffffffff }), (w, v) => w.uint32(v), (r) => r.uint32()],
    ["int64", fc.maxSafeInteger(), (w, v) => w.int64(v), (r) => r.int64()],
    ["int64Saturated", fc.maxSafeInteger(), (w, v) => w.int64Saturated(v), (r) => r.int64Saturated()],
    ["bigint64", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (w, v) => w.bigint64(v), (r) => r.bigint64()],
    ["float64", fc.double(), (w, v) => w.float64(v), (r) => r.float64()],
    [
      "unsignedVarint",
      fc.integer({ min: 0, max: 0xffffffff }),
      (w, v) => w.unsignedVarint(v),
      (r) => r.unsignedVarint(),
    ],
    ["varint", fc.integer(), (w, v) => w.varint(v), (r) => r.varint()],
    ["varlong", fc.maxSafeInteger(), (w, v) => w.varlong(v), (r) => r.varlong()],
    ["shortText", fc.string({ unit: "binary", maxLength: 200 }), (w, v) => w.shortText(v), (r) => r.text(r.int16())],
    [
      "compactText",
      fc.string({ unit: "binary", maxLength: 200 }),
      (w, v) => w.compactText(v),
      (r) => r.text(r.unsignedVarint() - 1),
    ],
    [
      "ASCII text",
      fc.string({ unit: "binary-ascii", maxLength: 200 }),
      (w, v) => w.compactText(v),
      (r) => r.text(r.unsignedVarint() - 1),
    ],
  ];

  it.each(cases)("%s", (_name, values, write, read) => {
    fc.assert(
      fc.property(values, (value) => {
        const reader = new Reader(written((writer) => write(writer, value as never)));
        expect(read(reader)).toEqual(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });

  it("bytes, as a view", () => {
    const source = Uint8Array.of(9, 1, 2, 3, 9);
    const reader = new Reader(source, 1, 4);
    const view = reader.bytes(3);
    expect([...view]).toEqual([1, 2, 3]);
    source[1] = 7;
    expect(view[0]).toBe(7);
  });
});

describe("a read past the end is malformed", () => {
  const reads: [string, number, (r: Reader) => unknown][] = [
    ["int8", 1, (r) => r.int8()],
    ["uint8", 1, (r) => r.uint8()],
    ["int16", 2, (r) => r.int16()],
    ["uint16", 2, (r) => r.uint16()],
    ["int32", 4, (r) => r.int32()],
    ["uint32", 4, (r) => r.uint32()],
    ["int64", 8, (r) => r.int64()],
    ["int64Saturated", 8, (r) => r.int64Saturated()],
    ["bigint64", 8, (r) => r.bigint64()],
    ["float64", 8, (r) => r.float64()],
    ["boolean", 1, (r) => r.boolean()],
    ["uuid", 16, (r) => r.uuid()],
    ["bytes", 5, (r) => r.bytes(5)],
    ["skip", 5, (r) => r.skip(5)],
    ["text", 5, (r) => r.text(5)],
    ["long text", 500, (r) => r.text(500)],
  ];

  it.each(reads)("%s", (_name, size, read) => {
    // The bytes go on behind the reader's end: it is the end that counts.
    const bytes = new Uint8Array(size + 8);
    expect(() => read(new Reader(bytes, 0, size))).not.toThrow();
    for (let end = 0; end < size; end++) {
      const reader = new Reader(bytes, 0, end);
      expect(() => read(reader)).toThrow(MalformedMessageError);
      expect(reader.position).toBe(0);
    }
  });

  it("unfinished and overlong varints", () => {
    for (const bytes of [[], [0x80], [0xff, 0xff], [0x80, 0x80, 0x80, 0x80, 0x80, 0x01]]) {
      expect(() => new Reader(Uint8Array.from(bytes)).unsignedVarint()).toThrow(MalformedMessageError);
      expect(() => new Reader(Uint8Array.from(bytes)).varint()).toThrow(MalformedMessageError);
    }
    expect(() => new Reader(new Uint8Array(11).fill(0x80)).varlong()).toThrow(MalformedMessageError);
  });

  it("negative lengths", () => {
    for (const read of [(r: Reader) => r.bytes(-1), (r: Reader) => r.text(-1), (r: Reader) => r.skip(-1)]) {
      expect(() => read(new Reader(new Uint8Array(4), 2))).toThrow(MalformedMessageError);
    }
  });
});

describe("64-bit integers that a number can't hold", () => {
  const huge = written((writer) => writer.bigint64(2n ** 53n));
  const tiny = written((writer) => writer.bigint64(-(2n ** 53n)));

  it("are malformed where they must be exact", () => {
    for (const bytes of [huge, tiny]) expect(() => new Reader(bytes).int64()).toThrow(MalformedMessageError);
    expect(() => new Reader(new Uint8Array(9).fill(0xff).fill(1, 8)).varlong()).toThrow(MalformedMessageError);
  });

  it("are saturated where they may be anything", () => {
    expect(new Reader(huge).int64Saturated()).toBe(Number.MAX_SAFE_INTEGER);
    expect(new Reader(tiny).int64Saturated()).toBe(Number.MIN_SAFE_INTEGER);
    expect(new Reader(written((w) => w.bigint64(2n ** 63n - 1n))).int64Saturated()).toBe(Number.MAX_SAFE_INTEGER);
    expect(new Reader(written((w) => w.bigint64(-(2n ** 63n)))).int64Saturated()).toBe(Number.MIN_SAFE_INTEGER);
  });

  it("are a bug when written", () => {
    expect(() => new Writer().int64(2 ** 53)).toThrow("not a safe integer");
    expect(() => new Writer().int64(0.5)).toThrow("not a safe integer");
    expect(() => new Writer().varlong(2 ** 53)).toThrow("not a safe integer");
  });
});

describe("text", () => {
  it("that isn't UTF-8 gets replacement characters, as in Kafka", () => {
    expect(new Reader(Uint8Array.of(0x61, 0xff, 0x62)).text(3)).toBe("a\ufffdb");
  });

  it("keeps a byte order mark", () => {
    expect(new Reader(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)).text(4)).toBe("\ufeffa");
  });

  it("loses a lone surrogate", () => {
    expect(hex(written((writer) => writer.shortText("\ud800")))).toBe("0003efbfbd");
  });

  it("of more than 32767 bytes doesn't fit", () => {
    expect(() => new Writer().shortText("x".repeat(32_768))).toThrow("too long");
    expect(() => new Writer().compactText("x".repeat(32_768))).toThrow("too long");
  });
});

describe("a writer that splices", () => {
  function spliced(): Writer {
    const writer = new Writer(4, 3);
    writer.int32(0);
    writer.bytes(Uint8Array.of(1, 2));
    writer.bytes(Uint8Array.of(3, 4, 5));
    writer.bytes(Uint8Array.of(6, 7, 8));
    writer.int8(9);
    writer.setInt32(0, writer.size);
    return writer;
  }

  it("keeps the order, copies only what is small and counts everything", () => {
    const writer = spliced();
    expect(writer.size).toBe(13);
    expect(writer.segments().map((segment) => [...segment])).toEqual([[0, 0, 0, 13, 1, 2], [3, 4, 5], [6, 7, 8], [9]]);
    expect(hex(writer.finish())).toBe("0000000d010203040506070809");
  });

  it("begins anew after a reset", () => {
    const writer = spliced();
    writer.reset();
    writer.int8(1);
    expect(writer.segments().map((segment) => [...segment])).toEqual([[1]]);
  });

  it("doesn't keep a huge buffer after a reset", () => {
    const writer = new Writer();
    writer.bytes(new Uint8Array(MAX_KEPT_BYTES + 1));
    expect(writer.finish().buffer.byteLength).toBeGreaterThan(MAX_KEPT_BYTES);
    writer.reset();
    writer.int32(7);
    expect(writer.finish()).toEqual(Uint8Array.of(0, 0, 0, 7));
    expect(writer.finish().buffer.byteLength).toBeLessThanOrEqual(MAX_KEPT_BYTES);
  });

  it("doesn't overwrite what isn't there", () => {
    const writer = new Writer(4, 3);
    expect(() => writer.setInt32(0, 1)).toThrow("not yet written");
    writer.bytes(Uint8Array.of(1, 2, 3));
    writer.int32(0);
    expect(() => writer.setInt32(0, 1)).toThrow("not yet written");
  });
});
