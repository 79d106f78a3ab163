import { describe, expect, it } from "vitest";
import type { AppendConfig } from "#log/append.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import { readBatchHeader } from "#records/batch.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { appendOne, batchOf, config, NOW_MS, openLogs, readAll, TINY_CACHE, TOPIC } from "./setup.ts";

const VALUE = "v".repeat(100);
const BATCH_BYTES = batchOf({ values: [VALUE] }).length;

function open(store = new MemoryLogStore()) {
  const logs = openLogs(store, TINY_CACHE);
  return { store, logs, log: logs.getOrCreate(TOPIC, 0) };
}

/** One record a batch; how many segments there are afterwards, the active one too. */
function appendAt(log: PartitionLog, timestampMs: number, rules: Partial<AppendConfig>, nowMs = NOW_MS): number {
  const relaxed = { timestampAfterMaxMs: Number.MAX_SAFE_INTEGER, ...rules };
  appendOne(log, { values: [VALUE], timestampsMs: [timestampMs] }, { nowMs, config: { ...config, ...relaxed } });
  return log.segments.active.number + 1;
}

describe("a segment rolls", () => {
  it("before the batch that would make it larger than segment.bytes", () => {
    const { log } = open();
    const rules = { segmentBytes: 3 * BATCH_BYTES };
    const counts = Array.from({ length: 8 }, () => appendAt(log, NOW_MS, rules));
    const size = log.segments.active.sizeInBytes;
    expect(size).toBeLessThanOrEqual(3 * BATCH_BYTES);
    expect(counts).toEqual([1, 1, 1, 2, 2, 2, 3, 3]);
  });

  it("by the timestamps of its records, not by the clock, where they have any", () => {
    const { log } = open();
    const rules = { segmentMs: 1000 };
    expect(appendAt(log, 5_000, rules, NOW_MS)).toBe(1);
    expect(appendAt(log, 6_000, rules, NOW_MS + 99_000)).toBe(1);
    expect(appendAt(log, 6_001, rules, NOW_MS + 99_000)).toBe(2);
    // Older records belong to the segment of the newer one.
    expect(appendAt(log, 1_000, rules, NOW_MS + 99_000)).toBe(2);
  });

  it("by the clock where the first batch has no timestamp", () => {
    const { log } = open();
    const rules = { segmentMs: 1000 };
    expect(appendAt(log, -1, rules, NOW_MS)).toBe(1);
    expect(appendAt(log, 77, rules, NOW_MS + 1000)).toBe(1);
    expect(appendAt(log, 77, rules, NOW_MS + 1001)).toBe(2);
  });

  it("earlier by up to segment.jitter.ms, and at max.compaction.lag.ms where the topic is compacted", () => {
    const { log } = open();
    appendAt(log, 10_000, {});
    expect(appendAt(log, 15_000, { segmentMs: 10_000, segmentJitterMs: 0 })).toBe(1);
    expect(appendAt(log, 19_999, { segmentMs: 10_000, segmentJitterMs: 10_000 })).toBe(2);
    const lag = { segmentMs: 100_000, maxCompactionLagMs: 1_000 };
    expect(appendAt(log, 29_999, lag)).toBe(2);
  });

  it("when its index would be full", () => {
    const { log } = open();
    const rules = { segmentIndexBytes: 100, indexIntervalBytes: 0 };
    const counts = Array.from({ length: 18 }, (_, i) => appendAt(log, NOW_MS + i, rules));
    // The first batch of a segment has no entry; the time index takes 100 / 12 - 1 of them.
    expect(counts.indexOf(2)).toBe(8);
    expect(counts.indexOf(3)).toBe(16);
    const { log: constant } = open();
    const offsets = Array.from({ length: 18 }, () => appendAt(constant, NOW_MS, rules));
    expect(offsets.indexOf(2)).toBe(13);
  });

  it("and nothing of it is lost or written twice, whenever the process ends", async () => {
    const store = new MemoryLogStore();
    const { log, logs } = open(store);
    for (let i = 0; i < 40; i++) {
      appendAt(log, NOW_MS + i, { segmentBytes: 4 * BATCH_BYTES });
      if (i % 3 === 0) await logs.committed();
      const restarted = open(store.crashed()).log;
      expect(restarted.logEndOffset).toBe(log.highWatermark);
      expect(readAll(restarted)).toEqual(readAll(log));
      const bases = restarted.segments.sealed.map(({ baseOffset }) => baseOffset);
      expect([...bases, restarted.segments.active.baseOffset]).toEqual(
        [...log.segments.sealed.map(({ baseOffset }) => baseOffset), log.segments.sealed.at(-1)?.endOffset ?? 0].slice(
          0,
          bases.length + 1,
        ),
      );
      expect(restarted.segments.sizeInBytes).toBe((log.highWatermark * log.segments.sizeInBytes) / log.logEndOffset);
    }
  });
});

