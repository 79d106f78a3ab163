/** ReadShareGroupStateSummary: start offsets without the batches (KIP-932). */
import {
  array,
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

export const ReadShareGroupStateSummaryRequest = message(
  { apiKey: 87, min: 0, max: 1, flexible: 0 },
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
export type ReadShareGroupStateSummaryRequest = ReturnType<typeof ReadShareGroupStateSummaryRequest.decode>;

export const ReadShareGroupStateSummaryResponse = message(
  { apiKey: 87, min: 0, max: 1, flexible: 0 },
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
            leaderEpoch: int32,
            startOffset: int64,
            deliveryCompleteCount: versions("1+", preset(-1, int32)),
          }),
        ),
      }),
    ),
  },
);
export type ReadShareGroupStateSummaryResponse = ReturnType<typeof ReadShareGroupStateSummaryResponse.decode>;
