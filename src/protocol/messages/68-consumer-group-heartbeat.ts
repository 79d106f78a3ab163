/** ConsumerGroupHeartbeat (KIP-848). A field that is null hasn't changed since the last one. */
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
  versions,
} from "../schema.ts";

export const ConsumerGroupHeartbeatRequest = message(
  { apiKey: 68, min: 0, max: 1, flexible: 0 },
  {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    instanceId: nullableString,
    rackId: nullableString,
    rebalanceTimeoutMs: preset(-1, int32),
    subscribedTopicNames: preset(null, nullableArray(string)),
    subscribedTopicRegex: versions("1+", nullableString),
    serverAssignor: nullableString,
    topicPartitions: preset(
      null,
      nullableArray(
        struct({
          topicId: uuid,
          partitions: array(int32),
        }),
      ),
    ),
  },
);
export type ConsumerGroupHeartbeatRequest = ReturnType<typeof ConsumerGroupHeartbeatRequest.decode>;

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
});

export const ConsumerGroupHeartbeatResponse = message(
  { apiKey: 68, min: 0, max: 1, flexible: 0 },
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
export type ConsumerGroupHeartbeatResponse = ReturnType<typeof ConsumerGroupHeartbeatResponse.decode>;
