/** DeleteShareGroupState, from a group coordinator to the share coordinator (KIP-932). */
import { array, int16, int32, message, nullableString, string, struct, uuid } from "../schema.ts";

export const DeleteShareGroupStateRequest = message(
  { apiKey: 86, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partition: int32,
          }),
        ),
      }),
    ),
  },
);
export type DeleteShareGroupStateRequest = ReturnType<typeof DeleteShareGroupStateRequest.decode>;

export const DeleteShareGroupStateResponse = message(
  { apiKey: 86, min: 0, max: 0, flexible: 0 },
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
export type DeleteShareGroupStateResponse = ReturnType<typeof DeleteShareGroupStateResponse.decode>;
