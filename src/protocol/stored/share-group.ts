/** Share groups (KIP-932) in `__consumer_offsets`. `record.ts` says what stands before them. */
import { array, int8, int32, int64, message, nullable, string, struct, tagged, uuid } from "../schema.ts";

export const ShareGroupMetadataKey = message(
  { apiKey: 11, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ShareGroupMetadataKey = ReturnType<typeof ShareGroupMetadataKey.decode>;

export const ShareGroupMetadataValue = message(
  { apiKey: 11, min: 0, max: 0, flexible: 0 },
  {
    epoch: int32,
    metadataHash: int64,
  },
);
export type ShareGroupMetadataValue = ReturnType<typeof ShareGroupMetadataValue.decode>;

export const ShareGroupMemberMetadataKey = message(
  { apiKey: 10, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ShareGroupMemberMetadataKey = ReturnType<typeof ShareGroupMemberMetadataKey.decode>;

export const ShareGroupMemberMetadataValue = message(
  { apiKey: 10, min: 0, max: 0, flexible: 0 },
  {
    rackId: nullable("0+", string),
    clientId: string,
    clientHost: string,
    subscribedTopicNames: array(string),
  },
);
export type ShareGroupMemberMetadataValue = ReturnType<typeof ShareGroupMemberMetadataValue.decode>;

export const ShareGroupTargetAssignmentMetadataKey = message(
  { apiKey: 12, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ShareGroupTargetAssignmentMetadataKey = ReturnType<typeof ShareGroupTargetAssignmentMetadataKey.decode>;

export const ShareGroupTargetAssignmentMetadataValue = message(
  { apiKey: 12, min: 0, max: 0, flexible: 0 },
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, "0+", int64),
  },
);
export type ShareGroupTargetAssignmentMetadataValue = ReturnType<typeof ShareGroupTargetAssignmentMetadataValue.decode>;

export const ShareGroupTargetAssignmentMemberKey = message(
  { apiKey: 13, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ShareGroupTargetAssignmentMemberKey = ReturnType<typeof ShareGroupTargetAssignmentMemberKey.decode>;

export const ShareGroupTargetAssignmentMemberValue = message(
  { apiKey: 13, min: 0, max: 0, flexible: 0 },
  {
    topicPartitions: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
  },
);
export type ShareGroupTargetAssignmentMemberValue = ReturnType<typeof ShareGroupTargetAssignmentMemberValue.decode>;

export const ShareGroupCurrentMemberAssignmentKey = message(
  { apiKey: 14, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type ShareGroupCurrentMemberAssignmentKey = ReturnType<typeof ShareGroupCurrentMemberAssignmentKey.decode>;

const topicPartitions = struct({
  topicId: uuid,
  partitions: array(int32),
});

export const ShareGroupCurrentMemberAssignmentValue = message(
  { apiKey: 14, min: 0, max: 0, flexible: 0 },
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    assignedPartitions: array(topicPartitions),
  },
);
export type ShareGroupCurrentMemberAssignmentValue = ReturnType<typeof ShareGroupCurrentMemberAssignmentValue.decode>;

export const ShareGroupStatePartitionMetadataKey = message(
  { apiKey: 15, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type ShareGroupStatePartitionMetadataKey = ReturnType<typeof ShareGroupStatePartitionMetadataKey.decode>;

const topicPartitionsInfo = struct({
  topicId: uuid,
  topicName: string,
  partitions: array(int32),
});

const topicInfo = struct({
  topicId: uuid,
  topicName: string,
});

export const ShareGroupStatePartitionMetadataValue = message(
  { apiKey: 15, min: 0, max: 0, flexible: 0 },
  {
    initializingTopics: array(topicPartitionsInfo),
    initializedTopics: array(topicPartitionsInfo),
    deletingTopics: array(topicInfo),
  },
);
export type ShareGroupStatePartitionMetadataValue = ReturnType<typeof ShareGroupStatePartitionMetadataValue.decode>;
