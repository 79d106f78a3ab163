/** StreamsGroupHeartbeat (KIP-1071). */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  nullableArray,
  nullableString,
  nullableStruct,
  preset,
  string,
  struct,
  uint16,
  versions,
} from "../schema.ts";

const keyValue = struct({
  key: string,
  value: string,
});

const topicInfo = struct({
  name: string,
  partitions: int32,
  replicationFactor: int16,
  topicConfigs: array(keyValue),
});

const taskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
});

const endpoint = struct({
  host: string,
  port: uint16,
});

const taskOffset = struct({
  subtopologyId: string,
  partition: int32,
  offset: int64,
});

export const StreamsGroupHeartbeatRequest = message(
  { apiKey: 88, min: 0, max: 1, flexible: 0 },
  {
    groupId: string,
    memberId: string,
    memberEpoch: int32,
    endpointInformationEpoch: int32,
    instanceId: nullableString,
    rackId: nullableString,
    rebalanceTimeoutMs: preset(-1, int32),
    topology: nullableStruct({
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
    }),
    activeTasks: preset(null, nullableArray(taskIds)),
    standbyTasks: preset(null, nullableArray(taskIds)),
    warmupTasks: preset(null, nullableArray(taskIds)),
    processId: nullableString,
    userEndpoint: preset(null, nullable("0+", endpoint)),
    clientTags: preset(null, nullableArray(keyValue)),
    taskOffsets: preset(null, nullableArray(taskOffset)),
    taskEndOffsets: preset(null, nullableArray(taskOffset)),
    shutdownApplication: boolean,
  },
);
export type StreamsGroupHeartbeatRequest = ReturnType<typeof StreamsGroupHeartbeatRequest.decode>;

const status = struct({
  statusCode: int8,
  statusDetail: string,
});

const topicPartition = struct({
  topic: string,
  partitions: array(int32),
});

export const StreamsGroupHeartbeatResponse = message(
  { apiKey: 88, min: 0, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    memberId: string,
    memberEpoch: int32,
    heartbeatIntervalMs: int32,
    acceptableRecoveryLagLegacy: versions("0", int32),
    taskOffsetIntervalMs: int32,
    acceptableRecoveryLag: versions("1+", preset(-1, int64)),
    status: nullableArray(status),
    activeTasks: preset(null, nullableArray(taskIds)),
    standbyTasks: preset(null, nullableArray(taskIds)),
    warmupTasks: preset(null, nullableArray(taskIds)),
    topologyDescriptionRequired: versions("1+", boolean),
    endpointInformationEpoch: int32,
    partitionsByUserEndpoint: preset(
      null,
      nullableArray(
        struct({
          userEndpoint: endpoint,
          activePartitions: array(topicPartition),
          standbyPartitions: array(topicPartition),
        }),
      ),
    ),
  },
);
export type StreamsGroupHeartbeatResponse = ReturnType<typeof StreamsGroupHeartbeatResponse.decode>;
