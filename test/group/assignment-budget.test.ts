import { describe, expect, it } from "vitest";
import type { ConsumerHeartbeatCommand, ConsumerHeartbeatReply } from "#group/consumer/heartbeat.ts";
import type { Refusal } from "#group/consumer/world.ts";
import { GroupCoordinator } from "#group/coordinator.ts";
import { ASSIGNED_PARTITION_BYTES, DEFAULT_GROUP_CONFIG, MAX_MEMBER_BYTES } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import type { ShareHeartbeatReply } from "#group/share/heartbeat.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ManyTopics } from "./many-topics.ts";

const PARTITIONS = 10_000;

function setUp(maxBytes = MAX_MEMBER_BYTES) {
  const topics = new ManyTopics();
  const budget = new MemberBudget(maxBytes);
  const machine = new GroupCoordinator({ topics, config: () => DEFAULT_GROUP_CONFIG, budget });
  const log: CoordinatorRecord[] = [];
  const beat = (groupId: string, more: Partial<ConsumerHeartbeatCommand>, nowMs = 1) => {
    const command: ConsumerHeartbeatCommand = {
      groupId,
      memberId: "m",
      memberEpoch: 0,
      groupInstanceId: null,
      rackId: null,
      clientId: "c",
      clientHost: "/h",
      rebalanceTimeoutMs: more.memberEpoch === undefined ? 60_000 : -1,
      topicNames: null,
      topicRegex: null,
      serverAssignor: null,
      reported: more.memberEpoch === undefined ? new Map() : null,
      requiresMemberId: true,
      uuid: "u",
      ...more,
    };
    const decision = machine.decide(nowMs, (turn) => machine.consumers.heartbeat(command, turn));
    log.push(...decision.records);
    return decision.response;
  };
  return { topics, budget, machine, log, beat };
}

function countOf(reply: ConsumerHeartbeatReply | ShareHeartbeatReply | Refusal): number {
  if (reply.kind !== "beat") return -1;
  return [...(reply.assigned ?? new Map())].reduce((sum, [, { size }]) => sum + size, 0);
}

describe("the partitions of a consumer group", () => {
  it("count as what its members hold: a group that would be assigned too many isn't begun", () => {
    const { topics, budget, machine, log, beat } = setUp();
    topics.set("t", PARTITIONS);
    let groups = 0;
    for (; groups < 100; groups++) {
      const held = budget.heldBytes;
      const written = log.length;
      const reply = beat(`g${groups}`, { topicNames: ["t"] });
      if (reply.kind === "beat") {
        expect(countOf(reply)).toBe(PARTITIONS);
        expect(budget.heldBytes - held).toBeGreaterThanOrEqual(2 * ASSIGNED_PARTITION_BYTES * PARTITIONS);
        continue;
      }
      expect(reply.errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
      expect([budget.heldBytes, log.length]).toEqual([held, written]);
      expect(machine.kindOf(`g${groups}`)).toBeUndefined();
      break;
    }
    expect(groups).toBeGreaterThan(10);
    expect(groups).toBeLessThan(100);
    expect(budget.heldBytes).toBeLessThanOrEqual(MAX_MEMBER_BYTES);
    // Who asks for less has room, and so has everybody when one group is gone.
    topics.set("small", 1);
    expect(countOf(beat("small", { topicNames: ["small"] }))).toBe(1);
    beat("g0", { memberEpoch: -1 });
    expect(countOf(beat("late", { topicNames: ["t"] }))).toBe(PARTITIONS);
    // A load counts the same, and nothing is left of those who have gone.
    const after = new MemberBudget();
    const loaded = new GroupCoordinator({ topics, config: () => DEFAULT_GROUP_CONFIG, budget: after });
    for (const record of log) loaded.replay(record);
    expect(after.heldBytes).toBe(budget.heldBytes);
    for (const groupId of ["late", "small", ...Array.from({ length: groups - 1 }, (_, at) => `g${at + 1}`)]) {
      beat(groupId, { memberEpoch: -1 });
    }
    expect(budget.heldBytes).toBe(0);
  });

  it("count as long as a member has them, whatever it is to have", () => {
    const { topics, budget, beat } = setUp();
    topics.set("t", PARTITIONS);
    topics.set("u", 1);
    beat("g", { topicNames: ["t"] });
    topics.set("t", 0);
    beat("g", { memberId: "n", topicNames: ["u"] }, 2_000);
    expect(budget.heldBytes).toBeGreaterThan(ASSIGNED_PARTITION_BYTES * PARTITIONS);
    beat("g", { memberEpoch: 2, reported: new Map() }, 3_000);
    expect(budget.heldBytes).toBeLessThan(ASSIGNED_PARTITION_BYTES * PARTITIONS);
  });

  it("are assigned to those who are in the group whatever room there is, as when topics grow or a member goes", () => {
    const { topics, budget, machine, beat } = setUp(3 * ASSIGNED_PARTITION_BYTES * PARTITIONS);
    topics.set("t", 10);
    topics.set("big", PARTITIONS);
    beat("other", { topicNames: ["big"] });
    expect(countOf(beat("g", { topicNames: ["t"] }))).toBe(10);
    expect(countOf(beat("g", { memberId: "spare", topicNames: ["t"] }, 2_000))).toBe(0);
    topics.set("t", PARTITIONS);
    expect(beat("g", { memberEpoch: 2 }, 4_000)).toMatchObject({ kind: "beat" });
    expect(beat("g", { memberId: "spare", memberEpoch: 3 }, 4_000)).toMatchObject({ kind: "beat" });
    expect(budget.heldBytes).toBeGreaterThan(budget.maxBytes);
    // Nobody new gets in meanwhile, nor a topic that the group doesn't read yet; less of what it reads is no request for room.
    const full = { errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED };
    expect(beat("g", { memberId: "n", topicNames: ["t"] }, 4_000)).toMatchObject(full);
    topics.set("u", 1);
    expect(beat("g", { memberId: "spare", memberEpoch: 4, topicNames: ["t", "u"] }, 4_000)).toMatchObject(full);
    expect(beat("g", { memberId: "spare", memberEpoch: 4, topicNames: [] }, 4_000)).toMatchObject({ kind: "beat" });
    // The other one goes: whoever is left is to have all.
    beat("g", { memberId: "spare", memberEpoch: -1 }, 6_000);
    const left = () => machine.consumers.describe("g")?.members[0];
    beat("g", { memberEpoch: left()?.memberEpoch }, 8_000);
    const target = left()?.target ?? [];
    expect(target.map(({ partitions }) => partitions.length)).toEqual([PARTITIONS]);
  });

  it("of topics that the group reads already cost whoever joins nothing", () => {
    const { topics, budget, beat } = setUp(2.5 * ASSIGNED_PARTITION_BYTES * PARTITIONS);
    topics.set("t", PARTITIONS);
    beat("g", { topicNames: ["t"] });
    for (let i = 0; i < 9; i++)
      expect(beat("g", { memberId: `n${i}`, topicNames: ["t"] })).toMatchObject({ kind: "beat" });
    expect(budget.heldBytes).toBeLessThanOrEqual(budget.maxBytes);
    expect(beat("h", { topicNames: ["t"] })).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED });
  });
});

