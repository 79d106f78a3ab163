/** InitializeShareGroupState, from a group coordinator to the share coordinator (KIP-932). */
import { array, int16, int32, int64, message, nullableString, string, struct, uuid } from "../schema.ts";

export const InitializeShareGroupStateRequest = message(
  { apiKey: 83, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
            stateEpoch: int32,
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
);
export type InitializeShareGroupStateRequest = ReturnType<typeof InitializeShareGroupStateRequest.decode>;

export const InitializeShareGroupStateResponse = message(
  { apiKey: 83, min: 0, max: 0, flexible: 0 },
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
export type InitializeShareGroupStateResponse = ReturnType<typeof InitializeShareGroupStateResponse.decode>;
