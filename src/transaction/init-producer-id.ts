import { ErrorCode } from "#protocol/errors.ts";
import { fence } from "./end-transaction.ts";
import { MAX_TRANSACTIONAL_IDS, type TransactionConfig } from "./limits.ts";
import { type MaybeReply, NEEDS_PRODUCER_ID, type ProducerIdAndEpoch, withoutProducerId } from "./producer-id.ts";
import {
  isEpochExhausted,
  isPrepared,
  NO_PARTITIONS,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_TIMESTAMP,
  type Transaction,
  TransactionStatus,
  TransactionVersion,
} from "./state.ts";
import { changed, type Transactions } from "./transactions.ts";
import type { Turn } from "./turn.ts";

export interface InitProducerIdCommand {
  readonly transactionalId: string;
  readonly timeoutMs: number;
  /** What the producer had before, if it says so: whoever has something else now fences it. */
  readonly expected: ProducerIdAndEpoch | null;
  /** A fresh id, which may be needed; null asks first. */
  readonly freshProducerId: number | null;
}

export function initProducerId(
  transactions: Transactions,
  config: TransactionConfig,
  command: InitProducerIdCommand,
  turn: Turn,
): MaybeReply {
  const { transactionalId, timeoutMs, expected, freshProducerId } = command;
  if (transactionalId === "") return withoutProducerId(ErrorCode.INVALID_REQUEST);
  if (timeoutMs <= 0 || timeoutMs > config.maxTimeoutMs)
    return withoutProducerId(ErrorCode.INVALID_TRANSACTION_TIMEOUT);
  const known = transactions.get(transactionalId);
  if (known === undefined) {
    if (transactions.size >= MAX_TRANSACTIONAL_IDS) return withoutProducerId(ErrorCode.POLICY_VIOLATION);
    if (freshProducerId === null) return NEEDS_PRODUCER_ID;
  }
  const current = known ?? newTransaction(transactionalId, freshProducerId as number);
  if (expected !== null && !mayGoOn(current, expected)) return withoutProducerId(ErrorCode.PRODUCER_FENCED);
  if (isPrepared(current)) return withoutProducerId(ErrorCode.CONCURRENT_TRANSACTIONS);
  if (current.status === TransactionStatus.ONGOING) {
    const fenced = fence(transactions, current, freshProducerId, turn);
    // The producer asks again when the abort is done; the epoch of the fence is never given to anybody.
    return fenced === NEEDS_PRODUCER_ID ? fenced : withoutProducerId(ErrorCode.CONCURRENT_TRANSACTIONS);
  }
  const epochs = nextEpochs(current, expected, freshProducerId);
  if (epochs === NEEDS_PRODUCER_ID) return epochs;
  if (typeof epochs === "number") return withoutProducerId(epochs);
  const next = changed(current, {
    ...epochs,
    status: TransactionStatus.EMPTY,
    timeoutMs,
    partitions: NO_PARTITIONS,
    startMs: NO_TIMESTAMP,
    lastUpdateMs: turn.nowMs,
  });
  if (!transactions.store(next, turn)) return withoutProducerId(ErrorCode.UNKNOWN_SERVER_ERROR);
  return { errorCode: ErrorCode.NONE, producerId: next.producerId, producerEpoch: next.producerEpoch };
}

function newTransaction(transactionalId: string, producerId: number): Transaction {
  return {
    transactionalId,
    producerId,
    previousProducerId: NO_PRODUCER_ID,
    nextProducerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    lastProducerEpoch: NO_PRODUCER_EPOCH,
    timeoutMs: 0,
    status: TransactionStatus.EMPTY,
    partitions: NO_PARTITIONS,
    startMs: NO_TIMESTAMP,
    lastUpdateMs: 0,
    clientVersion: TransactionVersion.V0,
  };
}

/**
 * A producer that names what it had may go on when that is the current id (its epoch is looked at later), or the one before with its last
 * epoch: then the answer to its former request got lost.
 */
function mayGoOn(current: Transaction, expected: ProducerIdAndEpoch): boolean {
  if (current.producerEpoch === NO_PRODUCER_EPOCH || expected.producerId === current.producerId) return true;
  return expected.producerId === current.previousProducerId && isEpochExhausted(expected.producerEpoch);
}

type Epochs = Pick<Transaction, "producerId" | "producerEpoch" | "lastProducerEpoch">;

function nextEpochs(
  current: Transaction,
  expected: ProducerIdAndEpoch | null,
  freshProducerId: number | null,
): Epochs | ErrorCode | typeof NEEDS_PRODUCER_ID {
  const { producerId, producerEpoch, lastProducerEpoch } = current;
  const isCurrent = expected === null || expected.producerEpoch === producerEpoch;
  if (isEpochExhausted(producerEpoch)) {
    // Kafka fails an assertion where the producer names another epoch.
    if (!isCurrent) return ErrorCode.UNKNOWN_SERVER_ERROR;
    if (freshProducerId === null) return NEEDS_PRODUCER_ID;
    const last = expected === null ? NO_PRODUCER_EPOCH : producerEpoch;
    return { producerId: freshProducerId, producerEpoch: 0, lastProducerEpoch: last };
  }
  const bumped = { producerId, producerEpoch: producerEpoch + 1 };
  if (expected === null) return { ...bumped, lastProducerEpoch: NO_PRODUCER_EPOCH };
  if (isCurrent || producerEpoch === NO_PRODUCER_EPOCH) return { ...bumped, lastProducerEpoch: producerEpoch };
  // The same request again: nobody else has come between, or the last epoch would be unknown.
  if (expected.producerEpoch === lastProducerEpoch) return { producerId, producerEpoch, lastProducerEpoch };
  return ErrorCode.PRODUCER_FENCED;
}
