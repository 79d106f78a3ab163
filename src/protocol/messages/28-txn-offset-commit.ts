/** TxnOffsetCommit: offsets that a group has once the transaction commits. */
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

export const TxnOffsetCommitRequest = message(
  { apiKey: 28, min: 0, max: 6, flexible: 3 },
  {
    transactionalId: string,
    groupId: string,
    producerId: int64,
    producerEpoch: int16,
    generationIdOrMemberEpoch: versions("3+", preset(-1, int32)),
    memberId: versions("3+", string),
    groupInstanceId: versions("3+", nullableString),
    topics: array(
      struct({
        name: versions("0-5", string),
        topicId: versions("6+", uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: versions("2+", preset(-1, int32)),
            committedMetadata: nullable("0+", string),
          }),
        ),
      }),
    ),
  },
);
export type TxnOffsetCommitRequest = ReturnType<typeof TxnOffsetCommitRequest.decode>;

export const TxnOffsetCommitResponse = message(
  { apiKey: 28, min: 0, max: 6, flexible: 3 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: versions("0-5", string),
        topicId: versions("6+", uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
          }),
        ),
      }),
    ),
  },
);
export type TxnOffsetCommitResponse = ReturnType<typeof TxnOffsetCommitResponse.decode>;
