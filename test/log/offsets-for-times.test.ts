import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { LOOKUP_BATCH_MAX_BYTES, LOOKUP_MAX_BYTES } from "#log/limits.ts";
import { LookupBudget } from "#log/offsets-for-times.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { PartitionLogs } from "#log/partition-logs.ts";
import { BATCH_HEADER_BYTES, Codec, stampCrc, writeBatchHeader } from "#records/batch.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { append, appendOne, compression, NOW_MS, TOPIC } from "./setup.ts";

/** A log that counts what it inflates. */
function countingLog(): { log: PartitionLog; logs: PartitionLogs; inflated: number[] } {
  const inflated: number[] = [];
  const { kernels, codecs } = compression;
  const gunzip = (bytes: Uint8Array, maxBytes: number) => {
    const opened = codecs.gunzip(bytes, maxBytes);
    inflated.push(opened.ok ? opened.bytes.length : maxBytes);
    return opened;
  };
  const logs = new PartitionLogs({
    store: new MemoryLogStore(),
    compression: { kernels, codecs: { ...codecs, gunzip } },
    clock: { nowMs: () => NOW_MS },
  });
  return { log: logs.getOrCreate(TOPIC, 0), logs, inflated };
}

/** Length 6: attributes, timestamp and offset 0 after the batch's, null key, null value, no headers. */
const SMALLEST_RECORD = Buffer.from([12, 0, 0, 0, 1, 1, 0]);

/** A gzip batch of so many records of one moment, whose header says that one of them is later. */
function liar(recordCount: number): Uint8Array {
  const packed = gzipSync(Buffer.alloc(recordCount * SMALLEST_RECORD.length, SMALLEST_RECORD));
  const batch = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  batch.set(packed, BATCH_HEADER_BYTES);
  writeBatchHeader(batch, 0, {
    baseOffset: 0,
    sizeInBytes: batch.length,
    partitionLeaderEpoch: -1,
    attributes: Codec.GZIP,
    lastOffsetDelta: recordCount - 1,
    baseTimestamp: NOW_MS,
    maxTimestamp: NOW_MS + 1000,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount,
  });
  stampCrc(compression.kernels, batch, 0);
  return batch;
}

describe("a search by time", () => {
  it("takes a batch that inflates beyond the limit for what its header says", async () => {
    const { log, logs, inflated } = countingLog();
    const count = Math.ceil(LOOKUP_BATCH_MAX_BYTES / SMALLEST_RECORD.length) + 1;
    const bomb = liar(count);
    expect(bomb.length).toBeLessThan(20_000);
    expect(append(log, bomb).kind).toBe("appended");
    await logs.committed();
    const byHeader = { offset: 0, timestampMs: NOW_MS + 1000, leaderEpoch: 0 };
    expect(log.offsetForTimestamp(NOW_MS + 500)).toEqual(byHeader);
    expect(log.offsetOfMaxTimestamp()).toEqual(byHeader);
    expect(inflated).toEqual([LOOKUP_BATCH_MAX_BYTES, LOOKUP_BATCH_MAX_BYTES]);
  });

  it("believes headers once it has walked as much as it may", async () => {
    const { log, logs, inflated } = countingLog();
    const count = Math.floor(LOOKUP_BATCH_MAX_BYTES / SMALLEST_RECORD.length);
    const batch = liar(count);
    for (let i = 0; i < 5; i++) append(log, batch.slice());
    await logs.committed();
    const opened = Math.ceil(LOOKUP_MAX_BYTES / (count * SMALLEST_RECORD.length));
    expect(log.offsetForTimestamp(NOW_MS + 500)).toMatchObject({ offset: opened * count, timestampMs: NOW_MS + 1000 });
    expect(inflated).toHaveLength(opened);
  });

  it("tells the searches of a request when they have opened enough together", async () => {
    const { log, logs } = countingLog();
    appendOne(log, { values: ["a"], codec: Codec.GZIP });
    await logs.committed();
    const budget = new LookupBudget(20);
    const answers: boolean[] = [];
    for (; !budget.isSpent; ) answers.push(log.offsetForTimestamp(NOW_MS, log.highWatermark, budget)?.offset === 0);
    expect(answers.length).toBeGreaterThan(1);
    expect(new Set(answers)).toEqual(new Set([true]));
  });

  it("opens one batch of a row for the largest timestamp, and gives the first of several that have it", async () => {
    const { log, logs, inflated } = countingLog();
    const times = [5, 9, 3, 9, 7].map((ms) => NOW_MS + ms);
    for (const ms of times) appendOne(log, { values: ["a", "b"], timestampsMs: [NOW_MS, ms], codec: Codec.GZIP });
    await logs.committed();
    expect(log.offsetOfMaxTimestamp()).toEqual({ offset: 3, timestampMs: NOW_MS + 9, leaderEpoch: 0 });
    expect(inflated).toHaveLength(1);
    // The log begins within the batch that has it: what is left of it has it no more.
    log.deleteRecordsBefore(4);
    expect(log.offsetOfMaxTimestamp()).toMatchObject({ offset: 7 });
    log.deleteRecordsBefore(8);
    expect(log.offsetOfMaxTimestamp()).toMatchObject({ offset: 9, timestampMs: NOW_MS + 7 });
  });

  it("looks at every other row when the one that says it has the largest timestamp hasn't", async () => {
    const { log, logs } = countingLog();
    const large = new Uint8Array(600_000);
    const appendRow = (ms: number) => appendOne(log, { values: [large], timestampsMs: [NOW_MS + ms] });
    for (const ms of [1, 5]) appendRow(ms);
    append(log, liar(1));
    for (const ms of [7, 6, 7, 2]) appendRow(ms);
    await logs.committed();
    expect(log.offsetOfMaxTimestamp()).toEqual({ offset: 3, timestampMs: NOW_MS + 7, leaderEpoch: 0 });
  });
});
