/** Consumer groups (KIP-848) in `__consumer_offsets`. `record.ts` says what stands before them. */
import {
  array,
  bytes,
  int8,
  int32,
  int64,
  message,
  nullable,
  nullableArray,
  preset,
  string,
  struct,
  tagged,
  uuid,
} from "../schema.ts";

export const ConsumerGroupMetadataKey = message(
  { apiKey: 3, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ConsumerGroupMetadataKey = ReturnType<typeof ConsumerGroupMetadataKey.decode>;

export const ConsumerGroupMetadataValue = message(
  { apiKey: 3, min: 0, max: 0, flexible: 0 },
  {
    epoch: int32,
    metadataHash: tagged(0, "0+", int64),
  },
);
export type ConsumerGroupMetadataValue = ReturnType<typeof ConsumerGroupMetadataValue.decode>;

export const ConsumerGroupPartitionMetadataKey = message(
  { apiKey: 4, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ConsumerGroupPartitionMetadataKey = ReturnType<typeof ConsumerGroupPartitionMetadataKey.decode>;

export const ConsumerGroupPartitionMetadataValue = message(
  { apiKey: 4, min: 0, max: 0, flexible: 0 },
  {
    topics: array(
      struct({
        topicId: uuid,
        topicName: string,
        numPartitions: int32,
        partitionMetadata: array(
          struct({
            partition: int32,
            racks: array(string),
          }),
        ),
      }),
    ),
  },
);
export type ConsumerGroupPartitionMetadataValue = ReturnType<typeof ConsumerGroupPartitionMetadataValue.decode>;

export const ConsumerGroupMemberMetadataKey = message(
  { apiKey: 5, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ConsumerGroupMemberMetadataKey = ReturnType<typeof ConsumerGroupMemberMetadataKey.decode>;

export const ConsumerGroupMemberMetadataValue = message(
  { apiKey: 5, min: 0, max: 0, flexible: 0 },
  {
    instanceId: nullable("0+", string),
    rackId: nullable("0+", string),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
    subscribedTopicRegex: nullable("0+", string),
    rebalanceTimeoutMs: preset(-1, int32),
    serverAssignor: nullable("0+", string),
    classicMemberMetadata: tagged(
      0,
      "0+",
      nullable(
        "0+",
        struct({
          sessionTimeoutMs: int32,
          supportedProtocols: array(
            struct({
              name: string,
              metadata: bytes,
            }),
          ),
        }),
      ),
    ),
  },
);
export type ConsumerGroupMemberMetadataValue = ReturnType<typeof ConsumerGroupMemberMetadataValue.decode>;

export const ConsumerGroupTargetAssignmentMetadataKey = message(
  { apiKey: 6, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ConsumerGroupTargetAssignmentMetadataKey = ReturnType<
  typeof ConsumerGroupTargetAssignmentMetadataKey.decode
>;

export const ConsumerGroupTargetAssignmentMetadataValue = message(
  { apiKey: 6, min: 0, max: 0, flexible: 0 },
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, "0+", int64),
  },
);
export type ConsumerGroupTargetAssignmentMetadataValue = ReturnType<
  typeof ConsumerGroupTargetAssignmentMetadataValue.decode
>;

export const ConsumerGroupTargetAssignmentMemberKey = message(
  { apiKey: 7, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ConsumerGroupTargetAssignmentMemberKey = ReturnType<typeof ConsumerGroupTargetAssignmentMemberKey.decode>;

export const ConsumerGroupTargetAssignmentMemberValue = message(
  { apiKey: 7, min: 0, max: 0, flexible: 0 },
  {
    topicPartitions: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
  },
);
export type ConsumerGroupTargetAssignmentMemberValue = ReturnType<
  typeof ConsumerGroupTargetAssignmentMemberValue.decode
>;

export const ConsumerGroupCurrentMemberAssignmentKey = message(
  { apiKey: 8, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ConsumerGroupCurrentMemberAssignmentKey = ReturnType<typeof ConsumerGroupCurrentMemberAssignmentKey.decode>;

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
  assignmentEpochs: tagged(0, "0+", nullableArray(int32)),
});

export const ConsumerGroupCurrentMemberAssignmentValue = message(
  { apiKey: 8, min: 0, max: 0, flexible: 0 },
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
    partitionsPendingRevocation: array(topicPartitions),
  },
);
export type ConsumerGroupCurrentMemberAssignmentValue = ReturnType<
  typeof ConsumerGroupCurrentMemberAssignmentValue.decode
>;

export const ConsumerGroupRegularExpressionKey = message(
  { apiKey: 16, min: 0, max: 0 },
  {
    groupId: string,
    regularExpression: string,
  },
);
export type ConsumerGroupRegularExpressionKey = ReturnType<typeof ConsumerGroupRegularExpressionKey.decode>;

export const ConsumerGroupRegularExpressionValue = message(
  { apiKey: 16, min: 0, max: 0, flexible: 0 },
  {
    topics: array(string),
    version: int64,
    timestamp: int64,
  },
);
export type ConsumerGroupRegularExpressionValue = ReturnType<typeof ConsumerGroupRegularExpressionValue.decode>;
