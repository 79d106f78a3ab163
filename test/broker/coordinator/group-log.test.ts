import { describe, expect, it } from "vitest";
import { GroupCoordinators } from "#broker/coordinator/group-coordinators.ts";
import { REWRITE_MIN_RECORDS } from "#coordinator/limits.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { settle } from "../../doubles/manual-time.ts";
import { commit, join, position, sync } from "../../group/commands.ts";
import { GroupWorld, type MemoryCoordinatorLog } from "../../group/group-world.ts";

// The log of a coordinator is rewritten when it has outgrown what lives in it; whatever happens in between, a load finds the same.

const G = partitionOfKey("g", 50);
const PARTITIONS = 5_000;

function setUp() {
  const world = new GroupWorld();
  world.topics.set("wide", { topicId: "wideewideewideewideewA", partitions: PARTITIONS });
  return { world, groups: new GroupCoordinators(world, () => DEFAULT_GROUP_CONFIG) };
}

function commitWide(world: GroupWorld, offset: number, count = PARTITIONS) {
  const partitions = Array.from({ length: count }, (_, index) => position(index, offset + index));
  return commit(partitions, { topic: "wide", topicId: world.topicId("wide") ?? "" });
}

/** Commits until one more commit would have the log rewritten. */
async function fill(world: GroupWorld, groups: GroupCoordinators): Promise<number> {
  let round = 0;
  while ((round + 1) * PARTITIONS < REWRITE_MIN_RECORDS) await groups.commitOffsets(commitWide(world, round++));
  return round;
}

/** What a broker finds that starts now with this log. */
async function found(log: MemoryCoordinatorLog, before: GroupWorld) {
  const world = new GroupWorld();
  for (const [name, topic] of before.topics) world.topics.set(name, topic);
  world.log = log.crashed();
  const groups = new GroupCoordinators(world, () => DEFAULT_GROUP_CONFIG);
  const described = await groups.describeGroup("g");
  const offsets = await groups.fetchOffsets("g", null);
  return { offsets, described };
}

const size = (world: GroupWorld) => world.log.partitions.get(G)?.length ?? 0;

