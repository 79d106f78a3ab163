/** Fetch. Versions 13 and later name topics by id only; 15 and later move the replica id into `replicaState`. */
import {
  array,
  int8,
  int16,
  int32,
  int64,
  message,
  nullableArray,
  nullableString,
  preset,
  records,
  string,
  struct,
  tagged,
  uuid,
  versions,
} from "../schema.ts";

export const FetchRequest = message(
  { apiKey: 1, min: 4, max: 18, flexible: 12 },
  {
    clusterId: tagged(0, "12+", nullableString),
    replicaId: versions("0-14", preset(-1, int32)),
    replicaState: tagged(1, "15+", struct({ replicaId: preset(-1, int32), replicaEpoch: preset(-1, int64) })),
    maxWaitMs: int32,
    minBytes: int32,
    maxBytes: preset(0x7fffffff, int32),
    isolationLevel: int8,
    sessionId: versions("7+", int32),
    sessionEpoch: versions("7+", preset(-1, int32)),
    topics: array(
      struct({
        topic: versions("0-12", string),
        topicId: versions("13+", uuid),
        partitions: array(
          struct({
            partition: int32,
            currentLeaderEpoch: versions("9+", preset(-1, int32)),
            fetchOffset: int64,
            lastFetchedEpoch: versions("12+", preset(-1, int32)),
            logStartOffset: versions("5+", preset(-1, int64)),
            partitionMaxBytes: int32,
            replicaDirectoryId: tagged(0, "17+", uuid),
            highWatermark: tagged(1, "18+", preset(Number.MAX_SAFE_INTEGER, int64)),
          }),
        ),
      }),
    ),
    forgottenTopicsData: versions(
      "7+",
      array(struct({ topic: versions("7-12", string), topicId: versions("13+", uuid), partitions: array(int32) })),
    ),
    rackId: versions("11+", string),
  },
);
export type FetchRequest = ReturnType<typeof FetchRequest.decode>;

export const FetchResponse = message(
  { apiKey: 1, min: 4, max: 18, flexible: 12 },
  {
    throttleTimeMs: int32,
    errorCode: versions("7+", int16),
    sessionId: versions("7+", int32),
    responses: array(
      struct({
        topic: versions("0-12", string),
        topicId: versions("13+", uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: preset(-1, int64),
            logStartOffset: versions("5+", preset(-1, int64)),
            divergingEpoch: tagged(0, "12+", struct({ epoch: preset(-1, int32), endOffset: preset(-1, int64) })),
            currentLeader: tagged(1, "12+", struct({ leaderId: preset(-1, int32), leaderEpoch: preset(-1, int32) })),
            snapshotId: tagged(2, "12+", struct({ endOffset: preset(-1, int64), epoch: preset(-1, int32) })),
            abortedTransactions: nullableArray(struct({ producerId: int64, firstOffset: int64 })),
            preferredReadReplica: versions("11+", preset(-1, int32)),
            records,
          }),
        ),
      }),
    ),
    nodeEndpoints: tagged(0, "16+", array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString }))),
  },
);
export type FetchResponse = ReturnType<typeof FetchResponse.decode>;
