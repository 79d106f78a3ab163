/** WriteShareGroupState, from a partition's leader to the share coordinator (KIP-932). */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  message,
  nullableString,
  preset,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const WriteShareGroupStateRequest = message(
  { apiKey: 85, min: 0, max: 1, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: versions("1+", preset(-1, int32)),
            stateBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryState: int8,
                deliveryCount: int16,
              }),
            ),
          }),
        ),
      }),
    ),
  },
);
export type WriteShareGroupStateRequest = ReturnType<typeof WriteShareGroupStateRequest.decode>;

export const WriteShareGroupStateResponse = message(
  { apiKey: 85, min: 0, max: 1, flexible: 0 },
  {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: nullableString,
          }),
        ),
      }),
    ),
  },
);
export type WriteShareGroupStateResponse = ReturnType<typeof WriteShareGroupStateResponse.decode>;
