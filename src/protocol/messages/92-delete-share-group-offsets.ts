/** DeleteShareGroupOffsets (KIP-932). */
import { array, int16, int32, message, nullableString, string, struct, uuid } from "../schema.ts";

export const DeleteShareGroupOffsetsRequest = message(
  { apiKey: 92, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
      }),
    ),
  },
);
export type DeleteShareGroupOffsetsRequest = ReturnType<typeof DeleteShareGroupOffsetsRequest.decode>;

export const DeleteShareGroupOffsetsResponse = message(
  { apiKey: 92, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        errorCode: int16,
        errorMessage: nullableString,
      }),
    ),
  },
);
export type DeleteShareGroupOffsetsResponse = ReturnType<typeof DeleteShareGroupOffsetsResponse.decode>;
