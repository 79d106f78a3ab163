/** SyncGroup. An `assignment` is opaque to the broker; consumers put a `ConsumerProtocolAssignment` there. */
import { array, bytes, int16, int32, message, nullableString, string, struct, versions } from "../schema.ts";

export const SyncGroupRequest = message(
  { apiKey: 14, min: 0, max: 5, flexible: 4 },
  {
    groupId: string,
    generationId: int32,
    memberId: string,
    groupInstanceId: versions("3+", nullableString),
    protocolType: versions("5+", nullableString),
    protocolName: versions("5+", nullableString),
    assignments: array(struct({ memberId: string, assignment: bytes })),
  },
);
export type SyncGroupRequest = ReturnType<typeof SyncGroupRequest.decode>;

export const SyncGroupResponse = message(
  { apiKey: 14, min: 0, max: 5, flexible: 4 },
  {
    throttleTimeMs: versions("1+", int32),
    errorCode: int16,
    protocolType: versions("5+", nullableString),
    protocolName: versions("5+", nullableString),
    assignment: bytes,
  },
);
export type SyncGroupResponse = ReturnType<typeof SyncGroupResponse.decode>;
