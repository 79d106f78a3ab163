import { ErrorCode } from "#protocol/errors.ts";
import type { ClassicGroup, ClassicMember } from "./group.ts";

/**
 * The member that a request names. FENCED_INSTANCE_ID when its instance id belongs to another member id by now, UNKNOWN_MEMBER_ID when
 * the group doesn't know it (or not as that instance).
 */
export function validateMember(
  group: ClassicGroup,
  memberId: string,
  groupInstanceId: string | null,
): ClassicMember | ErrorCode {
  if (groupInstanceId !== null) {
    const currentId = group.staticMembers.get(groupInstanceId);
    if (currentId === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (currentId !== memberId) return ErrorCode.FENCED_INSTANCE_ID;
  }
  return group.members.get(memberId) ?? ErrorCode.UNKNOWN_MEMBER_ID;
}
