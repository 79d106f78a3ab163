/** CreateTopics. -1 partitions or replicas ask for the broker's default. */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  message,
  nullable,
  nullableArray,
  preset,
  string,
  struct,
  tagged,
  uuid,
  versions,
} from "../schema.ts";

export const CreateTopicsRequest = message(
  { apiKey: 19, min: 2, max: 7, flexible: 5 },
  {
    topics: array(
      struct({
        name: string,
        numPartitions: int32,
        replicationFactor: int16,
        assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
        configs: array(struct({ name: string, value: nullable("0+", string) })),
      }),
    ),
    timeoutMs: preset(60000, int32),
    validateOnly: boolean,
  },
);
export type CreateTopicsRequest = ReturnType<typeof CreateTopicsRequest.decode>;

export const CreateTopicsResponse = message(
  { apiKey: 19, min: 2, max: 7, flexible: 5 },
  {
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        topicId: versions("7+", uuid),
        errorCode: int16,
        errorMessage: nullable("0+", string),
        topicConfigErrorCode: tagged(0, "5+", int16),
        numPartitions: versions("5+", preset(-1, int32)),
        replicationFactor: versions("5+", preset(-1, int16)),
        configs: versions(
          "5+",
          nullableArray(
            struct({
              name: string,
              value: nullable("0+", string),
              readOnly: boolean,
              configSource: preset(-1, int8),
              isSensitive: boolean,
            }),
          ),
        ),
      }),
    ),
  },
);
export type CreateTopicsResponse = ReturnType<typeof CreateTopicsResponse.decode>;
