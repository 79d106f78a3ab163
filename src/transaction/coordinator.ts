import type { CoordinatorMachine } from "#coordinator/machine.ts";
import { TimerTable } from "#coordinator/timer-table.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import { type AddPartitionsCommand, addPartitions, verifyPartitions } from "./add-partitions.ts";
import {
  type DescribedTransaction,
  describeTransaction,
  type ListedTransaction,
  listTransactions,
  type TransactionFilters,
} from "./describe.ts";
import { complete, type EndTransactionCommand, endTransaction, fence } from "./end-transaction.ts";
import { type InitProducerIdCommand, initProducerId } from "./init-producer-id.ts";
import type { TransactionConfig } from "./limits.ts";
import type { MaybeReply, ProducerIdAndEpoch } from "./producer-id.ts";
import { dueMsOf, isPrepared, isSettled, TransactionStatus } from "./state.ts";
import { readTransactionRecord, transactionRecord } from "./stored.ts";
import { Transactions } from "./transactions.ts";
import { type Decision, type TimerMeaning, Turn, type WriteMarkers } from "./turn.ts";

/**
 * The coordinator of all transactional ids of one partition of `__transaction_state` (KIP-98, KIP-890), as a pure state machine. The end of a
 * transaction is decided by a record (PrepareCommit, PrepareAbort); when that is committed its markers are written wherever the
 * transaction has written (`WriteMarkers`, also after a load), and when they are, `complete` says so by another record. A
 * state that Kafka calls pending, its record on the way, is current here: nobody is told of it before the record is committed.
 */
export class TransactionCoordinator implements CoordinatorMachine<WriteMarkers> {
  private readonly config: TransactionConfig;
  private readonly transactions: Transactions;
  private readonly timers = new TimerTable<TimerMeaning>();

  /**
   * `coordinatorEpoch` goes into the markers and must be larger than those of all coordinators of the partition before this one, of which a
   * message may still be on its way. The length of the log will do: nobody sends a marker without having written to it since its load.
   */
  constructor(config: TransactionConfig, coordinatorEpoch: number) {
    this.config = config;
    this.transactions = new Transactions(coordinatorEpoch);
  }

  initProducerId(command: InitProducerIdCommand, nowMs: number): Decision<MaybeReply> {
    const turn = this.turn(nowMs);
    return turn.decision(initProducerId(this.transactions, this.config, command, turn));
  }

  addPartitions(command: AddPartitionsCommand, nowMs: number): Decision<ErrorCode> {
    const turn = this.turn(nowMs);
    return turn.decision(addPartitions(this.transactions, command, turn));
  }

  /** One outcome per partition, in their order. */
  verifyPartitions(command: Omit<AddPartitionsCommand, "clientVersion">): readonly ErrorCode[] {
    return verifyPartitions(this.transactions, command);
  }

  endTransaction(command: EndTransactionCommand, nowMs: number): Decision<MaybeReply> {
    const turn = this.turn(nowMs);
    return turn.decision(endTransaction(this.transactions, command, turn));
  }

  /** The markers of a `WriteMarkers` effect are all written. Said twice or too late it changes nothing. */
  complete(written: ProducerIdAndEpoch & { readonly transactionalId: string }, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    complete(this.transactions, written, turn);
    return turn.decision(undefined);
  }

  /** Undefined when nobody knows the id. */
  describe(transactionalId: string): DescribedTransaction | undefined {
    const transaction = this.transactions.get(transactionalId);
    return transaction === undefined ? undefined : describeTransaction(transaction);
  }

  /** Whether the end of the id's transaction is decided and its markers aren't all written yet. */
  isPrepared(transactionalId: string): boolean {
    const transaction = this.transactions.get(transactionalId);
    return transaction !== undefined && isPrepared(transaction);
  }

  /** When the coordinator has something to do about the id by itself; infinity for never. */
  dueMs(transactionalId: string): number {
    const transaction = this.transactions.get(transactionalId);
    return transaction === undefined ? Number.POSITIVE_INFINITY : dueMsOf(transaction);
  }

  /** The same for whatever comes first. */
  nextDueMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const transaction of this.transactions.all()) dueMs = Math.min(dueMs, dueMsOf(transaction));
    return dueMs;
  }

  list(filters: TransactionFilters, nowMs: number): ListedTransaction[] {
    return listTransactions(this.transactions, filters, nowMs);
  }

  onTimer(key: string, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    const meaning = this.timers.fire(key, nowMs);
    if (meaning?.kind === "abort") this.abortTimedOut(meaning.transactionalId, turn);
    else if (meaning !== null) this.expire(turn);
    return turn.decision(undefined);
  }

  private abortTimedOut(transactionalId: string, turn: Turn): void {
    const transaction = this.transactions.get(transactionalId);
    if (transaction?.status !== TransactionStatus.ONGOING) return;
    fence(this.transactions, transaction, "none", turn);
  }

  /** Ids that nobody has used for so long are forgotten; never those whose transaction isn't settled. */
  private expire(turn: Turn): void {
    const sinceMs = turn.nowMs - this.config.transactionalIdExpirationMs;
    for (const transaction of [...this.transactions.all()]) {
      if (!isSettled(transaction) || transaction.lastUpdateMs > sinceMs) continue;
      this.transactions.forget(transaction.transactionalId, turn);
    }
    turn.setTimer({ kind: "expire-transactional-ids" }, this.config.expirationCheckIntervalMs);
  }

  replay(record: CoordinatorRecord): void {
    const change = readTransactionRecord(record);
    if (change.kind === "transaction") this.transactions.replay(change.transactionalId, change.transaction);
  }

  /** Nobody writes to `__transaction_state` within a transaction. */
  replayMarker(): void {}

  onLoaded(nowMs: number): Decision {
    const turn = this.turn(nowMs);
    for (const transaction of [...this.transactions.all()]) this.transactions.resume(transaction, turn);
    turn.setTimer({ kind: "expire-transactional-ids" }, this.config.expirationCheckIntervalMs);
    return turn.decision(undefined);
  }

  nextTimer(): { readonly key: string; readonly deadlineMs: number } | null {
    return this.timers.next();
  }

  get timerCount(): number {
    return this.timers.size;
  }

  get liveRecordCount(): number {
    return this.transactions.size;
  }

  readonly canBeRewritten = true;

  *liveRecords(): Generator<CoordinatorRecord, undefined> {
    for (const transaction of this.transactions.all()) yield transactionRecord(transaction);
  }

  /** It holds nothing of the broker's budgets. */
  release(): void {}

  private turn(nowMs: number): Turn {
    return new Turn(nowMs, this.timers);
  }
}
