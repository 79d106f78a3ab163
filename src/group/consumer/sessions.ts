import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./group.ts";
import { type ConsumerMember, currentOf, MemberState, STATIC_LEAVE_EPOCH, subscriptionOf } from "./member.ts";
import { type ConsumerWorld, change } from "./world.ts";

// The clocks of members. `session`: it hasn't been heard of; `rebalance`: it hasn't given back what it must; `join` and `sync`: a member that
// speaks the classic protocol hasn't come to the next step. Whichever ends takes the member out of the group.

const TIMER_KINDS = ["session", "rebalance", "join", "sync"] as const;
export type MemberTimerKind = (typeof TIMER_KINDS)[number];

export function timerOf(group: ConsumerGroup, memberId: string, kind: MemberTimerKind) {
  return { of: "consumer", kind, groupId: group.groupId, memberId } as const;
}

/** The session counts from now. Members of the classic protocol have named its length themselves. */
export function restartSession(world: ConsumerWorld, group: ConsumerGroup, memberId: string, turn: Turn): void {
  const classic = group.members.get(memberId)?.classic;
  const sessionTimeoutMs = classic?.sessionTimeoutMs ?? world.configOf(group.groupId).sessionTimeoutMs;
  turn.setTimer(timerOf(group, memberId, "session"), sessionTimeoutMs);
}

/** The group has been loaded: nobody knows when its members were last heard of. */
export function restartTimers(world: ConsumerWorld, group: ConsumerGroup, turn: Turn): void {
  for (const { memberId, memberEpoch, state, classic, rebalanceTimeoutMs } of group.members.values()) {
    restartSession(world, group, memberId, turn);
    const isAway = memberEpoch === STATIC_LEAVE_EPOCH;
    if (classic === null && !isAway && state === MemberState.UNREVOKED_PARTITIONS) {
      turn.setTimer(timerOf(group, memberId, "rebalance"), rebalanceTimeoutMs);
    }
  }
}

export function cancelMemberTimers(group: ConsumerGroup, memberId: string, turn: Turn): void {
  for (const kind of TIMER_KINDS) turn.cancelTimer(timerOf(group, memberId, kind));
}

/** Takes the member out of the log and the group; the group's epoch is somebody else's. */
export function removeMember(group: ConsumerGroup, memberId: string, turn: Turn): void {
  change(group, turn, { kind: "current", memberId, value: null });
  change(group, turn, { kind: "target", memberId, value: null });
  change(group, turn, { kind: "subscription", memberId, value: null });
  cancelMemberTimers(group, memberId, turn);
}

/** A static member is back under another id: it has what the former one was to have, and begins at epoch 0. */
export function replaceStaticMember(
  group: ConsumerGroup,
  former: ConsumerMember,
  memberId: string,
  turn: Turn,
): ConsumerMember {
  const target = group.target(former.memberId);
  const member = { ...former, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  removeMember(group, former.memberId, turn);
  change(group, turn, { kind: "subscription", memberId, value: subscriptionOf(member) });
  change(group, turn, { kind: "target", memberId, value: target });
  change(group, turn, { kind: "current", memberId, value: currentOf(member) });
  return member;
}
