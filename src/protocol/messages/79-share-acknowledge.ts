/** ShareAcknowledge (KIP-932). */
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
  string,
  struct,
  uuid,
  versions,
} from "../schema.ts";

export const ShareAcknowledgeRequest = message(
  { apiKey: 79, min: 1, max: 2, flexible: 0 },
  {
    groupId: nullableString,
    memberId: nullable("0+", string),
    shareSessionEpoch: int32,
    isRenewAck: versions("2+", boolean),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
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
  },
);
export type ShareAcknowledgeRequest = ReturnType<typeof ShareAcknowledgeRequest.decode>;

export const ShareAcknowledgeResponse = message(
  { apiKey: 79, min: 1, max: 2, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullableString,
    acquisitionLockTimeoutMs: versions("2+", int32),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: nullableString,
            currentLeader: struct({
              leaderId: int32,
              leaderEpoch: int32,
            }),
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
export type ShareAcknowledgeResponse = ReturnType<typeof ShareAcknowledgeResponse.decode>;
