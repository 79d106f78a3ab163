import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CompactionConfig } from "#log/compaction/cleanable-log.ts";
import { cleanableRange } from "#log/compaction/cleanable-range.ts";
import { KeyHash } from "#log/compaction/key-hash.ts";
import { SLICE_MAX_BYTES, SLICE_MAX_RECORDS } from "#log/compaction/limits.ts";
import { OffsetMap } from "#log/compaction/offset-map.ts";
import { CompactionRound } from "#log/compaction/round.ts";
import { Codec, hasDeleteHorizon, readBatchHeader } from "#records/batch.ts";
import { readBatches } from "#records/reader.ts";
import { MemoryLog } from "./memory-log.ts";
import { ABORT, COMMIT, compression, type KeyValue, keyedBatch, markerBatch, NOW_MS, plainRecords } from "./setup.ts";

const CONFIG: CompactionConfig = {
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 1000,
  segmentBytes: 1 << 20,
};

interface RoundSettings {
  readonly nowMs?: number;
  readonly mapMaxBytes?: number;
  readonly config?: Partial<CompactionConfig>;
}

function newRound(log: MemoryLog, { nowMs = NOW_MS, mapMaxBytes, config }: RoundSettings = {}) {
  const all = { ...CONFIG, ...config };
  const latest = new OffsetMap(new KeyHash(new Uint8Array(16)), mapMaxBytes);
  return new CompactionRound(log, { compression, config: all, latest, range: cleanableRange(log, all, nowMs), nowMs });
}

/** Runs a round to its end, or for so many steps. */
function compact(log: MemoryLog, settings: RoundSettings = {}, maxSteps = 10_000): string {
  const round = newRound(log, settings);
  for (let left = maxSteps; left > 0; left--) {
    const step = round.step();
    if (step === "done" || step === "blocked") return step;
  }
  round.abandon();
  return "stopped";
}

function logOf(segments: readonly (readonly (readonly KeyValue[])[])[]): MemoryLog {
  const log = new MemoryLog();
  for (const batches of segments) {
    for (const records of batches) log.append(keyedBatch({ baseOffset: log.highWatermark, records }));
    log.roll();
  }
  return log;
}

const offsets = (log: MemoryLog) => plainRecords(log.bytes()).map((record) => record.offset);

