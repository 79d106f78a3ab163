import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { ProducerBatch } from "./batch.ts";
import type { Sequences } from "./sequences.ts";

/** What a broker's error about a batch leads to. */
export type Verdict =
  /** It is there: the broker knows it from before. */
  | "delivered"
  | "retry"
  /** Again, once the producer has a greater epoch and this partition new sequences. */
  | "bump-and-retry"
  /** Again, with this partition's sequences from 0 under the same epoch. */
  | "restart-and-retry"
  | "split"
  | "fail";

export interface BatchFailure {
  readonly errorCode: number;
  /** -1: unknown. */
  readonly logStartOffset: number;
}

/** Without sequences: a producer that isn't idempotent. */
export interface Judge {
  readonly sequences: Sequences | null;
  readonly isTransactional: boolean;
}

/** Decides as Kafka's own producer does (KIP-98, KIP-360). Whether time and attempts are left is for the caller to see. */
export function verdictOf(batch: ProducerBatch, failure: BatchFailure, judge: Judge): Verdict {
  const { errorCode } = failure;
  if (errorCode === ErrorCode.DUPLICATE_SEQUENCE_NUMBER) return "delivered";
  if (errorCode === ErrorCode.MESSAGE_TOO_LARGE || errorCode === ErrorCode.RECORD_LIST_TOO_LARGE) {
    return batch.records.length > 1 ? "split" : "fail";
  }
  const { sequences, isTransactional } = judge;
  if (sequences !== null) {
    if (errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER) return outOfOrder(batch, sequences, isTransactional);
    if (errorCode === ErrorCode.UNKNOWN_PRODUCER_ID) return unknownProducer(batch, failure, judge);
    // The error speaks of an epoch that this producer itself has left behind.
    if (errorCode === ErrorCode.INVALID_PRODUCER_EPOCH && batch.isRenumbered && !isTransactional) return "retry";
  }
  return isRetriable(errorCode) ? "retry" : "fail";
}

function outOfOrder(batch: ProducerBatch, sequences: Sequences, isTransactional: boolean): Verdict {
  const isUnresolved = sequences.isUnresolved(batch);
  // A batch before this one is still to come, or this one has another number by now.
  if (!isUnresolved && (batch.isRenumbered || !batch.wasNext)) return "retry";
  if (isTransactional) return "fail";
  return !isUnresolved || sequences.followsUnresolved(batch) ? "bump-and-retry" : "retry";
}

function unknownProducer(batch: ProducerBatch, failure: BatchFailure, judge: Judge): Verdict {
  if (failure.logStartOffset < 0 || batch.isRenumbered) return "retry";
  if (!judge.isTransactional) return "bump-and-retry";
  // All that this producer wrote was deleted with the log's head, and what the broker knew of it, too.
  const isForgotten = (judge.sequences?.lastAckedOffset(batch) ?? -1) < failure.logStartOffset;
  return isForgotten ? "restart-and-retry" : "fail";
}
