/** DescribeTopicPartitions. A `cursor` goes on where a response ended. */
import {
  array,
  boolean,
  int16,
  int32,
  message,
  nullable,
  nullableStruct,
  preset,
  string,
  struct,
  uuid,
} from "../schema.ts";

export const DescribeTopicPartitionsRequest = message(
  { apiKey: 75, min: 0, max: 0, flexible: 0 },
  {
    topics: array(struct({ name: string })),
    responsePartitionLimit: preset(2000, int32),
    cursor: nullableStruct({ topicName: string, partitionIndex: int32 }),
  },
);
export type DescribeTopicPartitionsRequest = ReturnType<typeof DescribeTopicPartitionsRequest.decode>;

export const DescribeTopicPartitionsResponse = message(
  { apiKey: 75, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        errorCode: int16,
        name: nullable("0+", string),
        topicId: uuid,
        isInternal: boolean,
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: preset(-1, int32),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            eligibleLeaderReplicas: preset(null, nullable("0+", array(int32))),
            lastKnownElr: preset(null, nullable("0+", array(int32))),
            offlineReplicas: array(int32),
          }),
        ),
        topicAuthorizedOperations: preset(-2_147_483_648, int32),
      }),
    ),
    nextCursor: nullableStruct({ topicName: string, partitionIndex: int32 }),
  },
);
export type DescribeTopicPartitionsResponse = ReturnType<typeof DescribeTopicPartitionsResponse.decode>;