describe("the topics of an expression", () => {
  const LONG = "x".repeat(240);

  it("count, and are forgotten with it", () => {
    const { topics, budget, beat } = setUp();
    for (let i = 0; i < 1_000; i++) topics.set(`${LONG}${i}`, 1);
    beat("g", { topicRegex: "y.*" });
    const { heldBytes } = budget;
    beat("g", { memberEpoch: 2, topicRegex: "x+\\d\\d\\d" });
    expect(budget.heldBytes - heldBytes).toBeGreaterThan(900 * 2 * LONG.length);
    beat("g", { memberEpoch: 2, topicRegex: "y.*" });
    expect(budget.heldBytes).toBe(heldBytes);
    beat("g", { memberEpoch: -1 });
    expect(budget.heldBytes).toBe(0);
  });

  it("are all found whatever room there is; then nobody new gets in", () => {
    const { topics, budget, beat } = setUp(200_000);
    for (let i = 0; i < 1_000; i++) topics.set(`${LONG}${i}`, 1);
    expect(countOf(beat("g", { topicRegex: "x.*" }))).toBe(1_000);
    expect(budget.heldBytes).toBeGreaterThan(200_000);
    expect(beat("h", { topicRegex: "x.*" })).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED });
    expect(beat("g", { memberEpoch: 2 }, 20_000)).toMatchObject({ kind: "beat" });
  });
});

describe("the partitions of a share group", () => {
  function shareSetUp(maxBytes: number) {
    const { topics, budget, machine } = setUp(maxBytes);
    let nowMs = 0;
    const beat = (groupId: string, memberEpoch: number, topicNames: readonly string[] | null = null) => {
      nowMs += 2_000;
      const command = {
        groupId,
        memberId: "m",
        memberEpoch,
        rackId: null,
        clientId: "c",
        clientHost: "/h",
        topicNames,
      };
      const reply = machine.decide(nowMs, (turn) => machine.shares.heartbeat(command, turn)).response;
      if (reply.kind !== "beat" || reply.initialize === null) return reply;
      const made = reply.initialize.topics.map(({ topicId, partitions }) => ({
        topicId,
        partitions: partitions.map(({ partitionIndex }) => partitionIndex),
      }));
      machine.decide(nowMs, (turn) => machine.shares.initializeEnded(groupId, made, ErrorCode.NONE, turn));
      return reply;
    };
    return { topics, budget, machine, beat };
  }

  it("count, whether they are shared, to be assigned or assigned", () => {
    const bytes = ASSIGNED_PARTITION_BYTES * PARTITIONS;
    const { topics, budget, machine, beat } = shareSetUp(4 * bytes + 50_000);
    topics.set("t", PARTITIONS);
    const first = beat("g", 0, ["t"]);
    expect(budget.heldBytes).toBeGreaterThan(bytes);
    expect(countOf(beat("g", first.kind === "beat" ? first.memberEpoch : 0))).toBe(PARTITIONS);
    const { heldBytes } = budget;
    expect(heldBytes).toBeGreaterThan(3 * bytes);
    expect(beat("h", 0, ["t"])).toMatchObject({ kind: "refused", errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED });
    expect(budget.heldBytes).toBe(heldBytes);
    beat("g", -1);
    // What is shared stays until the group is deleted.
    expect(budget.heldBytes).toBeGreaterThan(bytes);
    machine.deleteGroups(["g"], 200_000);
    expect(budget.heldBytes).toBe(0);
  });
});
