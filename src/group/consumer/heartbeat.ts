import { ErrorCode } from "#protocol/errors.ts";
import { assignmentBytesOf } from "../assignment-bytes.ts";
import { MAX_NAME_LENGTH, MAX_SUBSCRIPTION_BYTES } from "../limits.ts";
import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./group.ts";
import { leaveConsumerGroup } from "./leave.ts";
import {
  type ConsumerMember,
  isReconciledTo,
  isSameAssignment,
  isSamePartitions,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  MemberState,
  newMember,
  type OwnedPartitions,
  STATIC_LEAVE_EPOCH,
  type Subscription,
  subscriptionBytes,
} from "./member.ts";
import { groupToJoin } from "./migrate.ts";
import { nextAssignment, type ReportedPartitions } from "./reconcile.ts";
import { isRegex } from "./regex.ts";
import { replaceStaticMember, restartSession } from "./sessions.ts";
import { hasRoomForRegex, updateSubscription } from "./subscribe.ts";
import { assignorNamed, updateTarget } from "./target.ts";
import { type ConsumerWorld, change, isRefusal, type Refusal, refuse, topicIdsOf } from "./world.ts";

/** Null says that nothing has changed since the member's last heartbeat. */
export interface ConsumerHeartbeatCommand {
  readonly groupId: string;
  /** Empty = the client has none yet (version 0). */
  readonly memberId: string;
  /** 0 to join, -1 to leave, -2 to leave for a while; else the one that it was told. */
  readonly memberEpoch: number;
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** -1 = unchanged. */
  readonly rebalanceTimeoutMs: number;
  readonly topicNames: readonly string[] | null;
  readonly topicRegex: string | null;
  readonly serverAssignor: string | null;
  readonly reported: ReportedPartitions;
  /** From version 1 on clients make their member ids themselves. */
  readonly requiresMemberId: boolean;
  /** A fresh UUID for a member that has no id. */
  readonly uuid: string;
}

export interface ConsumerHeartbeatReply {
  readonly kind: "beat";
  readonly memberId: string;
  readonly memberEpoch: number;
  /** 0 for a member that leaves. */
  readonly heartbeatIntervalMs: number;
  /** Null = as the member was told last. */
  readonly assigned: OwnedPartitions | null;
}

/** ConsumerGroupHeartbeat: join, stay, change one's mind, leave; everything that a member does in its group is this. */
export function consumerHeartbeat(
  world: ConsumerWorld,
  command: ConsumerHeartbeatCommand,
  turn: Turn,
): ConsumerHeartbeatReply | Refusal {
  const invalid = invalidity(world, command);
  if (invalid !== null) return invalid;
  const { memberEpoch } = command;
  if (memberEpoch === LEAVE_EPOCH || memberEpoch === STATIC_LEAVE_EPOCH) {
    const refusal = leaveConsumerGroup(world, command, turn);
    const { memberId } = command;
    return refusal ?? { kind: "beat", memberId, memberEpoch, heartbeatIntervalMs: 0, assigned: null };
  }

  const joinable = groupToJoin(world, command.groupId, memberEpoch === JOIN_EPOCH);
  if (isRefusal(joinable)) return joinable;
  const { group } = joinable;
  const memberId = command.memberId === "" ? command.uuid : command.memberId;
  const found = findMember(group, { ...command, memberId });
  const former = "member" in found ? (found.member ?? null) : null;
  const subscription = subscriptionAfter(former, command);
  const refusal = isRefusal(found) ? found : admit(world, group, { memberId, former, subscription });
  if (refusal !== null || !joinable.begin(turn)) {
    joinable.discard();
    return refusal ?? refuse(ErrorCode.POLICY_VIOLATION, "The coordinator has no room for another group.");
  }

  // From here on nothing is refused.
  const member =
    former !== null && former.memberId !== memberId
      ? replaceStaticMember(group, former, memberId, turn)
      : (former ?? newMember(memberId));
  const hasNewSubscription = updateSubscription(world, group, { member, subscription }, turn);
  updateTarget(world, group, turn);
  reconcile(world, group, { memberId, reported: command.reported, hasNewSubscription }, turn);
  restartSession(world, group, memberId, turn);
  return beat(world, group, { command, memberId, assignedBefore: member.assigned });
}

function beat(
  world: ConsumerWorld,
  group: ConsumerGroup,
  {
    command,
    memberId,
    assignedBefore,
  }: { command: ConsumerHeartbeatCommand; memberId: string; assignedBefore: OwnedPartitions },
): ConsumerHeartbeatReply {
  const member = memberOf(group, memberId);
  const saysTopics = command.topicNames !== null || command.topicRegex !== null;
  const isFull = command.rebalanceTimeoutMs !== -1 && saysTopics && command.reported !== null;
  const isNews = command.memberEpoch === JOIN_EPOCH || isFull || !isSameAssignment(assignedBefore, member.assigned);
  return {
    kind: "beat",
    memberId,
    memberEpoch: member.memberEpoch,
    heartbeatIntervalMs: world.configOf(group.groupId).heartbeatIntervalMs,
    assigned: isNews ? member.assigned : null,
  };
}

