/** Streams groups (KIP-1071) in `__consumer_offsets`. `record.ts` says what stands before them. */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  nullableArray,
  preset,
  string,
  struct,
  tagged,
  uint16,
} from "../schema.ts";

export const StreamsGroupMetadataKey = message(
  { apiKey: 17, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type StreamsGroupMetadataKey = ReturnType<typeof StreamsGroupMetadataKey.decode>;

const lastAssignmentConfig = struct({
  key: string,
  value: string,
});

export const StreamsGroupMetadataValue = message(
  { apiKey: 17, min: 0, max: 0, flexible: 0 },
  {
    epoch: int32,
    metadataHash: int64,
    validatedTopologyEpoch: tagged(0, "0+", preset(-1, int32)),
    lastAssignmentConfigs: tagged(1, "0+", nullableArray(lastAssignmentConfig)),
    storedDescriptionTopologyEpoch: tagged(2, "0+", preset(-1, int32)),
    failedDescriptionTopologyEpoch: tagged(3, "0+", preset(-1, int32)),
  },
);
export type StreamsGroupMetadataValue = ReturnType<typeof StreamsGroupMetadataValue.decode>;

export const StreamsGroupMemberMetadataKey = message(
  { apiKey: 19, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type StreamsGroupMemberMetadataKey = ReturnType<typeof StreamsGroupMemberMetadataKey.decode>;

const endpoint = struct({
  host: string,
  port: uint16,
});

const keyValue = struct({
  key: string,
  value: string,
});

export const StreamsGroupMemberMetadataValue = message(
  { apiKey: 19, min: 0, max: 0, flexible: 0 },
  {
    instanceId: nullable("0+", string),
    rackId: nullable("0+", string),
    clientId: string,
    clientHost: string,
    rebalanceTimeoutMs: preset(-1, int32),
    topologyEpoch: int32,
    processId: string,
    userEndpoint: preset(null, nullable("0+", endpoint)),
    clientTags: array(keyValue),
  },
);
export type StreamsGroupMemberMetadataValue = ReturnType<typeof StreamsGroupMemberMetadataValue.decode>;

export const StreamsGroupTargetAssignmentMetadataKey = message(
  { apiKey: 20, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type StreamsGroupTargetAssignmentMetadataKey = ReturnType<typeof StreamsGroupTargetAssignmentMetadataKey.decode>;

export const StreamsGroupTargetAssignmentMetadataValue = message(
  { apiKey: 20, min: 0, max: 0, flexible: 0 },
  {
    assignmentEpoch: int32,
    assignmentTimestamp: tagged(0, "0+", int64),
  },
);
export type StreamsGroupTargetAssignmentMetadataValue = ReturnType<
  typeof StreamsGroupTargetAssignmentMetadataValue.decode
>;

export const StreamsGroupTargetAssignmentMemberKey = message(
  { apiKey: 21, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type StreamsGroupTargetAssignmentMemberKey = ReturnType<typeof StreamsGroupTargetAssignmentMemberKey.decode>;

const taskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
});

export const StreamsGroupTargetAssignmentMemberValue = message(
  { apiKey: 21, min: 0, max: 0, flexible: 0 },
  {
    activeTasks: array(taskIds),
    standbyTasks: array(taskIds),
    warmupTasks: array(taskIds),
  },
);
export type StreamsGroupTargetAssignmentMemberValue = ReturnType<typeof StreamsGroupTargetAssignmentMemberValue.decode>;

export const StreamsGroupCurrentMemberAssignmentKey = message(
  { apiKey: 22, min: 0, max: 0 },
  {
    groupId: string,
    memberId: string,
  },
);
export type StreamsGroupCurrentMemberAssignmentKey = ReturnType<typeof StreamsGroupCurrentMemberAssignmentKey.decode>;

const streamsGroupCurrentMemberAssignmentValueTaskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
  assignmentEpochs: tagged(0, "0+", nullableArray(int32)),
});

export const StreamsGroupCurrentMemberAssignmentValue = message(
  { apiKey: 22, min: 0, max: 0, flexible: 0 },
  {
    memberEpoch: int32,
    previousMemberEpoch: int32,
    state: int8,
    activeTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
    standbyTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
    warmupTasks: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
    activeTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
    standbyTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
    warmupTasksPendingRevocation: array(streamsGroupCurrentMemberAssignmentValueTaskIds),
  },
);
export type StreamsGroupCurrentMemberAssignmentValue = ReturnType<
  typeof StreamsGroupCurrentMemberAssignmentValue.decode
>;

export const StreamsGroupTopologyKey = message(
  { apiKey: 23, min: 0, max: 0 },
  {
    groupId: string,
  },
);
export type StreamsGroupTopologyKey = ReturnType<typeof StreamsGroupTopologyKey.decode>;

const topicConfig = struct({
  key: string,
  value: string,
});

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(topicConfig),
});

export const StreamsGroupTopologyValue = message(
  { apiKey: 23, min: 0, max: 0, flexible: 0 },
  {
    epoch: int32,
    subtopologies: array(
      struct({
        subtopologyId: string,
        sourceTopics: array(string),
        sourceTopicRegex: array(string),
        stateChangelogTopics: array(topicInfo),
        repartitionSinkTopics: array(string),
        repartitionSourceTopics: array(topicInfo),
        copartitionGroups: array(
          struct({
            sourceTopics: array(int16),
            sourceTopicRegex: array(int16),
            repartitionSourceTopics: array(int16),
          }),
        ),
      }),
    ),
  },
);
export type StreamsGroupTopologyValue = ReturnType<typeof StreamsGroupTopologyValue.decode>;
