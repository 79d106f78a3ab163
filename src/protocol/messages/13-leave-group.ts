/** LeaveGroup. Versions up to 2 let one member leave, 3 and later several in `members`. */
import { array, int16, int32, message, nullable, nullableString, string, struct, versions } from "../schema.ts";

export const LeaveGroupRequest = message(
  { apiKey: 13, min: 0, max: 5, flexible: 4 },
  {
    groupId: string,
    memberId: versions("0-2", string),
    members: versions(
      "3+",
      array(struct({ memberId: string, groupInstanceId: nullableString, reason: versions("5+", nullableString) })),
    ),
  },
);
export type LeaveGroupRequest = ReturnType<typeof LeaveGroupRequest.decode>;

export const LeaveGroupResponse = message(
  { apiKey: 13, min: 0, max: 5, flexible: 4 },
  {
    throttleTimeMs: versions("1+", int32),
    errorCode: int16,
    members: versions(
      "3+",
      array(struct({ memberId: string, groupInstanceId: nullable("0+", string), errorCode: int16 })),
    ),
  },
);
export type LeaveGroupResponse = ReturnType<typeof LeaveGroupResponse.decode>;