describe("a round of compaction", () => {
  it("keeps the last record of each key, and makes one of small segments", () => {
    const log = logOf([
      [
        [
          ["a", "1"],
          ["b", "1"],
        ],
        [["a", "2"]],
      ],
      [[["c", "1"]], [["a", "3"]]],
    ]);
    expect(compact(log)).toBe("done");
    expect(offsets(log)).toEqual([1, 3, 4]);
    expect(log.firstDirtyOffset).toBe(5);
    expect(log.segments.sealed.map(({ baseOffset, endOffset }) => [baseOffset, endOffset])).toEqual([[0, 5]]);
    expect(log.segments.sealed[0].isClaimed).toBe(false);
  });

  it("leaves the active segment alone, and does not compact by it", () => {
    const log = logOf([[[["a", "1"]], [["b", "1"]]]]);
    log.append(
      keyedBatch({
        baseOffset: 2,
        records: [
          ["a", "2"],
          ["a", "3"],
        ],
      }),
    );
    compact(log);
    expect(offsets(log)).toEqual([0, 1, 2, 3]);
  });

  it("does not write what it need not change", () => {
    const log = logOf([[[["a", "1"]], [["b", "1"]]], [[["c", "1"]]]]);
    compact(log);
    expect(log.segments.slicesRewritten).toBe(0);
    expect(log.firstDirtyOffset).toBe(3);
  });

  it("makes segments no larger than segment.bytes", () => {
    const log = logOf([[[["a", "1"]]], [[["b", "1"]]], [[["c", "1"]]]]);
    compact(log, { config: { segmentBytes: log.segments.sealed[0].sizeInBytes * 2 } });
    expect(log.segments.sealed.map(({ baseOffset }) => baseOffset)).toEqual([0, 2]);
  });

  it("ends where the map is full, and the next one goes on there", () => {
    const records = Array.from({ length: 40 }, (_, i): KeyValue => [`${i % 20}`, `${i}`]);
    const log = logOf([[records.slice(0, 15)], [records.slice(15, 30)], [records.slice(30)]]);
    const mapMaxBytes = 16 * 24;
    expect(compact(log, { mapMaxBytes })).toBe("done");
    expect(log.firstDirtyOffset).toBe(12);
    expect(offsets(log).length).toBe(40);
    while (log.firstDirtyOffset < 40) {
      const before = log.firstDirtyOffset;
      expect(compact(log, { mapMaxBytes })).toBe("done");
      expect(log.firstDirtyOffset).toBeGreaterThan(before);
    }
    expect(offsets(log)).toEqual(Array.from({ length: 20 }, (_, i) => 20 + i));
  });

  it("sets no delete horizon where its rows have no room for that, and removes what is useless all the same", () => {
    const tombstones = Array.from({ length: 50 }, (_, i): KeyValue => [`${i}`, null, NOW_MS + i]);
    const log = logOf([[[["a", "1"], ...tombstones]], [[["a", "2"]]]]);
    log.segments.maxRowBytes = log.segments.sealed[0].sizeInBytes;
    expect(compact(log)).toBe("done");
    expect(offsets(log)).toEqual(Array.from({ length: 51 }, (_, i) => i + 1));
  });

  it("reads no more in a step than a slice", () => {
    const log = new MemoryLog();
    const perBatch = 500;
    for (let i = 0; i < 40; i++) {
      const records = Array.from({ length: perBatch }, (_, j): KeyValue => [`${j}`, "v".repeat(100)]);
      log.append(keyedBatch({ baseOffset: log.highWatermark, records }));
    }
    log.roll();
    const rowBytes = log.segments.sealed[0].rows[0].bytes.length;
    const { readSlice } = log.segments;
    let readBytes = 0;
    log.segments.readSlice = (segment, fromSequence, maxBytes) => {
      const slice = readSlice.call(log.segments, segment, fromSequence, maxBytes);
      readBytes += slice?.bytes.length ?? 0;
      return slice;
    };
    const round = newRound(log);
    const reads: number[] = [];
    for (let step = ""; step !== "done"; ) {
      readBytes = 0;
      step = round.step();
      reads.push(readBytes);
    }
    expect(Math.max(...reads)).toBeLessThan(2 * SLICE_MAX_BYTES);
    // Twice all rows, and no more of them at once than hold so many records.
    expect(reads.length).toBeGreaterThanOrEqual((2 * 40 * perBatch) / (SLICE_MAX_RECORDS + perBatch));
    expect(reads.reduce((sum, bytes) => sum + bytes)).toBe(2 * 40 * rowBytes);
  });

  it("is blocked by who has a segment", () => {
    const log = logOf([[[["a", "1"]]], [[["a", "2"]]]]);
    log.segments.sealed[1].claim();
    expect(compact(log)).toBe("blocked");
    expect(log.segments.sealed[0].isClaimed).toBe(false);
    expect(log.firstDirtyOffset).toBe(0);
  });

  it("passes over segments at the start that have no rows, and compacts what comes behind them", () => {
    const log = logOf([[[["a", "1"]]], [[["a", "2"]]], [[["a", "3"]]], [[["a", "4"]], [["b", "1"]]]]);
    for (const segment of log.segments.sealed.slice(0, 2)) segment.hasRows = false;
    expect(compact(log)).toBe("done");
    expect(offsets(log)).toEqual([0, 1, 3, 4]);
    expect(log.firstDirtyOffset).toBe(5);
    expect(log.segments.sealed.map(({ baseOffset }) => baseOffset)).toEqual([0, 1, 2]);
  });

  it("keeps what hides records in segments without rows, and begins its time when they are gone", () => {
    const log = new MemoryLog();
    log.append(keyedBatch({ baseOffset: 0, records: [["a", "1"]] }));
    log.append(keyedBatch({ baseOffset: 1, transactional: true, producerId: 5, records: [["b", "1"]] }));
    log.append(keyedBatch({ baseOffset: 2, transactional: true, producerId: 6, records: [["c", "1"]] }));
    log.roll();
    log.append(keyedBatch({ baseOffset: 3, records: [["a", null]] }));
    log.append(keyedBatch({ baseOffset: 4, transactional: true, producerId: 5, records: [["b", "2"]] }));
    log.append(markerBatch(ABORT, { baseOffset: 5, producerId: 5 }));
    log.append(markerBatch(COMMIT, { baseOffset: 6, producerId: 6 }));
    log.roll();
    log.aborted = [{ producerId: 5, firstOffset: 1, lastOffset: 5 }];
    log.segments.sealed[0].hasRows = false;
    for (const nowMs of [NOW_MS, NOW_MS + 2000, NOW_MS + 4000]) compact(log, { nowMs });
    expect(offsets(log)).toEqual([0, 1, 2, 3, 5, 6]);
    expect(log.segments.removedMarkers).toEqual([]);
    expect([...readBatches(log.bytes())].some(({ header }) => hasDeleteHorizon(header.attributes))).toBe(false);
    log.segments.sealed.shift();
    log.logStartOffset = 3;
    compact(log, { nowMs: NOW_MS + 6000 });
    expect(offsets(log)).toEqual([3, 5, 6]);
    compact(log, { nowMs: NOW_MS + 8000 });
    expect(offsets(log)).toEqual([]);
  });

  it("keeps them although it had a horizon before the rows left, also when they leave in the middle of it", () => {
    const log = logOf([
      [[["a", "1"]], [["b", "1"]]],
      [[["a", null]], [["c", null]]],
    ]);
    compact(log, { config: { segmentBytes: 1 } });
    expect(offsets(log)).toEqual([1, 2, 3]);
    const nowMs = NOW_MS + 2000;
    log.firstDirtyOffset = 0;
    const round = newRound(log, { nowMs, config: { segmentBytes: 1 } });
    expect(round.step()).toBe("more");
    log.segments.sealed[0].hasRows = false;
    for (let step = ""; step !== "done"; ) step = round.step();
    compact(log, { nowMs });
    expect(offsets(log)).toEqual([1, 2, 3]);
  });

  it("is blocked when its segment goes, and leaves nothing claimed", () => {
    const log = logOf([[[["a", "1"]], [["a", "2"]]]]);
    const round = newRound(log);
    expect(round.step()).toBe("more");
    log.segments.sealed[0].isRemoved = true;
    expect(round.step()).toBe("blocked");
  });

  it("ends when the partition does", () => {
    const log = logOf([[[["a", "1"]], [["a", "2"]]]]);
    log.isClosed = true;
    expect(compact(log)).toBe("blocked");
  });

  it("removes data of aborted transactions in the first round, their markers when the horizon has passed", () => {
    const log = new MemoryLog();
    log.append(keyedBatch({ baseOffset: 0, records: [["a", "1"]] }));
    log.append(
      keyedBatch({
        baseOffset: 1,
        transactional: true,
        producerId: 5,
        records: [
          ["a", "2"],
          ["b", "2"],
        ],
      }),
    );
    log.roll();
    log.append(markerBatch(ABORT, { baseOffset: 3, producerId: 5 }));
    log.append(keyedBatch({ baseOffset: 4, transactional: true, producerId: 5, records: [["b", "3"]] }));
    log.append(markerBatch(COMMIT, { baseOffset: 5, producerId: 5 }));
    log.roll();
    log.aborted = [{ producerId: 5, firstOffset: 1, lastOffset: 3 }];
    compact(log);
    expect(offsets(log)).toEqual([0, 3, 4, 5]);
    compact(log, { nowMs: NOW_MS + 10 });
    expect(offsets(log)).toEqual([0, 3, 4, 5]);
    expect(log.segments.removedMarkers).toEqual([]);
    compact(log, { nowMs: NOW_MS + 2000 });
    expect(offsets(log)).toEqual([0, 4, 5]);
    expect(log.segments.removedMarkers).toEqual([3]);
  });
});

