import { ErrorCode } from "#protocol/errors.ts";
import type { Turn } from "../turn.ts";
import type { ClassicGroup } from "./group.ts";
import { validateMember } from "./members.ts";
import { rebalanceOrCompleteJoin, removeMember } from "./rebalance.ts";

export interface LeavingMember {
  /** Empty = the member with that instance id, whatever its member id is (KIP-345: removal by an administrator). */
  readonly memberId: string;
  readonly groupInstanceId: string | null;
}

export interface LeaveGroupCommand {
  readonly groupId: string;
  readonly members: readonly LeavingMember[];
}

export interface LeaveGroupReply {
  readonly errorCode: ErrorCode;
  /** In the order of the request; empty with an error of the whole. */
  readonly members: readonly (LeavingMember & { readonly errorCode: ErrorCode })[];
}

/** LeaveGroup: every named member goes at once, and the group begins a rebalance when one of them was there. */
export function leaveGroup(group: ClassicGroup | undefined, command: LeaveGroupCommand, turn: Turn): LeaveGroupReply {
  if (command.groupId === "") return { errorCode: ErrorCode.INVALID_GROUP_ID, members: [] };
  const members = command.members.map(({ memberId, groupInstanceId }) => {
    const errorCode =
      group === undefined ? ErrorCode.UNKNOWN_MEMBER_ID : leave(group, { memberId, groupInstanceId }, turn);
    return { memberId, groupInstanceId, errorCode };
  });
  const hasLeft = members.some((member) => member.errorCode === ErrorCode.NONE);
  if (group !== undefined && hasLeft && group.state !== "Empty") rebalanceOrCompleteJoin(group, turn);
  return { errorCode: ErrorCode.NONE, members };
}

function leave(group: ClassicGroup, { memberId, groupInstanceId }: LeavingMember, turn: Turn): ErrorCode {
  if (memberId !== "" && group.pendingMembers.has(memberId)) {
    turn.cancelTimer({ kind: "heartbeat", groupId: group.groupId, memberId });
    group.remove(memberId);
    return ErrorCode.NONE;
  }
  const namedId = memberId === "" && groupInstanceId !== null ? group.staticMembers.get(groupInstanceId) : memberId;
  const member = validateMember(group, namedId ?? "", groupInstanceId);
  if (typeof member === "number") return member;
  removeMember(group, member, turn);
  return ErrorCode.NONE;
}
