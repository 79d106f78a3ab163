import type { ErrorCode } from "#protocol/errors.ts";
import { NO_PRODUCER_EPOCH, NO_PRODUCER_ID } from "./state.ts";

export interface ProducerIdAndEpoch {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What InitProducerId and EndTxn answer; without an id (-1) with an error, and to EndTxn of transactions V1. */
export type ProducerIdReply = { readonly errorCode: ErrorCode } & ProducerIdAndEpoch;

/** A decision that needs a producer id which wasn't offered changes nothing; it is to be made again with one. */
export const NEEDS_PRODUCER_ID: unique symbol = Symbol("needs a producer id");

export type MaybeReply = ProducerIdReply | typeof NEEDS_PRODUCER_ID;

export function withoutProducerId(errorCode: ErrorCode): ProducerIdReply {
  return { errorCode, producerId: NO_PRODUCER_ID, producerEpoch: NO_PRODUCER_EPOCH };
}
