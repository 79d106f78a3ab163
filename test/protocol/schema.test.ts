import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { MAX_ELEMENTS, MAX_TAGGED_FIELDS } from "#protocol/codec.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { MetadataRequest } from "#protocol/messages/03-metadata.ts";
import { DescribeTopicPartitionsRequest } from "#protocol/messages/75-describe-topic-partitions.ts";
import {
  array,
  bytes,
  type Draft,
  type Field,
  type Fields,
  float64,
  int8,
  int32,
  int64,
  type Message,
  message,
  nullable,
  nullableBytes,
  nullableString,
  nullableStruct,
  preset,
  string,
  struct,
  tagged,
  uint16,
  versions,
} from "#protocol/schema.ts";
import { includes, parseVersions } from "#protocol/versions.ts";
import { loadTables } from "./tables.ts";

function encoded<T>(table: Message<T>, draft: Draft<T>, version: number): Uint8Array {
  const writer = new Writer(1);
  table.encode(writer, draft, version);
  return writer.finish();
}

function decoded<T>(table: Message<T>, source: Uint8Array, version: number): T {
  return table.decode(new Reader(source), version);
}

/** Has what no message of ours has: 0 and 1 plain, 2 and 3 flexible. */
const sample = message(
  { min: 0, max: 3, flexible: 2 },
  {
    ratio: float64,
    port: versions("1+", uint16),
    blob: nullableBytes,
    old: versions("0-1", preset("gone", string)),
    point: tagged(5, "2+", struct({ x: preset(-1, int32), name: nullableString })),
    wide: tagged(200, "3+", preset(-1, int64)),
    maybe: nullableStruct({ deep: array(nullable("0+", string)) }),
  },
);

describe("a table", () => {
  const full = {
    ratio: 0.5,
    port: 65_535,
    blob: Uint8Array.of(1, 2),
    old: "here",
    point: { x: 3, name: "p" },
    wide: 2 ** 40,
    maybe: { deep: ["a", null, ""] },
  };

  it("serves every version and gives the default of what a version doesn't have", () => {
    const none = { point: { x: -1, name: null }, wide: -1 };
    expect(decoded(sample, encoded(sample, full, 0), 0)).toEqual({ ...full, ...none, port: 0 });
    expect(decoded(sample, encoded(sample, full, 1), 1)).toEqual({ ...full, ...none });
    expect(decoded(sample, encoded(sample, full, 2), 2)).toEqual({ ...full, wide: -1, old: "gone" });
    expect(decoded(sample, encoded(sample, full, 3), 3)).toEqual({ ...full, old: "gone" });
  });

  it("gives no two messages the same object for a default", () => {
    const [one, two] = [decoded(sample, encoded(sample, {}, 3), 3), decoded(sample, encoded(sample, {}, 3), 3)];
    one.point.x = 7;
    expect(two.point.x).toBe(-1);
  });

  it("writes a tagged struct only if a field differs from its default", () => {
    const bare = encoded(sample, {}, 3).length;
    expect(encoded(sample, { point: { x: -1 }, wide: -1 }, 3).length).toBe(bare);
    expect(encoded(sample, { point: { x: -1, name: "" } }, 3).length).toBeGreaterThan(bare);
  });

  it("refuses to encode null where a version has none", () => {
    expect(() => encoded(MetadataRequest, { topics: null }, 0)).toThrow("null");
    expect(() => encoded(MetadataRequest, { topics: [{ name: null }] }, 9)).toThrow("null");
    expect(() => encoded(MetadataRequest, { topics: [{ name: null }] }, 10)).not.toThrow();
  });

  it("gives types that know its fields", () => {
    // @ts-expect-error: there is no such field
    encoded(ProduceRequest, { topicData: [{ partitionDatum: [] }] }, 9);
    const { records } = decoded(ProduceRequest, encoded(ProduceRequest, { topicData: [{ partitionData: [{}] }] }, 9), 9)
      .topicData[0].partitionData[0];
    // @ts-expect-error: records may be null
    expect(() => records.length).toThrow(TypeError);
  });

  it("has no versions but its own", () => {
    for (const version of [-1, 2, 14, 1.5]) {
      expect(() => encoded(ProduceRequest, {}, version)).toThrow(`API 0 has no version ${version}`);
    }
  });

  it("takes records as a list of chunks", () => {
    const chunks = [Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)];
    const draft = (records: Uint8Array | Uint8Array[]) => ({ topicData: [{ partitionData: [{ records }] }] });
    expect(encoded(ProduceRequest, draft(chunks), 9)).toEqual(
      encoded(ProduceRequest, draft(Uint8Array.of(1, 2, 3)), 9),
    );
  });
});

