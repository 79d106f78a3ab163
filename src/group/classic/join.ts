import { ErrorCode } from "#protocol/errors.ts";
import type { Group } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import {
  MAX_MEMBER_METADATA_BYTES,
  MAX_NAME_LENGTH,
  MAX_PENDING_MEMBERS_PER_GROUP,
  MAX_PROTOCOLS_PER_MEMBER,
  NEW_MEMBER_JOIN_TIMEOUT_MS,
} from "../limits.ts";
import type { MemberBudget } from "../member-budget.ts";
import { emptyGroupRecord } from "../stored.ts";
import { type JoinGroupReply, joinError, NO_BYTES, type Turn } from "../turn.ts";
import { ClassicGroup, type ClassicMember, memberBytes, offersSame, protocolBytes } from "./group.ts";
import { validateMember } from "./members.ts";
import { type JoinGroupCommand, ownProtocols, parkJoin } from "./park.ts";
import { currentGeneration, rebalanceOrCompleteJoin } from "./rebalance.ts";
import { joinAsKnownInstance } from "./static-join.ts";

/**
 * JoinGroup (KIP-62, KIP-345, KIP-394, KIP-814): the member is parked until the generation that it joins begins, or gets its reply at once.
 * An empty group of another protocol gives its name away; `bury` forgets it.
 */
export function joinGroup(
  groups: GroupSpace,
  command: JoinGroupCommand,
  turn: Turn,
  bury: (group: Group) => void,
): void {
  const reply = tryJoin(groups, command, turn, bury);
  if (reply !== null) turn.replies.push({ kind: "join", token: command.token, response: reply });
}

/** Null = parked. */
function tryJoin(
  groups: GroupSpace,
  command: JoinGroupCommand,
  turn: Turn,
  bury: (group: Group) => void,
): JoinGroupReply | null {
  const { memberId, sessionTimeoutMs } = command;
  const { minSessionTimeoutMs, maxSessionTimeoutMs } = turn.config;
  if (command.groupId === "") return joinError(ErrorCode.INVALID_GROUP_ID, memberId);
  if (sessionTimeoutMs < minSessionTimeoutMs || sessionTimeoutMs > maxSessionTimeoutMs) {
    return joinError(ErrorCode.INVALID_SESSION_TIMEOUT, memberId);
  }
  if (exceedsLimits(command)) return joinError(ErrorCode.INVALID_REQUEST, memberId);

  const named = groups.get(command.groupId);
  const existing = named instanceof ClassicGroup ? named : undefined;
  const other = named instanceof ClassicGroup ? undefined : named;
  if (other !== undefined && (other.state !== "Empty" || other.kind === "share")) {
    return joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, "");
  }
  if (existing === undefined && memberId !== "") return joinError(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
  const group = existing ?? new ClassicGroup(command.groupId, turn.nowMs, groups.budget);
  if (!accepts(group, memberId, turn)) {
    group.remove(memberId);
    return joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, "");
  }
  if (!group.supports(command.protocolType, command.protocols)) {
    return joinError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId);
  }
  // The group stays as it is: who is in it can go on.
  if (!hasRoom(groups.budget, group, command)) return joinError(ErrorCode.GROUP_MAX_SIZE_REACHED, memberId);
  if (existing === undefined) {
    if (other !== undefined) bury(other);
    if (!groups.add(group)) return joinError(ErrorCode.POLICY_VIOLATION, memberId);
    // Its first generation may never come about; the record makes the group known to a coordinator that loads this partition.
    turn.store(group, emptyGroupRecord(group));
  }
  return memberId === "" ? joinAsNew(group, command, turn) : joinAsKnown(group, command, turn);
}

/** Names or metadata are longer than anybody needs. */
export function exceedsLimits(command: JoinGroupCommand): boolean {
  const names = [
    command.groupId,
    command.memberId,
    command.groupInstanceId ?? "",
    command.clientId,
    command.protocolType,
  ];
  if (command.protocols.length > MAX_PROTOCOLS_PER_MEMBER) return true;
  if ([...names, ...command.protocols.map((protocol) => protocol.name)].some((name) => name.length > MAX_NAME_LENGTH))
    return true;
  return command.protocols.reduce((sum, protocol) => sum + protocol.metadata.length, 0) > MAX_MEMBER_METADATA_BYTES;
}

