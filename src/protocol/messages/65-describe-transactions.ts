/** DescribeTransactions (KIP-664). */
import { array, int16, int32, int64, message, string, struct } from "../schema.ts";

export const DescribeTransactionsRequest = message(
  { apiKey: 65, min: 0, max: 0, flexible: 0 },
  {
    transactionalIds: array(string),
  },
);
export type DescribeTransactionsRequest = ReturnType<typeof DescribeTransactionsRequest.decode>;

export const DescribeTransactionsResponse = message(
  { apiKey: 65, min: 0, max: 0, flexible: 0 },
  {
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        transactionStartTimeMs: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(
          struct({
            topic: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  },
);
export type DescribeTransactionsResponse = ReturnType<typeof DescribeTransactionsResponse.decode>;
