import { ErrorCode } from "#protocol/errors.ts";
import { type Refusal, refuse } from "../consumer/world.ts";
import type { Turn } from "../turn.ts";
import type { StreamsGroup } from "./group.ts";
import { currentOf, infoOf, STATIC_LEAVE_EPOCH, type StreamsMember } from "./member.ts";
import { NO_HELD_TASKS, type TasksSince } from "./tasks.ts";
import { change, type StreamsWorld, streamsGroup, timerOf } from "./world.ts";

interface LeavingMember {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly isShutdown: boolean;
}

/** A heartbeat that says goodbye: for good, or a static member's for a while. Null = it has left. */
export function leaveStreamsGroup(world: StreamsWorld, command: LeavingMember, turn: Turn): Refusal | null {
  const { groupId, memberId, memberEpoch, groupInstanceId, isShutdown } = command;
  const group = streamsGroup(world, groupId);
  if (group === undefined) return notFound(world, groupId);
  const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
  if (member === undefined) return unknown(group, memberId, groupInstanceId);
  if (member.memberId !== memberId) return fenced(member, groupInstanceId as string);
  if (isShutdown) group.shutdownMemberId ??= memberId;
  if (groupInstanceId !== null && memberEpoch === STATIC_LEAVE_EPOCH) pause(group, member, turn);
  else removeMember(group, memberId, turn);
  return null;
}

export function notFound({ space }: StreamsWorld, groupId: string): Refusal {
  const isOther = space.get(groupId) !== undefined;
  const message = isOther ? `Group ${groupId} is not a streams group.` : `Streams group ${groupId} not found.`;
  return refuse(ErrorCode.GROUP_ID_NOT_FOUND, message);
}

export function unknown({ groupId }: StreamsGroup, memberId: string, groupInstanceId: string | null): Refusal {
  const message =
    groupInstanceId === null
      ? `Member ${memberId} is not a member of group ${groupId}.`
      : `Instance id ${groupInstanceId} is unknown.`;
  return refuse(ErrorCode.UNKNOWN_MEMBER_ID, message);
}

export function fenced({ memberId }: StreamsMember, groupInstanceId: string): Refusal {
  return refuse(ErrorCode.FENCED_INSTANCE_ID, `Instance id ${groupInstanceId} was taken over by member ${memberId}.`);
}

/** The member keeps its place until its session ends; what it had to give back it has given back by going. */
function pause(group: StreamsGroup, member: StreamsMember, turn: Turn): void {
  const value = {
    ...currentOf(member),
    memberEpoch: STATIC_LEAVE_EPOCH,
    assigned: { ...member.assigned, active: fromTheBeginning(member.assigned.active) },
    pendingRevocation: NO_HELD_TASKS,
  };
  change(group, turn, { kind: "current", memberId: member.memberId, value });
  turn.cancelTimer(timerOf(group, "rebalance", member.memberId));
}

/** Whoever takes the place may commit with any epoch that it gets. */
function fromTheBeginning(tasks: TasksSince): TasksSince {
  return new Map(
    [...tasks].map(([subtopologyId, epochs]) => [subtopologyId, new Map([...epochs.keys()].map((one) => [one, 0]))]),
  );
}

/** The member has gone, or was not heard of for too long: an epoch begins without it. */
export function removeMember(group: StreamsGroup, memberId: string, turn: Turn): void {
  forget(group, memberId, turn);
  change(group, turn, { kind: "group", value: { ...group.metadata, epoch: group.epoch + 1 } });
  if (group.members.size > 0) return;
  // Nobody is there whom a target could be for; the next one who comes needn't wait.
  change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: 0 } });
}

function forget(group: StreamsGroup, memberId: string, turn: Turn): void {
  change(group, turn, { kind: "current", memberId, value: null });
  change(group, turn, { kind: "target", memberId, value: null });
  change(group, turn, { kind: "member", memberId, value: null });
  turn.cancelTimer(timerOf(group, "session", memberId));
  turn.cancelTimer(timerOf(group, "rebalance", memberId));
}

/** A static member is back under another id: it has what the former one was to have, and begins at epoch 0. */
export function replaceStaticMember(
  group: StreamsGroup,
  former: StreamsMember,
  memberId: string,
  turn: Turn,
): StreamsMember {
  const target = group.target(former.memberId);
  const member = { ...former, memberId, memberEpoch: 0, previousMemberEpoch: 0 };
  forget(group, former.memberId, turn);
  change(group, turn, { kind: "member", memberId, value: infoOf(member) });
  change(group, turn, { kind: "target", memberId, value: target });
  change(group, turn, { kind: "current", memberId, value: currentOf(member) });
  return member;
}