describe("a log that has outgrown what lives in it", () => {
  it("is rewritten while the coordinator runs, and begins with what lives", async () => {
    const { world, groups } = setUp();
    const round = await fill(world, groups);
    expect(world.log.trims).toBe(0);
    await groups.commitOffsets(commitWide(world, round));
    await settle();
    expect(world.log.trims).toBe(1);
    expect(size(world)).toBe(PARTITIONS);
    const offsets = await groups.fetchOffsets("g", null);
    expect(offsets.value?.[0].partitions[7].offset).toBe(round + 7);
    expect((await found(world.log, world)).offsets).toEqual(offsets);
  });

  it("is rewritten at the load", async () => {
    const { world, groups } = setUp();
    const round = await fill(world, groups);
    const full = world.log.crashed();
    for (let more = 0; more < 3; more++) await full.append(G, full.partitions.get(G)?.slice(-PARTITIONS) ?? []);
    const again = new GroupWorld();
    again.topics.set("wide", world.topics.get("wide") ?? { topicId: "", partitions: 0 });
    again.log = full;
    const loaded = new GroupCoordinators(again, () => DEFAULT_GROUP_CONFIG);
    expect((await loaded.fetchOffsets("g", null)).value?.[0].partitions[3].offset).toBe(round - 1 + 3);
    await settle();
    expect([again.log.trims, size(again)]).toEqual([1, PARTITIONS]);
  });

  it("loses nothing in a crash at any point of a rewrite, while clients go on", async () => {
    const { world, groups } = setUp();
    const { log } = world;
    const joining = groups.joinGroup(join());
    await world.time.advance(0);
    const { memberId, generationId } = await joining;
    const member = { groupId: "g", memberId, generationId, groupInstanceId: null };
    await groups.syncGroup(sync(memberId, Uint8Array.of(1, 2, 3), member));
    for (let round = 0; size(world) + PARTITIONS < REWRITE_MIN_RECORDS; round++) {
      await groups.commitOffsets({ ...commitWide(world, round), ...member });
    }
    // In the middle of a rebalance: what the log says of the group is the generation before.
    const newcomer = groups.joinGroup(join());
    await settle();
    const before = await found(log, world);
    expect(before.described.value?.members.length).toBe(1);

    log.isHolding = true;
    const committing = groups.commitOffsets({ ...commitWide(world, 1_000), ...member });
    await settle();
    log.release();
    await committing;
    const expected = await found(log, world);
    let crashes = 0;
    let newest = 0;
    for (let i = 0; log.trims === 0; i++) {
      await settle();
      // Another commit on top, between what is written again.
      if (i < 3) groups.commitOffsets({ ...commitWide(world, 5_000 + i, 1), ...member });
      await settle();
      if (log.held.length === 0) break;
      const isClients = log.held[0].records.length === 1;
      log.release();
      if (isClients) newest++;
      const now = await found(log, world);
      expect(now.described).toEqual(expected.described);
      const [first, ...others] = now.offsets.value?.[0].partitions ?? [];
      expect(first.offset).toBe(newest === 0 ? 1_000 : 4_999 + newest);
      expect(others).toEqual(expected.offsets.value?.[0].partitions.slice(1));
      crashes++;
    }
    await settle();
    expect(crashes).toBeGreaterThan(4);
    expect([log.trims, newest]).toEqual([1, 3]);
    const after = await found(log, world);
    expect(after.described).toEqual(expected.described);
    expect(after.offsets.value?.[0].partitions[0].offset).toBe(5_002);
    expect(size(world)).toBeLessThan(2 * PARTITIONS);
    log.isHolding = false;
    await world.time.advance(60_000);
    expect((await newcomer).errorCode).toBe(ErrorCode.NONE);
  });

  it("keeps what a transaction commits while it is rewritten", async () => {
    const { world, groups } = setUp();
    const { log } = world;
    const round = await fill(world, groups);
    log.isHolding = true;
    const last = groups.commitOffsets(commitWide(world, round));
    await settle();
    log.release();
    await last;
    // The first of what is written again is on its way, and the partition that the transaction commits for is among what follows.
    await settle();
    const [topic] = commitWide(world, 1_000_000).topics;
    const producer = { producerId: 7, producerEpoch: 0 };
    const inTransaction = {
      ...commitWide(world, 0),
      topics: [{ ...topic, partitions: topic.partitions.slice(-1) }],
      producer,
    };
    const committing = groups.commitTransactionalOffsets(inTransaction);
    for (await settle(); log.held.length > 0; await settle()) log.release();
    expect([(await committing).errorCode, log.trims]).toEqual([ErrorCode.NONE, 1]);
    const ended = groups.completeTransaction(G, { ...producer, coordinatorEpoch: 0, isCommit: true });
    for (await settle(); log.held.length > 0; await settle()) log.release();
    expect(await ended).toBe(ErrorCode.NONE);
    expect((await found(log, world)).offsets.value?.[0].partitions.at(-1)?.offset).toBe(1_000_000 + PARTITIONS - 1);
  });

  it("isn't trimmed when the rewrite fails, and not rewritten again and again when the trim fails", async () => {
    const { world, groups } = setUp();
    const round = await fill(world, groups);
    world.log.trimError = ErrorCode.KAFKA_STORAGE_ERROR;
    for (let more = 0; more < 5; more++) await groups.commitOffsets(commitWide(world, round + more));
    await settle();
    expect([world.log.trims, size(world)]).toEqual([0, (round + 5 + 1) * PARTITIONS]);
    expect((await found(world.log, world)).offsets.value?.[0].partitions[0].offset).toBe(round + 4);
  });
});
