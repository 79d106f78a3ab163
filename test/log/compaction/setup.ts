/** Batches with keys, and what is read back from them. */
import type { CleaningRules, LastProduced } from "#log/compaction/clean-batch.ts";
import { indexBatch } from "#log/compaction/index-batch.ts";
import { KeyHash } from "#log/compaction/key-hash.ts";
import { OffsetMap } from "#log/compaction/offset-map.ts";
import { type AbortedTransaction, TransactionWalk } from "#log/compaction/transactions.ts";
import { stampBatch } from "#records/batch.ts";
import { type BatchOptions, buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import type { NewRecord } from "#records/record.ts";
import { compression, NOW_MS } from "../setup.ts";

export { compression, NOW_MS };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `[key, value]`, with null for none. */
export type KeyValue = readonly [key: string | null, value: string | null, timestampMs?: number];

export interface KeyedBatch extends BatchOptions {
  readonly records: readonly KeyValue[];
}

/** A batch as it lies in a log. */
export function keyedBatch({ records, ...options }: KeyedBatch): Uint8Array {
  const batch = buildBatch(compression, records.map(toRecord), options);
  stampBatch(batch, 0, options.baseOffset ?? 0, options.partitionLeaderEpoch ?? 3);
  return batch;
}

function toRecord([key, value, timestampMs]: KeyValue): NewRecord {
  return {
    timestampMs: timestampMs ?? NOW_MS,
    key: key === null ? null : encoder.encode(key),
    value: value === null ? null : encoder.encode(value),
    headers: key === null ? [] : [{ key: "of", value: encoder.encode(key) }],
  };
}

export const ABORT = 0;
export const COMMIT = 1;

/** The one record of a transaction's end, as a coordinator writes it. */
export function markerBatch(type: number, options: BatchOptions): Uint8Array {
  const record = { timestampMs: NOW_MS, key: Uint8Array.of(0, 0, 0, type), value: Uint8Array.of(0, 0, 0, 0, 0, 7) };
  const batch = buildBatch(compression, [record], { ...options, transactional: true, control: true });
  stampBatch(batch, 0, options.baseOffset ?? 0, 3);
  return batch;
}

export interface PlainRecord {
  readonly offset: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
}

/** Every record of batches that lie one after the other. */
export function plainRecords(bytes: Uint8Array): PlainRecord[] {
  const records: PlainRecord[] = [];
  for (const { at, control } of readBatches(bytes)) {
    for (const { offset, key, value, timestampMs, headers } of readRecords(compression, bytes, at)) {
      const text = key === null ? null : decoder.decode(key);
      if (!control && text !== null) {
        if (headers.length !== 1 || decoder.decode(headers[0].value ?? undefined) !== text) {
          throw new Error("a record has lost its headers");
        }
      }
      records.push({ offset, key: text, value: value === null ? null : decoder.decode(value), timestampMs });
    }
  }
  return records;
}

export interface RulesOptions {
  readonly nowMs?: number;
  readonly deleteRetentionMs?: number;
  readonly highWatermark?: number;
  readonly keepsDeletes?: boolean;
  readonly producers?: Readonly<Record<number, LastProduced>>;
  readonly mapMaxBytes?: number;
  readonly fromOffset?: number;
  readonly aborted?: readonly AbortedTransaction[];
}

/** The rules of a round whose dirty part are these batches. */
export function rulesOf(batches: readonly Uint8Array[], options: RulesOptions = {}): CleaningRules {
  const latest = new OffsetMap(new KeyHash(new Uint8Array(16)), options.mapMaxBytes);
  const transactions = new TransactionWalk();
  transactions.add(options.aborted ?? []);
  for (const batch of batches) {
    if (!indexBatch(compression, batch, { latest, fromOffset: options.fromOffset ?? 0 }, transactions)) break;
  }
  return {
    nowMs: options.nowMs ?? NOW_MS,
    deleteRetentionMs: options.deleteRetentionMs ?? 1000,
    highWatermark: options.highWatermark ?? Number.MAX_SAFE_INTEGER,
    keepsDeletes: options.keepsDeletes ?? false,
    latest,
    lastProduced: (producerId) => options.producers?.[producerId],
  };
}