/** Whether the broker has the memory for what this join brings beyond what the member holds already. */
function hasRoom(budget: MemberBudget, group: ClassicGroup, command: JoinGroupCommand): boolean {
  const { memberId, groupInstanceId, protocols } = command;
  const knownId = memberId === "" && groupInstanceId !== null ? group.staticMembers.get(groupInstanceId) : memberId;
  const known = group.members.get(knownId ?? "");
  if (known !== undefined) {
    const addedBytes = protocolBytes(protocols) - protocolBytes(known.protocols);
    return addedBytes <= 0 || budget.hasRoomFor(addedBytes);
  }
  const isToPend = memberId === "" && groupInstanceId === null && command.requiresKnownMemberId;
  if (isToPend && !budget.hasRoomForPendingMember) return false;
  return budget.hasRoomFor(memberBytes({ ...command, assignment: NO_BYTES }));
}

/**
 * Whether the group has room for this member. While a rebalance gathers its members, those that have joined are counted and not those that
 * are expected, so that a group which has become too large loses the ones that come last.
 */
function accepts(group: ClassicGroup, memberId: string, turn: Turn): boolean {
  const { maxSize } = turn.config;
  const member = group.members.get(memberId);
  // Ids that were given out and never used are held in memory as well; Kafka doesn't limit them.
  const maxPending = Math.min(maxSize, MAX_PENDING_MEMBERS_PER_GROUP);
  if (memberId === "" && group.pendingMembers.size >= maxPending) return false;
  switch (group.state) {
    case "Empty":
      return true;
    case "PreparingRebalance":
      return (member !== undefined && member.awaitingJoin !== null) || group.awaitingJoinCount < maxSize;
    case "CompletingRebalance":
    case "Stable":
      return member !== undefined || group.members.size < maxSize;
  }
}

function joinAsNew(group: ClassicGroup, command: JoinGroupCommand, turn: Turn): JoinGroupReply | null {
  const { groupInstanceId } = command;
  const memberId = `${groupInstanceId ?? command.clientId}-${command.uuid}`;
  if (groupInstanceId !== null) {
    const knownId = group.staticMembers.get(groupInstanceId);
    const known = knownId === undefined ? undefined : group.members.get(knownId);
    if (known !== undefined) return joinAsKnownInstance(group, known, { ...command, memberId }, turn);
  } else if (command.requiresKnownMemberId) {
    group.addPending(memberId);
    turn.setTimer({ kind: "heartbeat", groupId: group.groupId, memberId }, command.sessionTimeoutMs);
    return joinError(ErrorCode.MEMBER_ID_REQUIRED, memberId);
  }
  return addMember(group, { ...command, memberId }, turn);
}

function addMember(group: ClassicGroup, command: JoinGroupCommand, turn: Turn): null {
  if (group.isInitialRebalance) group.newMemberAdded = true;
  const { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs } = command;
  const protocols = ownProtocols(command.protocols);
  const draft = { memberId, groupInstanceId, clientId, clientHost, rebalanceTimeoutMs, sessionTimeoutMs, protocols };
  group.add(draft, command.protocolType, command.token);
  turn.setTimer({ kind: "heartbeat", groupId: group.groupId, memberId }, NEW_MEMBER_JOIN_TIMEOUT_MS);
  rebalanceOrCompleteJoin(group, turn);
  return null;
}

function joinAsKnown(group: ClassicGroup, command: JoinGroupCommand, turn: Turn): JoinGroupReply | null {
  const { memberId, groupInstanceId, protocols } = command;
  if (group.pendingMembers.has(memberId)) {
    // Ids are only given out to dynamic members. Kafka fails an assertion here, which its clients see as this error.
    if (groupInstanceId !== null) return joinError(ErrorCode.UNKNOWN_SERVER_ERROR, memberId);
    return addMember(group, command, turn);
  }
  const member = validateMember(group, memberId, groupInstanceId);
  if (typeof member === "number") return joinError(member, memberId);

  switch (group.state) {
    case "PreparingRebalance":
      return rejoin(group, member, command, turn);
    case "CompletingRebalance":
      // It may have missed the first reply; the generation goes on unless it comes with something new.
      if (offersSame(member, protocols)) return currentGeneration(group, member);
      return rejoin(group, member, command, turn);
    case "Stable":
      // The leader may have reasons that its metadata doesn't show, such as a topic with more partitions.
      if (!group.isLeader(memberId) && offersSame(member, protocols)) return currentGeneration(group, member);
      return rejoin(group, member, command, turn);
    case "Empty":
      return joinError(ErrorCode.UNKNOWN_MEMBER_ID, memberId);
  }
}

function rejoin(group: ClassicGroup, member: ClassicMember, command: JoinGroupCommand, turn: Turn): null {
  parkJoin(group, member, command, turn);
  rebalanceOrCompleteJoin(group, turn);
  return null;
}