describe("a slice of a sealed segment", () => {
  it("is rewritten in place, at once for every reader, and stays so", async () => {
    const store = new MemoryLogStore();
    const { log, logs } = open(store);
    for (let i = 0; i < 30; i++) {
      appendOne(log, { values: [`${i}`] });
      if (i % 2 === 0) await logs.committed();
    }
    log.roll(NOW_MS);
    appendOne(log, { values: ["30"] });
    await logs.committed();
    const [segment] = log.segments.sealed;
    const before = readAll(log);
    expect(segment.claim()).toBe(true);
    let next = 0;
    for (;;) {
      const slice = log.segments.readSlice(segment, next, 300);
      if (slice === null) break;
      next = slice.endSequence;
      // Every third batch stays.
      const kept = batchesIn(slice.bytes).filter((_, i) => i % 3 === 0);
      expect(log.segments.rewriteSlice(segment, slice, kept)).toBe("staged");
      expect(readAll(log).length).toBeGreaterThan(10);
      await logs.committed();
    }
    segment.release();
    const after = readAll(log);
    expect(after.length).toBeLessThan(before.length / 2);
    expect(before).toEqual(expect.arrayContaining(after));
    expect(after.at(-1)).toEqual({ offset: 30, value: "30" });
    const restarted = open(store.reopened()).log;
    expect(readAll(restarted)).toEqual(after);
    expect(restarted.segments.sizeInBytes).toBe(log.segments.sizeInBytes);
    for (let offset = 0; offset < 31; offset++)
      expect(restarted.offsetForTimestamp(NOW_MS)?.offset).toBe(after[0].offset);
  });

  it("shows what comes behind a gap to those who have read what is before it", async () => {
    const { log, logs } = open();
    for (let i = 0; i < 8; i++) {
      appendOne(log, { values: [`${i}`] });
      await logs.committed();
    }
    log.roll(NOW_MS);
    await logs.committed();
    const [segment] = log.segments.sealed;
    expect(segment.claim()).toBe(true);
    const rewrite = async (fromSequence: number, keeps: (offset: number) => boolean) => {
      const slice = log.segments.readSlice(segment, fromSequence, 1);
      if (slice === null) throw new Error("nothing there");
      const kept = batchesIn(slice.bytes).filter((batch) => keeps(readBatchHeader(batch, 0).baseOffset));
      expect(log.segments.rewriteSlice(segment, slice, kept)).toBe("staged");
      await logs.committed();
      return slice;
    };
    const first = segment.fromSequence;
    const before = await rewrite(first, () => true);
    const gap = await rewrite(before.endSequence, () => false);
    expect(readAll(log).map(({ offset }) => offset)).toEqual([0, 2, 3, 4, 5, 6, 7]);
    await rewrite(gap.fromSequence, () => true);
    expect(readAll(log).map(({ offset }) => offset)).toEqual([0, 2, 3, 4, 5, 6, 7]);
  });

  it("isn't rewritten when the log start has passed its first row", async () => {
    const { log, logs } = open();
    for (let i = 0; i < 10; i++) {
      appendOne(log, { values: [`${i}`] });
      await logs.committed();
    }
    log.roll(NOW_MS);
    await logs.committed();
    const [segment] = log.segments.sealed;
    const slice = log.segments.readSlice(segment, 0);
    if (slice === null) throw new Error("nothing there");
    log.deleteRecordsBefore(5);
    expect(log.segments.rewriteSlice(segment, slice, [])).toBe("gone");
    expect(segment.isRemoved).toBe(false);
  });

  it("isn't rewritten by batches that need more rows than it had", async () => {
    const { log, logs } = open();
    appendOne(log, { values: ["0"] });
    log.roll(NOW_MS);
    await logs.committed();
    const [segment] = log.segments.sealed;
    segment.object = { key: "as before", batchBytes: 0, offsetIndexBytes: 0, timeIndexBytes: 0 };
    const slice = log.segments.readSlice(segment, 0);
    if (slice === null) throw new Error("nothing there");
    const large = batchOf({ values: ["v".repeat(4 << 20)] });
    expect(log.segments.rewriteSlice(segment, slice, [large])).toBe("tooLong");
    expect(segment.object?.key).toBe("as before");
  });

  it("isn't rewritten when the segment is gone", async () => {
    const { log, logs } = open();
    for (let i = 0; i < 10; i++) appendOne(log, { values: [`${i}`] });
    log.roll(NOW_MS);
    await logs.committed();
    const [segment] = log.segments.sealed;
    const slice = log.segments.readSlice(segment, 0);
    if (slice === null) throw new Error("nothing there");
    log.deleteRecordsBefore(10);
    expect(log.segments.rewriteSlice(segment, slice, [])).toBe("gone");
    expect(log.segments.sealed).toEqual([]);
    expect(segment.claim()).toBe(false);
  });
});

function batchesIn(bytes: Uint8Array): Uint8Array[] {
  const found: Uint8Array[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (let at = 0; at < bytes.length; ) {
    const size = 12 + view.getInt32(at + 8);
    found.push(bytes.subarray(at, at + size));
    at += size;
  }
  return found;
}
