import { ErrorCode } from "#protocol/errors.ts";
import { assignmentBytesOf } from "../assignment-bytes.ts";
import type { Assignment } from "../assignors/assignor.ts";
import { metadataHashOf, type Refusal, refuse, topicIdsOf } from "../consumer/world.ts";
import { MAX_MEMBER_METADATA_BYTES } from "../limits.ts";
import type { Turn } from "../turn.ts";
import { assignSimply } from "./assign.ts";
import { ShareGroup, sharedTopicBytes } from "./group.ts";
import { MAX_SUBSCRIBED_TOPICS } from "./limits.ts";
import {
  areSameNames,
  isSameAssignment,
  isSameSubscription,
  JOIN_EPOCH,
  LEAVE_EPOCH,
  memberBytes,
  newShareMember,
  type ShareGroupMember,
} from "./member.ts";
import { beginSharing, isAssignmentPending } from "./shared.ts";
import { change, type ShareWorld, type StateToInitialize, shareGroup } from "./world.ts";

/** Null says that nothing has changed since the member's last heartbeat. */
export interface ShareHeartbeatCommand {
  readonly groupId: string;
  readonly memberId: string;
  /** 0 to join, -1 to leave; else the one that it was told. */
  readonly memberEpoch: number;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly topicNames: readonly string[] | null;
}

export interface ShareHeartbeatReply {
  readonly kind: "beat";
  readonly memberEpoch: number;
  /** 0 for a member that leaves. */
  readonly heartbeatIntervalMs: number;
  /** Null = as the member was told last. */
  readonly assigned: Assignment | null;
  /** To be carried out when the reply is stored. */
  readonly initialize: StateToInitialize | null;
}

/** ShareGroupHeartbeat: join, stay, change one's mind, leave. */
export function shareHeartbeat(
  world: ShareWorld,
  command: ShareHeartbeatCommand,
  turn: Turn,
): ShareHeartbeatReply | Refusal {
  const invalid = invalidity(command);
  if (invalid !== null) return refuse(ErrorCode.INVALID_REQUEST, invalid);
  if (command.memberEpoch === LEAVE_EPOCH) return leave(world, command, turn);
  const known = shareGroup(world, command.groupId);
  const group = known ?? groupToJoin(world, command);
  if (!(group instanceof ShareGroup)) return group;
  const former = group.members.get(command.memberId);
  const member = memberAfter(former ?? newShareMember(command.memberId), command);
  const objection = admit(world, group, command, { former, member });
  if (objection !== null) return objection;
  if (known === undefined && !world.space.add(group)) {
    return refuse(ErrorCode.POLICY_VIOLATION, "The coordinator has no room for another group.");
  }
  // From here on nothing is refused.
  const hasNewEpoch = subscribe(world, group, { former, member }, turn);
  updateTarget(world, group, turn);
  reconcile(world, group, { memberId: member.memberId, hasNewEpoch }, turn);
  restartSession(world, group, member.memberId, turn);
  const { memberEpoch, assigned } = group.members.get(member.memberId) as ShareGroupMember;
  const isNews = command.memberEpoch === JOIN_EPOCH || command.topicNames !== null;
  return {
    kind: "beat",
    memberEpoch,
    heartbeatIntervalMs: world.configOf(group.groupId).heartbeatIntervalMs,
    assigned: isNews || !isSameAssignment(former?.assigned ?? new Map(), assigned) ? assigned : null,
    initialize: beginSharing(group, world.space.topics, turn),
  };
}

/** What is wrong with the request whatever the group is, as Kafka sees it; null for nothing. */
function invalidity({ memberEpoch, rackId, topicNames }: ShareHeartbeatCommand): string | null {
  if (rackId === "") return "RackId can't be empty.";
  if (memberEpoch === JOIN_EPOCH && (topicNames === null || topicNames.length === 0)) {
    return "SubscribedTopicNames must be set in first request.";
  }
  if (memberEpoch < LEAVE_EPOCH) return "MemberEpoch is invalid.";
  return (topicNames?.length ?? 0) > MAX_SUBSCRIBED_TOPICS ? "A member subscribes to too many topics." : null;
}

