/** The value of a control record that ends a transaction, and an entry of a segment's index of aborted transactions. */
import { int32, int64, message } from "../schema.ts";

export const EndTxnMarker = message(
  { min: 0, max: 0 },
  {
    coordinatorEpoch: int32,
  },
);
export type EndTxnMarker = ReturnType<typeof EndTxnMarker.decode>;

export const AbortedTxn = message(
  { min: 0, max: 0 },
  {
    producerId: int64,
    firstOffset: int64,
    lastOffset: int64,
    lastStableOffset: int64,
  },
);
export type AbortedTxn = ReturnType<typeof AbortedTxn.decode>;
