import { describe, expect, it } from "vitest";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { GroupCoordinator } from "#group/coordinator.ts";
import {
  DEFAULT_GROUP_CONFIG,
  MAX_MEMBER_BYTES,
  MAX_MEMBER_METADATA_BYTES,
  MAX_PENDING_MEMBERS,
  MAX_PENDING_MEMBERS_PER_GROUP,
} from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import type { Decision } from "#group/turn.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { join, sync } from "./commands.ts";
import { newCoordinator } from "./new-coordinator.ts";

let uuids = 0;

/** A member that brings half of what one may bring. */
function heavy(groupId: string, more: Partial<JoinGroupCommand> = {}): JoinGroupCommand {
  const protocols = [{ name: "range", metadata: new Uint8Array(MAX_MEMBER_METADATA_BYTES / 2) }];
  return join({ groupId, protocols, uuid: `${uuids++}`, ...more });
}

function errorOf(decision: Decision): number | undefined {
  return decision.replies[0]?.response.errorCode;
}

/** Answers the id of the group's one new member. */
function begun(machine: GroupCoordinator, groupId: string): string {
  const [reply] = machine.onTimer(`join ${groupId}`, 0).replies;
  if (reply?.kind !== "join") throw new Error("nobody joined");
  return reply.response.memberId;
}

/** Members of groups of their own, until one is refused. */
function fill(machines: readonly GroupCoordinator[]): string[] {
  const groupIds: string[] = [];
  for (let i = 0; i < 1_000; i++) {
    const groupId = `full${i}`;
    const machine = machines[i % machines.length];
    const decision = machine.joinGroup(heavy(groupId), 0);
    if (decision.replies.length === 0) {
      groupIds.push(groupId);
      continue;
    }
    expect(errorOf(decision)).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(decision.records).toEqual([]);
    expect(machine.describeGroup(groupId)).toBeUndefined();
    return groupIds;
  }
  throw new Error("nothing was refused");
}

