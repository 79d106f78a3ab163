import { describe, expect, it } from "vitest";
import { MAX_RESOLVED_BYTES } from "#group/consumer/regex.ts";
import { GroupCoordinator } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG, MAX_GROUP_RECORD_BYTES } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { DEFAULT_STREAMS_GROUP_CONFIG } from "#group/streams/limits.ts";
import { MAX_BATCH_BYTES } from "#log/limits.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ConsumerProtocolSubscription, encodeConsumerProtocol } from "#protocol/stored/consumer-protocol.ts";
import { ManyTopics } from "./many-topics.ts";

// A record that its log doesn't take would be the end of the coordinator: none is made.

function setUp(maxBytes?: number) {
  const topics = new ManyTopics();
  const budget = new MemberBudget(maxBytes);
  const machine = new GroupCoordinator({
    topics,
    config: () => DEFAULT_GROUP_CONFIG,
    streamsConfig: () => DEFAULT_STREAMS_GROUP_CONFIG,
    budget,
  });
  let nowMs = 1;
  const beat = (memberEpoch: number, more: object = {}) => {
    nowMs += 2_000;
    const isJoining = memberEpoch === 0;
    const command = {
      ...{
        groupId: "g",
        memberId: "m",
        memberEpoch,
        groupInstanceId: null,
        rackId: null,
        clientId: "c",
        clientHost: "/h",
      },
      ...{ rebalanceTimeoutMs: isJoining ? 60_000 : -1, topicNames: null, topicRegex: null, serverAssignor: null },
      ...{ reported: isJoining ? new Map() : null, requiresMemberId: true, uuid: "u", ...more },
    };
    return machine.decide(nowMs, (turn) => machine.consumers.heartbeat(command, turn));
  };
  return { topics, budget, machine, beat };
}

function longest(records: readonly CoordinatorRecord[]): number {
  return Math.max(0, ...records.map(({ key, value }) => key.length + (value?.length ?? 0)));
}

describe("the records of a consumer group", () => {
  it("are shorter than a log takes, whatever the budget: more topics than that an expression doesn't match", () => {
    const { topics, beat, budget } = setUp(1e9);
    for (let i = 0; i < 20_000; i++) topics.set("t".repeat(240) + i, 1);
    const { response, records } = beat(0, { topicRegex: ".*" });
    expect(response.kind).toBe("beat");
    let epoch = 2;
    let longestRecord = longest(records);
    let errorCode: ErrorCode = ErrorCode.NONE;
    for (let i = 0; i < 20 && errorCode === ErrorCode.NONE; i++) {
      const decision = beat(epoch);
      longestRecord = Math.max(longestRecord, longest(decision.records));
      if (decision.response.kind === "beat") epoch = decision.response.memberEpoch;
      else errorCode = decision.response.errorCode;
    }
    expect(errorCode).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(longestRecord).toBeLessThan(MAX_BATCH_BYTES);
    expect(budget.heldBytes).toBeLessThan(MAX_RESOLVED_BYTES);
  });

  it("hold whatever the budget has room for", () => {
    const { topics, beat } = setUp();
    // One after the other, so that all there is room for is in one member's hands.
    for (let i = 0; i < 40; i++) topics.set(`t${i}`, 5_000);
    let epoch = 0;
    let longestRecord = 0;
    for (let count = 1; count <= 40; count++) {
      const topicNames = Array.from({ length: count }, (_, i) => `t${i}`);
      const more = epoch === 0 ? { topicNames } : { topicNames, reported: null };
      const decision = beat(epoch, more);
      if (decision.response.kind === "refused") break;
      epoch = decision.response.memberEpoch;
      longestRecord = Math.max(longestRecord, longest(decision.records));
    }
    expect(longestRecord).toBeGreaterThan(1_048_588);
    expect(longestRecord).toBeLessThan(MAX_BATCH_BYTES);
  });

  it("don't become one that is too long: the group stays a consumer group until it fits into a classic one's", () => {
    const { machine, beat } = setUp();
    beat(0, { topicNames: ["t"] });
    const userData = new Uint8Array(MAX_GROUP_RECORD_BYTES * 0.4);
    const metadata = encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: ["t"], userData }, 3);
    for (const memberId of ["k", "l", "n"]) {
      const { replies } = machine.joinGroup(
        {
          ...{ token: 1, groupId: "g", memberId, groupInstanceId: null, clientId: "c", clientHost: "/h" },
          ...{ sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 30_000, protocolType: "consumer" },
          ...{ protocols: [{ name: "range", metadata }], requiresKnownMemberId: false, canSkipAssignment: false },
          uuid: memberId,
        },
        3_000,
      );
      expect(replies[0].response.errorCode).toBe(ErrorCode.NONE);
    }
    const left = beat(-1);
    expect([left.response.kind, machine.kindOf("g")]).toEqual(["beat", "consumer"]);
    expect(longest(left.records)).toBeLessThan(MAX_GROUP_RECORD_BYTES);
    machine.leaveGroup({ groupId: "g", members: [{ memberId: "k", groupInstanceId: null }] }, 9_000);
    expect(machine.kindOf("g")).toBe("classic");
  });
});
