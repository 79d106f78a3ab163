import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { type Codec, isControl, isTransactional, readBatchHeader } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { NewRecord } from "#records/record.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { twins } from "../kernels/twins.ts";
import { vector } from "./verdict-cases.ts";

const NOW_MS = 1_700_000_000_000;
const encoder = new TextEncoder();

describe.each(twins)("building and reading batches ($name)", (kernels) => {
  const compression = { kernels, codecs };
  const odd: NewRecord[] = [
    { timestampMs: NOW_MS, key: new Uint8Array(0), value: null },
    { timestampMs: -1, key: null, value: new Uint8Array(0), headers: [{ key: "", value: null }] },
    { timestampMs: NOW_MS + 2 ** 31, key: new Uint8Array(63), value: new Uint8Array(64) },
    { timestampMs: NOW_MS - 2 ** 32, key: encoder.encode("ü"), value: new Uint8Array(8191).fill(3) },
    {
      timestampMs: 0,
      key: null,
      value: new Uint8Array(70_000),
      headers: Array(200).fill({ key: "größe", value: new Uint8Array(9) }),
    },
  ];

  it.each([0, 1, 2, 3, 4] as Codec[])("reads back records of every shape: codec %i", (codec) => {
    const batch = buildBatch(compression, odd, { codec, baseOffset: 2 ** 40 });
    const records = readRecords(compression, batch, 0);
    expect(records.map((record) => record.offset - 2 ** 40)).toEqual([0, 1, 2, 3, 4]);
    for (const [index, { timestampMs, key, value, headers }] of records.entries()) {
      const given = odd[index];
      const copy = (bytes: Uint8Array | null) => (bytes === null ? null : [...bytes]);
      expect([timestampMs, copy(key), copy(value)]).toEqual([given.timestampMs, copy(given.key), copy(given.value)]);
      expect(headers.map((header) => [header.key, copy(header.value)])).toEqual(
        (given.headers ?? []).map((header) => [header.key, copy(header.value)]),
      );
    }
    expect(readBatchHeader(batch, 0)).toMatchObject({
      baseTimestamp: NOW_MS,
      maxTimestamp: NOW_MS + 2 ** 31,
      recordCount: 5,
    });
    expect(kernels.scanBatch(batch, 0, batch.length).crcMatches).toBe(true);
  });

  it("gives lengths as few bytes as they take", () => {
    for (const valueBytes of [0, 40, 63, 64, 65, 8150, 8170, 8180, 8190, 8191, 8192, 8200]) {
      for (const keyBytes of [0, 3, 30, 130, 9000]) {
        const key = new Uint8Array(keyBytes).fill(1);
        const value = new Uint8Array(valueBytes).fill(2);
        const list = [0, -65, 64, 2 ** 33].map((delta) => ({ timestampMs: NOW_MS + delta, key, value }));
        const batch = buildBatch(compression, list);
        const records = readRecords(compression, batch, 0);
        expect(records.map(({ timestampMs }) => timestampMs)).toEqual(list.map(({ timestampMs }) => timestampMs));
        for (const record of records) expect([record.key, record.value, record.headers]).toEqual([key, value, []]);
        const varintBytes = (length: number) => (length < 0x40 ? 1 : length < 0x2000 ? 2 : 3);
        const bodies = [1, 2, 2, 5].map(
          (deltaBytes) => 3 + deltaBytes + varintBytes(keyBytes) + keyBytes + varintBytes(valueBytes) + valueBytes,
        );
        expect(batch.length).toBe(61 + bodies.reduce((sum, body) => sum + varintBytes(body) + body, 0));
      }
    }
  });

  it("makes the bytes that Kafka makes of the same records", () => {
    const batch = vector("java-transactional");
    const header = readBatchHeader(batch, 0);
    const again = buildBatch(compression, readRecords(compression, batch, 0), { ...header, transactional: true });
    expect(again).toEqual(batch);
  });

  it("writes what a producer says of itself", () => {
    const options = { producerId: 9, producerEpoch: 2, baseSequence: 100, transactional: true, control: true };
    const header = readBatchHeader(buildBatch(compression, odd, options), 0);
    expect(header).toMatchObject({ producerId: 9, producerEpoch: 2, baseSequence: 100, lastOffsetDelta: 4 });
    expect([isTransactional(header.attributes), isControl(header.attributes)]).toEqual([true, true]);
  });

  it("reads a row of batches up to the one that is cut off", () => {
    const first = buildBatch(compression, odd.slice(0, 2));
    const second = buildBatch(compression, odd.slice(2, 3), { baseOffset: 2, codec: 3 });
    const row = new Uint8Array([...first, ...second, ...first.subarray(0, 70)]);
    expect([...readBatches(row)].map((view) => [view.at, view.header.baseOffset])).toEqual([
      [0, 0],
      [first.length, 2],
    ]);
    expect(readRecords(compression, row, first.length).map((record) => record.offset)).toEqual([2]);
    expect([...readBatches(row, 0, 11)]).toEqual([]);
  });

  it("throws one kind of error for bytes that lie", () => {
    const batch = buildBatch(compression, odd.slice(0, 4));
    for (let at = 61; at < 61 + 40; at++) {
      for (const value of [0, 1, 0x7f, 0x80, 0xff]) {
        try {
          readRecords(compression, batch.with(at, value), 0);
        } catch (error) {
          expect(error).toBeInstanceOf(MalformedMessageError);
        }
      }
    }
    expect(() => readRecords(compression, batch.subarray(0, 100), 0)).toThrow(MalformedMessageError);
    expect(() => readRecords(compression, batch.with(22, 5), 0)).toThrow(MalformedMessageError);
    expect(() => readRecords(compression, batch.with(60, 3), 0)).toThrow(MalformedMessageError);
    expect(() => [...readBatches(vector("java-magic-1"))]).toThrow(MalformedMessageError);
    const packed = buildBatch(compression, odd, { codec: 3 });
    expect(() => readRecords(compression, packed, 0, 1000)).toThrow(MalformedMessageError);
  });
});
