import { ErrorCode } from "#protocol/errors.ts";
import { groupMetadataRecord } from "../stored.ts";
import { type JoinGroupReply, joinError, NO_BYTES, type SyncGroupReply, syncError, type Turn } from "../turn.ts";
import type { ClassicGroup, ClassicMember } from "./group.ts";

// The rebalance itself: from "somebody came or went" over "all have joined" to the replies that begin a generation.
// A group waits in PreparingRebalance until all members have joined or the join timer ends it, and in CompletingRebalance until the
// leader has sent its assignment; members that don't sync within the rebalance timeout are removed.

/** A new rebalance where the state allows one, else a look whether the one that runs can end. */
export function rebalanceOrCompleteJoin(group: ClassicGroup, turn: Turn): void {
  if (group.state === "PreparingRebalance") completeJoinIfAllJoined(group, turn);
  else prepareRebalance(group, turn);
}

export function prepareRebalance(group: ClassicGroup, turn: Turn): void {
  if (group.state === "CompletingRebalance") rejectParkedSyncs(group, ErrorCode.REBALANCE_IN_PROGRESS, turn);
  group.pendingSyncMembers.clear();
  turn.cancelTimer({ kind: "sync", groupId: group.groupId });

  const isInitial = group.state === "Empty";
  group.transitionTo("PreparingRebalance", turn.nowMs);
  if (isInitial) {
    const delayMs = turn.config.initialRebalanceDelayMs;
    group.newMemberAdded = false;
    startInitialDelay(group, delayMs, Math.max(group.rebalanceTimeoutMs - delayMs, 0), turn);
  } else if (group.hasAllMembersJoined) {
    completeJoin(group, turn);
  } else {
    turn.setTimer({ kind: "join", groupId: group.groupId }, group.rebalanceTimeoutMs);
  }
}

function startInitialDelay(group: ClassicGroup, delayMs: number, remainingMs: number, turn: Turn): void {
  group.initialDelay = { delayMs, remainingMs };
  turn.setTimer({ kind: "join", groupId: group.groupId }, delayMs);
}

/** Does nothing during the initial delay: only its timer ends it. */
export function completeJoinIfAllJoined(group: ClassicGroup, turn: Turn): void {
  if (group.state !== "PreparingRebalance" || group.isInitialRebalance) return;
  if (group.hasAllMembersJoined) completeJoin(group, turn);
}

/** The join timer: the end of the initial delay (unless new members make it longer), or of the rebalance timeout. */
export function onJoinTimer(group: ClassicGroup, turn: Turn): void {
  if (group.state !== "PreparingRebalance") return;
  const { delayMs, remainingMs } = group.initialDelay;
  if (group.isInitialRebalance && group.newMemberAdded && remainingMs > 0) {
    group.newMemberAdded = false;
    const nextDelayMs = Math.min(turn.config.initialRebalanceDelayMs, remainingMs);
    startInitialDelay(group, nextDelayMs, Math.max(remainingMs - delayMs, 0), turn);
  } else {
    completeJoin(group, turn);
  }
}

/**
 * Ends the join phase: dynamic members that didn't come back are removed, the next generation begins, and every parked join is answered.
 * Static members that didn't come back stay; if nobody at all came back, the group waits another rebalance timeout, until the members'
 * own session timeouts have emptied it.
 */
export function completeJoin(group: ClassicGroup, turn: Turn): void {
  turn.cancelTimer({ kind: "join", groupId: group.groupId });
  for (const member of [...group.members.values()]) {
    if (member.awaitingJoin === null && member.groupInstanceId === null) removeMember(group, member, turn);
  }

  if (group.members.size > 0 && !group.electJoinedLeader()) {
    turn.setTimer({ kind: "join", groupId: group.groupId }, group.rebalanceTimeoutMs);
    return;
  }

  group.beginGeneration(turn.nowMs);
  if (group.state === "Empty") {
    turn.store(group, groupMetadataRecord(group));
    return;
  }
  for (const member of group.members.values()) {
    replyToJoin(group, member, currentGeneration(group, member), turn);
    member.isNew = false;
    restartSession(group, member, turn);
    group.pendingSyncMembers.add(member.memberId);
  }
  turn.setTimer({ kind: "sync", groupId: group.groupId }, group.rebalanceTimeoutMs);
}

/** The sync timer: who hasn't sent a SyncGroup within the rebalance timeout is removed, and the others begin again. */
export function onSyncTimer(group: ClassicGroup, turn: Turn): void {
  if (group.state !== "CompletingRebalance" && group.state !== "Stable") return;
  if (group.pendingSyncMembers.size === 0) return;
  for (const memberId of [...group.pendingSyncMembers]) {
    const member = group.members.get(memberId);
    if (member !== undefined) removeMember(group, member, turn);
  }
  prepareRebalance(group, turn);
}

/** What a member of the current generation is told about it. */
export function currentGeneration(group: ClassicGroup, member: ClassicMember): JoinGroupReply {
  return {
    errorCode: ErrorCode.NONE,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? "",
    skipAssignment: false,
    memberId: member.memberId,
    members: group.isLeader(member.memberId) ? group.currentMembers() : [],
  };
}

/** Answers the member's parked join, if there is one. */
export function replyToJoin(group: ClassicGroup, member: ClassicMember, response: JoinGroupReply, turn: Turn): void {
  const token = member.awaitingJoin;
  if (token === null) return;
  group.setAwaitingJoin(member, null);
  turn.replies.push({ kind: "join", token, response });
}

/** Answers the member's parked sync, if there is one; from then on it has to send heartbeats again. */
export function replyToSync(group: ClassicGroup, member: ClassicMember, response: SyncGroupReply, turn: Turn): void {
  const token = member.awaitingSync;
  if (token === null) return;
  member.awaitingSync = null;
  turn.replies.push({ kind: "sync", token, response });
  restartSession(group, member, turn);
}

/** All members lose what they were assigned, and those that wait for an assignment get the error. */
export function rejectParkedSyncs(group: ClassicGroup, errorCode: ErrorCode, turn: Turn): void {
  for (const member of group.members.values()) {
    group.assign(member, NO_BYTES);
    replyToSync(group, member, syncError(errorCode), turn);
  }
}

/** Everybody who waits gets the error: the group goes on in another shape. */
export function rejectParked(group: ClassicGroup, errorCode: ErrorCode, turn: Turn): void {
  for (const member of group.members.values()) {
    replyToJoin(group, member, joinError(errorCode, member.memberId), turn);
    replyToSync(group, member, syncError(errorCode), turn);
  }
}

/** The session timeout counts from now. */
export function restartSession(group: ClassicGroup, member: ClassicMember, turn: Turn): void {
  const { groupId } = group;
  turn.setTimer({ kind: "heartbeat", groupId, memberId: member.memberId }, member.sessionTimeoutMs);
}

/**
 * Removes a member for good. Requests that it still has parked get UNKNOWN_MEMBER_ID, so that a client that is alive after all comes back
 * as a new member; Kafka leaves a parked sync without any answer here.
 */
export function removeMember(group: ClassicGroup, member: ClassicMember, turn: Turn): void {
  const { groupId } = group;
  replyToJoin(group, member, joinError(ErrorCode.UNKNOWN_MEMBER_ID, ""), turn);
  replyToSync(group, member, syncError(ErrorCode.UNKNOWN_MEMBER_ID), turn);
  turn.cancelTimer({ kind: "heartbeat", groupId, memberId: member.memberId });
  group.remove(member.memberId);
}
