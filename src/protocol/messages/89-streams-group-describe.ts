/** StreamsGroupDescribe (KIP-1071). */
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

export const StreamsGroupDescribeRequest = message(
  { apiKey: 89, min: 0, max: 1, flexible: 0 },
  {
    groupIds: array(string),
    includeAuthorizedOperations: boolean,
    includeTopologyDescription: versions("1+", boolean),
  },
);
export type StreamsGroupDescribeRequest = ReturnType<typeof StreamsGroupDescribeRequest.decode>;

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

const endpoint = struct({
  host: string,
  port: uint16,
});

const taskOffset = struct({
  subtopologyId: string,
  partition: int32,
  offset: int64,
});

const taskIds = struct({
  subtopologyId: string,
  partitions: array(int32),
});

const assignment = struct({
  activeTasks: array(taskIds),
  standbyTasks: array(taskIds),
  warmupTasks: array(taskIds),
});

const topologyDescriptionNode = struct({
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: nullableString,
  stores: array(string),
  successors: array(string),
});

const topologyDescriptionSubtopology = struct({
  subtopologyId: string,
  nodes: array(topologyDescriptionNode),
});

const topologyDescriptionGlobalStore = struct({
  source: topologyDescriptionNode,
  processor: topologyDescriptionNode,
});

const topologyDescription = struct({
  subtopologies: array(topologyDescriptionSubtopology),
  globalStores: array(topologyDescriptionGlobalStore),
});

export const StreamsGroupDescribeResponse = message(
  { apiKey: 89, min: 0, max: 1, flexible: 0 },
  {
    throttleTimeMs: int32,
    groups: array(
      struct({
        errorCode: int16,
        errorMessage: nullableString,
        groupId: string,
        groupState: string,
        groupEpoch: int32,
        assignmentEpoch: int32,
        topology: nullableStruct({
          epoch: int32,
          subtopologies: preset(
            null,
            nullableArray(
              struct({
                subtopologyId: string,
                sourceTopics: array(string),
                repartitionSinkTopics: array(string),
                stateChangelogTopics: array(topicInfo),
                repartitionSourceTopics: array(topicInfo),
              }),
            ),
          ),
        }),
        members: array(
          struct({
            memberId: string,
            memberEpoch: int32,
            instanceId: nullableString,
            rackId: nullableString,
            clientId: string,
            clientHost: string,
            topologyEpoch: int32,
            processId: string,
            userEndpoint: preset(null, nullable("0+", endpoint)),
            clientTags: array(keyValue),
            taskOffsets: array(taskOffset),
            taskEndOffsets: array(taskOffset),
            assignment,
            targetAssignment: assignment,
            isClassic: boolean,
          }),
        ),
        authorizedOperations: preset(-2147483648, int32),
        topologyDescription: versions("1+", preset(null, nullable("1+", topologyDescription))),
        topologyDescriptionStatus: versions("1+", int8),
        assignorName: versions("1+", nullableString),
      }),
    ),
  },
);
export type StreamsGroupDescribeResponse = ReturnType<typeof StreamsGroupDescribeResponse.decode>;
