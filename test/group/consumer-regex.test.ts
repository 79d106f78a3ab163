import { describe, expect, it } from "vitest";
import { MAX_MATCH_STEPS, type Matching, matchOn } from "#group/consumer/regex.ts";
import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { storedKind } from "#protocol/stored/record.ts";
import { ManyTopics } from "./many-topics.ts";

/** Some 4,000 instructions, of which each name takes all. */
const DEAR = "(a?){1000}b*";
const LONG = "a".repeat(230);

function setUp() {
  const topics = new ManyTopics();
  const budget = new MemberBudget();
  const machine = new GroupCoordinator({ topics, config: () => DEFAULT_GROUP_CONFIG, budget });
  let nowMs = 1;
  const beat = (memberId: string, memberEpoch: number, topicRegex: string | null, afterMs = 2_000) => {
    nowMs += afterMs;
    const isJoining = memberEpoch === 0;
    const decision = machine.decide(nowMs, (turn) =>
      machine.consumers.heartbeat(
        {
          ...{
            groupId: "g",
            memberId,
            memberEpoch,
            groupInstanceId: null,
            rackId: null,
            clientId: "c",
            clientHost: "/h",
          },
          ...{ rebalanceTimeoutMs: isJoining ? 60_000 : -1, topicNames: null, topicRegex, serverAssignor: null },
          ...{ reported: isJoining ? new Map() : null, requiresMemberId: true, uuid: "u" },
        },
        turn,
      ),
    );
    if (decision.response.kind !== "beat") throw new Error(`refused: ${decision.response.message}`);
    return decision.response;
  };
  const described = (memberId: string) =>
    machine.consumers.describe("g")?.members.find((member) => member.memberId === memberId);
  const assigned = (memberId: string) => described(memberId)?.assigned.length;
  const target = (memberId: string) => described(memberId)?.target.length;
  const REGEX = 16;
  const resolvedCount = () => [...machine.liveRecords()].filter(({ key }) => storedKind(key) === REGEX).length;
  return { topics, budget, beat, assigned, target, resolvedCount };
}

describe("the matching of an expression", () => {
  it("ends at its limit, goes on from there, and finds the same", () => {
    const names = Array.from({ length: 100 }, (_, i) => (i % 3 === 0 ? `${LONG}${"b".repeat(i)}` : `c${i}`)).sort();
    let matching: Matching = { regex: DEAR, version: 1, after: "", topics: new Set() };
    const seen: string[] = [];
    for (let isDone = false; !isDone; ) {
      const went = matchOn(matching, names, MAX_MATCH_STEPS);
      // One name of 249 characters with 5,000 instructions is the most that comes on top.
      expect(went.steps).toBeLessThan(MAX_MATCH_STEPS + 249 * 5_100);
      expect(went.matching.after > matching.after).toBe(true);
      ({ matching, isDone } = went);
      seen.push(matching.after);
      // Topics that were looked at go, and the others are looked at all the same.
      names.shift();
    }
    expect(seen.length).toBeGreaterThan(1);
    expect(matching.topics.size).toBe(34);
  });

  it("takes several heartbeats where there is much of it; what was found before stands meanwhile", () => {
    const { topics, budget, beat, assigned } = setUp();
    for (let i = 0; i < 100; i++) topics.set(`${LONG}${"b".repeat(i % 19)}${"a".repeat(i > 18 ? 0 : 1)}${i}`, 1);
    for (let i = 0; i < 19; i++) topics.set(`${LONG}${"b".repeat(i)}`, 1);
    beat("m", 0, DEAR);
    expect(assigned("m")).toBe(0);
    let epoch = 2;
    let beats = 1;
    for (; assigned("m") === 0 && beats < 50; beats++) epoch = beat("m", epoch, null).memberEpoch;
    expect(beats).toBeGreaterThan(2);
    expect(beats).toBeLessThan(20);
    expect(assigned("m")).toBe(19);
    // Another topic comes: the nineteen stay until all are matched anew.
    topics.set("b", 1);
    epoch = beat("m", epoch, null, 11_000).memberEpoch;
    for (beats = 0; assigned("m") === 19 && beats < 20; beats++) epoch = beat("m", epoch, null).memberEpoch;
    expect(beats).toBeGreaterThan(1);
    expect(assigned("m")).toBe(20);
    beat("m", -1, null);
    expect(budget.heldBytes).toBe(0);
  });

  it("is given up when nobody subscribes by it any more", () => {
    const { topics, budget, beat } = setUp();
    for (let i = 0; i < 100; i++) topics.set(`${LONG}${i % 2 === 0 ? "b".repeat(i % 19) : i}${i}`, 1);
    topics.set(LONG, 1);
    const { heldBytes } = budget;
    beat("m", 0, DEAR);
    const held = budget.heldBytes;
    beat("m", 2, "nothing");
    expect(budget.heldBytes).toBeLessThan(held);
    beat("m", -1, null);
    expect(budget.heldBytes).toBe(heldBytes);
    beat("n", 0, DEAR);
    beat("n", -1, null);
    expect(budget.heldBytes).toBe(heldBytes);
  });

  it("comes round to every expression of a group, however often topics change", () => {
    const { topics, beat, target } = setUp();
    for (let i = 0; i < 100; i++) topics.set(`${LONG}${i}`, 1);
    // One heartbeat has time for two of them, and each is due again after 10 s.
    const memberIds = Array.from({ length: 25 }, (_, i) => `m${i}`);
    const replies = memberIds.map((memberId, i) => beat(memberId, 0, `(a?){230}[a-z]*${i}`, 1));
    let epoch = replies[0].memberEpoch;
    for (let i = 0; i < memberIds.length; i++) topics.set(`${LONG}x${i}`, 1);
    for (let round = 0; round < 30; round++) {
      topics.set(`OTHER${round}`, 1);
      epoch = beat("m0", epoch, null, 1_100).memberEpoch;
    }
    for (const memberId of memberIds) expect(target(memberId)).toBe(2);
  });

  it("pauses when it took long, so that many members don't match all the time", () => {
    const { topics, beat, resolvedCount } = setUp();
    for (let i = 0; i < 100; i++) topics.set(`${LONG}${i}`, 1);
    for (let i = 0; i < 20; i++) beat(`m${i}`, 0, DEAR, 10);
    expect(resolvedCount()).toBe(0);
    for (let i = 0; i < 5; i++) beat("other", i === 0 ? 0 : 22, "nothing", 1_000);
    expect(resolvedCount()).toBe(2);
  });
});
