import { ErrorCode } from "#protocol/errors.ts";
import { ClassicGroup, metadataOf } from "../classic/group.ts";
import { prepareRebalance, rejectParked, restartSession as restartClassicSession } from "../classic/rebalance.ts";
import { MAX_GROUP_RECORD_BYTES } from "../limits.ts";
import { groupMetadataRecord, groupTombstone } from "../stored.ts";
import type { Turn } from "../turn.ts";
import type { ConsumerGroupChange } from "./changes.ts";
import { readAssignment, readSubscription, writeAssignment } from "./embedded.ts";
import { ConsumerGroup } from "./group.ts";
import { type ConsumerMember, currentOf, MemberState, newMember, subscriptionOf } from "./member.ts";
import { cancelMemberTimers, restartSession } from "./sessions.ts";
import { type ConsumerWorld, metadataHashOf, type Refusal, refuse } from "./world.ts";

// A group changes between the classic and the consumer protocol while it has members: up when the first member of the consumer protocol
// joins, down when the last one goes. Members of the classic protocol stay on, and hear of it as of a rebalance.

/** The lengths and numbers around the names of a member, and around those of a topic in its assignment. */
const CLASSIC_MEMBER_BYTES = 40;
const CLASSIC_TOPIC_BYTES = 8;

/** A group that somebody wants to join. Until it is settled that they may, nothing has changed. */
export interface JoinableGroup {
  readonly group: ConsumerGroup;
  /** Makes it what its name stands for. False when the coordinator has no room for another group. */
  begin(turn: Turn): boolean;
  /** It isn't to be. */
  discard(): void;
}

/**
 * The group that a heartbeat is for. A name that an empty group of another protocol has can be taken over, and a classic group of consumers
 * that is alive is upgraded.
 */
export function groupToJoin(world: ConsumerWorld, groupId: string, isJoining: boolean): JoinableGroup | Refusal {
  const { space } = world;
  const existing = space.get(groupId);
  if (existing instanceof ConsumerGroup) return { group: existing, begin: () => true, discard: () => {} };
  if (!isJoining) return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Consumer group ${groupId} not found.`);
  if (existing !== undefined && !(existing instanceof ClassicGroup)) {
    return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a consumer group.`);
  }
  if (existing !== undefined && existing.state !== "Empty") return upgraded(world, existing);
  const group = new ConsumerGroup(groupId, space.budget);
  return {
    group,
    begin(turn) {
      if (existing !== undefined) buryClassic(existing, turn);
      return space.add(group);
    },
    discard: () => group.release(),
  };
}

function upgraded(world: ConsumerWorld, classic: ClassicGroup): JoinableGroup | Refusal {
  const { groupId } = classic;
  const { migrationPolicy, maxSize } = world.configOf(groupId);
  const refused = (why: string) =>
    refuse(ErrorCode.GROUP_ID_NOT_FOUND, `The classic group ${groupId} can't become a consumer group: ${why}.`);
  if (migrationPolicy !== "bidirectional" && migrationPolicy !== "upgrade") return refused("it is not allowed");
  if (!classic.usesConsumerProtocol) return refused("its members are no consumers");
  if (classic.members.size > maxSize) return refused("it has too many members");
  const changes = changesOfUpgrade(world, classic);
  if (typeof changes === "string") return refused(changes);
  const group = new ConsumerGroup(groupId, world.space.budget);
  for (const one of changes) group.apply(one);
  const metadataHash = metadataHashOf(world.space.topics, group.subscribedTopics);
  group.apply({ kind: "group", value: { epoch: classic.generationId, metadataHash } });
  return {
    group,
    begin(turn) {
      rejectParked(classic, ErrorCode.REBALANCE_IN_PROGRESS, turn);
      buryClassic(classic, turn);
      for (const record of group.liveRecords()) turn.records.push(record);
      world.space.put(group);
      for (const memberId of group.members.keys()) restartSession(world, group, memberId, turn);
      return true;
    },
    discard: () => group.release(),
  };
}

function buryClassic(classic: ClassicGroup, turn: Turn): void {
  const { groupId } = classic;
  for (const memberId of [...classic.members.keys(), ...classic.pendingMembers]) {
    turn.cancelTimer({ kind: "heartbeat", groupId, memberId });
  }
  turn.cancelTimer({ kind: "join", groupId });
  turn.cancelTimer({ kind: "sync", groupId });
  turn.records.push(groupTombstone(groupId));
}

