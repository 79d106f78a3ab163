import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import {
  DEFAULT_GROUP_CONFIG,
  MAX_GROUP_RECORD_BYTES,
  MAX_GROUPS_PER_PARTITION,
  MAX_MEMBER_METADATA_BYTES,
  MAX_NAME_LENGTH,
  MAX_PROTOCOLS_PER_MEMBER,
} from "#group/limits.ts";
import { uuidText } from "#group/member-id.ts";
import type { Decision } from "#group/turn.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ConsumerProtocolSubscription, encodeConsumerProtocol } from "#protocol/stored/consumer-protocol.ts";
import { commit, join, position, sync } from "./commands.ts";
import { newCoordinator } from "./new-coordinator.ts";

const TOPICS = { topicName: () => undefined, topicId: () => ZERO_UUID };

function coordinator(): GroupCoordinator {
  return newCoordinator(DEFAULT_GROUP_CONFIG);
}

function errors(decision: Decision): number[] {
  return decision.replies.map((reply) => reply.response.errorCode);
}

/** A group with one member, and its leader's sync about to come. */
function joined(machine: GroupCoordinator, more: Partial<JoinGroupCommand> = {}): string {
  machine.joinGroup(join(more), 0);
  const [reply] = machine.onTimer("join g", 0).replies;
  if (reply?.kind !== "join") throw new Error("nobody joined");
  return reply.response.memberId;
}

describe("limits on what a member brings", () => {
  const tooMany = Array.from({ length: MAX_PROTOCOLS_PER_MEMBER + 1 }, (_, index) => ({
    name: `p${index}`,
    metadata: new Uint8Array(0),
  }));
  const half = { name: "a", metadata: new Uint8Array(MAX_MEMBER_METADATA_BYTES / 2) };
  const cases: Record<string, Partial<JoinGroupCommand>> = {
    "too many protocols": { protocols: tooMany },
    "too much metadata": { protocols: [half, { ...half, name: "b" }, { name: "c", metadata: new Uint8Array(1) }] },
    "a group id that can't be stored": { groupId: "x".repeat(MAX_NAME_LENGTH + 1) },
    "a client id that can't be stored": { clientId: "x".repeat(MAX_NAME_LENGTH + 1) },
    "a protocol name that can't be stored": {
      protocols: [{ name: "x".repeat(MAX_NAME_LENGTH + 1), metadata: new Uint8Array(0) }],
    },
  };
  for (const [name, more] of Object.entries(cases)) {
    it(`${name}: INVALID_REQUEST, and no group`, () => {
      const machine = coordinator();
      const decision = machine.joinGroup(join(more), 0);
      expect(errors(decision)).toEqual([ErrorCode.INVALID_REQUEST]);
      expect(decision.records).toEqual([]);
      expect(machine.listGroups({ states: [], types: [] })).toEqual([]);
    });
  }

  it("just below, the member joins", () => {
    const machine = coordinator();
    const decision = machine.joinGroup(join({ protocols: [half, { ...half, name: "b" }] }), 0);
    expect(errors(decision)).toEqual([]);
  });

  it("an assignment that doesn't fit into a record is refused, and the group begins again", () => {
    const machine = coordinator();
    const memberId = joined(machine);
    const decision = machine.syncGroup(sync(memberId, new Uint8Array(MAX_GROUP_RECORD_BYTES)), 0);
    expect(errors(decision)).toEqual([ErrorCode.UNKNOWN_SERVER_ERROR]);
    expect(decision.records).toEqual([]);
    expect(machine.describeGroup("g")?.groupState).toBe("PreparingRebalance");
  });

  it("a commit's metadata is counted like Kafka's", () => {
    const machine = coordinator();
    const errorWith = (metadata: string) =>
      machine.commitOffsets(commit([position(0, 1, metadata)]), 0).response.outcomes?.[0][0].errorCode;
    expect(errorWith("ü".repeat(4096))).toBe(ErrorCode.NONE);
    expect(errorWith("ü".repeat(4097))).toBe(ErrorCode.OFFSET_METADATA_TOO_LARGE);
    expect(machine.fetchAllOffsets("g", TOPICS)[0].partitions[0].metadata.length).toBe(4096);
  });

  it("a group id that can't be stored gets no offsets", () => {
    const command = commit([position(0, 1)], { groupId: "x".repeat(MAX_NAME_LENGTH + 1) });
    expect(coordinator().commitOffsets(command, 0).response.errorCode).toBe(ErrorCode.INVALID_GROUP_ID);
  });
});

