/** DescribeTransactions, 0: the state of transactional ids that this broker coordinates (KIP-664). */
import { ErrorCode } from "#protocol/errors.ts";
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from "#protocol/messages/65-describe-transactions.ts";
import type { Broker } from "../broker.ts";
import { handler } from "../handler.ts";

export const describeTransactions = handler({
  request: DescribeTransactionsRequest,
  response: DescribeTransactionsResponse,
  min: 0,
  max: 0,
  async handle({ broker }, { transactionalIds }) {
    return { transactionStates: await Promise.all(transactionalIds.map((id) => describe(broker, id))) };
  },
});

async function describe(broker: Broker, transactionalId: string) {
  const { errorCode, value } = await broker.transactions.describe(transactionalId);
  if (errorCode !== ErrorCode.NONE) return { errorCode, transactionalId };
  return {
    transactionalId,
    transactionState: value.status,
    transactionTimeoutMs: value.timeoutMs,
    transactionStartTimeMs: value.startMs,
    producerId: value.producerId,
    producerEpoch: value.producerEpoch,
    topics: [...value.partitions].map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
  };
}