/** The group that a member is about to make. */
function groupToJoin({ space }: ShareWorld, { groupId, memberEpoch }: ShareHeartbeatCommand): ShareGroup | Refusal {
  if (space.get(groupId) !== undefined) {
    return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a share group.`);
  }
  if (memberEpoch === JOIN_EPOCH) return new ShareGroup(groupId, space.budget);
  return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Share group ${groupId} not found.`);
}

function memberAfter(member: ShareGroupMember, command: ShareHeartbeatCommand): ShareGroupMember {
  const { rackId, clientId, clientHost, topicNames } = command;
  return {
    ...member,
    rackId: rackId ?? member.rackId,
    clientId,
    clientHost,
    topicNames: topicNames === null ? member.topicNames : [...new Set(topicNames)].sort(),
  };
}

interface Changed {
  readonly former: ShareGroupMember | undefined;
  readonly member: ShareGroupMember;
}

function admit(
  world: ShareWorld,
  group: ShareGroup,
  { groupId, memberId, memberEpoch }: ShareHeartbeatCommand,
  { former, member }: Changed,
): Refusal | null {
  const { maxSize } = world.configOf(groupId);
  if (former === undefined && group.members.size >= maxSize) {
    return refuse(
      ErrorCode.GROUP_MAX_SIZE_REACHED,
      `The share group has reached its maximum capacity of ${maxSize} members.`,
    );
  }
  if (former === undefined && memberEpoch !== JOIN_EPOCH) {
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
  }
  if (former !== undefined && memberEpoch !== JOIN_EPOCH) {
    const isKnown = memberEpoch === former.memberEpoch || memberEpoch === former.previousMemberEpoch;
    if (memberEpoch > former.memberEpoch || !isKnown) {
      return refuse(
        ErrorCode.FENCED_MEMBER_EPOCH,
        "The member is at another epoch: it must give up its partitions and join anew.",
      );
    }
  }
  const bytes = memberBytes(member);
  const added = bytes - (former === undefined ? 0 : memberBytes(former));
  if (bytes > MAX_MEMBER_METADATA_BYTES || !group.hasRoomFor(added + bytesToShare(world, group, { former, member }))) {
    return refuse(ErrorCode.GROUP_MAX_SIZE_REACHED, "The broker has no room for the member and what it subscribes to.");
  }
  return null;
}

/** What the group will hold of topics that it doesn't share yet: what is known of them, a target, and what a member has by it. */
function bytesToShare({ space: { topics } }: ShareWorld, group: ShareGroup, { former, member }: Changed): number {
  if (former?.topicNames === member.topicNames) return 0;
  let bytes = 0;
  for (const name of member.topicNames) {
    if (group.subscribedTopics.has(name)) continue;
    const partitionCount = topics.partitionCountOf(name);
    bytes += sharedTopicBytes(name, partitionCount) + 2 * assignmentBytesOf(1, partitionCount);
  }
  return bytes;
}

/** True when an epoch has begun. */
function subscribe(world: ShareWorld, group: ShareGroup, { former, member }: Changed, turn: Turn): boolean {
  let mustBegin = false;
  if (former === undefined || !isSameSubscription(former, member)) {
    const { memberId, rackId, clientId, clientHost, topicNames } = member;
    change(group, turn, { kind: "subscription", memberId, value: { rackId, clientId, clientHost, topicNames } });
    mustBegin = former === undefined || !areSameNames(former.topicNames, topicNames);
  }
  const { topics } = world.space;
  if (group.targetEpoch >= group.epoch && isAssignmentPending(group)) mustBegin = true;
  if (!mustBegin && group.checkedVersion === topics.imageVersion()) return false;
  const metadataHash = metadataHashOf(topics, group.subscribedTopics);
  group.checkedVersion = topics.imageVersion();
  if (!mustBegin && metadataHash === group.metadataHash) return false;
  change(group, turn, { kind: "group", value: { epoch: group.epoch + 1, metadataHash } });
  return true;
}

