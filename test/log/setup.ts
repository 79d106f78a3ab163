import { referenceKernels } from "#kernels/reference.ts";
import type { AppendConfig, Appended, AppendOptions, AppendOutcome } from "#log/append.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import type { RowCacheLimits } from "#log/row-cache.ts";
import type { LogStore } from "#ports/log-store.ts";
import { type BatchOptions, buildBatch } from "#records/builder.ts";
import type { Compression } from "#records/compression.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { zlibCodecs } from "#worker/codecs.ts";

export const compression: Compression = { kernels: referenceKernels, codecs: zlibCodecs };
export const TOPIC = "AAAAAAAAAAAAAAAAAAAAAQ";
export const OTHER_TOPIC = "AAAAAAAAAAAAAAAAAAAAAg";
export const NOW_MS = 1_800_000_000_000;

export const config: AppendConfig = {
  maxMessageBytes: 1_048_588,
  timestampType: "CreateTime",
  timestampBeforeMaxMs: Number.MAX_SAFE_INTEGER,
  timestampAfterMaxMs: 3_600_000,
  compacted: false,
  segmentBytes: 1 << 30,
  segmentMs: 604_800_000,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
};

export function openLogs(
  store: LogStore,
  cacheLimits?: RowCacheLimits,
  onFailed?: (error: unknown) => void,
): PartitionLogs {
  return new PartitionLogs({ store, compression, clock: { nowMs: () => NOW_MS }, cacheLimits, onFailed });
}

/** A memory so small that nearly every read must come from the store. */
export const TINY_CACHE: RowCacheLimits = { tailMaxBytes: 8192, readRowsMaxBytes: 4096 };

export interface BatchContent extends BatchOptions {
  /** One record each. */
  readonly values: readonly (string | Uint8Array)[];
  readonly timestampsMs?: readonly number[];
}

const encoder = new TextEncoder();

export function batchOf({ values, timestampsMs, ...options }: BatchContent): Uint8Array {
  const records = values.map((value, i) => ({
    timestampMs: timestampsMs?.[i] ?? NOW_MS,
    key: null,
    value: typeof value === "string" ? encoder.encode(value) : value,
  }));
  return buildBatch(compression, records, options);
}

export function append(log: PartitionLog, batch: Uint8Array, options: Partial<AppendOptions> = {}): AppendOutcome {
  return log.append(batch, { config, leaderEpoch: 0, nowMs: NOW_MS, origin: "client", produceVersion: 13, ...options });
}

/** Appends what must succeed. */
export function appendOne(log: PartitionLog, content: BatchContent, options: Partial<AppendOptions> = {}): Appended {
  const outcome = append(log, batchOf(content), options);
  if (outcome.kind === "refused") throw new Error(`refused: ${outcome.errorCode} ${outcome.errorMessage}`);
  return outcome;
}

export interface ReadRecord {
  readonly offset: number;
  readonly value: string;
}

/** Every record that one read returns, also those of its first batch before `fromOffset`. */
export function readValues(log: PartitionLog, fromOffset: number, maxBytes = Number.MAX_SAFE_INTEGER): ReadRecord[] {
  const outcome = log.read(fromOffset, { maxBytes, upperBound: log.highWatermark, minOneMessage: true });
  if (outcome.kind === "refused") throw new Error(`refused: ${outcome.errorCode}`);
  const bytes = join(outcome.chunks);
  if (bytes.length !== outcome.sizeInBytes) throw new Error("the size of a read is not that of its chunks");
  const records: ReadRecord[] = [];
  for (const { at } of readBatches(bytes)) {
    for (const record of readRecords(compression, bytes, at)) {
      records.push({ offset: record.offset, value: new TextDecoder().decode(record.value ?? new Uint8Array(0)) });
    }
  }
  return records;
}

/** Everything from the log start to the high watermark, read in steps of `maxBytes`. */
export function readAll(log: PartitionLog, maxBytes = Number.MAX_SAFE_INTEGER): ReadRecord[] {
  const all: ReadRecord[] = [];
  let offset = log.logStartOffset;
  while (offset < log.highWatermark) {
    const records = readValues(log, offset, maxBytes).filter((record) => record.offset >= offset);
    if (records.length === 0) throw new Error(`nothing is read at ${offset} below ${log.highWatermark}`);
    all.push(...records);
    offset = (records.at(-1) as ReadRecord).offset + 1;
  }
  return all;
}

export function join(chunks: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
