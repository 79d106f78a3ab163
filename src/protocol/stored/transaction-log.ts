/** Transactions in `__transaction_state`. `record.ts` says what stands before them. */
import { array, int8, int16, int32, int64, message, nullableArray, preset, string, struct, tagged } from "../schema.ts";

export const TransactionLogKey = message(
  { apiKey: 0, min: 0, max: 0 },
  {
    transactionalId: string,
  },
);
export type TransactionLogKey = ReturnType<typeof TransactionLogKey.decode>;

export const TransactionLogValue = message(
  { apiKey: 0, min: 0, max: 1, flexible: 1 },
  {
    producerId: int64,
    previousProducerId: tagged(0, "1+", preset(-1, int64)),
    nextProducerId: tagged(1, "1+", preset(-1, int64)),
    producerEpoch: int16,
    nextProducerEpoch: tagged(3, "1+", preset(-1, int16)),
    transactionTimeoutMs: int32,
    transactionStatus: int8,
    transactionPartitions: nullableArray(
      struct({
        topic: string,
        partitionIds: array(int32),
      }),
    ),
    transactionLastUpdateTimestampMs: int64,
    transactionStartTimestampMs: int64,
    clientTransactionVersion: tagged(2, "1+", int16),
  },
);
export type TransactionLogValue = ReturnType<typeof TransactionLogValue.decode>;
