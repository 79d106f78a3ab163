/** AddOffsetsToTxn: the group whose offsets the transaction will commit. */
import { int16, int32, int64, message, string } from "../schema.ts";

export const AddOffsetsToTxnRequest = message(
  { apiKey: 25, min: 0, max: 4, flexible: 3 },
  {
    transactionalId: string,
    producerId: int64,
    producerEpoch: int16,
    groupId: string,
  },
);
export type AddOffsetsToTxnRequest = ReturnType<typeof AddOffsetsToTxnRequest.decode>;

export const AddOffsetsToTxnResponse = message(
  { apiKey: 25, min: 0, max: 4, flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
  },
);
export type AddOffsetsToTxnResponse = ReturnType<typeof AddOffsetsToTxnResponse.decode>;
