import { describe, expect, it } from "vitest";
import type { CleanableLog, CompactionConfig } from "#log/compaction/cleanable-log.ts";
import { Compactor } from "#log/compaction/compactor.ts";
import { ManualTime, settle } from "../../doubles/manual-time.ts";
import { MemoryLog } from "./memory-log.ts";
import { compression, keyedBatch, NOW_MS, plainRecords } from "./setup.ts";

const CONFIG: CompactionConfig = {
  minCleanableDirtyRatio: 0.5,
  minCompactionLagMs: 0,
  maxCompactionLagMs: Number.MAX_SAFE_INTEGER,
  deleteRetentionMs: 0,
  segmentBytes: 1 << 20,
};

const BACKOFF_MS = 15_000;

function dirtyLog(segments = 2): MemoryLog {
  const log = new MemoryLog();
  for (let i = 0; i < segments; i++) {
    log.append(keyedBatch({ baseOffset: log.highWatermark, records: [["a", `${i}`]] }));
    log.roll();
  }
  log.append(keyedBatch({ baseOffset: log.highWatermark, records: [["z", "1"]] }));
  return log;
}

function setUp(logs: readonly MemoryLog[], config: CompactionConfig = CONFIG) {
  const time = new ManualTime();
  const uncleanable: CleanableLog[] = [];
  const compactor = new Compactor({
    compression,
    clock: time,
    timers: time,
    secret: () => new Uint8Array(16),
    partitions: () => logs.map((log) => ({ log, config })),
    backoffMs: () => BACKOFF_MS,
    committed: () => Promise.resolve(),
    onUncleanable: (_, log) => uncleanable.push(log),
  });
  return { time, uncleanable, compactor };
}

const keys = (log: MemoryLog) => plainRecords(log.bytes()).map(({ key }) => key);

describe("the compactor", () => {
  it("waits for a while after it was woken, then compacts what is due", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log]);
    compactor.wake();
    await time.advance(BACKOFF_MS - 1);
    expect(keys(log)).toEqual(["a", "a", "z"]);
    await time.advance(1);
    expect(keys(log)).toEqual(["a", "z"]);
  });

  it("sleeps when nothing is left to compact one day", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log]);
    compactor.wake();
    await time.advance(BACKOFF_MS * 3);
    expect(time.pending).toBe(0);
  });

  it("sleeps when only what is appended can make a partition due", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log], { ...CONFIG, minCleanableDirtyRatio: 1 });
    compactor.wake();
    await time.advance(BACKOFF_MS * 2);
    expect(keys(log)).toEqual(["a", "a", "z"]);
    expect(time.pending).toBe(0);
  });

  it("sleeps when all that is sealed has no rows any more, and when the rest is compacted", async () => {
    const [all, some] = [dirtyLog(), dirtyLog(4)];
    for (const segment of [...all.segments.sealed, ...some.segments.sealed.slice(0, 2)]) segment.hasRows = false;
    const { time, compactor } = setUp([all, some], { ...CONFIG, maxCompactionLagMs: 1 });
    await time.advance(NOW_MS - time.nowMs());
    compactor.wake();
    await time.advance(BACKOFF_MS * 3);
    expect(keys(all)).toEqual(["a", "a", "z"]);
    expect(keys(some)).toEqual(["a", "a", "a", "z"]);
    expect(time.pending).toBe(0);
  });

  it("looks again when a partition becomes due by its age", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log], { ...CONFIG, minCleanableDirtyRatio: 1, maxCompactionLagMs: 10_000_000 });
    time.advance(NOW_MS - time.nowMs());
    await settle();
    compactor.wake();
    await time.advance(9_999_999);
    expect(keys(log)).toEqual(["a", "a", "z"]);
    expect(time.pending).toBe(1);
    // Woken, it looks earlier; there is nothing yet.
    compactor.wake();
    expect(time.pending).toBe(1);
    await time.advance(2);
    expect(keys(log)).toEqual(["a", "z"]);
    expect(time.pending).toBe(0);
  });

  it("looks earlier than age asks for when it is woken", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log], { ...CONFIG, maxCompactionLagMs: 10_000_000 });
    log.firstDirtyOffset = 1;
    await time.advance(NOW_MS - time.nowMs());
    compactor.wake();
    await time.advance(BACKOFF_MS);
    expect([keys(log).length, time.pending]).toEqual([3, 1]);
    log.firstDirtyOffset = 0;
    compactor.wake();
    await time.advance(BACKOFF_MS);
    expect(keys(log).length).toBe(2);
  });

  it("takes the dirtiest partition first", async () => {
    const [some, all] = [dirtyLog(4), dirtyLog(4)];
    some.firstDirtyOffset = 1;
    const order: MemoryLog[] = [];
    for (const log of [some, all]) {
      log.noteCleaned = (offset) => {
        log.firstDirtyOffset = offset;
        order.push(log);
      };
    }
    const { time, compactor } = setUp([some, all]);
    compactor.wake();
    await time.advance(BACKOFF_MS);
    expect(order).toEqual([all, some]);
  });

  it("goes on with the others when one is blocked, and tries it again later", async () => {
    const [blocked, free] = [dirtyLog(), dirtyLog()];
    blocked.segments.sealed[0].claim();
    const { time, compactor } = setUp([blocked, free]);
    compactor.wake();
    await time.advance(BACKOFF_MS);
    expect(keys(blocked).length).toBe(3);
    expect(keys(free).length).toBe(2);
    blocked.segments.sealed[0].release();
    await time.advance(BACKOFF_MS);
    expect(keys(blocked).length).toBe(2);
  });

  it("leaves a log alone that it can't read, and says so once", async () => {
    const [broken, sound] = [dirtyLog(), dirtyLog()];
    broken.segments.readSlice = () => {
      throw new Error("rows that don't hold what they say");
    };
    const { time, compactor, uncleanable } = setUp([broken, sound]);
    compactor.wake();
    await time.advance(BACKOFF_MS * 3);
    expect(uncleanable).toEqual([broken]);
    expect(keys(sound).length).toBe(2);
    expect(broken.segments.sealed.every((segment) => !segment.isClaimed)).toBe(true);
    expect(time.pending).toBe(0);
  });

  it("begins no step after its end", async () => {
    const log = dirtyLog();
    const { time, compactor } = setUp([log]);
    compactor.wake();
    compactor.close();
    await time.advance(BACKOFF_MS * 2);
    expect(keys(log).length).toBe(3);
  });
});
