import { describe, expect, it } from "vitest";
import { copyDue } from "#log/retention.ts";
import { appendOne, OTHER_TOPIC, TOPIC } from "../setup.ts";
import { CHECK_INTERVAL_MS, expectedRecords, TieredWorld } from "./world.ts";

const TIERED = { remoteStorageEnable: true, localRetentionMs: 0 };

/** Time passes until everything that is due has happened. */
async function pass(world: TieredWorld, ms = 2 * CHECK_INTERVAL_MS): Promise<void> {
  await world.time.advance(ms);
  await world.quiet();
  await world.time.advance(1);
  await world.quiet();
}

describe("a tiered topic", () => {
  it("has its sealed segments in objects, and reads the same from them", async () => {
    const world = new TieredWorld(TIERED);
    await world.fill(45);
    expect(world.log.segments.sealed.map(({ object }) => object !== null)).toEqual([true, true, true, true]);
    expect(world.objects.objects.size).toBe(4);
    expect(world.log.segments.localStartOffset).toBe(0);
    await pass(world);
    expect(world.log.segments.localStartOffset).toBe(40);
    expect(world.store.rowCount).toBe(world.store.rowCount);
    expect(await world.readAll()).toEqual(expectedRecords(0, 45));
    expect(await world.readAll(1)).toEqual(expectedRecords(0, 45));
    for (let offset = 0; offset < 45; offset++) {
      expect((await world.read(offset, 300)).at(-1)?.offset).toBeGreaterThanOrEqual(offset);
    }
    const restarted = world.restarted();
    expect(await restarted.readAll(500)).toEqual(expectedRecords(0, 45));
    expect(restarted.log.segments.sizeInBytes).toBe(world.log.segments.sizeInBytes);
  });

  it("keeps rows as long as local.retention says, and what has no object in any case", async () => {
    const world = new TieredWorld({ ...TIERED, localRetentionMs: 10 * CHECK_INTERVAL_MS, retentionMs: -1 });
    await world.fill(20);
    await pass(world);
    expect(world.log.segments.localStartOffset).toBe(0);
    await pass(world, 11 * CHECK_INTERVAL_MS);
    expect(world.log.segments.localStartOffset).toBe(20);
    const down = new TieredWorld(TIERED);
    down.objects.isDown = true;
    await down.fill(20);
    await pass(down);
    expect(down.log.segments.localStartOffset).toBe(0);
    expect(down.failures.length).toBeGreaterThan(0);
    down.objects.isDown = false;
    await pass(down);
    await pass(down);
    expect(down.log.segments.localStartOffset).toBe(20);
    expect(await down.readAll()).toEqual(expectedRecords(0, 20));
    expect([...down.objects.objects.keys()].sort()).toEqual(down.log.segments.sealed.map(({ object }) => object?.key));
    expect(down.store.garbage(9)).toEqual([]);
  });

  it("waits with copies for remote.copy.lag", async () => {
    const world = new TieredWorld({ ...TIERED, localRetentionMs: -1, remoteCopyLagMs: 3 * CHECK_INTERVAL_MS });
    await world.fill(10);
    await pass(world, CHECK_INTERVAL_MS);
    expect(world.objects.objects.size).toBe(0);
    await pass(world, 3 * CHECK_INTERVAL_MS);
    expect(world.objects.objects.size).toBe(1);
    const bySize = new TieredWorld({ ...TIERED, localRetentionMs: -1, remoteCopyLagMs: -1, remoteCopyLagBytes: 1000 });
    await bySize.fill(12);
    await pass(bySize);
    expect(bySize.objects.objects.size).toBe(0);
    await bySize.fill(30);
    await pass(bySize);
    expect(bySize.objects.objects.size).toBe(2);
    const disabled = new TieredWorld({ ...TIERED, remoteLogCopyDisable: true });
    await disabled.fill(12);
    await pass(disabled);
    expect(disabled.objects.objects.size).toBe(0);
  });

  it("finds records by their timestamps wherever they are", async () => {
    const world = new TieredWorld(TIERED);
    const times: number[] = [];
    for (let i = 0; i < 47; i++) {
      times.push(world.time.nowMs());
      await world.fill(1, 100);
      if (i % 10 === 9) world.log.roll(world.time.nowMs());
      await world.time.advance(1000);
    }
    await world.logs.committed();
    await pass(world);
    expect(world.log.segments.localStartOffset).toBe(40);
    for (const [offset, timestampMs] of times.entries()) {
      expect(await world.offsetAt(timestampMs)).toMatchObject({ offset, timestampMs });
      expect(await world.offsetAt(timestampMs - 500)).toMatchObject({ offset, timestampMs });
    }
    expect(await world.offsetAt((times.at(-1) ?? 0) + 1)).toBeNull();
    expect(await world.offsetOfLargest()).toMatchObject({ offset: 46 });
    world.log.deleteRecordsBefore(13);
    expect(await world.offsetAt(0)).toMatchObject({ offset: 13 });
    const older = new TieredWorld(TIERED);
    await older.fill(10, 10, { timestampsMs: [older.time.nowMs() + 5_000] });
    await older.fill(5);
    await pass(older);
    expect(await older.offsetOfLargest()).toMatchObject({ offset: 0 });
  });

  it("finds the newest record also where newer ones of its segment are deleted", async () => {
    const world = new TieredWorld(TIERED);
    for (let i = 0; i < 25; i++) {
      await world.fill(1, 100, { timestampsMs: [world.time.nowMs() - i] });
      if (i % 10 === 9) world.log.roll(world.time.nowMs());
    }
    await world.logs.committed();
    await pass(world);
    expect(await world.offsetOfLargest()).toMatchObject({ offset: 0 });
    for (const offset of [3, 9, 10, 17, 21]) {
      world.log.deleteRecordsBefore(offset);
      expect(await world.offsetOfLargest()).toMatchObject({ offset });
    }
  });

  it("reads ranges, never the whole object", async () => {
    const world = new TieredWorld(TIERED);
    for (let i = 0; i < 6; i++) await world.fill(1, 6, { values: [new Uint8Array(900_000).fill(i)] });
    world.log.roll(world.time.nowMs());
    await world.logs.committed();
    await pass(world);
    const [{ object }] = world.log.segments.sealed;
    expect(object?.batchBytes).toBeGreaterThan(5_000_000);
    world.objects.reads.length = 0;
    await world.read(3, 1000);
    const lengths = world.objects.reads.map((read) => Number(read.split(" ")[2]));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1 << 20);
    expect(lengths.length).toBeLessThan(7);
  });

  it("has loaded what a reader wants next: as much again as it asks for when it is alone, less of several", async () => {
    const world = new TieredWorld(TIERED);
    for (let i = 0; i < 14; i++) await world.fill(1, 14, { values: [new Uint8Array(900_000).fill(i)] });
    world.log.roll(world.time.nowMs());
    await world.logs.committed();
    await pass(world);
    const reader = world.restarted();
    await reader.read(0, 4 << 20);
    await reader.quiet();
    reader.objects.isDown = true;
    expect((await reader.read(4, 4 << 20)).map(({ offset }) => offset)).toEqual([4, 5, 6, 7]);
    await reader.quiet();
    reader.objects.isDown = false;
    const readers = reader.restarted();
    readers.objects.reads.length = 0;
    await Promise.all([readers.read(0, 4 << 20), readers.read(0, 4 << 20)]);
    await readers.quiet();
    // The indexes, four pieces, one of which is half read, and two ahead.
    expect(readers.objects.reads.length).toBeLessThanOrEqual(7);
  });

  it("says what fails when its objects can't be read", async () => {
    const world = new TieredWorld(TIERED);
    await world.fill(20);
    await pass(world);
    world.objects.isDown = true;
    await expect(world.read(3, 1000)).rejects.toThrow("unavailable");
    world.objects.isDown = false;
    const [{ object }] = world.log.segments.sealed;
    const bytes = world.objects.objects.get(object?.key ?? "") as Uint8Array;
    bytes[(object?.batchBytes ?? 0) + 3] ^= 1;
    await expect(world.read(3, 1000)).rejects.toThrow("broken");
    world.objects.objects.clear();
    await expect(world.read(15, 1000)).rejects.toThrow("missing");
  });

  it("is emptied of objects when tiering is turned off with remote.log.delete.on.disable", async () => {
    const world = new TieredWorld({ ...TIERED, localRetentionMs: 5 * CHECK_INTERVAL_MS });
    await world.fill(20);
    await pass(world, 6 * CHECK_INTERVAL_MS);
    await world.fill(20);
    expect(world.objects.objects.size).toBe(4);
    world.config = { ...world.config, remoteStorageEnable: false, remoteLogDeleteOnDisable: true };
    world.maintenance.configsChanged();
    await pass(world);
    expect(world.log.logStartOffset).toBe(20);
    expect(world.objects.objects.size).toBe(0);
    expect(await world.readAll()).toEqual(expectedRecords(20, 40));
  });
});

