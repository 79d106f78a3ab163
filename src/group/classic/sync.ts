import type { RequestToken } from "#coordinator/machine.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { groupMetadataRecord, isTooLarge } from "../stored.ts";
import { NO_BYTES, type SyncGroupReply, syncError, type Turn } from "../turn.ts";
import type { ClassicGroup, ClassicMember } from "./group.ts";
import { validateMember } from "./members.ts";
import { prepareRebalance, rejectParkedSyncs, replyToSync } from "./rebalance.ts";

export interface SyncGroupCommand {
  readonly token: RequestToken;
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Null when the version doesn't carry it; what is given must be the group's (KIP-559). */
  readonly protocolType: string | null;
  readonly protocolName: string | null;
  /** Only the leader's counts. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Uint8Array }[];
}

/** SyncGroup: members are parked until the leader's own sync brings the assignment of everybody. */
export function syncGroup(group: ClassicGroup | undefined, command: SyncGroupCommand, turn: Turn): void {
  const reply = trySync(group, command, turn);
  if (reply !== null) turn.replies.push({ kind: "sync", token: command.token, response: reply });
}

/** Null = parked. */
function trySync(group: ClassicGroup | undefined, command: SyncGroupCommand, turn: Turn): SyncGroupReply | null {
  if (command.groupId === "") return syncError(ErrorCode.INVALID_GROUP_ID);
  if (group === undefined || group.state === "Empty") return syncError(ErrorCode.UNKNOWN_MEMBER_ID);
  const member = validateMember(group, command.memberId, command.groupInstanceId);
  if (typeof member === "number") return syncError(member);
  if (command.generationId !== group.generationId) return syncError(ErrorCode.ILLEGAL_GENERATION);
  if (differs(command.protocolType, group.protocolType) || differs(command.protocolName, group.protocolName)) {
    return syncError(ErrorCode.INCONSISTENT_GROUP_PROTOCOL);
  }

  switch (group.state) {
    case "PreparingRebalance":
      return syncError(ErrorCode.REBALANCE_IN_PROGRESS);
    case "CompletingRebalance":
      parkSync(group, member, command.token, turn);
      if (group.isLeader(member.memberId)) assign(group, command, turn);
      return null;
    case "Stable":
      noteSync(group, member, turn);
      return assignmentOf(group, member);
  }
}

function differs(given: string | null, groups: string | null): boolean {
  return given !== null && groups !== null && given !== groups;
}

function parkSync(group: ClassicGroup, member: ClassicMember, token: RequestToken, turn: Turn): void {
  replyToSync(group, member, syncError(ErrorCode.REBALANCE_IN_PROGRESS), turn);
  member.awaitingSync = token;
  noteSync(group, member, turn);
}

function noteSync(group: ClassicGroup, member: ClassicMember, turn: Turn): void {
  group.pendingSyncMembers.delete(member.memberId);
  if (group.pendingSyncMembers.size === 0) turn.cancelTimer({ kind: "sync", groupId: group.groupId });
}

/**
 * The leader has spoken: the group is written and becomes stable, and every parked sync gets its part. Members that the leader forgot get
 * an empty assignment, members that it made up are ignored.
 */
function assign(group: ClassicGroup, command: SyncGroupCommand, turn: Turn): void {
  const assignments = new Map(command.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
  for (const member of group.members.values()) {
    // A copy: the assignment outlives the frame that it came in.
    group.assign(member, assignments.get(member.memberId)?.slice() ?? NO_BYTES);
  }
  group.transitionTo("Stable", turn.nowMs);
  const record = groupMetadataRecord(group);
  if (isTooLarge(record) || !group.hasRoomFor(record)) {
    // Kafka meets this as a failed append; both answer it with the same error and begin again.
    group.transitionTo("CompletingRebalance", turn.nowMs);
    rejectParkedSyncs(group, ErrorCode.UNKNOWN_SERVER_ERROR, turn);
    prepareRebalance(group, turn);
    return;
  }
  turn.store(group, record);
  for (const member of group.members.values()) replyToSync(group, member, assignmentOf(group, member), turn);
}

function assignmentOf(group: ClassicGroup, member: ClassicMember): SyncGroupReply {
  return {
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  };
}
