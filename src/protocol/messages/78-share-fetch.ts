/** ShareFetch (KIP-932): acknowledges and acquires in one request. */
import {
  array,
  boolean,
  int8,
  int16,
  int32,
  int64,
  message,
  nullable,
  nullableString,
  preset,
  records,
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const ShareFetchRequest = message(
  { apiKey: 78, min: 1, max: 2, flexible: 0 },
  {
    groupId: nullableString,
    memberId: nullable("0+", string),
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: preset(2147483647, int32),
    maxRecords: int32,
    batchSize: int32,
    shareAcquireMode: versions("2+", int8),
    isRenewAck: versions("2+", boolean),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            partitionMaxBytes: versions("0", int32),
            acknowledgementBatches: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                acknowledgeTypes: array(int8),
              }),
            ),
          }),
        ),
      }),
    ),
    forgottenTopicsData: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
  },
);
export type ShareFetchRequest = ReturnType<typeof ShareFetchRequest.decode>;

export const ShareFetchResponse = message(
  { apiKey: 78, min: 1, max: 2, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    acquisitionLockTimeoutMs: int32,
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: nullableString,
            acknowledgeErrorCode: int16,
            acknowledgeErrorMessage: nullableString,
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32,
            }),
            records,
            acquiredRecords: array(
              struct({
                firstOffset: int64,
                lastOffset: int64,
                deliveryCount: int16,
              }),
            ),
          }),
        ),
      }),
    ),
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: nullableString,
      }),
    ),
  },
);
export type ShareFetchResponse = ReturnType<typeof ShareFetchResponse.decode>;