function updateTarget(world: ShareWorld, group: ShareGroup, turn: Turn): void {
  if (group.targetEpoch >= group.epoch) return;
  const { assignmentIntervalMs } = world.configOf(group.groupId);
  if (group.targetTimestampMs !== 0 && turn.nowMs < group.targetTimestampMs + assignmentIntervalMs) return;
  const { topics } = world.space;
  const members = [...group.members.values()].map(({ memberId, topicNames }) => ({
    memberId,
    topicIds: topicIdsOf(topics, topicNames),
    owned: group.target(memberId),
  }));
  const assignable = new Map([...group.shared.initialized].map(([topicId, { partitions }]) => [topicId, partitions]));
  for (const [memberId, value] of assignSimply(members, assignable)) {
    const isNew = !group.allTargets.has(memberId);
    if (isNew || !isSameAssignment(group.target(memberId), value))
      change(group, turn, { kind: "target", memberId, value });
  }
  change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: turn.nowMs } });
}

/** The member gets its target at once: nobody has to give anything back before. */
function reconcile(
  world: ShareWorld,
  group: ShareGroup,
  { memberId, hasNewEpoch }: { readonly memberId: string; readonly hasNewEpoch: boolean },
  turn: Turn,
): void {
  const member = group.members.get(memberId) as ShareGroupMember;
  const isAtTarget = member.memberEpoch === group.targetEpoch;
  if (isAtTarget && !hasNewEpoch) return;
  const subscribed = topicIdsOf(world.space.topics, member.topicNames);
  const assigned = new Map([...group.target(memberId)].filter(([topicId]) => subscribed.has(topicId)));
  if (isAtTarget && isSameAssignment(member.assigned, assigned)) return;
  const epochs = isAtTarget
    ? { memberEpoch: member.memberEpoch, previousMemberEpoch: member.previousMemberEpoch }
    : { memberEpoch: group.targetEpoch, previousMemberEpoch: member.memberEpoch };
  change(group, turn, { kind: "current", memberId, value: { ...epochs, assigned } });
}

export function restartSession(world: ShareWorld, { groupId }: ShareGroup, memberId: string, turn: Turn): void {
  turn.setTimer({ of: "share", kind: "session", groupId, memberId }, world.configOf(groupId).sessionTimeoutMs);
}

function leave(
  world: ShareWorld,
  { groupId, memberId, memberEpoch }: ShareHeartbeatCommand,
  turn: Turn,
): ShareHeartbeatReply | Refusal {
  const group = shareGroup(world, groupId);
  if (group === undefined) return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Share group ${groupId} not found.`);
  if (!group.members.has(memberId)) {
    return refuse(ErrorCode.UNKNOWN_MEMBER_ID, `Member ${memberId} is not a member of group ${groupId}.`);
  }
  removeMember(world, group, memberId, turn);
  return { kind: "beat", memberEpoch, heartbeatIntervalMs: 0, assigned: null, initialize: null };
}

/** The member has gone, or was not heard of for too long: an epoch begins without it. */
export function removeMember(world: ShareWorld, group: ShareGroup, memberId: string, turn: Turn): void {
  const { groupId } = group;
  change(group, turn, { kind: "current", memberId, value: null });
  change(group, turn, { kind: "target", memberId, value: null });
  change(group, turn, { kind: "subscription", memberId, value: null });
  turn.cancelTimer({ of: "share", kind: "session", groupId, memberId });
  const metadataHash = metadataHashOf(world.space.topics, group.subscribedTopics);
  change(group, turn, { kind: "group", value: { epoch: group.epoch + 1, metadataHash } });
  // The next one who comes is assigned at once.
  if (group.members.size === 0)
    change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: 0 } });
}
