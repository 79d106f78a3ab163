/** Batches exchanged with two other JavaScript implementations of the format. */
import { createRequire } from "node:module";
import { createRecordsBatch, Reader as PeerReader, readRecordsBatch } from "@platformatic/kafka";
import { describe, expect, it } from "vitest";
import { Codec } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { readRecords } from "#records/reader.ts";
import type { NewRecord } from "#records/record.ts";
import { validateBatch } from "#records/validate.ts";
import { zlibCodecs as codecs } from "#worker/codecs.ts";
import { wasmKernels as kernels } from "../kernels/twins.ts";
import { DEFAULT_RULES, NOW_MS } from "./verdict-cases.ts";

const require = createRequire(import.meta.url);
const { RecordBatch: encodeKafkaJsBatch } = require("kafkajs/src/protocol/recordBatch/v0");
const encodeKafkaJsRecord = require("kafkajs/src/protocol/recordBatch/record/v0");
const KafkaJsDecoder = require("kafkajs/src/protocol/decoder");
const decodeKafkaJsBatch = require("kafkajs/src/protocol/recordBatch/v0/decoder");

const compression = { kernels, codecs };
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

const records: NewRecord[] = Array.from({ length: 300 }, (_, index) => ({
  timestampMs: NOW_MS + index,
  key: index % 4 === 0 ? null : Buffer.from(`key ${index}`),
  value: Buffer.from(`a value, number ${index}, of no great length`),
  headers: index % 3 === 0 ? [{ key: "h", value: Buffer.from([index & 0xff]) }] : [],
}));

function digest(list: readonly NewRecord[]): string[] {
  const hex = (bytes: Uint8Array | null) => (bytes === null ? "null" : Buffer.from(bytes).toString("hex"));
  return list.map(({ timestampMs, key, value, headers }) => {
    const pairs = (headers ?? []).map((header) => `${header.key}=${hex(header.value)}`);
    return [timestampMs, hex(key), hex(value), ...pairs].join(" ");
  });
}

describe("@platformatic/kafka", () => {
  const messages = records.map((record) => ({
    topic: "t",
    timestamp: BigInt(record.timestampMs),
    key: record.key === null ? undefined : (record.key as Buffer),
    value: record.value as Buffer,
    headers: new Map((record.headers ?? []).map((header) => [Buffer.from(header.key), header.value as Buffer])),
  }));

  it.each(CODECS)("makes batches that we accept and read: %s", (name) => {
    const batch = new Uint8Array(createRecordsBatch(messages, { compression: name }).buffer);
    expect(validateBatch(compression, batch, DEFAULT_RULES).ok).toBe(true);
    expect(digest(readRecords(compression, batch, 0))).toEqual(digest(records));
  });

  it.each(CODECS)("reads ours: %s", (name) => {
    const codec = CODECS.indexOf(name) as Codec;
    const batch = buildBatch(compression, records, { codec });
    const read = readRecordsBatch(PeerReader.from(Buffer.from(batch)));
    expect(read.records.length).toBe(300);
    const back = read.records.map(
      (record): NewRecord => ({
        timestampMs: Number(read.firstTimestamp + record.timestampDelta),
        key: record.key,
        value: record.value,
        headers: record.headers.map(([key, value]) => ({ key: String(key), value })),
      }),
    );
    expect(digest(back)).toEqual(digest(records));
  });
});

describe("kafkajs", () => {
  it.each([Codec.NONE, Codec.GZIP])("makes batches that we accept and read: codec %i", async (codec) => {
    const encoded = await encodeKafkaJsBatch({
      compression: codec,
      firstTimestamp: NOW_MS,
      maxTimestamp: NOW_MS + 299,
      lastOffsetDelta: 299,
      records: records.map((record, offsetDelta) =>
        encodeKafkaJsRecord({
          offsetDelta,
          timestampDelta: record.timestampMs - NOW_MS,
          key: record.key,
          value: record.value,
          headers: Object.fromEntries((record.headers ?? []).map((header) => [header.key, header.value])),
        }),
      ),
    });
    const batch = new Uint8Array(encoded.buffer);
    expect(validateBatch(compression, batch, DEFAULT_RULES)).toMatchObject({ ok: true, stamp: null });
    expect(digest(readRecords(compression, batch, 0))).toEqual(digest(records));
  });

  it.each([Codec.NONE, Codec.GZIP])("reads ours: codec %i", async (codec) => {
    const batch = Buffer.from(buildBatch(compression, records, { codec }));
    const decoder = new KafkaJsDecoder(batch);
    const read = await decodeKafkaJsBatch(decoder);
    const back = read.records.map(
      (record: { timestamp: string; key: Buffer; value: Buffer; headers: Record<string, Buffer> }): NewRecord => ({
        timestampMs: Number(record.timestamp),
        key: record.key,
        value: record.value,
        headers: Object.entries(record.headers).map(([key, value]) => ({ key, value })),
      }),
    );
    expect(digest(back)).toEqual(digest(records));
  });
});