describe("bytes that lie", () => {
  const list = message({ min: 0, max: 1, flexible: 1 }, { elements: array(struct({ tail: versions("1+", int8) })) });
  const words = message({ min: 0, max: 1, flexible: 1 }, { word: string, blob: bytes });

  it.each([
    ["a null array that can't be", list, 0, "ffffffff"],
    ["a null compact array that can't be", list, 1, "00"],
    ["a count beyond the bytes", list, 0, "7fffffff00"],
    ["a compact count beyond the bytes", list, 1, "ffffffff0f00"],
    ["a null string that can't be", words, 0, "ffff00000000"],
    ["a null compact string that can't be", words, 1, "000100"],
    ["a string longer than the bytes", words, 0, "7fff61"],
    ["a negative byte count", words, 0, "0000fffffffe"],
    ["bytes longer than the bytes", words, 0, "00007fffffff"],
    ["more tags than bytes", words, 1, "010105"],
    ["a tagged field longer than the bytes", words, 1, "0101010904aa"],
    ["more tagged fields than any message has", words, 1, `0101${"914e"}${"0000".repeat(MAX_TAGGED_FIELDS + 1)}`],
  ] as [string, Message<unknown>, number, string][])("%s", (_name, table, version, hex) => {
    expect(() => decoded(table, Buffer.from(hex, "hex"), version)).toThrow(MalformedMessageError);
  });

  it("a known tagged field that is shorter or longer than it says", () => {
    const point = message({ min: 0, max: 0, flexible: 0 }, { x: tagged(0, "0+", int32) });
    expect(decoded(point, Buffer.from("01000400000007", "hex"), 0)).toEqual({ x: 7 });
    for (const hex of ["01000300000007", "0100050000000700"]) {
      expect(() => decoded(point, Buffer.from(hex, "hex"), 0)).toThrow(MalformedMessageError);
    }
  });

  it("more elements than a message may have, in one array or in many", () => {
    // Elements of no size at all are where a count costs the sender nothing but its own bytes.
    const huge = new Writer();
    huge.int32(MAX_ELEMENTS + 1);
    huge.bytes(new Uint8Array(MAX_ELEMENTS + 1));
    expect(() => decoded(list, huge.finish(), 0)).toThrow(MalformedMessageError);

    const nested = message({ min: 0, max: 0, flexible: 0 }, { rows: array(array(int8)) });
    const rows = (count: number) => {
      const writer = new Writer();
      writer.unsignedVarint(count + 1);
      for (let i = 0; i < count; i++) {
        writer.unsignedVarint(1001);
        writer.bytes(new Uint8Array(1000));
      }
      writer.unsignedVarint(0);
      return writer.finish();
    };
    expect(decoded(nested, rows(10), 0).rows.length).toBe(10);
    expect(() => decoded(nested, rows(MAX_ELEMENTS / 1000), 0)).toThrow(MalformedMessageError);
    // The count begins anew with each message.
    expect(decoded(nested, rows(MAX_ELEMENTS / 1000 - 1), 0).rows.length).toBe(MAX_ELEMENTS / 1000 - 1);
    expect(decoded(nested, rows(MAX_ELEMENTS / 1000 - 1), 0).rows.length).toBe(MAX_ELEMENTS / 1000 - 1);
  });

  it("leave what follows the message to the caller", () => {
    const reader = new Reader(Uint8Array.of(...encoded(DescribeTopicPartitionsRequest, {}, 0), 1, 2, 3));
    DescribeTopicPartitionsRequest.decode(reader, 0);
    expect(reader.remaining).toBe(3);
  });
});

describe("versions", () => {
  it("are read in Kafka's notation", () => {
    expect(parseVersions("3+")).toEqual({ min: 3, max: Number.POSITIVE_INFINITY });
    expect(parseVersions("0-12")).toEqual({ min: 0, max: 12 });
    expect(parseVersions("7")).toEqual({ min: 7, max: 7 });
    expect(includes(parseVersions("none"), 0)).toBe(false);
    for (const text of ["", "x", "1-", "-1", "1+2"]) expect(() => parseVersions(text)).toThrow("not a version range");
  });
});

/** Any value of a field as a given version can carry it; what it can't carry is left at the default. */
function anyValue(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  if (!includes(field.versions, version)) return fc.constant(field.initial());
  const value = anyPresent(field, version);
  return includes(field.nullable, version) ? fc.oneof(fc.constant(null), value) : value;
}

function anyPresent(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  const signed = (bits: number) => fc.integer({ min: -(2 ** (bits - 1)), max: 2 ** (bits - 1) - 1 });
  switch (field.kind) {
    case "bool":
      return fc.boolean();
    case "int8":
      return signed(8);
    case "int16":
      return signed(16);
    case "uint16":
      return fc.integer({ min: 0, max: 0xffff });
    case "int32":
      return signed(32);
    case "int64":
      return fc.maxSafeInteger();
    case "float64":
      return fc.double();
    case "uuid":
      return fc.uint8Array({ minLength: 16, maxLength: 16 }).map((raw) => Buffer.from(raw).toString("base64url"));
    case "string":
      return fc.string({ unit: "binary", maxLength: 20 });
    case "bytes":
    case "records":
      return fc.uint8Array({ maxLength: 20 });
    case "array":
      return fc.array(anyValue(field.element as Field<unknown>, version), { maxLength: 3 });
    case "struct":
      return anyStruct(field.fields as Fields, version);
  }
}

function anyStruct(fields: Fields, version: number): fc.Arbitrary<object> {
  return fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, anyValue(field, version)])));
}

const tables = [...(await loadTables())];

describe.each(tables)("any %s", (_name, table) => {
  const versionNumbers = Array.from({ length: table.max - table.min + 1 }, (_, i) => table.min + i);

  it("is read back as it was written, and mutations of it are malformed or a message", () => {
    for (const version of versionNumbers) {
      const position = fc.nat();
      fc.assert(
        fc.property(anyStruct(table.fields, version), position, fc.nat(255), (value, at, byte) => {
          const source = encoded(table, value, version);
          expect(decoded(table, source, version)).toEqual(value);
          if (source.length === 0) return;
          const mutated = source.slice();
          mutated[at % source.length] = byte;
          try {
            decoded(table, mutated, version);
          } catch (error) {
            expect(error).toBeInstanceOf(MalformedMessageError);
          }
        }),
        { numRuns: 12 },
      );
    }
  });
});

it("the sample too, whose kinds no message has", () => {
  for (const version of [0, 1, 2, 3]) {
    fc.assert(
      fc.property(anyStruct(sample.fields, version), (value) => {
        expect(
          decoded(sample, encoded(sample, value as Draft<ReturnType<typeof sample.decode>>, version), version),
        ).toEqual(value);
      }),
      { numRuns: 50 },
    );
  }
});
