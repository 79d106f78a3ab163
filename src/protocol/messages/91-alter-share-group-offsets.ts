/** AlterShareGroupOffsets (KIP-932). */
import { array, int16, int32, int64, message, nullableString, string, struct, uuid } from "../schema.ts";

export const AlterShareGroupOffsetsRequest = message(
  { apiKey: 91, min: 0, max: 0, flexible: 0 },
  {
    groupId: string,
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            startOffset: int64,
          }),
        ),
      }),
    ),
  },
);
export type AlterShareGroupOffsetsRequest = ReturnType<typeof AlterShareGroupOffsetsRequest.decode>;

export const AlterShareGroupOffsetsResponse = message(
  { apiKey: 91, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    responses: array(
      struct({
        topicName: string,
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: nullableString,
          }),
        ),
      }),
    ),
  },
);
export type AlterShareGroupOffsetsResponse = ReturnType<typeof AlterShareGroupOffsetsResponse.decode>;
