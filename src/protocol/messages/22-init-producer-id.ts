/** InitProducerId. Without a transactional id it only hands out a producer id. */
import { boolean, int16, int32, int64, message, nullable, preset, string, versions } from "../schema.ts";

export const InitProducerIdRequest = message(
  { apiKey: 22, min: 0, max: 6, flexible: 2 },
  {
    transactionalId: nullable("0+", string),
    transactionTimeoutMs: int32,
    producerId: versions("3+", preset(-1, int64)),
    producerEpoch: versions("3+", preset(-1, int16)),
    enable2Pc: versions("6+", boolean),
    keepPreparedTxn: versions("6+", boolean),
  },
);
export type InitProducerIdRequest = ReturnType<typeof InitProducerIdRequest.decode>;

export const InitProducerIdResponse = message(
  { apiKey: 22, min: 0, max: 6, flexible: 2 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    producerId: preset(-1, int64),
    producerEpoch: int16,
    ongoingTxnProducerId: versions("6+", preset(-1, int64)),
    ongoingTxnProducerEpoch: versions("6+", preset(-1, int16)),
  },
);
export type InitProducerIdResponse = ReturnType<typeof InitProducerIdResponse.decode>;
