/** Compaction of real partition logs over a store that can crash. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { AppendConfig } from "#log/append.ts";
import type { CompactionConfig } from "#log/compaction/cleanable-log.ts";
import { Compactor } from "#log/compaction/compactor.ts";
import type { PartitionLog } from "#log/partition-log.ts";
import type { PartitionLogs } from "#log/partition-logs.ts";
import { Codec } from "#records/batch.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { MemoryLogStore } from "../../doubles/memory-log-store.ts";
import { append, config, join, openLogs, TINY_CACHE, TOPIC } from "../setup.ts";
import { compression, type KeyedBatch, type KeyValue, keyedBatch, NOW_MS, plainRecords } from "./setup.ts";

const COMPACTED: AppendConfig = { ...config, compacted: true, segmentBytes: 600 };
const COMPACTION: CompactionConfig = {
  minCleanableDirtyRatio: 0,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 0,
  segmentBytes: 600,
};
const BACKOFF_MS = 15_000;

function appendKeyed(log: PartitionLog, content: KeyedBatch): number {
  const outcome = append(log, keyedBatch(content), { config: COMPACTED });
  if (outcome.kind === "refused") throw new Error(`refused: ${outcome.errorCode} ${outcome.errorMessage}`);
  return outcome.lastOffset;
}

function contents(log: PartitionLog, maxBytes = Number.MAX_SAFE_INTEGER) {
  const records: ReturnType<typeof plainRecords> = [];
  for (let offset = log.logStartOffset; offset < log.highWatermark; ) {
    const read = log.read(offset, { maxBytes, upperBound: log.highWatermark, minOneMessage: true });
    if (read.kind !== "read") throw new Error(`a read at ${offset} is refused`);
    if (read.nextOffset === offset) throw new Error(`nothing is read at ${offset} below ${log.highWatermark}`);
    const from = offset;
    records.push(...plainRecords(join(read.chunks)).filter((record) => record.offset >= from));
    offset = read.nextOffset;
  }
  return records;
}

const lastValues = (log: PartitionLog) => {
  const values = new Map(contents(log).map(({ key, value }) => [key, value]));
  for (const [key, value] of values) if (value === null) values.delete(key);
  return values;
};

function compactorOf(logs: PartitionLogs, time: ManualTime, compaction = COMPACTION) {
  const log = logs.get(TOPIC, 0) as PartitionLog;
  const errors: unknown[] = [];
  const compactor = new Compactor({
    compression,
    clock: time,
    timers: time,
    secret: () => new Uint8Array(16),
    partitions: () => [{ log, config: compaction }],
    committed: () => logs.committed(),
    backoffMs: () => BACKOFF_MS,
    onUncleanable: (error) => errors.push(error),
  });
  return { log, compactor, errors };
}

async function compact(logs: PartitionLogs, time = new ManualTime(), compaction = COMPACTION): Promise<void> {
  const { compactor, errors } = compactorOf(logs, time, compaction);
  compactor.wake();
  await time.advance(BACKOFF_MS);
  compactor.close();
  expect(errors).toEqual([]);
}

const NO_LAYOUT = { batchBytes: 0, offsetIndexBytes: 0, timeIndexBytes: 0 };

const many = (key: string, count: number): KeyValue[] => Array.from({ length: count }, (_, i) => [key, `${i}`]);

describe("compaction of a partition", () => {
  it("survives a restart, with its checkpoint", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 30; i++) appendKeyed(log, { records: many(`${i % 3}`, 5) });
    await logs.committed();
    const sealedEnd = log.segments.active.baseOffset;
    expect(sealedEnd).toBeGreaterThan(0);
    const before = contents(log);
    await compact(logs);
    const after = contents(log);
    expect(after.filter(({ offset }) => offset < sealedEnd).length).toBe(3);
    expect(after.every((record) => before.some((one) => JSON.stringify(one) === JSON.stringify(record)))).toBe(true);
    const reopened = openLogs(store.crashed(), TINY_CACHE).get(TOPIC, 0) as PartitionLog;
    expect(contents(reopened)).toEqual(after);
    expect(contents(reopened, 1)).toEqual(after);
    expect(reopened.firstDirtyOffset).toBe(sealedEnd);
    expect(reopened.highWatermark).toBe(150);
  });

  it("serves reads at offsets that are gone by what comes next", async () => {
    const logs = openLogs(new MemoryLogStore(), TINY_CACHE);
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 30; i++) appendKeyed(log, { records: many("k", 3) });
    await logs.committed();
    await compact(logs);
    const left = contents(log).map(({ offset }) => offset);
    for (let offset = 0; offset < log.highWatermark; offset++) {
      const read = log.read(offset, { maxBytes: 1, upperBound: log.highWatermark, minOneMessage: true });
      if (read.kind !== "read") throw new Error(`a read at ${offset} is refused`);
      const records = plainRecords(join(read.chunks)).filter((record) => record.offset >= offset);
      expect(records[0]?.offset).toBe(left.find((one) => one >= offset));
    }
  });

  it("keeps what is known of a producer, whatever is left of its batches", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store);
    const log = logs.getOrCreate(TOPIC, 0);
    const batch = { producerId: 7, producerEpoch: 1, baseSequence: 0, records: many("k", 3) };
    appendKeyed(log, batch);
    for (let i = 0; i < 40; i++) appendKeyed(log, { records: many("k", 2) });
    await logs.committed();
    await compact(logs);
    expect(contents(log)[0].offset).toBeGreaterThan(3);
    const reopened = openLogs(store.crashed()).get(TOPIC, 0) as PartitionLog;
    const again = append(reopened, keyedBatch(batch), { config: COMPACTED });
    expect(again).toMatchObject({ kind: "appended", duplicate: true, baseOffset: 0, lastOffset: 2 });
    const next = append(reopened, keyedBatch({ ...batch, baseSequence: 3 }), { config: COMPACTED });
    expect(next).toMatchObject({ kind: "appended", duplicate: false });
  });

  it("has room for delete horizons where rows are full", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, TINY_CACHE);
    const log = logs.getOrCreate(TOPIC, 0);
    const tombstones = (from: number) =>
      Array.from({ length: 38_000 }, (_, i): KeyValue => [`${from + i}`.padStart(7, "0"), null, NOW_MS]);
    for (const from of [0, 38_000]) {
      appendKeyed(log, { records: tombstones(from) });
      await logs.committed();
    }
    for (let i = 0; i < 10; i++) appendKeyed(log, { records: many("k", 50) });
    await logs.committed();
    const settings = { ...COMPACTION, deleteRetentionMs: 1000 };
    await compact(logs, new ManualTime(), settings);
    expect(contents(log).filter(({ value }) => value === null).length).toBe(76_000);
    const reopened = openLogs(store.crashed(), TINY_CACHE);
    const again = reopened.get(TOPIC, 0) as PartitionLog;
    expect(contents(again)).toEqual(contents(log));
    again.noteCleaned(0);
    const later = new ManualTime();
    await later.advance(2000);
    await compact(reopened, later, settings);
    expect(contents(again).filter(({ value }) => value === null)).toEqual([]);
  });

  it("is tried again when DeleteRecords takes rows of the slice that it is at", async () => {
    const logs = openLogs(new MemoryLogStore(), TINY_CACHE);
    const log = logs.getOrCreate(TOPIC, 0);
    const inOneSegment = { config: { ...COMPACTED, segmentBytes: 1 << 20 } };
    for (let i = 0; i < 8; i++) {
      append(log, keyedBatch({ records: many("k", 1000) }), inOneSegment);
      await logs.committed();
    }
    log.roll(NOW_MS);
    await logs.committed();
    const time = new ManualTime();
    const { compactor, errors } = compactorOf(logs, time);
    const [segment] = log.segments.sealed;
    const rewrites: string[] = [];
    const { readSlice, rewriteSlice } = log.segments;
    let reads = 0;
    log.segments.readSlice = (...args) => {
      // The second time its slice is read in order to be rewritten; a turn takes half of it.
      if (args[1] === segment.fromSequence && ++reads === 2) time.set(() => log.deleteRecordsBefore(1500), 0);
      return readSlice.apply(log.segments, args);
    };
    log.segments.rewriteSlice = (...args) => {
      const outcome = rewriteSlice.apply(log.segments, args);
      rewrites.push(outcome);
      return outcome;
    };
    compactor.wake();
    await time.advance(BACKOFF_MS);
    expect(rewrites).toEqual(["gone"]);
    expect(segment.isRemoved || !segment.isFree).toBe(false);
    await time.advance(BACKOFF_MS);
    expect(errors).toEqual([]);
    expect(rewrites).toEqual(["gone", "staged"]);
    expect(contents(log).map(({ offset }) => offset)).toEqual([7999]);
    expect(log.logStartOffset).toBe(1500);
    compactor.close();
  });

  it("gives up objects that hold what it removed, and no others", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, TINY_CACHE);
    const log = logs.getOrCreate(TOPIC, 0);
    for (const key of ["a", "b", "a"]) {
      appendKeyed(log, { records: many(key, 1) });
      log.roll(NOW_MS);
      await logs.committed();
    }
    const [changed, unchanged] = log.segments.sealed;
    for (const [key, segment] of Object.entries({ changed, unchanged })) {
      expect(log.segments.attachObject(segment, { ...NO_LAYOUT, key })).toBe(true);
    }
    await logs.committed();
    await compact(logs);
    expect(contents(log).map(({ offset }) => offset)).toEqual([1, 2]);
    const reopened = openLogs(store.crashed(), TINY_CACHE).get(TOPIC, 0) as PartitionLog;
    for (const { segments } of [log, reopened]) {
      expect(segments.sealed.map(({ object }) => object?.key ?? null)).toEqual([null, "unchanged", null]);
      expect(segments.dropRows(segments.sealed[0])).toBe(false);
    }
    expect(store.garbage(9)).toEqual(["changed"]);
  });

  it("compacts what lies behind segments that are in objects only, and keeps its tombstones", async () => {
    const store = new MemoryLogStore();
    const logs = openLogs(store, TINY_CACHE);
    const log = logs.getOrCreate(TOPIC, 0);
    const records: KeyValue[] = [
      ["a", "1"],
      ["b", "1"],
      ["a", null],
      ["b", "2"],
      ["b", "3"],
    ];
    for (const record of records) {
      appendKeyed(log, { records: [record] });
      log.roll(NOW_MS);
      await logs.committed();
    }
    for (const segment of log.segments.sealed.slice(0, 2)) {
      log.segments.attachObject(segment, { ...NO_LAYOUT, key: `${segment.number}` });
      expect(log.segments.dropRows(segment)).toBe(true);
    }
    await logs.committed();
    const time = new ManualTime();
    for (let i = 0; i < 3; i++) {
      log.noteCleaned(0);
      await compact(logs, time);
    }
    expect(log.firstDirtyOffset).toBe(5);
    const rows = log.read(2, { maxBytes: 1 << 20, upperBound: 5, minOneMessage: true });
    if (rows.kind !== "read") throw new Error("the rows can't be read");
    expect(plainRecords(join(rows.chunks)).map(({ offset }) => offset)).toEqual([2, 4]);
    log.deleteRecordsBefore(2);
    for (let i = 0; i < 2; i++) {
      log.noteCleaned(2);
      await compact(logs, time);
    }
    expect(contents(log).map(({ offset }) => offset)).toEqual([4]);
  });

  it("stops when the topic is deleted in the middle of it", async () => {
    const logs = openLogs(new MemoryLogStore());
    const log = logs.getOrCreate(TOPIC, 0);
    for (let i = 0; i < 40; i++) appendKeyed(log, { records: many("k", 2) });
    await logs.committed();
    const time = new ManualTime(0);
    const { compactor, errors } = compactorOf(logs, time);
    compactor.wake();
    await time.advance(BACKOFF_MS);
    await logs.deleteTopic(TOPIC);
    await time.advance(BACKOFF_MS);
    expect(errors).toEqual([]);
  });
});

const record = fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.option(fc.string({ maxLength: 30 }), { freq: 3 }));
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("append" as const),
      records: fc.array(record, { minLength: 1, maxLength: 5 }),
      codec: fc.constantFrom(...Object.values(Codec)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("compact" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("crash" as const), commits: fc.nat({ max: 8 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("cut" as const), share: fc.double({ min: 0, max: 1, noNaN: true }) }),
  },
);

/** A store that loses power after so many commits: what was committed is all there is. */
function losePowerAfter(store: MemoryLogStore, commits: number): void {
  let left = commits;
  store.beforeCommit = () => (left-- > 0 ? Promise.resolve() : Promise.reject(new Error("the power is gone")));
}

