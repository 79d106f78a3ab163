/** Heartbeat of the classic group protocol. */
import { int16, int32, message, nullableString, string, versions } from "../schema.ts";

export const HeartbeatRequest = message(
  { apiKey: 12, min: 0, max: 4, flexible: 4 },
  { groupId: string, generationId: int32, memberId: string, groupInstanceId: versions("3+", nullableString) },
);
export type HeartbeatRequest = ReturnType<typeof HeartbeatRequest.decode>;

export const HeartbeatResponse = message(
  { apiKey: 12, min: 0, max: 4, flexible: 4 },
  { throttleTimeMs: versions("1+", int32), errorCode: int16 },
);
export type HeartbeatResponse = ReturnType<typeof HeartbeatResponse.decode>;
