import { MAX_TRANSACTION_RECORD_BYTES } from "./limits.ts";
import { dueMsOf, isPrepared, listPartitions, type Transaction, TransactionStatus } from "./state.ts";
import { transactionRecord, transactionTombstone } from "./stored.ts";
import type { Turn, WriteMarkers } from "./turn.ts";

/** All transactional ids of one coordinator. A decision changes them by `store` and `forget`, which is what a replayed record does. */
export class Transactions {
  private readonly coordinatorEpoch: number;
  private readonly byId = new Map<string, Transaction>();

  constructor(coordinatorEpoch: number) {
    this.coordinatorEpoch = coordinatorEpoch;
  }

  get size(): number {
    return this.byId.size;
  }

  get(transactionalId: string): Transaction | undefined {
    return this.byId.get(transactionalId);
  }

  /** As they are when they are asked for. */
  all(): Iterable<Transaction> {
    return this.byId.values();
  }

  replay(transactionalId: string, transaction: Transaction | null): void {
    if (transaction === null) this.byId.delete(transactionalId);
    else this.byId.set(transactionalId, transaction);
  }

  /**
   * Writes the next state, with what follows from it: the clock of an open transaction runs, and a decided one wants its markers. False,
   * and nothing has changed, when it is too large for a record.
   */
  store(next: Transaction, turn: Turn): boolean {
    const record = transactionRecord(next);
    if ((record.value?.length ?? 0) > MAX_TRANSACTION_RECORD_BYTES) return false;
    turn.records.push(record);
    this.byId.set(next.transactionalId, next);
    this.follow(next, turn);
    return true;
  }

  /** After a load. What was decided is written once more: so the log is longer whenever markers have been sent. */
  resume(transaction: Transaction, turn: Turn): void {
    if (isPrepared(transaction)) this.store(transaction, turn);
    else this.follow(transaction, turn);
  }

  /** What a state wants done. */
  private follow(transaction: Transaction, turn: Turn): void {
    const timer = { kind: "abort", transactionalId: transaction.transactionalId } as const;
    if (transaction.status === TransactionStatus.ONGOING) {
      turn.setTimer(timer, dueMsOf(transaction) - turn.nowMs);
    } else {
      turn.cancelTimer(timer);
    }
    if (isPrepared(transaction)) turn.effects.push(markersOf(transaction, this.coordinatorEpoch));
  }

  forget(transactionalId: string, turn: Turn): void {
    turn.records.push(transactionTombstone(transactionalId));
    this.byId.delete(transactionalId);
  }
}

function markersOf(transaction: Transaction, coordinatorEpoch: number): WriteMarkers {
  const { transactionalId, producerId, producerEpoch, status, clientVersion, partitions } = transaction;
  return {
    transactionalId,
    producerId,
    producerEpoch,
    isCommit: status === TransactionStatus.PREPARE_COMMIT,
    coordinatorEpoch,
    transactionVersion: clientVersion,
    partitions: listPartitions(partitions),
  };
}

/** The next state of a transaction: what isn't named stays as it is. */
export function changed(current: Transaction, changes: Partial<Transaction>): Transaction {
  return { ...current, previousProducerId: current.producerId, ...changes };
}
