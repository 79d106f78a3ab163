/**
 * AddPartitionsToTxn, 0–5: adds partitions to a producer's transaction, which begins with the first ones. Up to version 3 clients send it, for one
 * transaction; from version 4 on leaders do, for several, on behalf of clients of transactions V2, or only to verify (KIP-890). When one of
 * the partitions doesn't exist none is added: the others get OPERATION_NOT_ATTEMPTED.
 *
 * Before version 2 a fenced producer hears INVALID_PRODUCER_EPOCH instead of PRODUCER_FENCED.
 */
import { ErrorCode } from "#protocol/errors.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { type TopicPartition, TransactionVersion } from "#transaction/state.ts";
import { handler, type RequestContext } from "../handler.ts";
import { fencedError } from "../transaction/errors.ts";

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2;
const FIRST_VERSION_OF_LEADERS = 4;

type Addition = AddPartitionsToTxnRequest["transactions"][number];

export const addPartitionsToTxn = handler({
  request: AddPartitionsToTxnRequest,
  response: AddPartitionsToTxnResponse,
  min: 0,
  max: 5,
  async handle(context, request) {
    if (context.apiVersion < FIRST_VERSION_OF_LEADERS) {
      const addition = {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        producerEpoch: request.v3AndBelowProducerEpoch,
        verifyOnly: false,
        topics: request.v3AndBelowTopics,
      };
      return { resultsByTopicV3AndBelow: await add(context, addition) };
    }
    const resultsByTransaction = await Promise.all(
      request.transactions.map(async (addition) => ({
        transactionalId: addition.transactionalId,
        topicResults: await add(context, addition),
      })),
    );
    return { resultsByTransaction };
  },
});

async function add(context: RequestContext, addition: Addition) {
  const partitions = addition.topics.flatMap(({ name, partitions: indexes }) =>
    indexes.map((partitionIndex) => ({ topic: name, partitionIndex })),
  );
  const outcomes = await outcomesOf(context, addition, partitions);
  let next = 0;
  return addition.topics.map(({ name, partitions: indexes }) => ({
    name,
    resultsByPartition: indexes.map((partitionIndex) => ({ partitionIndex, partitionErrorCode: outcomes[next++] })),
  }));
}

async function outcomesOf(
  { broker, apiVersion }: RequestContext,
  addition: Addition,
  partitions: readonly TopicPartition[],
): Promise<readonly ErrorCode[]> {
  const { transactionalId, producerId, producerEpoch, verifyOnly } = addition;
  const isKnown = ({ topic, partitionIndex }: TopicPartition) =>
    broker.cluster.partition(topic, partitionIndex) !== undefined;
  if (!partitions.every(isKnown)) {
    broker.suspectImage();
    return partitions.map((partition) =>
      isKnown(partition) ? ErrorCode.OPERATION_NOT_ATTEMPTED : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
  }
  const command = { transactionalId, producerId, producerEpoch, partitions };
  if (verifyOnly) return broker.transactions.verifyPartitions(command);
  const clientVersion = apiVersion >= FIRST_VERSION_OF_LEADERS ? TransactionVersion.V2 : TransactionVersion.V0;
  const errorCode = await broker.transactions.addPartitions({ ...command, clientVersion });
  const told = fencedError(errorCode, apiVersion >= FIRST_VERSION_WITH_PRODUCER_FENCED);
  return partitions.map(() => told);
}