/** The classic group's members as a consumer group's, or why that can't be. */
function changesOfUpgrade(world: ConsumerWorld, classic: ClassicGroup): ConsumerGroupChange[] | string {
  const { topics } = world.space;
  const protocolName = classic.protocolName ?? classic.selectProtocol() ?? "";
  const epoch = classic.generationId;
  const changes: ConsumerGroupChange[] = [];
  for (const member of classic.members.values()) {
    const { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols } = member;
    const subscription = readSubscription(metadataOf(member, protocolName));
    const assignment = readAssignment(topics, member.assignment);
    if (subscription === null || assignment === null) return "the consumer protocol of its members is malformed";
    if (assignment.hasUserData) return "its assignor is one of its own, whose user data would be lost";
    const upgraded: ConsumerMember = {
      ...newMember(memberId),
      groupInstanceId,
      rackId: subscription.rackId,
      clientId,
      clientHost,
      topicNames: [...new Set(subscription.topics)].sort(),
      rebalanceTimeoutMs,
      classic: { sessionTimeoutMs, protocols },
      memberEpoch: epoch,
      previousMemberEpoch: epoch,
      state: MemberState.STABLE,
      assigned: new Map(
        [...assignment.partitions].map(([id, indexes]) => [id, new Map([...indexes].map((index) => [index, epoch]))]),
      ),
    };
    changes.push({ kind: "subscription", memberId, value: subscriptionOf(upgraded) });
    changes.push({ kind: "target", memberId, value: assignment.partitions });
    changes.push({ kind: "current", memberId, value: currentOf(upgraded) });
  }
  changes.push({ kind: "target-epoch", value: { epoch, timestampMs: 0 } });
  return changes;
}

/** Whether these were the last members of the consumer protocol, and the rest can go on as a classic group. */
export function canDowngradeWithout(
  world: ConsumerWorld,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
  turn: Turn,
): boolean {
  const leavingClassic = leaving.filter(({ classic }) => classic !== null).length;
  const left = group.members.size - leaving.length;
  if (left === 0 || group.classicMemberCount - leavingClassic !== left) return false;
  return mayDowngrade(world, group, leaving, turn);
}

/** The same for a static member of the consumer protocol whose place a member of the classic protocol takes. */
export function canDowngradeReplacing(
  world: ConsumerWorld,
  group: ConsumerGroup,
  replaced: ConsumerMember,
  turn: Turn,
): boolean {
  const isLast = replaced.classic === null && group.classicMemberCount === group.members.size - 1;
  return isLast && mayDowngrade(world, group, [], turn);
}

function mayDowngrade(
  world: ConsumerWorld,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
  turn: Turn,
): boolean {
  const { migrationPolicy } = world.configOf(group.groupId);
  const isAllowed = migrationPolicy === "bidirectional" || migrationPolicy === "downgrade";
  const fits = group.members.size - leaving.length <= turn.config.maxSize;
  return isAllowed && fits && classicRecordBytes(world, group, new Set(leaving)) <= MAX_GROUP_RECORD_BYTES;
}

/** A classic group is one record; about so long it would be, whichever protocol its members come to. */
function classicRecordBytes(
  { space: { topics } }: ConsumerWorld,
  group: ConsumerGroup,
  leaving: ReadonlySet<ConsumerMember>,
): number {
  let bytes = 0;
  for (const member of group.members.values()) {
    const { memberId, groupInstanceId, clientId, clientHost, classic } = member;
    if (classic === null || leaving.has(member)) continue;
    const names = memberId.length + (groupInstanceId?.length ?? 0) + clientId.length + clientHost.length;
    bytes += names + Math.max(...classic.protocols.map(({ metadata }) => metadata.length)) + CLASSIC_MEMBER_BYTES;
    for (const [topicId, { size }] of group.target(memberId)) {
      bytes += (topics.topicName(topicId)?.length ?? 0) + 4 * size + CLASSIC_TOPIC_BYTES;
    }
  }
  return bytes;
}

/** The group goes on as a classic one, with its epoch as the generation and its target as the assignment. */
export function downgrade(
  world: ConsumerWorld,
  group: ConsumerGroup,
  how: { readonly leaving: readonly ConsumerMember[]; readonly isToRebalance: boolean },
  turn: Turn,
): ClassicGroup {
  const { groupId } = group;
  for (const tombstone of group.tombstones()) turn.records.push(tombstone);
  for (const memberId of group.members.keys()) cancelMemberTimers(group, memberId, turn);
  const classic = classicOf(world, group, how.leaving, turn);
  turn.store(classic, groupMetadataRecord(classic));
  world.space.remove(groupId);
  world.space.put(classic);
  for (const member of classic.members.values()) restartClassicSession(classic, member, turn);
  if (how.isToRebalance) prepareRebalance(classic, turn);
  return classic;
}

function classicOf(
  world: ConsumerWorld,
  group: ConsumerGroup,
  leaving: readonly ConsumerMember[],
  turn: Turn,
): ClassicGroup {
  const { topics, budget } = world.space;
  const gone = new Set(leaving.map(({ memberId }) => memberId));
  const classic = new ClassicGroup(group.groupId, turn.nowMs, budget);
  classic.generationId = group.epoch;
  for (const member of group.members.values()) {
    if (gone.has(member.memberId) || member.classic === null) continue;
    const { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs } = member;
    const { sessionTimeoutMs, protocols } = member.classic;
    const names = { memberId, groupInstanceId, clientId, clientHost };
    classic.add({ ...names, rebalanceTimeoutMs, sessionTimeoutMs, protocols }, "consumer", null);
  }
  classic.transitionTo("Stable", turn.nowMs);
  classic.protocolName = classic.selectProtocol();
  classic.refreshSubscribedTopics();
  for (const member of classic.members.values()) {
    const metadata = metadataOf(member, classic.protocolName ?? "");
    classic.assign(member, writeAssignment(topics, group.target(member.memberId), metadata));
  }
  return classic;
}
