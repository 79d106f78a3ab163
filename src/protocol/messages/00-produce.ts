/** Produce. In the response of version 8 and later, `recordErrors` names the records of a refused batch. */
import {
  array,
  int16,
  int32,
  int64,
  message,
  nullableString,
  preset,
  records,
  string,
  struct,
  tagged,
  uuid,
  versions,
} from "../schema.ts";

export const ProduceRequest = message(
  { apiKey: 0, min: 3, max: 13, flexible: 9 },
  {
    transactionalId: nullableString,
    acks: int16,
    timeoutMs: int32,
    topicData: array(
      struct({
        name: versions("0-12", string),
        topicId: versions("13+", uuid),
        partitionData: array(struct({ index: int32, records })),
      }),
    ),
  },
);
export type ProduceRequest = ReturnType<typeof ProduceRequest.decode>;

export const ProduceResponse = message(
  { apiKey: 0, min: 3, max: 13, flexible: 9 },
  {
    responses: array(
      struct({
        name: versions("0-12", string),
        topicId: versions("13+", uuid),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            baseOffset: int64,
            logAppendTimeMs: preset(-1, int64),
            logStartOffset: versions("5+", preset(-1, int64)),
            recordErrors: versions("8+", array(struct({ batchIndex: int32, batchIndexErrorMessage: nullableString }))),
            errorMessage: versions("8+", nullableString),
            currentLeader: tagged(0, "10+", struct({ leaderId: preset(-1, int32), leaderEpoch: preset(-1, int32) })),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32,
    nodeEndpoints: tagged(0, "10+", array(struct({ nodeId: int32, host: string, port: int32, rack: nullableString }))),
  },
);
export type ProduceResponse = ReturnType<typeof ProduceResponse.decode>;