/** One random record: few keys, so that they meet; an empty value is a tombstone. */
const record = fc.tuple(fc.constantFrom("a", "b", "c", "d", "e", "f"), fc.option(fc.string({ maxLength: 4 })));
const batch = fc.record({
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
  codec: fc.constantFrom(...Object.values(Codec)),
});
const workload = fc.array(fc.array(batch, { maxLength: 5 }), { minLength: 1, maxLength: 5 });
type Workload = ReturnType<typeof workload.generate>["value"];

function fill(content: Workload): MemoryLog {
  const log = new MemoryLog();
  for (const batches of content) {
    for (const { records, codec } of batches) log.append(keyedBatch({ baseOffset: log.highWatermark, codec, records }));
    if (batches.length > 0) log.roll(2);
  }
  return log;
}

/** The offsets of the last record of each key before `endOffset`, and everything from there on. */
function expectedOffsets(records: ReturnType<typeof plainRecords>, endOffset: number): number[] {
  const last = new Map<string | null, number>();
  for (const { key, offset } of records) if (offset < endOffset) last.set(key, offset);
  return records
    .filter(({ key, offset }) => offset >= endOffset || last.get(key) === offset)
    .map(({ offset }) => offset);
}

describe("any log", () => {
  it("keeps exactly the last record of each key, as it was", () => {
    fc.assert(
      fc.property(workload, (content) => {
        const log = fill(content);
        const before = plainRecords(log.bytes());
        compact(log);
        const after = plainRecords(log.bytes());
        const offsetsLeft = new Set(expectedOffsets(before, log.highWatermark));
        expect(after).toEqual(before.filter(({ offset }) => offsetsLeft.has(offset)));
        for (const { at } of readBatches(log.bytes())) {
          const bytes = log.bytes();
          const { sizeInBytes } = readBatchHeader(bytes, at);
          expect(compression.kernels.scanBatch(bytes, at, sizeInBytes).crcMatches).toBe(true);
        }
      }),
    );
  });

  it("tells every reader and every restart the last value of each key, whatever step the round has come to", () => {
    fc.assert(
      fc.property(workload, fc.array(fc.nat({ max: 6 }), { maxLength: 5 }), fc.boolean(), (content, stops, isSmall) => {
        const log = fill(content);
        const lastValues = () => new Map(plainRecords(log.bytes()).map(({ key, value }) => [key, value]));
        const before = lastValues();
        const settings = isSmall ? { mapMaxBytes: 4 * 24 } : {};
        for (const steps of stops) {
          compact(log, settings, steps);
          expect(lastValues()).toEqual(before);
        }
      }),
    );
  });

  it("loses tombstones when their time has come, and nothing comes back with that", () => {
    fc.assert(
      fc.property(workload, fc.array(fc.nat({ max: 6 }), { maxLength: 5 }), (content, stops) => {
        const log = fill(content);
        const liveValues = () => {
          const values = new Map(plainRecords(log.bytes()).map(({ key, value }) => [key, value]));
          for (const [key, value] of values) if (value === null) values.delete(key);
          return values;
        };
        const before = liveValues();
        let nowMs = NOW_MS;
        for (const steps of stops) {
          log.firstDirtyOffset = 0;
          compact(log, { nowMs, mapMaxBytes: 4 * 24 }, steps);
          nowMs += 700;
          expect(liveValues()).toEqual(before);
        }
        for (let round = 0; round < 3; round++) {
          nowMs += 1000;
          log.firstDirtyOffset = 0;
          compact(log, { nowMs });
        }
        expect(plainRecords(log.bytes()).some(({ value }) => value === null)).toBe(false);
        expect(liveValues()).toEqual(before);
      }),
    );
  });
});
