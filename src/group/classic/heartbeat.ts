import { ErrorCode } from "#protocol/errors.ts";
import type { CommitIdentity } from "../group.ts";
import type { Turn } from "../turn.ts";
import { type ClassicGroup, hasSatisfiedHeartbeat } from "./group.ts";
import { validateMember } from "./members.ts";
import { completeJoin, rebalanceOrCompleteJoin, removeMember, restartSession } from "./rebalance.ts";

export interface HeartbeatCommand {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

/** Heartbeat: the session goes on, and the member hears of a rebalance by REBALANCE_IN_PROGRESS. */
export function heartbeat(group: ClassicGroup | undefined, command: HeartbeatCommand, turn: Turn): ErrorCode {
  if (command.groupId === "") return ErrorCode.INVALID_GROUP_ID;
  if (group === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
  const member = validateMember(group, command.memberId, command.groupInstanceId);
  if (typeof member === "number") return member;
  if (command.generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  restartSession(group, member, turn);
  return group.state === "PreparingRebalance" ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE;
}

/** The session timer of a member, or of a member id that was given out and never used. */
export function onSessionTimeout(group: ClassicGroup, memberId: string, turn: Turn): void {
  const isPending = group.pendingMembers.has(memberId);
  const member = group.members.get(memberId);
  if (isPending) group.remove(memberId);
  else if (member === undefined || hasSatisfiedHeartbeat(member)) return;
  else removeMember(group, member, turn);

  // Whom the others were waiting for can now be the one who is gone; this ends even the initial delay, as in Kafka.
  if (group.state !== "PreparingRebalance") {
    if (!isPending) rebalanceOrCompleteJoin(group, turn);
  } else if (group.hasAllMembersJoined) {
    completeJoin(group, turn);
  }
}

/**
 * Whether the group lets these offsets be committed. Without a generation that is so while the group is empty, and in a transaction; a member
 * of the current generation may do it, and its session goes on by it, except while it waits for its assignment.
 */
export function admitCommit(group: ClassicGroup, identity: CommitIdentity, turn: Turn): ErrorCode {
  const { memberId, groupInstanceId, generationId, producer } = identity;
  const isTransactional = producer !== undefined;
  if (generationId < 0 && group.state === "Empty") return ErrorCode.NONE;
  if (generationId < 0 && memberId === "" && groupInstanceId === null) {
    return isTransactional ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID;
  }
  const member = validateMember(group, memberId, groupInstanceId);
  if (typeof member === "number") return member;
  if (generationId !== group.generationId) return ErrorCode.ILLEGAL_GENERATION;
  // Within a transaction neither matters: its producer is another client than the consumer.
  if (isTransactional) return ErrorCode.NONE;
  if (group.state === "CompletingRebalance") return ErrorCode.REBALANCE_IN_PROGRESS;
  restartSession(group, member, turn);
  return ErrorCode.NONE;
}
