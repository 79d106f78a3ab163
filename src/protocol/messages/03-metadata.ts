/** Metadata. `topics` null asks for all topics; in version 0, which has no null, an empty list does. */
import {
  array,
  boolean,
  int16,
  int32,
  message,
  nullable,
  nullableString,
  preset,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const MetadataRequest = message(
  { apiKey: 3, min: 0, max: 13, flexible: 9 },
  {
    topics: nullable("1+", array(struct({ topicId: versions("10+", uuid), name: nullable("10+", string) }))),
    allowAutoTopicCreation: versions("4+", preset(true, boolean)),
    includeClusterAuthorizedOperations: versions("8-10", boolean),
    includeTopicAuthorizedOperations: versions("8+", boolean),
  },
);
export type MetadataRequest = ReturnType<typeof MetadataRequest.decode>;

export const MetadataResponse = message(
  { apiKey: 3, min: 0, max: 13, flexible: 9 },
  {
    throttleTimeMs: versions("3+", int32),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: versions("1+", nullableString) })),
    clusterId: versions("2+", nullableString),
    controllerId: versions("1+", preset(-1, int32)),
    topics: array(
      struct({
        errorCode: int16,
        name: nullable("12+", string),
        topicId: versions("10+", uuid),
        isInternal: versions("1+", boolean),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: versions("7+", preset(-1, int32)),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: versions("5+", array(int32)),
          }),
        ),
        topicAuthorizedOperations: versions("8+", preset(-2_147_483_648, int32)),
      }),
    ),
    clusterAuthorizedOperations: versions("8-10", preset(-2_147_483_648, int32)),
    errorCode: versions("13+", int16),
  },
);
export type MetadataResponse = ReturnType<typeof MetadataResponse.decode>;
