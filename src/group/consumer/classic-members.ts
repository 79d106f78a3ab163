import { ErrorCode } from "#protocol/errors.ts";
import type { HeartbeatCommand } from "../classic/heartbeat.ts";
import { exceedsLimits } from "../classic/join.ts";
import type { LeaveGroupCommand, LeaveGroupReply, LeavingMember } from "../classic/leave.ts";
import { type JoinGroupCommand, ownProtocols } from "../classic/park.ts";
import type { SyncGroupCommand } from "../classic/sync.ts";
import { type JoinGroupReply, joinError, type SyncGroupReply, syncError, type Turn } from "../turn.ts";
import { ownedBy, readSubscription, writeAssignment } from "./embedded.ts";
import type { ConsumerGroup } from "./group.ts";
import { admit, reconcile } from "./heartbeat.ts";
import { fenceMembers } from "./leave.ts";
import { type ConsumerMember, MemberState, newMember, type Subscription } from "./member.ts";
import { canDowngradeReplacing, downgrade } from "./migrate.ts";
import type { ReportedPartitions } from "./reconcile.ts";
import { replaceStaticMember, restartSession, timerOf } from "./sessions.ts";
import { updateSubscription } from "./subscribe.ts";
import { updateTarget } from "./target.ts";
import type { ConsumerWorld } from "./world.ts";

// Members of the classic protocol in a consumer group (KIP-848's online migration). Each is reconciled by itself: it joins and is answered at
// once, with the epoch as its generation and nobody as the leader, fetches its assignment by SyncGroup, and is told by a heartbeat
// (REBALANCE_IN_PROGRESS) when there is a next step for it.

const CONSUMER = "consumer";

/** JoinGroup to a consumer group that has members. */
export function joinConsumerGroup(
  world: ConsumerWorld,
  group: ConsumerGroup,
  command: JoinGroupCommand,
  turn: Turn,
): JoinGroupReply {
  const { groupInstanceId, sessionTimeoutMs } = command;
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = turn.config;
  const isUnknown = command.memberId === "";
  const memberId = isUnknown ? command.uuid : command.memberId;
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    return joinError(ErrorCode.INVALID_SESSION_TIMEOUT, command.memberId);
  }
  if (exceedsLimits(command)) return joinError(ErrorCode.INVALID_REQUEST, command.memberId);
  const inconsistent = joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, command.memberId);
  if (world.configOf(group.groupId).migrationPolicy === "disabled") return inconsistent;
  if (!supports(group, command)) return inconsistent;
  if (isUnknown && groupInstanceId === null && command.requiresKnownMemberId) {
    return joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId);
  }
  const former = findToJoin(group, command, memberId);
  if (typeof former === "number") return joinError(former, command.memberId);
  const read = readSubscription(command.protocols[0].metadata);
  if (read === null) return inconsistent;
  const subscription = subscriptionOfJoin(command, {
    topics: read.topics,
    rackId: read.rackId ?? former?.rackId ?? null,
  });
  const refusal = admit(world, group, { memberId, former, subscription });
  if (refusal !== null) return joinError(refusal.errorCode, command.memberId);

  const isLast = former !== null && canDowngradeReplacing(world, group, former, turn);
  const member =
    former !== null && former.memberId !== memberId
      ? replaceStaticMember(group, former, memberId, turn)
      : (former ?? newMember(memberId));
  const hasNewSubscription = updateSubscription(world, group, { member, subscription }, turn);
  const reported = ownedBy(world.space.topics, read);
  return isLast
    ? joinDowngraded(world, group, { memberId, reported, hasNewSubscription }, turn)
    : joinOn(world, group, { command, memberId, reported, hasNewSubscription }, turn);
}

interface Joining {
  readonly memberId: string;
  readonly reported: ReportedPartitions;
  readonly hasNewSubscription: boolean;
}

function joinOn(
  world: ConsumerWorld,
  group: ConsumerGroup,
  joining: Joining & { readonly command: JoinGroupCommand },
  turn: Turn,
): JoinGroupReply {
  const { memberId, command } = joining;
  updateTarget(world, group, turn);
  reconcile(world, group, joining, turn);
  turn.cancelTimer(timerOf(group, memberId, "join"));
  restartSession(world, group, memberId, turn);
  turn.setTimer(timerOf(group, memberId, "sync"), command.rebalanceTimeoutMs);
  return joined(memberId, group.members.get(memberId)?.memberEpoch ?? 0, command.protocols[0].name);
}

/** The last member of the consumer protocol gives its place to one of the classic: the group is classic from now on. */
function joinDowngraded(world: ConsumerWorld, group: ConsumerGroup, joining: Joining, turn: Turn): JoinGroupReply {
  const { memberId } = joining;
  const isToRebalance = group.targetEpoch < group.epoch;
  if (!isToRebalance) reconcile(world, group, joining, turn);
  const epoch = group.members.get(memberId)?.memberEpoch ?? 0;
  const classic = downgrade(world, group, { leaving: [], isToRebalance }, turn);
  return joined(memberId, isToRebalance ? epoch : classic.generationId, classic.protocolName ?? "");
}

function joined(memberId: string, generationId: number, protocolName: string): JoinGroupReply {
  return { ...joinError(ErrorCode.NONE, memberId), generationId, protocolType: CONSUMER, protocolName };
}

/** The member takes part in the consumer protocol, by an assignor that all members of the classic protocol share. */
function supports(group: ConsumerGroup, { protocolType, protocols }: JoinGroupCommand): boolean {
  if (protocolType !== CONSUMER || protocols.length === 0) return false;
  const others = [...group.members.values()].flatMap(({ classic }) => (classic === null ? [] : [classic.protocols]));
  return protocols.some(({ name }) => others.every((offered) => offered.some((protocol) => protocol.name === name)));
}