describe("objects of segments that are gone", () => {
  it("are deleted after the commit that gives them up, and never before", async () => {
    const world = new TieredWorld(TIERED);
    await world.fill(40);
    await pass(world);
    let isCommitting = false;
    const commit = world.store.commit.bind(world.store);
    world.store.commit = async (next) => {
      isCommitting = true;
      await commit(next);
      isCommitting = false;
    };
    world.objects.beforeCall = (call) => {
      if (call === "delete") expect(isCommitting).toBe(false);
      return Promise.resolve();
    };
    world.log.deleteRecordsBefore(25);
    expect(world.objects.objects.size).toBe(4);
    await pass(world);
    expect(world.objects.objects.size).toBe(2);
    expect(await world.readAll()).toEqual(expectedRecords(25, 40));
    expect(world.store.garbage(9)).toEqual([]);
  });

  it("go with their topic, also when nobody has opened it, and when the store is down meanwhile", async () => {
    const world = new TieredWorld(TIERED);
    await world.fill(40);
    const { topicId } = world.log;
    await pass(world);
    const restarted = world.restarted();
    restarted.objects.isDown = true;
    await restarted.logs.deleteTopic(topicId);
    await pass(restarted);
    expect(restarted.objects.objects.size).toBe(4);
    restarted.objects.isDown = false;
    await pass(restarted);
    expect(restarted.objects.objects.size).toBe(0);
    expect(restarted.store.partitions()).toEqual([]);
  });

  it("are deleted only when a put that took too long has had its time", async () => {
    const world = new TieredWorld(TIERED);
    let land = () => {};
    world.objects.put = async (key, chunks) => {
      for await (const _ of chunks);
      land = () => void world.objects.objects.set(key, new Uint8Array(1));
      return { kind: "unavailable", reason: "took too long" };
    };
    await world.fill(10);
    await world.time.advance(5_000);
    await world.quiet();
    land();
    expect(world.store.garbage(9)).toHaveLength(1);
    await world.time.advance(10_000);
    await world.quiet();
    expect(world.objects.objects.size).toBe(0);
    expect(world.store.garbage(9)).toEqual([]);
  });

  it("don't stay behind, and nothing is lost, whenever the process ends", async () => {
    const first = new TieredWorld({ ...TIERED, retentionBytes: 3000 });
    first.objects.settleMs = 90_000;
    let world = first;
    let expectedEnd = 0;
    for (let round = 0; round < 40; round++) {
      await world.fill(1 + (round % 4), 3);
      expectedEnd = world.log.highWatermark;
      await world.time.advance(20_000 + 7_000 * (round % 9));
      const before = await world.readAll();
      // A crash in the middle of whatever is under way.
      for (let i = 0; i < round % 6; i++) await Promise.resolve();
      world = world.restarted({ crash: true });
      expect(world.log.highWatermark).toBe(expectedEnd);
      const after = await world.readAll();
      expect(after).toEqual(before.filter(({ offset }) => offset >= world.log.logStartOffset));
      expect(after.at(-1)?.offset).toBe(expectedEnd - 1);
    }
    await pass(world, 5 * CHECK_INTERVAL_MS);
    await pass(world);
    const referred = world.log.segments.sealed.flatMap(({ object }) => object?.key ?? []);
    expect([...world.objects.objects.keys()].sort()).toEqual(referred);
    expect(referred.length).toBeGreaterThan(0);
    expect(world.store.garbage(9)).toEqual([]);
  });
});