type Step = ReturnType<typeof step.generate>["value"];

/** A partition and what was ever appended to it. */
class World {
  private store = new MemoryLogStore();
  private logs = openLogs(this.store, TINY_CACHE);
  private log = this.logs.getOrCreate(TOPIC, 0);
  private readonly time = new ManualTime();
  private readonly appended = new Map<number, string>();

  async take(one: Step): Promise<void> {
    await this.logs.committed();
    if (one.kind === "append") return this.append(one);
    if (one.kind === "cut") {
      this.log.deleteRecordsBefore(Math.floor(this.log.highWatermark * one.share));
      return this.logs.committed();
    }
    const before = { values: lastValues(this.log), ...this.bounds };
    if (one.kind === "crash") losePowerAfter(this.store, one.commits);
    await compact(this.logs, this.time);
    if (one.kind === "crash") this.restart();
    expect({ values: lastValues(this.log), ...this.bounds }).toEqual(before);
    for (const { offset, key, value } of contents(this.log)) {
      expect(JSON.stringify([key, value])).toBe(this.appended.get(offset));
    }
  }

  private get bounds() {
    return { logStartOffset: this.log.logStartOffset, highWatermark: this.log.highWatermark };
  }

  private append({ records, codec }: Extract<Step, { kind: "append" }>): Promise<void> {
    let offset = this.log.logEndOffset;
    appendKeyed(this.log, { records: records.map(([key, value]): KeyValue => [key, value, NOW_MS]), codec });
    for (const record of records) this.appended.set(offset++, JSON.stringify(record));
    return this.logs.committed();
  }

  private restart(): void {
    this.store = this.store.crashed();
    this.logs = openLogs(this.store, TINY_CACHE);
    this.log = this.logs.get(TOPIC, 0) as PartitionLog;
  }
}

describe("any history of appends, compactions, deletions and crashes in the middle of them", () => {
  it("keeps the last value of each key, and offsets and records as they were", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
        const world = new World();
        for (const one of steps) await world.take(one);
      }),
      { numRuns: 60 },
    );
  });
});
