import { describe, expect, it } from "vitest";
import { CHECK_INTERVAL_MS, expectedRecords, TieredWorld } from "./tiering/world.ts";

const DAY_MS = 86_400_000;

async function pass(world: TieredWorld, ms: number): Promise<void> {
  await world.time.advance(ms);
  await world.quiet();
}

describe("retention", () => {
  it("by age takes whole segments from the oldest on, and the active one when it has expired, too", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    await world.fill(20);
    await pass(world, DAY_MS / 2);
    await world.fill(15);
    await pass(world, DAY_MS / 2 - 1);
    expect(world.log.logStartOffset).toBe(0);
    await pass(world, CHECK_INTERVAL_MS);
    expect(world.log.logStartOffset).toBe(20);
    expect(await world.readAll()).toEqual(expectedRecords(20, 35));
    await pass(world, DAY_MS);
    expect(world.log.logStartOffset).toBe(35);
    expect([world.log.logEndOffset, world.log.segments.sealed.length, world.store.rowCount]).toEqual([35, 0, 0]);
    await world.fill(1);
    expect(await world.readAll()).toEqual(expectedRecords(35, 36));
  });

  it("by age waits for the newest record of a segment, not for the oldest", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    const future = world.time.nowMs() + 3_000_000;
    await world.fill(9, 100);
    await world.fill(1, 1, { timestampsMs: [future] });
    await pass(world, DAY_MS + CHECK_INTERVAL_MS);
    expect(world.log.logStartOffset).toBe(0);
    await pass(world, 3_000_000 + CHECK_INTERVAL_MS);
    expect(world.log.logStartOffset).toBe(10);
  });

  it("by age takes the time of the roll where records have no timestamps", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    await world.fill(10, 10, { timestampsMs: [-1] });
    await pass(world, DAY_MS - CHECK_INTERVAL_MS);
    expect(world.log.logStartOffset).toBe(0);
    await pass(world, 2 * CHECK_INTERVAL_MS);
    expect(world.log.logStartOffset).toBe(10);
  });

  it("by size keeps at least as much as it says, over all tiers", async () => {
    for (const tier of [{}, { remoteStorageEnable: true, localRetentionMs: 0 }]) {
      const world = new TieredWorld(tier);
      await world.fill(45);
      const segmentBytes = world.log.segments.sealed[1].sizeInBytes;
      await pass(world, 2 * CHECK_INTERVAL_MS);
      world.config = { ...world.config, retentionBytes: Math.floor(2.6 * segmentBytes) };
      world.maintenance.configsChanged();
      await pass(world, 2 * CHECK_INTERVAL_MS);
      expect(world.log.logStartOffset).toBe(10);
      expect(world.log.segments.sizeInBytes).toBeGreaterThanOrEqual(world.config.retentionBytes);
      world.config = { ...world.config, retentionBytes: 0 };
      world.maintenance.configsChanged();
      await pass(world, 2 * CHECK_INTERVAL_MS);
      expect(world.log.logStartOffset).toBe(45);
      expect(world.objects.objects.size).toBe(0);
    }
  });

  it("leaves a topic alone whose policy doesn't delete, and one without bounds", async () => {
    const compacted = new TieredWorld({ deletes: false, retentionMs: 1, retentionBytes: 1 });
    await compacted.fill(20);
    await pass(compacted, DAY_MS);
    expect(compacted.log.logStartOffset).toBe(0);
    const endless = new TieredWorld();
    await endless.fill(20);
    await pass(endless, 1000 * DAY_MS);
    expect(endless.log.logStartOffset).toBe(0);
  });

  it("finds what has expired while nobody had the log open, and leaves it closed", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    await world.fill(20);
    world.maintenance.end();
    await world.time.advance(2 * DAY_MS);
    const restarted = world.restarted();
    await pass(restarted, 31_000);
    expect(restarted.store.rowCount).toBe(0);
    expect([...restarted.logs.opened()].length).toBeLessThanOrEqual(1);
    const idle = restarted.restarted();
    await pass(idle, 31_000);
    expect([...idle.logs.opened()]).toEqual([]);
    expect(idle.log.logStartOffset).toBe(20);
  });
});

describe("a broker where nothing happens", () => {
  it("has no timer but the one for the next segment that expires", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    const writtenMs = world.time.nowMs();
    await world.fill(20);
    await pass(world, 3 * CHECK_INTERVAL_MS);
    expect(world.time.pending).toBe(1);
    expect(world.dues.at(-1)).toBe(writtenMs + DAY_MS + 1);
    await pass(world, 2 * DAY_MS);
    expect(world.time.pending).toBe(0);
    expect(world.dues.at(-1)).toBe(Number.POSITIVE_INFINITY);
    const endless = new TieredWorld();
    await endless.fill(20);
    await pass(endless, 3 * CHECK_INTERVAL_MS);
    expect(endless.time.pending).toBe(0);
  });

  it("looks at many logs in slices, others have their turn in between", async () => {
    const world = new TieredWorld({ retentionMs: DAY_MS });
    for (let i = 0; i < 100; i++) world.logs.getOrCreate("AAAAAAAAAAAAAAAAAAAAAQ", i);
    await world.logs.committed();
    const restarted = world.restarted();
    let turns = 0;
    const set = restarted.time.set.bind(restarted.time);
    restarted.time.set = (callback, delayMs) => {
      if (delayMs === 0) turns += 1;
      return set(callback, delayMs);
    };
    const swept = restarted.maintenance.sweep();
    await pass(restarted, 10);
    await swept;
    expect(turns).toBe(3);
  });
});