describe("a crowded store", () => {
  it("lets go of the oldest segments of topics that don't ask for tiering, and seals early when it must", async () => {
    const world = new TieredWorld({}, { crowdedBytes: 60_000 });
    for (let i = 0; i < 40; i++) {
      await world.fill(1, 4, { values: ["x".repeat(5_000)] });
      if (i % 4 === 3) world.log.roll(world.time.nowMs());
    }
    await world.logs.committed();
    await world.quiet();
    await pass(world);
    expect(world.store.sizeInBytes()).toBeLessThan(100_000);
    expect(world.log.segments.localStartOffset).toBeGreaterThan(10);
    expect(world.log.logStartOffset).toBe(0);
    expect((await world.readAll()).map(({ offset }) => offset)).toEqual(Array.from({ length: 40 }, (_, i) => i));
  });

  it("passes over a segment that no object takes, and the topic of it", async () => {
    const world = new TieredWorld({}, { crowdedBytes: 60_000 });
    world.objects.isDown = true;
    const other = world.logs.getOrCreate(OTHER_TOPIC, 0);
    const nowMs = world.time.nowMs();
    for (let i = 0; i < 2; i++) {
      await world.fill(5, 5, { values: ["x".repeat(5_000)] });
      const content = { values: ["x".repeat(5_000)], timestampsMs: [nowMs] };
      for (let j = 0; j < 5; j++) appendOne(other, content, { nowMs });
      other.roll(nowMs);
      appendOne(other, content, { nowMs });
    }
    await world.logs.committed();
    world.log.segments.sealed[0].sizeInBytes = 2 ** 31;
    world.objects.isDown = false;
    await pass(world);
    await pass(world);
    expect([...world.objects.objects.keys()].filter((key) => key.includes(TOPIC))).toEqual([]);
    expect(other.segments.sealed.map(({ object }) => object !== null)).toContain(true);
    // A topic that wants to be tiered waits in the same way, and nobody looks again and again.
    world.config = { ...world.config, remoteStorageEnable: true };
    expect(copyDue(world.log, world.config, world.time.nowMs()).segment).toBeNull();
  });

  it("keeps compacted topics where they are", async () => {
    const world = new TieredWorld({ compacted: true }, { crowdedBytes: 10_000 });
    for (let i = 0; i < 20; i++) await world.fill(1, 1, { values: ["x".repeat(2_000)] });
    await pass(world);
    expect(world.objects.objects.size).toBe(0);
  });
});
