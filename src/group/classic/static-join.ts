import { ErrorCode } from "#protocol/errors.ts";
import { groupMetadataRecord, isTooLarge } from "../stored.ts";
import { type JoinGroupReply, joinError, syncError, type Turn } from "../turn.ts";
import type { ClassicGroup, ClassicMember } from "./group.ts";
import { type JoinGroupCommand, parkJoin } from "./park.ts";
import {
  completeJoinIfAllJoined,
  currentGeneration,
  prepareRebalance,
  rebalanceOrCompleteJoin,
  replyToJoin,
  replyToSync,
  restartSession,
} from "./rebalance.ts";

/**
 * A static member comes back without its member id (KIP-345): it takes the place of the one that has its instance id, under a new member
 * id, and fences it. A stable group whose protocol stays the same isn't rebalanced; the new id is written at once, since a coordinator that
 * loads the group must know it.
 */
export function joinAsKnownInstance(
  group: ClassicGroup,
  old: ClassicMember,
  command: JoinGroupCommand,
  turn: Turn,
): JoinGroupReply | null {
  const formerLeaderId = group.leaderId;
  replyToJoin(group, old, joinError(ErrorCode.FENCED_INSTANCE_ID, old.memberId), turn);
  replyToSync(group, old, syncError(ErrorCode.FENCED_INSTANCE_ID), turn);
  turn.cancelTimer({ kind: "heartbeat", groupId: group.groupId, memberId: old.memberId });

  const member = group.replaceStaticMember(old, command.memberId);
  parkJoin(group, member, command, turn);
  restartSession(group, member, turn);

  switch (group.state) {
    case "Stable": {
      const record = groupMetadataRecord(group);
      if (group.selectProtocol() !== group.protocolName || isTooLarge(record)) {
        rebalanceOrCompleteJoin(group, turn);
        return null;
      }
      turn.store(group, record);
      replyToJoin(group, member, unchangedGeneration(group, member, command, formerLeaderId), turn);
      return null;
    }
    case "CompletingRebalance":
      // The leader may be assigning to the old id just now; with that assignment the new one would come away empty-handed.
      prepareRebalance(group, turn);
      return null;
    case "PreparingRebalance":
      completeJoinIfAllJoined(group, turn);
      return null;
    case "Empty":
      throw new Error(`group ${group.groupId} is empty and has a static member`);
  }
}

/**
 * Clients that know nothing of skipAssignment would, as the leader, assign anew and be ignored; they are told the leader's former id, so
 * that even the leader itself acts as a follower.
 */
function unchangedGeneration(
  group: ClassicGroup,
  member: ClassicMember,
  command: JoinGroupCommand,
  formerLeaderId: string | null,
): JoinGroupReply {
  const reply = currentGeneration(group, member);
  if (command.canSkipAssignment) return { ...reply, skipAssignment: group.isLeader(member.memberId) };
  return { ...reply, leader: formerLeaderId ?? "", members: [] };
}
