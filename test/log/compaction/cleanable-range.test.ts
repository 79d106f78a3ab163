import { describe, expect, it } from "vitest";
import type { CompactionConfig } from "#log/compaction/cleanable-log.ts";
import { cleanableRange, isDue, nextDueMs } from "#log/compaction/cleanable-range.ts";
import { MemoryLog } from "./memory-log.ts";
import { keyedBatch, NOW_MS } from "./setup.ts";

const CONFIG: CompactionConfig = {
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 0,
  segmentBytes: 1000,
};

/** Segments of one record each, all of one size, by the timestamps of their records; then an active one. */
function logOf(timestampsMs: readonly number[]): MemoryLog {
  const log = new MemoryLog();
  for (const timestampMs of timestampsMs) {
    log.append(keyedBatch({ baseOffset: log.highWatermark, records: [["k", "v", timestampMs]] }));
    log.roll();
  }
  log.append(keyedBatch({ baseOffset: log.highWatermark, records: [["k", "v"]] }));
  return log;
}

const range = (log: MemoryLog, config: Partial<CompactionConfig> = {}) =>
  cleanableRange(log, { ...CONFIG, ...config }, NOW_MS);

describe("what may be compacted", () => {
  it("is everything but the active segment", () => {
    const log = logOf([NOW_MS, NOW_MS]);
    expect(range(log)).toMatchObject({ firstDirtyOffset: 0, endOffset: 2, dirtyRatio: 1, isOverdue: false });
  });

  it("ends before the first segment that isn't stable to its end", () => {
    const log = logOf([NOW_MS, NOW_MS, NOW_MS]);
    log.unstableOffset = 1;
    expect(range(log).endOffset).toBe(1);
    log.unstableOffset = 2;
    expect(range(log).endOffset).toBe(2);
    log.unstableOffset = 0;
    expect(range(log)).toMatchObject({ endOffset: 0, dirtyBytes: 0, dirtyRatio: 0 });
  });

  it("ends before the first segment that is too young, old ones behind it or not", () => {
    const log = logOf([NOW_MS - 1000, NOW_MS - 999, NOW_MS - 5000]);
    expect(range(log, { minCompactionLagMs: 1000 }).endOffset).toBe(1);
    expect(range(log, { minCompactionLagMs: 999 }).endOffset).toBe(3);
  });

  it("takes the time of its sealing for the age of a segment without timestamps", () => {
    const log = logOf([-1]);
    log.segments.sealed[0].sealedAtMs = NOW_MS - 10;
    expect(range(log, { minCompactionLagMs: 11 }).endOffset).toBe(0);
    expect(range(log, { minCompactionLagMs: 10 }).endOffset).toBe(1);
  });

  it("begins behind the segments without rows, which count for nothing", () => {
    const log = logOf([NOW_MS - 5000, NOW_MS - 5000, NOW_MS, NOW_MS]);
    for (const segment of log.segments.sealed.slice(0, 2)) segment.hasRows = false;
    const { sizeInBytes } = log.segments.sealed[2];
    const expected = {
      firstDirtyOffset: 2,
      endOffset: 4,
      dirtyBytes: 2 * sizeInBytes,
      dirtyRatio: 1,
      isOverdue: false,
    };
    expect(range(log, { maxCompactionLagMs: 1000 })).toEqual(expected);
    log.firstDirtyOffset = 3;
    expect(range(log)).toMatchObject({ firstDirtyOffset: 3, dirtyRatio: 0.5 });
    for (const segment of log.segments.sealed) segment.hasRows = false;
    expect(range(log)).toMatchObject({ firstDirtyOffset: 4, dirtyBytes: 0 });
    expect(nextDueMs(log, { ...CONFIG, maxCompactionLagMs: 10_000 }, NOW_MS)).toBe(Number.POSITIVE_INFINITY);
  });

  it("begins behind what is compacted, unless the log says otherwise", () => {
    const log = logOf([NOW_MS, NOW_MS, NOW_MS, NOW_MS]);
    log.firstDirtyOffset = 3;
    expect(range(log)).toMatchObject({ firstDirtyOffset: 3, dirtyRatio: 0.25 });
    log.logStartOffset = 4;
    expect(range(log).firstDirtyOffset).toBe(4);
    log.logStartOffset = 1;
    log.firstDirtyOffset = 100;
    expect(range(log).firstDirtyOffset).toBe(1);
  });
});

describe("a round is due", () => {
  it("when more than the wanted share is dirty", () => {
    const log = logOf([NOW_MS, NOW_MS, NOW_MS, NOW_MS]);
    log.firstDirtyOffset = 2;
    expect(isDue(range(log), CONFIG)).toBe(false);
    log.firstDirtyOffset = 1;
    expect(isDue(range(log), CONFIG)).toBe(true);
  });

  it("for a segment that has waited for long enough, whatever its share", () => {
    const log = logOf([NOW_MS, NOW_MS, NOW_MS, NOW_MS - 500]);
    log.firstDirtyOffset = 3;
    expect(isDue(range(log, { maxCompactionLagMs: 500 }), CONFIG)).toBe(false);
    expect(isDue(range(log, { maxCompactionLagMs: 499 }), CONFIG)).toBe(true);
  });

  it("never without anything dirty", () => {
    const log = logOf([1]);
    log.firstDirtyOffset = 1;
    expect(isDue(range(log, { maxCompactionLagMs: 1 }), { ...CONFIG, minCleanableDirtyRatio: 0 })).toBe(false);
  });
});

describe("a round will be due by age alone", () => {
  it("when the next dirty segment is old enough, or has waited for long enough", () => {
    const log = logOf([NOW_MS - 500, NOW_MS - 300, NOW_MS - 100]);
    log.firstDirtyOffset = 1;
    const due = (config: Partial<CompactionConfig>) => nextDueMs(log, { ...CONFIG, ...config }, NOW_MS);
    expect(due({})).toBe(Number.POSITIVE_INFINITY);
    expect(due({ minCompactionLagMs: 400 })).toBe(NOW_MS + 100);
    expect(due({ minCompactionLagMs: 200 })).toBe(NOW_MS + 100);
    expect(due({ maxCompactionLagMs: 450 })).toBe(NOW_MS + 151);
    expect(due({ maxCompactionLagMs: 100 })).toBe(NOW_MS + 1);
  });
});
