import { ErrorCode } from "#protocol/errors.ts";
import { type MaybeReply, NEEDS_PRODUCER_ID, type ProducerIdAndEpoch, withoutProducerId } from "./producer-id.ts";
import {
  isEpochExhausted,
  isPrepared,
  LAST_PRODUCER_EPOCH,
  MAX_PRODUCER_EPOCH,
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  type Transaction,
  TransactionStatus,
  TransactionVersion,
} from "./state.ts";
import { changed, type Transactions } from "./transactions.ts";
import type { Turn } from "./turn.ts";

export interface EndTransactionCommand extends ProducerIdAndEpoch {
  readonly transactionalId: string;
  readonly isCommit: boolean;
  /** V2 from EndTxn 5 on. */
  readonly clientVersion: TransactionVersion;
  /** As for InitProducerId. */
  readonly freshProducerId: number | null;
}

const { EMPTY, ONGOING, PREPARE_COMMIT, PREPARE_ABORT, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionStatus;

/** Decides the end of the producer's open transaction. In transactions V2 the answer brings the id and epoch for its next one. */
export function endTransaction(transactions: Transactions, command: EndTransactionCommand, turn: Turn): MaybeReply {
  if (command.transactionalId === "") return withoutProducerId(ErrorCode.INVALID_REQUEST);
  const current = transactions.get(command.transactionalId);
  if (current === undefined) return withoutProducerId(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  return command.clientVersion === TransactionVersion.V2
    ? endV2(transactions, current, command, turn)
    : endV1(transactions, current, command, turn);
}

function endV1(
  transactions: Transactions,
  current: Transaction,
  { producerId, producerEpoch, isCommit }: EndTransactionCommand,
  turn: Turn,
): MaybeReply {
  if (current.producerId !== producerId) return withoutProducerId(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  if (current.producerEpoch !== producerEpoch) return withoutProducerId(ErrorCode.PRODUCER_FENCED);
  switch (current.status) {
    case ONGOING: {
      const next = changed(current, {
        status: isCommit ? PREPARE_COMMIT : PREPARE_ABORT,
        nextProducerId: NO_PRODUCER_ID,
        lastUpdateMs: turn.nowMs,
        clientVersion: TransactionVersion.V0,
      });
      return withoutProducerId(transactions.store(next, turn) ? ErrorCode.NONE : ErrorCode.UNKNOWN_SERVER_ERROR);
    }
    case COMPLETE_COMMIT:
    case COMPLETE_ABORT:
      return withoutProducerId(
        isCommit === (current.status === COMPLETE_COMMIT) ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE,
      );
    default:
      return withoutProducerId(whileNotOpen(current, isCommit));
  }
}

function endV2(
  transactions: Transactions,
  current: Transaction,
  command: EndTransactionCommand,
  turn: Turn,
): MaybeReply {
  const { producerId, producerEpoch, isCommit, freshProducerId } = command;
  // A request that comes again: its epoch has been used up by the first one.
  const isRetryOnBump = current.producerEpoch === producerEpoch + 1;
  const isRetryOnOverflow =
    current.previousProducerId === producerId && producerEpoch === LAST_PRODUCER_EPOCH && current.producerEpoch === 0;
  if (current.producerId !== producerId && !isRetryOnOverflow)
    return withoutProducerId(ErrorCode.INVALID_PRODUCER_ID_MAPPING);
  const isRetry = isRetryOnBump || isRetryOnOverflow;
  const isCurrent = current.producerEpoch === producerEpoch;
  switch (current.status) {
    case ONGOING:
      return isCurrent
        ? prepareV2(transactions, current, { isCommit, freshProducerId }, turn)
        : withoutProducerId(ErrorCode.PRODUCER_FENCED);
    case EMPTY:
      if (!isCurrent) return withoutProducerId(ErrorCode.PRODUCER_FENCED);
      // Aborting nothing gives a new epoch all the same: what the producer sent before may still be on its way.
      if (!isCommit) return prepareV2(transactions, current, { isCommit, freshProducerId }, turn);
      return withoutProducerId(ErrorCode.INVALID_TXN_STATE);
    case COMPLETE_COMMIT:
    case COMPLETE_ABORT: {
      if (!isRetry && !isCurrent) return withoutProducerId(ErrorCode.PRODUCER_FENCED);
      if (!isRetry) {
        if (isCommit) return withoutProducerId(ErrorCode.INVALID_TXN_STATE);
        return prepareV2(transactions, current, { isCommit, freshProducerId }, turn);
      }
      if (isCommit !== (current.status === COMPLETE_COMMIT)) return withoutProducerId(ErrorCode.INVALID_TXN_STATE);
      return { errorCode: ErrorCode.NONE, producerId: current.producerId, producerEpoch: current.producerEpoch };
    }
    default:
      return isPrepared(current) && !isRetryOnBump
        ? withoutProducerId(ErrorCode.PRODUCER_FENCED)
        : withoutProducerId(whileNotOpen(current, isCommit));
  }
}

interface Ending {
  readonly isCommit: boolean;
  readonly freshProducerId: number | null;
}

/** Decides the end with a new epoch for the markers, which is the producer's for its next transaction; a new id where epochs are used up. */
function prepareV2(transactions: Transactions, current: Transaction, ending: Ending, turn: Turn): MaybeReply {
  const isExhausted = isEpochExhausted(current.producerEpoch);
  if (isExhausted && ending.freshProducerId === null) return NEEDS_PRODUCER_ID;
  const nextProducerId = isExhausted ? (ending.freshProducerId as number) : NO_PRODUCER_ID;
  const next = changed(current, {
    status: ending.isCommit ? PREPARE_COMMIT : PREPARE_ABORT,
    producerEpoch: Math.min(current.producerEpoch + 1, MAX_PRODUCER_EPOCH),
    lastProducerEpoch: current.producerEpoch,
    nextProducerId,
    startMs: current.status === ONGOING ? current.startMs : turn.nowMs,
    lastUpdateMs: turn.nowMs,
    clientVersion: TransactionVersion.V2,
  });
  if (!transactions.store(next, turn)) return withoutProducerId(ErrorCode.UNKNOWN_SERVER_ERROR);
  const { producerId, producerEpoch } = completed(next);
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch };
}

/**
 * Aborts an open transaction so that its producer is fenced: nobody is given the epoch. Without a fresh producer id where one is needed,
 * the abort uses the last epoch up, and the next InitProducerId brings a new id.
 */
export function fence(
  transactions: Transactions,
  current: Transaction,
  freshProducerId: number | null | "none",
  turn: Turn,
): ErrorCode | typeof NEEDS_PRODUCER_ID {
  if (freshProducerId !== "none" || !isEpochExhausted(current.producerEpoch)) {
    const fresh = freshProducerId === "none" ? null : freshProducerId;
    const reply = prepareV2(transactions, current, { isCommit: false, freshProducerId: fresh }, turn);
    return reply === NEEDS_PRODUCER_ID ? reply : reply.errorCode;
  }
  const next = changed(current, {
    status: PREPARE_ABORT,
    producerEpoch: MAX_PRODUCER_EPOCH,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    lastUpdateMs: turn.nowMs,
    clientVersion: TransactionVersion.V0,
  });
  return transactions.store(next, turn) ? ErrorCode.NONE : ErrorCode.UNKNOWN_SERVER_ERROR;
}

/** All markers of a decided transaction are written. */
export function complete(
  transactions: Transactions,
  written: ProducerIdAndEpoch & { transactionalId: string },
  turn: Turn,
): void {
  const current = transactions.get(written.transactionalId);
  if (current === undefined || !isPrepared(current)) return;
  if (current.producerId !== written.producerId || current.producerEpoch !== written.producerEpoch) return;
  transactions.store(
    changed(current, {
      ...completed(current),
      status: current.status === PREPARE_COMMIT ? COMPLETE_COMMIT : COMPLETE_ABORT,
      nextProducerId: NO_PRODUCER_ID,
      partitions: NO_PARTITIONS,
      lastUpdateMs: turn.nowMs,
    }),
    turn,
  );
}

/** What the producer goes on with once the transaction is complete. */
function completed({ producerId, producerEpoch, nextProducerId, clientVersion }: Transaction): ProducerIdAndEpoch {
  const isRotated = clientVersion === TransactionVersion.V2 && nextProducerId !== NO_PRODUCER_ID;
  return isRotated ? { producerId: nextProducerId, producerEpoch: 0 } : { producerId, producerEpoch };
}

function whileNotOpen({ status }: Transaction, isCommit: boolean): ErrorCode {
  if (status === (isCommit ? PREPARE_COMMIT : PREPARE_ABORT)) return ErrorCode.CONCURRENT_TRANSACTIONS;
  return ErrorCode.INVALID_TXN_STATE;
}
