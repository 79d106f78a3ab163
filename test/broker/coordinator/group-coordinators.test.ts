import { describe, expect, it } from "vitest";
import { GroupCoordinators } from "#broker/coordinator/group-coordinators.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { OffsetBudget } from "#group/offset-budget.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { settle } from "../../doubles/manual-time.ts";
import { join } from "../../group/commands.ts";
import { GroupWorld } from "../../group/group-world.ts";
import { commitAt, G, NEIGHBOUR, offsetOf, setUp, syncWith } from "./one-group.ts";

/** Whether it has been answered by now. */
async function isOpen(promise: Promise<unknown>): Promise<boolean> {
  await settle();
  return (await Promise.race([promise, Promise.resolve("open")])) === "open";
}

describe("what a client is told", () => {
  it("waits for the log", async () => {
    const { groups, log } = setUp();
    await groups.listGroups({ states: [], types: [] });
    log.isHolding = true;
    const first = groups.commitOffsets(commitAt(1));
    const second = groups.commitOffsets(commitAt(2));
    const read = offsetOf(groups);
    expect([await isOpen(first), await isOpen(second), await isOpen(read)]).toEqual([true, true, true]);
    log.release();
    expect((await first).errorCode).toBe(ErrorCode.NONE);
    expect([await isOpen(second), await isOpen(read)]).toEqual([true, true]);
    log.release();
    expect([(await second).errorCode, await read]).toEqual([ErrorCode.NONE, 2]);
  });

  it("comes at once when there is nothing to write", async () => {
    const { groups, log } = setUp();
    const identity = { groupId: "g", memberId: "x", groupInstanceId: null, generationId: 0 };
    expect(await groups.heartbeat(identity)).toBe(ErrorCode.UNKNOWN_MEMBER_ID);
    expect(log.appends).toBe(0);
  });

  it("a sync is answered when the group is written", async () => {
    const { groups, log, world } = setUp();
    const joining = groups.joinGroup(join());
    await world.time.advance(0);
    const { memberId, generationId } = await joining;
    expect(memberId).toMatch(/^c-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    log.isHolding = true;
    const syncing = groups.syncGroup(syncWith(memberId, generationId, "P0"));
    expect(await isOpen(syncing)).toBe(true);
    log.release();
    expect(new TextDecoder().decode((await syncing).assignment)).toBe("P0");
    expect(groups.parkedCount).toBe(0);
  });

  it("large commits go in several appends, in order", async () => {
    const { groups, log } = setUp();
    const metadata = "x".repeat(4000);
    const partitions = Array.from({ length: 600 }, (_, partitionIndex) => ({
      partitionIndex,
      offset: partitionIndex,
      leaderEpoch: -1,
      metadata,
    }));
    await groups.commitOffsets(commitAt(0, { topics: [{ topic: "t", topicId: ZERO_UUID, partitions }] }));
    expect(log.appends).toBe(3);
    expect(log.partitions.get(G)?.length).toBe(600);
    const again = new GroupCoordinators(groups.environment, () => DEFAULT_GROUP_CONFIG);
    expect(await again.fetchOffsets("g", null)).toEqual(await groups.fetchOffsets("g", null));
  });
});

describe("a log that fails", () => {
  it("takes back what it hadn't taken: all that waits is told, and the coordinator is loaded again", async () => {
    const { groups, log } = setUp();
    await groups.commitOffsets(commitAt(1, { groupId: NEIGHBOUR }));
    const parked = groups.joinGroup(join());
    await settle();
    log.isHolding = true;
    const lost = groups.commitOffsets(commitAt(2, { groupId: NEIGHBOUR }));
    const seen = groups.fetchOffsets(NEIGHBOUR, null);
    await settle();
    log.release(ErrorCode.NOT_LEADER_OR_FOLLOWER);
    const told = await Promise.all([lost, seen, parked]);
    expect(told.map((reply) => reply.errorCode)).toEqual(Array(3).fill(ErrorCode.NOT_COORDINATOR));
    log.isHolding = false;
    expect((await groups.fetchOffsets(NEIGHBOUR, null)).value?.[0].partitions[0].offset).toBe(1);
    expect(log.replays).toBe(2);
    expect(groups.parkedCount).toBe(0);
  });

  it("is loaded again only when its open appends have ended", async () => {
    const { groups, log } = setUp();
    await groups.commitOffsets(commitAt(1));
    log.isHolding = true;
    const first = groups.commitOffsets(commitAt(2));
    const second = groups.commitOffsets(commitAt(3));
    await settle();
    log.release(ErrorCode.MESSAGE_TOO_LARGE);
    expect((await first).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    const reading = offsetOf(groups);
    expect(await isOpen(reading)).toBe(true);
    log.release();
    // It was written, but its client can't be told so: what it was based on is gone.
    expect((await second).errorCode).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(await reading).toBe(3);
  });

  const codes = [
    [ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.COORDINATOR_NOT_AVAILABLE],
    [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NOT_COORDINATOR],
    [ErrorCode.MESSAGE_TOO_LARGE, ErrorCode.UNKNOWN_SERVER_ERROR],
    [ErrorCode.POLICY_VIOLATION, ErrorCode.POLICY_VIOLATION],
  ] as const;
  for (const [ofLog, ofGroup] of codes) {
    it(`with ${ofLog} is ${ofGroup} to a client`, async () => {
      const { groups, log } = setUp();
      log.isHolding = true;
      const committing = groups.commitOffsets(commitAt(1));
      await settle();
      log.release(ofLog);
      expect((await committing).errorCode).toBe(ofGroup);
    });
  }

  it("and can't be read", async () => {
    const { groups, log } = setUp();
    log.replayError = ErrorCode.KAFKA_STORAGE_ERROR;
    expect((await groups.commitOffsets(commitAt(1))).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await groups.listGroups({ states: [], types: [] })).value).toEqual([]);
    log.replayError = ErrorCode.NONE;
    expect((await groups.commitOffsets(commitAt(1))).errorCode).toBe(ErrorCode.NONE);
  });
});

describe("topics that are deleted", () => {
  it("take their offsets with them, in every coordinator", async () => {
    const { groups, log, world } = setUp();
    await Promise.all(["g", "h", NEIGHBOUR].map((groupId) => groups.commitOffsets(commitAt(1, { groupId }))));
    world.topics.delete("t");
    groups.topicsDeleted();
    for (const groupId of ["g", "h", NEIGHBOUR]) expect((await groups.fetchOffsets(groupId, null)).value).toEqual([]);
    expect([...log.partitions.values()].flat().filter((record) => record.value === null).length).toBe(3);
  });
});

describe("topics that are created anew", () => {
  const NEW_ID = "newTnewTnewTnewTnewTnA";

  function setUpRecreated() {
    const { world, log, groups } = setUp();
    const commitTo = (groupId: string, offset: number) => {
      const partitions = [{ partitionIndex: 0, offset, leaderEpoch: -1, metadata: null }];
      const topics = [{ topic: "t", topicId: world.topicId("t") ?? ZERO_UUID, partitions }];
      return groups.commitOffsets(commitAt(offset, { groupId, topics }));
    };
    const recreate = () => world.topics.set("t", { topicId: NEW_ID, partitions: 1 });
    return { world, log, groups, commitTo, recreate };
  }

  it("keep what was committed for them, while what was committed for the former ones is forgotten", async () => {
    const { groups, log, commitTo, recreate } = setUpRecreated();
    await commitTo("h", 1);
    await commitTo("g", 1);
    recreate();
    await commitTo("g", 7);
    groups.topicsDeleted();
    expect((await groups.fetchOffsets("g", null)).value?.[0].partitions[0].offset).toBe(7);
    expect((await groups.fetchOffsets("h", null)).value).toEqual([]);
    expect([...log.partitions.values()].flat().filter((record) => record.value === null).length).toBe(1);
  });

  it("have nothing of the former ones after a cold start that nobody told of the deletion", async () => {
    const { world, log, commitTo, recreate } = setUpRecreated();
    await commitTo("h", 42);
    recreate();
    const cold = new GroupCoordinators(world, () => DEFAULT_GROUP_CONFIG);
    expect((await cold.fetchOffsets("h", null)).value).toEqual([]);
    const named = await cold.fetchOffsets("h", [{ topic: "t", topicId: ZERO_UUID, partitionIndexes: [0] }]);
    expect(named.value?.[0].partitions[0].offset).toBe(-1);
    expect([...log.partitions.values()].flat().filter((record) => record.value === null).length).toBe(1);
  });

  it("have nothing of the former ones even before those are forgotten", async () => {
    const { groups, commitTo, recreate } = setUpRecreated();
    await commitTo("h", 42);
    recreate();
    expect((await groups.fetchOffsets("h", null)).value).toEqual([]);
  });
});

describe("loading and leadership", () => {
  it("another topic by the name of __consumer_offsets has another coordinator, even under the same leader epoch", async () => {
    const { groups, world, log } = setUp();
    await groups.commitOffsets(commitAt(1));
    const parked = groups.joinGroup(join({ groupId: NEIGHBOUR }));
    await settle();
    world.offsetsId = "anotheranotheranothe_A";
    log.partitions.clear();
    groups.leadershipChanged();
    expect((await parked).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await groups.fetchOffsets("g", null)).value).toEqual([]);
  });

  it("one load serves all that ask meanwhile", async () => {
    const { groups, log } = setUp();
    let go = () => {};
    log.beforeReplay = new Promise((resolve) => {
      go = resolve;
    });
    const asked = [1, 2, 3].map((offset) => groups.commitOffsets(commitAt(offset)));
    expect(await isOpen(asked[0])).toBe(true);
    go();
    expect((await Promise.all(asked)).map((reply) => reply.errorCode)).toEqual([0, 0, 0]);
    expect(log.replays).toBe(1);
    expect(await offsetOf(groups)).toBe(3);
  });

  it("a partition that another broker leads is NOT_COORDINATOR, and its groups aren't listed", async () => {
    const { groups, world } = setUp();
    await groups.commitOffsets(commitAt(1));
    world.epochs.set(G, null);
    const identity = { groupId: "g", memberId: "x", groupInstanceId: null, generationId: 0 };
    const told = await Promise.all([
      groups.joinGroup(join()).then((reply) => reply.errorCode),
      groups.syncGroup(syncWith("x", 0, "")).then((reply) => reply.errorCode),
      groups.heartbeat(identity),
      groups.leaveGroup({ groupId: "g", members: [] }).then((reply) => reply.errorCode),
      groups.commitOffsets(commitAt(1)).then((reply) => reply.errorCode),
      groups.fetchOffsets("g", null).then((reply) => reply.errorCode),
      groups.describeGroup("g").then((reply) => reply.errorCode),
      groups.deleteGroups(["g"]).then(([errorCode]) => errorCode),
    ]);
    expect(told).toEqual(Array(8).fill(ErrorCode.NOT_COORDINATOR));
    expect((await groups.listGroups({ states: [], types: [] })).value).toEqual([]);
    expect(await groups.findCoordinator("g")).toMatchObject({ brokerId: 2 });
  });

  it("who is parked when the leadership goes is told so; when it comes back, the log is read again", async () => {
    const { groups, world, log } = setUp();
    const parked = groups.joinGroup(join());
    await settle();
    expect(groups.parkedCount).toBe(1);
    world.epochs.set(G, null);
    groups.leadershipChanged();
    expect((await parked).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect(groups.parkedCount).toBe(0);
    world.epochs.set(G, 2);
    const replays = log.replays;
    expect((await groups.describeGroup("g")).value?.groupState).toBe("Empty");
    expect(log.replays).toBe(replays + 1);
    // Nothing of the former coordinator is left: only the clean-up of the new one waits.
    expect(world.time.pending).toBe(1);
  });

  it("the offsets of all coordinators of a broker have one budget, and those that are let go give theirs back", async () => {
    const world = new GroupWorld();
    const budget = new OffsetBudget(10_000);
    const groups = new GroupCoordinators(world, () => DEFAULT_GROUP_CONFIG, new MemberBudget(), budget);
    const codeOf = async (groupId: string) => {
      const partitions = [{ partitionIndex: 0, offset: 1, leaderEpoch: -1, metadata: "m".repeat(4_000) }];
      const topics = [{ topic: "t", topicId: ZERO_UUID, partitions }];
      const { outcomes } = await groups.commitOffsets(commitAt(1, { groupId, topics }));
      return outcomes?.[0][0].errorCode;
    };
    const other = Array.from({ length: 50 }, (_, i) => `o${i}`).find((id) => partitionOfKey(id, 50) !== G) ?? "";
    expect(await codeOf("g")).toBe(ErrorCode.NONE);
    const held = budget.heldBytes;
    expect(await codeOf(other)).toBe(ErrorCode.POLICY_VIOLATION);
    expect(budget.heldBytes).toBe(held);
    world.epochs.set(G, null);
    groups.leadershipChanged();
    expect(budget.heldBytes).toBe(0);
    expect(await codeOf(other)).toBe(ErrorCode.NONE);
    // What was committed is loaded again, though there is no room for it any more.
    world.epochs.set(G, 2);
    expect((await groups.fetchOffsets("g", null)).value?.[0].partitions).toHaveLength(1);
    expect(budget.heldBytes).toBeGreaterThan(budget.maxBytes);
  });

  it("without the topic there is no coordinator until it is looked for", async () => {
    const { groups, world } = setUp();
    world.offsetsPartitions = 0;
    expect((await groups.commitOffsets(commitAt(1))).errorCode).toBe(ErrorCode.NOT_COORDINATOR);
    expect((await groups.listGroups({ states: [], types: [] })).value).toEqual([]);
    world.creatable = 0;
    expect(await groups.findCoordinator("g")).toBe(null);
    world.creatable = 50;
    expect(await groups.findCoordinator("g")).toEqual({ brokerId: 1, host: "host-1", port: 9091 });
    expect((await groups.commitOffsets(commitAt(1))).errorCode).toBe(ErrorCode.NONE);
  });
});
