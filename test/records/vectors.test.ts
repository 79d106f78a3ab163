import { describe, expect, it } from "vitest";
import { codecOf, isTransactional, lastSequenceOf, readBatchHeader, timestampTypeOf } from "#records/batch.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { NewRecord } from "#records/record.ts";
import { validateBatch } from "#records/validate.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { twins } from "../kernels/twins.ts";
import { CODECS, COUNT, librdkafkaKey, librdkafkaValue } from "./librdkafka-input.ts";
import { DEFAULT_RULES, vector } from "./verdict-cases.ts";

const BASE_MS = 1_700_000_000_000;
const encoder = new TextEncoder();

/** What test/vectors/records/MakeVectors.java puts into each batch. */
function expectedRecords(count: number): (NewRecord & { offset: number })[] {
  return Array.from({ length: count }, (_, index) => ({
    offset: index,
    timestampMs: index === 2 ? BASE_MS - 5 : BASE_MS + 10 * index,
    key: index % 7 === 0 ? null : encoder.encode(`key-${index}`),
    value: index % 5 === 0 ? null : encoder.encode(`value ${index} of a record batch made by Kafka, ü and €`),
    headers:
      index % 3 === 0
        ? [
            { key: "trace", value: encoder.encode(`t${index}`) },
            { key: "none", value: null },
            { key: "größe", value: new Uint8Array(0) },
          ]
        : [],
  }));
}

/** Plain arrays, so that a Buffer equals a Uint8Array of the same bytes. */
function plain(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (_, item) => (item instanceof Uint8Array ? [...item] : item)),
    (_, item) => (item?.type === "Buffer" ? item.data : item),
  );
}

describe.each(twins)("batches made by Kafka's own producer classes ($name)", (kernels) => {
  const compression = { kernels, codecs };

  it.each(["none", "gzip", "snappy", "lz4", "zstd"])("reads %s", (codec) => {
    const batch = vector(`java-${codec}`);
    const header = readBatchHeader(batch, 0);
    expect(codecOf(header.attributes)).toBe(["none", "gzip", "snappy", "lz4", "zstd"].indexOf(codec));
    expect(kernels.scanBatch(batch, 0, batch.length).crcMatches).toBe(true);
    expect(plain(readRecords(compression, batch, 0))).toEqual(plain(expectedRecords(20)));
  });

  it.each(["gzip", "snappy", "lz4", "zstd"])("reads %s of many blocks", (codec) => {
    const batch = vector(`java-${codec}-many`);
    expect(plain(readRecords(compression, batch, 0))).toEqual(plain(expectedRecords(3000)));
  });

  it("reads what a transactional producer says of itself", () => {
    const header = readBatchHeader(vector("java-transactional"), 0);
    expect(header).toMatchObject({ producerId: 7_000_000_001, producerEpoch: 3, baseSequence: 42, recordCount: 3 });
    expect(isTransactional(header.attributes)).toBe(true);
    expect(lastSequenceOf(header)).toBe(44);
  });

  it("gives every record the batch's time when the type is LogAppendTime", () => {
    const batch = vector("java-log-append-time");
    expect(timestampTypeOf(readBatchHeader(batch, 0).attributes)).toBe("LogAppendTime");
    const times = readRecords(compression, batch, 0).map((record) => record.timestampMs);
    expect(times).toEqual([BASE_MS + 99_999, BASE_MS + 99_999, BASE_MS + 99_999]);
  });

  it("flags a control batch and reads its marker", () => {
    const batch = vector("java-control");
    const [view] = readBatches(batch);
    expect(view.control).toBe(true);
    const [record] = readRecords(compression, batch, 0);
    // Version 0, type 1 (commit); the value's coordinator epoch is 9.
    expect([...(record.key ?? [])]).toEqual([0, 0, 0, 1]);
    expect([...(record.value ?? [])].slice(0, 6)).toEqual([0, 0, 0, 0, 0, 9]);
  });
});

describe.each(twins)("batches made by librdkafka ($name)", (kernels) => {
  const decoder = new TextDecoder();
  const text = (bytes: Uint8Array | null) => (bytes === null ? null : decoder.decode(bytes));

  it.each(CODECS)("accepts and reads %s", (codec) => {
    const batch = vector(`librdkafka-${codec}`);
    const { maxTimestamp } = readBatchHeader(batch, 0);
    const rules = { ...DEFAULT_RULES, nowMs: maxTimestamp, compacted: true };
    // Its header needs no stamp: its greatest timestamp is right already.
    expect(validateBatch({ kernels, codecs }, batch, rules)).toMatchObject({ ok: true, stamp: null });
    const records = readRecords({ kernels, codecs }, batch, 0);
    expect(records.map((record) => [text(record.key), text(record.value)])).toEqual(
      Array.from({ length: COUNT }, (_, index) => [librdkafkaKey(index), librdkafkaValue(index)]),
    );
    expect(records.every((record) => maxTimestamp - record.timestampMs < 10_000)).toBe(true);
    expect(records[7].headers.map((header) => [header.key, text(header.value)])).toEqual([
      ["trace", "42"],
      ["empty", ""],
    ]);
  });
});
