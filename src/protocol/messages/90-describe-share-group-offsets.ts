/** DescribeShareGroupOffsets (KIP-932). */
import {
  array,
  int16,
  int32,
  int64,
  message,
  nullableArray,
  nullableString,
  preset,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const DescribeShareGroupOffsetsRequest = message(
  { apiKey: 90, min: 0, max: 1, flexible: 0 },
  {
    groups: array(
      struct({
        groupId: string,
        topics: nullableArray(
          struct({
            topicName: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  },
);
export type DescribeShareGroupOffsetsRequest = ReturnType<typeof DescribeShareGroupOffsetsRequest.decode>;

export const DescribeShareGroupOffsetsResponse = message(
  { apiKey: 90, min: 0, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        groupId: string,
        topics: array(
          struct({
            topicName: string,
            topicId: uuid,
            partitions: array(
              struct({
                partitionIndex: int32,
                startOffset: int64,
                leaderEpoch: int32,
                lag: versions("1+", preset(-1, int64)),
                errorCode: int16,
                errorMessage: nullableString,
              }),
            ),
          }),
        ),
        errorCode: int16,
        errorMessage: nullableString,
      }),
    ),
  },
);
export type DescribeShareGroupOffsetsResponse = ReturnType<typeof DescribeShareGroupOffsetsResponse.decode>;
