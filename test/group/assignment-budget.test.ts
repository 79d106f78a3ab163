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
import { StreamsScenario, type StreamsStep } from "./streams/streams-scenario.ts";

const PARTITIONS = 10_000;
const SESSION_TIMEOUT_MS = 45_000;

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

  it("need room when they are assigned, too: another group may have taken what was there", () => {
    const maxBytes = 3 * ASSIGNED_PARTITION_BYTES * PARTITIONS;
    const { topics, budget, machine, beat } = setUp(maxBytes);
    topics.set("t", PARTITIONS);
    topics.set("u", 1);
    expect(countOf(beat("g", { topicNames: ["u"] }))).toBe(1);
    // Its next target may not be made yet, as the last one is too young.
    expect(beat("g", { memberEpoch: 2, topicNames: ["t", "u"] }, 500).kind).toBe("beat");
    expect(countOf(beat("h", { topicNames: ["t"] }, 500))).toBe(PARTITIONS);
    expect(beat("g", { memberEpoch: 2 }, 2_000)).toMatchObject({ kind: "beat", assigned: null });
    expect(machine.consumers.describe("g")?.groupState).toBe("Assigning");
    expect(budget.heldBytes).toBeLessThanOrEqual(maxBytes);
    beat("h", { memberEpoch: -1 }, 3_000);
    expect(countOf(beat("g", { memberEpoch: 2 }, 4_000))).toBe(PARTITIONS + 1);
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

  it("don't grow beyond the room: members go on with what they have until there is some", () => {
    const { topics, budget, machine, beat } = setUp(3 * ASSIGNED_PARTITION_BYTES * PARTITIONS);
    topics.set("t", 10);
    topics.set("big", PARTITIONS);
    beat("other", { topicNames: ["big"] });
    expect(countOf(beat("g", { topicNames: ["t"] }))).toBe(10);
    topics.set("t", PARTITIONS);
    for (const nowMs of [2_000, 4_000]) {
      expect(beat("g", { memberEpoch: 2 }, nowMs)).toMatchObject({ kind: "beat", memberEpoch: 2, assigned: null });
      expect(machine.consumers.describe("g")?.groupState).toBe("Assigning");
    }
    // Nobody new gets in meanwhile.
    expect(beat("g", { memberId: "n", topicNames: ["t"] }, 4_000)).toMatchObject({
      errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED,
    });
    beat("other", { memberEpoch: -1 });
    expect(countOf(beat("g", { memberEpoch: 2 }, 6_000))).toBe(PARTITIONS);
    expect(budget.heldBytes).toBeLessThanOrEqual(3 * ASSIGNED_PARTITION_BYTES * PARTITIONS);
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

  it("are what they were where there is no room for more; who gets nothing by that is told", () => {
    const { topics, budget, beat } = setUp(200_000);
    for (let i = 0; i < 10; i++) topics.set(`${LONG}${i}`, 1);
    expect(countOf(beat("g", { topicRegex: "x.*" }))).toBe(10);
    for (let i = 10; i < 1_000; i++) topics.set(`${LONG}${i}`, 1);
    const later = beat("g", { memberEpoch: 2 }, 20_000);
    expect(later).toMatchObject({ kind: "beat", memberEpoch: 2, assigned: null });
    expect(budget.heldBytes).toBeLessThanOrEqual(200_000);
    // A group that has had nothing yet.
    expect(countOf(beat("h", { topicRegex: "x+\\d+" }, 20_000))).toBe(0);
    expect(beat("h", { memberEpoch: 2 }, 21_000)).toMatchObject({ errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED });
    expect(beat("h", { memberEpoch: -1 }, 22_000)).toMatchObject({ kind: "beat" });
    expect(countOf(beat("h", { topicRegex: "x+[0-4]" }, 22_000))).toBe(5);
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

  it("count, whether they are shared, to be assigned or assigned, and who gets none for want of room is told", () => {
    const bytes = ASSIGNED_PARTITION_BYTES * PARTITIONS;
    const { topics, budget, machine, beat } = shareSetUp(4 * bytes + 50_000);
    topics.set("t", PARTITIONS);
    const first = beat("g", 0, ["t"]);
    expect(budget.heldBytes).toBeGreaterThan(bytes);
    expect(countOf(beat("g", first.kind === "beat" ? first.memberEpoch : 0))).toBe(PARTITIONS);
    expect(budget.heldBytes).toBeGreaterThan(3 * bytes);
    // Of the second group only what is shared fits.
    const second = beat("h", 0, ["t"]);
    const epoch = second.kind === "beat" ? second.memberEpoch : 0;
    expect(countOf(beat("h", epoch))).toBe(0);
    expect(beat("h", epoch)).toMatchObject({ kind: "refused", errorCode: ErrorCode.GROUP_MAX_SIZE_REACHED });
    expect(budget.heldBytes).toBeLessThanOrEqual(4 * bytes + 50_000);
    machine.onTimer("share session h m", 2 * SESSION_TIMEOUT_MS);
    for (const groupId of ["g", "h"]) beat(groupId, -1);
    // What is shared stays until the group is deleted.
    expect(budget.heldBytes).toBeGreaterThan(2 * bytes);
    machine.deleteGroups(["g", "h"], 200_000);
    expect(budget.heldBytes).toBe(0);
  });
});

describe("the tasks of a streams group", () => {
  const sized = (partitions: number): StreamsStep[] =>
    ["t", "r", "c"].map((name) => ({ kind: "topic", name, partitions }) as const);
  const BEGINNING: readonly StreamsStep[] = [
    ...sized(4),
    { kind: "join", who: "a" },
    { kind: "wait", ms: 4_000 },
    { kind: "beat", who: "a" },
  ];

  it("don't grow beyond the room: members go on with what they have", () => {
    const unlimited = new MemberBudget();
    const first = new StreamsScenario(undefined, unlimited);
    for (const step of BEGINNING) first.run(step);
    const budget = new MemberBudget(unlimited.heldBytes + 100);
    const scenario = new StreamsScenario(undefined, budget);
    for (const step of [...BEGINNING, ...sized(40)]) scenario.run(step);
    for (let i = 0; i < 3; i++) {
      scenario.run({ kind: "wait", ms: 2_000 });
      scenario.run({ kind: "beat", who: "a" });
      expect(scenario.describe()?.groupState).toBe("Assigning");
    }
    expect([...(scenario.current().get("a")?.assigned.active.values() ?? [])].map(({ size }) => size)).toEqual([4, 4]);
    expect(budget.heldBytes).toBeLessThanOrEqual(budget.maxBytes);
    for (const step of sized(40)) first.run(step);
    for (let i = 0; i < 3; i++) {
      first.run({ kind: "wait", ms: 2_000 });
      first.run({ kind: "beat", who: "a" });
    }
    expect([...(first.current().get("a")?.assigned.active.values() ?? [])].map(({ size }) => size)).toEqual([40, 40]);
  });
});