/** Null for a newcomer. */
function findToJoin(
  group: ConsumerGroup,
  command: JoinGroupCommand,
  memberId: string,
): ConsumerMember | null | ErrorCode {
  const { groupInstanceId } = command;
  if (groupInstanceId === null) return group.members.get(memberId) ?? null;
  const member = group.staticMember(groupInstanceId);
  if (command.memberId === "") return member ?? null;
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return member.memberId === memberId ? member : ErrorCode.FENCED_INSTANCE_ID;
}

function subscriptionOfJoin(
  command: JoinGroupCommand,
  read: { readonly topics: readonly string[]; readonly rackId: string | null },
): Subscription {
  const { groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs } = command;
  return {
    groupInstanceId,
    rackId: read.rackId,
    clientId,
    clientHost,
    topicNames: [...new Set(read.topics)].sort(),
    topicRegex: "",
    rebalanceTimeoutMs,
    serverAssignor: null,
    classic: { sessionTimeoutMs, protocols: ownProtocols(command.protocols) },
  };
}

type ClassicConsumer = ConsumerMember & { readonly classic: NonNullable<ConsumerMember["classic"]> };

function findClassic(
  group: ConsumerGroup,
  { memberId, groupInstanceId, generationId }: Pick<HeartbeatCommand, "memberId" | "groupInstanceId" | "generationId">,
): ClassicConsumer | ErrorCode {
  const member = groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  if (member.memberId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  const { classic } = member;
  if (classic === null) return ErrorCode.UNKNOWN_MEMBER_ID;
  return generationId === member.memberEpoch ? { ...member, classic } : ErrorCode.ILLEGAL_GENERATION;
}

/** SyncGroup: nobody waits for a leader here, the member gets what it has. */
export function syncConsumerGroup(
  world: ConsumerWorld,
  group: ConsumerGroup,
  command: SyncGroupCommand,
  turn: Turn,
): SyncGroupReply {
  const member = findClassic(group, command);
  if (typeof member === "number") return syncError(member);
  const { memberId } = member;
  const [protocol] = member.classic.protocols;
  const { protocolType, protocolName } = command;
  if ((protocolType ?? CONSUMER) !== CONSUMER || (protocolName ?? protocol.name) !== protocol.name) {
    return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }
  updateTarget(world, group, turn);
  if (group.targetEpoch > member.memberEpoch && member.state !== MemberState.UNREVOKED_PARTITIONS) {
    awaitJoin(group, member, turn);
    return syncError(ErrorCode.REBALANCE_IN_PROGRESS);
  }
  turn.cancelTimer(timerOf(group, memberId, "sync"));
  restartSession(world, group, memberId, turn);
  const assignment = writeAssignment(world.space.topics, member.assigned, protocol.metadata);
  return { errorCode: ErrorCode.NONE, protocolType, protocolName, assignment };
}

/** Heartbeat: REBALANCE_IN_PROGRESS when there is a next step for the member, which it takes by joining again. */
export function beatConsumerGroup(
  world: ConsumerWorld,
  group: ConsumerGroup,
  command: HeartbeatCommand,
  turn: Turn,
): ErrorCode {
  const member = findClassic(group, command);
  if (typeof member === "number") return member;
  restartSession(world, group, member.memberId, turn);
  // Somebody may have left since, and members of the classic protocol may be all who still ask.
  updateTarget(world, group, turn);
  const hasNextStep =
    member.memberEpoch < group.targetEpoch ||
    member.state === MemberState.UNREVOKED_PARTITIONS ||
    (member.state === MemberState.UNRELEASED_PARTITIONS && !isWaitingForOthers(group, member));
  if (!hasNextStep) return ErrorCode.NONE;
  awaitJoin(group, member, turn);
  return ErrorCode.REBALANCE_IN_PROGRESS;
}

/** The member has its rebalance timeout from the first time that it was told. */
function awaitJoin(group: ConsumerGroup, { memberId, rebalanceTimeoutMs }: ConsumerMember, turn: Turn): void {
  const timer = timerOf(group, memberId, "join");
  if (!turn.hasTimer(timer)) turn.setTimer(timer, rebalanceTimeoutMs);
}

function isWaitingForOthers(group: ConsumerGroup, member: ConsumerMember): boolean {
  for (const [topicId, partitions] of group.target(member.memberId)) {
    for (const partitionIndex of partitions) {
      if (member.assigned.get(topicId)?.has(partitionIndex)) continue;
      if (group.ownerOf(topicId, partitionIndex) !== undefined) return true;
    }
  }
  return false;
}

/** LeaveGroup, of members of either protocol: administrators remove both by it. */
export function leaveClassically(
  world: ConsumerWorld,
  group: ConsumerGroup,
  command: LeaveGroupCommand,
  turn: Turn,
): LeaveGroupReply {
  const leaving = new Map<string, ConsumerMember>();
  const members = command.members.map(({ memberId, groupInstanceId }) => {
    const member = findLeaving(group, { memberId, groupInstanceId });
    if (typeof member === "number") return { memberId, groupInstanceId, errorCode: member };
    leaving.set(member.memberId, member);
    return { memberId, groupInstanceId, errorCode: ErrorCode.NONE };
  });
  fenceMembers(world, group, [...leaving.values()], turn);
  return { errorCode: ErrorCode.NONE, members };
}

function findLeaving(group: ConsumerGroup, { memberId, groupInstanceId }: LeavingMember): ConsumerMember | ErrorCode {
  if (groupInstanceId === null) return group.members.get(memberId) ?? ErrorCode.UNKNOWN_MEMBER_ID;
  const member = group.staticMember(groupInstanceId);
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  return memberId === "" || member.memberId === memberId ? member : ErrorCode.FENCED_INSTANCE_ID;
}
