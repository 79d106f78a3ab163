/** ShareGroupHeartbeat (KIP-932). */
import {
  array,
  int16,
  int32,
  message,
  nullableArray,
  nullableString,
  nullableStruct,
  preset,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const ShareGroupHeartbeatRequest = message(
  { apiKey: 76, min: 1, max: 1, flexible: 0 },
  {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    rackId: nullableString,
    subscribedTopicNames: preset(null, nullableArray(string)),
  },
);
export type ShareGroupHeartbeatRequest = ReturnType<typeof ShareGroupHeartbeatRequest.decode>;

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
});

export const ShareGroupHeartbeatResponse = message(
  { apiKey: 76, min: 1, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    memberId: nullableString,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    assignment: nullableStruct({
      topicPartitions: array(topicPartitions),
    }),
  },
);
export type ShareGroupHeartbeatResponse = ReturnType<typeof ShareGroupHeartbeatResponse.decode>;
