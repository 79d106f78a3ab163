/** JoinGroup. A member's `metadata` is opaque to the broker; consumers put a `ConsumerProtocolSubscription` there. */
import {
  array,
  boolean,
  bytes,
  int16,
  int32,
  message,
  nullable,
  nullableString,
  preset,
  string,
  struct,
  versions,
} from "../schema.ts";

export const JoinGroupRequest = message(
  { apiKey: 11, min: 0, max: 9, flexible: 6 },
  {
    groupId: string,
    sessionTimeoutMs: int32,
    rebalanceTimeoutMs: versions("1+", preset(-1, int32)),
    memberId: string,
    groupInstanceId: versions("5+", nullableString),
    protocolType: string,
    protocols: array(struct({ name: string, metadata: bytes })),
    reason: versions("8+", nullableString),
  },
);
export type JoinGroupRequest = ReturnType<typeof JoinGroupRequest.decode>;

export const JoinGroupResponse = message(
  { apiKey: 11, min: 0, max: 9, flexible: 6 },
  {
    throttleTimeMs: versions("2+", int32),
    errorCode: int16,
    generationId: preset(-1, int32),
    protocolType: versions("7+", nullableString),
    protocolName: nullable("7+", string),
    leader: string,
    skipAssignment: versions("9+", boolean),
    memberId: string,
    members: array(struct({ memberId: string, groupInstanceId: versions("5+", nullableString), metadata: bytes })),
  },
);
export type JoinGroupResponse = ReturnType<typeof JoinGroupResponse.decode>;
