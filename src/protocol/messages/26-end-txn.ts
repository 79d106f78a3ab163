/** EndTxn. From version 5 on the answer brings the producer's id and epoch for its next transaction (KIP-890). */
import { boolean, int16, int32, int64, message, preset, string, versions } from "../schema.ts";

export const EndTxnRequest = message(
  { apiKey: 26, min: 0, max: 5, flexible: 3 },
  {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    committed: boolean,
  },
);
export type EndTxnRequest = ReturnType<typeof EndTxnRequest.decode>;

export const EndTxnResponse = message(
  { apiKey: 26, min: 0, max: 5, flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: versions("5+", preset(-1, int64)),
    producerEpoch: versions("5+", preset(-1, int16)),
  },
);
export type EndTxnResponse = ReturnType<typeof EndTxnResponse.decode>;
