import { ErrorCode } from "#protocol/errors.ts";
import type { Turn } from "../turn.ts";
import { ConsumerGroup } from "./group.ts";
import { type ConsumerMember, currentOf, NO_PARTITIONS, type OwnedPartitions, STATIC_LEAVE_EPOCH } from "./member.ts";
import { canDowngradeWithout, downgrade } from "./migrate.ts";
import { removeMember, timerOf } from "./sessions.ts";
import { beginEpoch } from "./subscribe.ts";
import { type ConsumerWorld, change, metadataHashOf, type Refusal, refuse } from "./world.ts";

interface LeavingMember {
  readonly groupId: string;
  readonly memberId: string;
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
}

/** A heartbeat that says goodbye: for good, or a static member's for a while. Null = it has left. */
export function leaveConsumerGroup(world: ConsumerWorld, command: LeavingMember, turn: Turn): Refusal | null {
  const { groupId, memberId, memberEpoch, groupInstanceId } = command;
  const group = world.space.get(groupId);
  if (!(group instanceof ConsumerGroup)) return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
  if (member === undefined) {
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
  }
  if (member.memberId !== memberId) {
    return refuse(ErrorCode.FENCED_INSTANCE_ID, `Member ${memberId} was fenced by member ${member.memberId}.`);
  }
  if (groupInstanceId !== null && memberEpoch === STATIC_LEAVE_EPOCH) pause(group, member, turn);
  else fenceMembers(world, group, [member], turn);
  return null;
}

/** The member keeps its place until its session ends; what it had to give back it has given back by going. */
function pause(group: ConsumerGroup, member: ConsumerMember, turn: Turn): void {
  const value = {
    ...currentOf(member),
    memberEpoch: STATIC_LEAVE_EPOCH,
    assigned: fromTheBeginning(member.assigned),
    pendingRevocation: NO_PARTITIONS,
  };
  change(group, turn, { kind: "current", memberId: member.memberId, value });
  turn.cancelTimer(timerOf(group, member.memberId, "rebalance"));
}

/** Whoever takes the place may commit with any epoch that it gets. */
function fromTheBeginning(owned: OwnedPartitions): OwnedPartitions {
  return new Map(
    [...owned].map(([topicId, partitions]) => [topicId, new Map([...partitions.keys()].map((index) => [index, 0]))]),
  );
}

/** Takes members out of the group, and begins an epoch without them; a group that only has members of the classic protocol left becomes classic. */
export function fenceMembers(
  world: ConsumerWorld,
  group: ConsumerGroup,
  members: readonly ConsumerMember[],
  turn: Turn,
): void {
  if (members.length === 0) return;
  if (canDowngradeWithout(world, group, members, turn)) {
    downgrade(world, group, { leaving: members, isToRebalance: true }, turn);
    return;
  }
  for (const { memberId } of members) removeMember(group, memberId, turn);
  for (const regex of [...group.resolvedRegexes.keys()]) {
    if (group.regexMemberCount(regex) === 0) change(group, turn, { kind: "regex", regex, value: null });
  }
  beginEpoch(group, metadataHashOf(world.space.topics, group.subscribedTopics), turn);
  if (group.members.size > 0) return;
  // Nobody is there whom a target could be for; the next one who comes needn't wait.
  change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: 0 } });
}