/** What is wrong with the request whatever the group is, as Kafka sees it. */
function invalidity(world: ConsumerWorld, command: ConsumerHeartbeatCommand): Refusal | null {
  const { groupId, memberId, memberEpoch, groupInstanceId, rackId, serverAssignor, reported } = command;
  const invalid = (message: string) => refuse(ErrorCode.INVALID_REQUEST, message);
  const names = [groupId, memberId, groupInstanceId ?? "", rackId ?? ""];
  if (names.some((name) => name.length > MAX_NAME_LENGTH)) return invalid("A name is too long.");
  const needsMemberId = command.requiresMemberId || memberEpoch > 0 || memberEpoch === LEAVE_EPOCH;
  if (needsMemberId && memberId.trim() === "") return invalid("MemberId can't be empty.");
  if (groupId.trim() === "") return invalid("GroupId can't be empty.");
  if (groupInstanceId?.trim() === "") return invalid("InstanceId can't be empty.");
  if (rackId?.trim() === "") return invalid("RackId can't be empty.");
  if (memberEpoch === JOIN_EPOCH) {
    if (command.rebalanceTimeoutMs === -1) return invalid("RebalanceTimeoutMs must be provided in first request.");
    if (reported === null || reported.size > 0) return invalid("TopicPartitions must be empty when (re-)joining.");
    if (command.topicNames === null && command.topicRegex === null) {
      return invalid("Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.");
    }
  } else if (memberEpoch === STATIC_LEAVE_EPOCH) {
    if (groupInstanceId === null) return invalid("InstanceId can't be null.");
  } else if (memberEpoch < STATIC_LEAVE_EPOCH) {
    return invalid("MemberEpoch is invalid.");
  }
  if (serverAssignor !== null && assignorNamed(world, groupId, serverAssignor) === null) {
    const names = world.configOf(groupId).assignors.join(", ");
    const message = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${names}.`;
    return refuse(ErrorCode.UNSUPPORTED_ASSIGNOR, message);
  }
  return null;
}

/** The member that the request is of: known, to be replaced by a static member's new id, or new (`member` undefined). */
function findMember(
  group: ConsumerGroup,
  command: ConsumerHeartbeatCommand,
): { readonly member: ConsumerMember | undefined } | Refusal {
  const { memberId, memberEpoch, groupInstanceId } = command;
  const isJoining = memberEpoch === JOIN_EPOCH;
  if (groupInstanceId === null) {
    const member = group.members.get(memberId);
    if (member !== undefined) return epochRefusal(member, command) ?? { member };
    return isJoining
      ? { member }
      : refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of the group.`);
  }
  const member = group.staticMember(groupInstanceId);
  if (isJoining) {
    if (member === undefined) return { member: group.members.get(memberId) };
    const isReleased = member.memberEpoch === STATIC_LEAVE_EPOCH || member.classic !== null;
    if (isReleased) return { member };
    const message = `The instance id ${groupInstanceId} is owned by member ${member.memberId}.`;
    return refuse(ErrorCode.UNRELEASED_INSTANCE_ID, message);
  }
  if (member === undefined) return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${groupInstanceId} is unknown.`);
  if (member.memberId !== memberId) {
    const message = `Instance id ${groupInstanceId} was taken over by member ${member.memberId}.`;
    return refuse(ErrorCode.FENCED_INSTANCE_ID, message);
  }
  return epochRefusal(member, command) ?? { member };
}

/** A member may have missed the answer that gave it its epoch: the one before is good, too, if it has nothing that it shouldn't. */
function epochRefusal(member: ConsumerMember, { memberEpoch, reported }: ConsumerHeartbeatCommand): Refusal | null {
  if (memberEpoch === JOIN_EPOCH || memberEpoch === member.memberEpoch) return null;
  const isPrevious = memberEpoch < member.memberEpoch && memberEpoch === member.previousMemberEpoch;
  if (isPrevious && isWithin(reported, member.assigned)) return null;
  const word = memberEpoch > member.memberEpoch ? "greater" : "smaller";
  const message = `The member's epoch ${memberEpoch} is ${word} than ${member.memberEpoch}, which the coordinator knows. It must abandon its partitions and rejoin.`;
  return refuse(ErrorCode.FENCED_MEMBER_EPOCH, message);
}

function isWithin(reported: ReportedPartitions, assigned: OwnedPartitions): boolean {
  if (reported === null) return false;
  for (const [topicId, partitions] of reported) {
    const own = assigned.get(topicId);
    for (const partitionIndex of partitions) if (own?.has(partitionIndex) !== true) return false;
  }
  return true;
}

