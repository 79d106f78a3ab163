/** OffsetCommit. Version 10 names topics by id. */
import {
  array,
  int16,
  int32,
  int64,
  message,
  nullable,
  nullableString,
  preset,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const OffsetCommitRequest = message(
  { apiKey: 8, min: 2, max: 10, flexible: 8 },
  {
    groupId: string,
    generationIdOrMemberEpoch: preset(-1, int32),
    memberId: string,
    groupInstanceId: versions("7+", nullableString),
    retentionTimeMs: versions("2-4", preset(-1, int64)),
    topics: array(
      struct({
        name: versions("0-9", string),
        topicId: versions("10+", uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: versions("6+", preset(-1, int32)),
            committedMetadata: nullable("0+", string),
          }),
        ),
      }),
    ),
  },
);
export type OffsetCommitRequest = ReturnType<typeof OffsetCommitRequest.decode>;

export const OffsetCommitResponse = message(
  { apiKey: 8, min: 2, max: 10, flexible: 8 },
  {
    throttleTimeMs: versions("3+", int32),
    topics: array(
      struct({
        name: versions("0-9", string),
        topicId: versions("10+", uuid),
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  },
);
export type OffsetCommitResponse = ReturnType<typeof OffsetCommitResponse.decode>;