describe("what the members of a broker may hold", () => {
  it("is limited over all its coordinators, and a join that is refused changes nothing", () => {
    const budget = new MemberBudget();
    const machines = [0, 1].map(() => newCoordinator(DEFAULT_GROUP_CONFIG, budget));
    const groupIds = fill(machines);
    expect(groupIds.length).toBeGreaterThan(25);
    expect(groupIds.length * (MAX_MEMBER_METADATA_BYTES / 2)).toBeLessThanOrEqual(MAX_MEMBER_BYTES);
    expect(budget.heldBytes).toBeLessThanOrEqual(MAX_MEMBER_BYTES);
    const memberId = begun(machines[0], groupIds[0]);
    const before = machines[0].describeGroup(groupIds[0]);
    const held = budget.heldBytes;
    const refused = machines[0].joinGroup(heavy(groupIds[0]), 0);
    expect(errorOf(refused)).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(machines[0].describeGroup(groupIds[0])).toEqual(before);
    expect(budget.heldBytes).toBe(held);
    // Who is in goes on, and may offer less, but not more.
    const identity = { groupId: groupIds[0], memberId, groupInstanceId: null, generationId: 1 };
    expect(machines[0].heartbeat(identity, 0).response).toBe(ErrorCode.NONE);
    const more = [{ name: "range", metadata: new Uint8Array(MAX_MEMBER_METADATA_BYTES) }];
    expect(errorOf(machines[0].joinGroup(heavy(groupIds[0], { memberId, protocols: more }), 0))).toBe(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
    );
    const less = [{ name: "range", metadata: new Uint8Array(1) }];
    expect(errorOf(machines[0].joinGroup(heavy(groupIds[0], { memberId, protocols: less }), 0))).toBe(ErrorCode.NONE);
    expect(budget.heldBytes).toBeLessThan(held);
  });

  it("is free again when members leave, when their sessions end, and when a coordinator is let go", () => {
    const budget = new MemberBudget();
    const [left, ended, gone] = [0, 1, 2].map(() => newCoordinator(DEFAULT_GROUP_CONFIG, budget));
    left.joinGroup(heavy("g"), 0);
    const memberId = begun(left, "g");
    left.syncGroup(sync(memberId, new Uint8Array(100)), 0);
    left.leaveGroup({ groupId: "g", members: [{ memberId, groupInstanceId: null }] }, 0);
    expect(budget.heldBytes).toBe(0);
    ended.joinGroup(heavy("g", { requiresKnownMemberId: true }), 0);
    ended.joinGroup(heavy("h"), 0);
    expect(budget.pendingMembers).toBe(1);
    for (let i = 0; i < 20; i++) {
      const next = ended.nextTimer();
      if (next !== null) ended.onTimer(next.key, next.deadlineMs);
    }
    expect([budget.heldBytes, budget.pendingMembers]).toEqual([0, 0]);
    gone.joinGroup(heavy("g", { requiresKnownMemberId: true }), 0);
    gone.joinGroup(heavy("g"), 0);
    expect(budget.heldBytes).toBeGreaterThan(MAX_MEMBER_METADATA_BYTES / 2);
    gone.release();
    expect([budget.heldBytes, budget.pendingMembers]).toEqual([0, 0]);
  });

  it("holds the assignments, too: a sync that doesn't fit has the group begin again", () => {
    const budget = new MemberBudget(100_000);
    const machine = newCoordinator(DEFAULT_GROUP_CONFIG, budget);
    machine.joinGroup(heavy("g", { protocols: [{ name: "range", metadata: new Uint8Array(10) }] }), 0);
    const memberId = begun(machine, "g");
    const held = budget.heldBytes;
    const decision = machine.syncGroup(sync(memberId, new Uint8Array(90_000)), 0);
    expect(errorOf(decision)).toBe(ErrorCode.UNKNOWN_SERVER_ERROR);
    expect(budget.heldBytes).toBe(held);
  });

  it("is the same after a load, and records that follow each other count once", () => {
    const log = [];
    const budget = new MemberBudget();
    const machine = newCoordinator(DEFAULT_GROUP_CONFIG, budget);
    log.push(...machine.joinGroup(heavy("g"), 0).records);
    const memberId = begun(machine, "g");
    const { records } = machine.syncGroup(sync(memberId, new Uint8Array(100)), 0);
    log.push(...records, ...records);
    const after = new MemberBudget();
    const loaded = newCoordinator(DEFAULT_GROUP_CONFIG, after);
    for (const record of log) loaded.replay(record);
    expect(after.heldBytes).toBe(budget.heldBytes);
    loaded.release();
    expect(after.heldBytes).toBe(0);
  });
});

describe("member ids that were given out", () => {
  const pend = (groupId: string) =>
    heavy(groupId, { requiresKnownMemberId: true, protocols: [{ name: "range", metadata: new Uint8Array(0) }] });

  it("are limited for one group", () => {
    const machine = newCoordinator(DEFAULT_GROUP_CONFIG);
    const codes = Array.from({ length: MAX_PENDING_MEMBERS_PER_GROUP + 1 }, () =>
      errorOf(machine.joinGroup(pend("g"), 0)),
    );
    expect(codes.indexOf(ErrorCode.GROUP_MAX_SIZE_REACHED)).toBe(MAX_PENDING_MEMBERS_PER_GROUP);
    expect(errorOf(machine.joinGroup(pend("h"), 0))).toBe(ErrorCode.MEMBER_ID_REQUIRED);
  });

  it("are limited for a broker", () => {
    const machine = newCoordinator(DEFAULT_GROUP_CONFIG, new MemberBudget());
    for (let i = 0; i < MAX_PENDING_MEMBERS; i++) machine.joinGroup(pend(`g${i % 20}`), 0);
    expect(errorOf(machine.joinGroup(pend("other"), 0))).toBe(ErrorCode.GROUP_MAX_SIZE_REACHED);
    expect(machine.describeGroup("other")).toBeUndefined();
  });
});
