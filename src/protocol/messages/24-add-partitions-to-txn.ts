/** AddPartitionsToTxn. Up to version 3 one transaction of a client; from version 4 on several, which brokers send to each other, also to verify only (KIP-890). */
import { array, boolean, int16, int32, int64, message, string, struct, versions } from "../schema.ts";

const addPartitionsToTxnTopic = struct({
  name: string,
  partitions: array(int32),
});

export const AddPartitionsToTxnRequest = message(
  { apiKey: 24, min: 0, max: 5, flexible: 3 },
  {
    transactions: versions(
      "4+",
      array(
        struct({
          transactionalId: string,
          producerId: int64,
          producerEpoch: int16,
          verifyOnly: boolean,
          topics: array(addPartitionsToTxnTopic),
        }),
      ),
    ),
    v3AndBelowTransactionalId: versions("0-3", string),
    v3AndBelowProducerId: versions("0-3", int64),
    v3AndBelowProducerEpoch: versions("0-3", int16),
    v3AndBelowTopics: versions("0-3", array(addPartitionsToTxnTopic)),
  },
);
export type AddPartitionsToTxnRequest = ReturnType<typeof AddPartitionsToTxnRequest.decode>;

const addPartitionsToTxnPartitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16,
});

const addPartitionsToTxnTopicResult = struct({
  name: string,
  resultsByPartition: array(addPartitionsToTxnPartitionResult),
});

export const AddPartitionsToTxnResponse = message(
  { apiKey: 24, min: 0, max: 5, flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: versions("4+", int16),
    resultsByTransaction: versions(
      "4+",
      array(
        struct({
          transactionalId: string,
          topicResults: array(addPartitionsToTxnTopicResult),
        }),
      ),
    ),
    resultsByTopicV3AndBelow: versions("0-3", array(addPartitionsToTxnTopicResult)),
  },
);
export type AddPartitionsToTxnResponse = ReturnType<typeof AddPartitionsToTxnResponse.decode>;