describe("limits of a coordinator", () => {
  it("one group too many: POLICY_VIOLATION, for joins and commits", () => {
    const machine = coordinator();
    const commitOf = (groupId: string) => machine.commitOffsets(commit([position(0, 1)], { groupId }), 0);
    for (let i = 0; i < MAX_GROUPS_PER_PARTITION; i++) commitOf(`g${i}`);
    expect(commitOf("g").response.errorCode).toBe(ErrorCode.POLICY_VIOLATION);
    expect(errors(machine.joinGroup(join(), 0))).toEqual([ErrorCode.POLICY_VIOLATION]);
    machine.deleteGroups(["g0"], 0);
    expect(commitOf("g").response.errorCode).toBe(ErrorCode.NONE);
  });

  it("a frame isn't held by what was in it", () => {
    const machine = coordinator();
    const frame = new Uint8Array(1024);
    const memberId = joined(machine, { protocols: [{ name: "range", metadata: frame.subarray(0, 4) }] });
    machine.syncGroup(sync(memberId, frame.subarray(4, 8)), 0);
    frame.fill(7);
    const [member] = machine.describeGroup("g")?.members ?? [];
    expect([...member.memberMetadata, ...member.memberAssignment]).toEqual([0, 0, 0, 0, 0, 0, 0, 0]);
    expect(member.memberMetadata.buffer.byteLength + member.memberAssignment.buffer.byteLength).toBe(8);
  });
});

describe("offsets of a live group of consumers", () => {
  const WEEK_MS = DEFAULT_GROUP_CONFIG.offsetsRetentionMs;

  /** Commits for topic t, lives for more than a week, and answers what is left then. */
  function afterAWeek(metadata: Uint8Array): number {
    const machine = coordinator();
    machine.onLoaded(0);
    const memberId = joined(machine, { protocols: [{ name: "range", metadata }], sessionTimeoutMs: 1_800_000 });
    machine.syncGroup(sync(memberId, new Uint8Array(0), { assignments: [] }), 0);
    machine.commitOffsets(commit([position(0, 1)], { memberId, generationId: 1 }), 0);
    machine.onTimer("expire-offsets", WEEK_MS);
    return machine.fetchAllOffsets("g", TOPICS).length;
  }

  it("stay while somebody subscribes to the topic, and go when nobody does", () => {
    expect(afterAWeek(encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: ["s", "t"] }, 3))).toBe(1);
    expect(afterAWeek(encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: ["s"] }, 0))).toBe(0);
  });

  it("stay when the subscriptions can't be read", () => {
    const subscription = encodeConsumerProtocol(ConsumerProtocolSubscription, { topics: ["s"] }, 0);
    for (let length = 0; length < 9; length++)
      expect(afterAWeek(subscription.subarray(0, length)), `${length}`).toBe(1);
    expect(afterAWeek(Uint8Array.of(0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1, 97))).toBe(1);
    expect(afterAWeek(Uint8Array.of(0xff, 0xff, 0, 0, 0, 0))).toBe(1);
  });
});

describe("member ids", () => {
  it("end with a UUID in its usual form", () => {
    expect(uuidText(ZERO_UUID)).toBe("00000000-0000-0000-0000-000000000000");
    expect(uuidText("AQIDBAUGBwgJCgsMDQ4PEA")).toBe("01020304-0506-0708-090a-0b0c0d0e0f10");
  });
});
