/** ListTransactions (KIP-664), of one coordinator. */
import { array, int16, int32, int64, message, nullableString, preset, string, struct, versions } from "../schema.ts";

export const ListTransactionsRequest = message(
  { apiKey: 66, min: 0, max: 2, flexible: 0 },
  {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    durationFilter: versions("1+", preset(-1, int64)),
    transactionalIdPattern: versions("2+", nullableString),
  },
);
export type ListTransactionsRequest = ReturnType<typeof ListTransactionsRequest.decode>;

export const ListTransactionsResponse = message(
  { apiKey: 66, min: 0, max: 2, flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({
        transactionalId: string,
        producerId: int64,
        transactionState: string,
      }),
    ),
  },
);
export type ListTransactionsResponse = ReturnType<typeof ListTransactionsResponse.decode>;
