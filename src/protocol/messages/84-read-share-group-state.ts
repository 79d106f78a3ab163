/** ReadShareGroupState, from a partition's leader to the share coordinator (KIP-932). */
import { array, int8, int16, int32, int64, message, nullableString, string, struct, uuid } from "../schema.ts";

export const ReadShareGroupStateRequest = message(
  { apiKey: 84, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            leaderEpoch: int32,
          }),
        ),
      }),
    ),
  },
);
export type ReadShareGroupStateRequest = ReturnType<typeof ReadShareGroupStateRequest.decode>;

export const ReadShareGroupStateResponse = message(
  { apiKey: 84, min: 0, max: 0, flexible: 0 },
  {
    results: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            errorCode: int16,
            errorMessage: nullableString,
            stateEpoch: int32,
            startOffset: int64,
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
export type ReadShareGroupStateResponse = ReturnType<typeof ReadShareGroupStateResponse.decode>;