/** What the member is after the request: what it doesn't say stays. */
function subscriptionAfter(former: ConsumerMember | null, command: ConsumerHeartbeatCommand): Subscription {
  const before = former ?? newMember("");
  return {
    groupInstanceId: command.groupInstanceId ?? before.groupInstanceId,
    rackId: command.rackId ?? before.rackId,
    clientId: command.clientId,
    clientHost: command.clientHost,
    topicNames: command.topicNames === null ? before.topicNames : [...new Set(command.topicNames)].sort(),
    topicRegex: command.topicRegex ?? before.topicRegex,
    rebalanceTimeoutMs: command.rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : command.rebalanceTimeoutMs,
    serverAssignor: command.serverAssignor ?? before.serverAssignor,
    classic: null,
  };
}

/** Whether the group, and the broker's memory, have room for the member as it wants to be. */
export function admit(world: ConsumerWorld, group: ConsumerGroup, wanted: Wanted): Refusal | null {
  const { memberId, former, subscription } = wanted;
  const { maxSize } = world.configOf(group.groupId);
  if (former === null && group.members.size >= maxSize) {
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The consumer group has reached its maximum capacity of ${maxSize} members.`,
    );
  }
  const { topicRegex } = subscription;
  if (topicRegex !== "" && topicRegex !== former?.topicRegex && group.regexMemberCount(topicRegex) === 0) {
    if (!isRegex(topicRegex)) {
      const message = "SubscribedTopicRegex is not a valid regular expression of RE2, or too large a one.";
      return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, message);
    }
    if (!hasRoomForRegex(group, topicRegex)) {
      return refuse(ErrorCode.INVALID_REGULAR_EXPRESSION, "The group has too many regular expressions already.");
    }
  }
  if (group.overlong.has(topicRegex) && group.resolvedRegexes.get(topicRegex)?.topics.size === 0) {
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, "The expression matches more topics than a group can hold.");
  }
  const bytes = subscriptionBytes(memberId, subscription);
  if (bytes > MAX_SUBSCRIPTION_BYTES) return refuse(ErrorCode.INVALID_REQUEST, "The member subscribes to too much.");
  const addedBytes = bytes - (former === null ? 0 : subscriptionBytes(former.memberId, former));
  if (group.hasRoomFor(addedBytes + bytesToRead(world, group, wanted))) return null;
  return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, "The broker has no memory left for members of groups.");
}

interface Wanted {
  readonly memberId: string;
  readonly former: ConsumerMember | null;
  readonly subscription: Subscription;
}

/**
 * What the group will hold of topics that it doesn't read yet: a target and what is owned by it. What an expression matches isn't known yet,
 * and topics that grow are nobody's request: these count when they are there, and nobody is refused for them who is in the group.
 */
function bytesToRead(
  { space: { topics } }: ConsumerWorld,
  group: ConsumerGroup,
  { former, subscription: { topicNames } }: Wanted,
): number {
  if (former?.topicNames === topicNames) return 0;
  let bytes = 0;
  for (const name of topicNames) {
    if (!group.subscribedTopics.has(name)) bytes += 2 * assignmentBytesOf(1, topics.partitionCountOf(name));
  }
  return bytes;
}

/** Takes the member's next step towards its target. */
export function reconcile(
  world: ConsumerWorld,
  group: ConsumerGroup,
  step: { readonly memberId: string; readonly reported: ReportedPartitions; readonly hasNewSubscription: boolean },
  turn: Turn,
): void {
  const { memberId, reported, hasNewSubscription } = step;
  const member = memberOf(group, memberId);
  if (!hasNewSubscription && isReconciledTo(member, group.targetEpoch)) return;
  const topicIds = topicIdsOf(world.space.topics, group.topicsOf(member));
  const next = nextAssignment(member, {
    targetEpoch: group.targetEpoch,
    target: group.target(memberId),
    isSubscribed: (topicId) => topicIds.has(topicId),
    hasNewSubscription,
    isOwned: (topicId, partitionIndex) => group.ownerOf(topicId, partitionIndex) !== undefined,
    reported,
  });
  const isUnchanged =
    next.memberEpoch === member.memberEpoch &&
    next.previousMemberEpoch === member.previousMemberEpoch &&
    next.state === member.state &&
    isSamePartitions(next.assigned, member.assigned) &&
    isSamePartitions(next.pendingRevocation, member.pendingRevocation);
  if (isUnchanged) return;
  change(group, turn, { kind: "current", memberId, value: next });
  if (member.classic !== null) return;
  const timer = { of: "consumer", kind: "rebalance", groupId: group.groupId, memberId } as const;
  if (next.state === MemberState.UNREVOKED_PARTITIONS) turn.setTimer(timer, member.rebalanceTimeoutMs);
  else turn.cancelTimer(timer);
}

function memberOf(group: ConsumerGroup, memberId: string): ConsumerMember {
  const member = group.members.get(memberId);
  if (member === undefined) throw new Error(`no member ${memberId} in group ${group.groupId}`);
  return member;
}
