import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { attempts } from "../attempts.ts";
import type { Client } from "../client.ts";
import { Coordinator, CoordinatorKey } from "../coordinator.ts";
import { isFatalForTransactions, isUnauthorized } from "../error-kinds.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { within } from "../retry.ts";
import {
  type GroupMetadata,
  isOffset,
  type OffsetAndMetadata,
  partitionKey,
  type TopicPartition,
} from "../topic-partition.ts";
import type { Identity, ProducerBatch } from "./batch.ts";
import type { TransactionGate } from "./sender.ts";
import type { Sequences } from "./sequences.ts";
import type { ProducerSettings } from "./settings.ts";
import {
  addOffsets,
  addPartitions,
  commitOffsets,
  endTransaction,
  hasTransactionsV2,
  initProducerId,
  type TransactionCaller,
} from "./transaction-requests.ts";
import { TransactionState } from "./transaction-state.ts";

export interface TransactionParts {
  readonly client: Client;
  readonly settings: ProducerSettings;
  readonly transactionalId: string;
  readonly lane: string;
  readonly sequences: Sequences;
  /** Lets the sender look again at what waits. */
  readonly schedule: () => void;
  /** Resolves when every record that was given to the producer has an outcome. */
  readonly flush: () => Promise<void>;
}

/** The first partition of a transaction often meets the end of the one before it: that is soon over. */
const ADD_BACKOFF_MS = 20;
const UNCERTAIN: ReadonlySet<number> = new Set([
  ErrorCode.NETWORK_EXCEPTION,
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
]);
const LATE = failure(ErrorCode.REQUEST_TIMED_OUT, "It hasn't come to its end in max.block.ms.");
const UNHEARD = failure(ErrorCode.INVALID_TXN_STATE, "Whether the last transaction has ended must be asked for first.");
const CLOSED = failure(ErrorCode.OPERATION_NOT_ATTEMPTED, "The producer was closed before the transaction ended.");

/** A request to the transaction's coordinator. */
type Ask<T> = (brokerId: number, caller: TransactionCaller) => Promise<Outcome<T>>;

/** The transactions of one producer: asks the coordinators what `TransactionState` says is next. */
export class Transactions implements TransactionGate {
  private readonly parts: TransactionParts;
  private readonly state = new TransactionState();
  private readonly coordinator: Coordinator;
  private readonly groups = new Map<string, Coordinator>();
  private readonly wanted = new Map<string, TopicPartition>();
  /** A request for partitions that is under way (V1). */
  private adding: Promise<void> | null = null;
  /** Requests that add something and whose fate isn't known (V1): maybe there is a transaction, and maybe not. */
  private readonly doubts = new Set<Ask<void>>();
  private isClosed = false;
  /** Taking over the transactional id, until its success has been handed out. */
  private initializing: Promise<Outcome<void>> | null = null;
  /** What the cluster said last; decides for the next transaction. */
  private isV2Offered = false;
  /** An end that somebody asked for, until its outcome has been handed out: that may take more than one call. */
  private ending: { readonly committed: boolean; readonly done: Promise<Outcome<void>> } | null = null;
  private readonly offsetCommits = new Set<Promise<unknown>>();

  constructor(parts: TransactionParts) {
    this.parts = parts;
    this.coordinator = this.coordinatorOf(CoordinatorKey.TRANSACTION, parts.transactionalId);
  }

  get isV2(): boolean {
    return this.state.isV2;
  }

  /** Is there a transaction that its coordinator would time out? */
  get isOpen(): boolean {
    return ["open", "committing", "aborting", "broken"].includes(this.state.phase);
  }

  /** May a record be given to the producer? `isWaiting`: it was given before, and waits to be taken. */
  mayWrite(isWaiting: boolean): Outcome<void> {
    return isWaiting && this.state.phase === "committing" ? success(undefined) : this.state.check("write");
  }

  /** REQUEST_TIMED_OUT after `max.block.ms`: it goes on, and the same call waits for it again. */
  async initialize(): Promise<Outcome<void>> {
    if (this.initializing === null) {
      const legal = this.state.check("initialize");
      if (failed(legal)) return legal;
      this.initializing = this.runInitialize();
    }
    const outcome = await this.inMaxBlock(this.initializing);
    if (outcome !== LATE) this.initializing = null;
    return outcome;
  }

  private async runInitialize(): Promise<Outcome<void>> {
    this.state.phase = "initializing";
    const outcome = await this.again(this.maxBlockDeadlineMs(), () => this.askForIdentity(undefined));
    if (failed(outcome)) {
      this.initializing = null;
      if (this.state.phase === "initializing") this.state.phase = "uninitialized";
      if (!isUnauthorized(outcome.errorCode)) this.state.fail(outcome);
      return outcome;
    }
    this.parts.sequences.adopt(outcome.value, true);
    this.state.phase = "ready";
    return success(undefined);
  }

  private async askForIdentity(identity: Identity | undefined): Promise<Outcome<Identity>> {
    const { client, transactionalId, settings } = this.parts;
    const found = await this.coordinator.find();
    if (failed(found)) {
      // Who may not even ask for its coordinator is at an end, as Kafka's own producer is.
      this.state.fail(found);
      return found;
    }
    const offered = await hasTransactionsV2(client, found.value, this.call);
    if (failed(offered)) {
      this.coordinator.note(offered.errorCode);
      return offered;
    }
    this.isV2Offered = offered.value;
    const transactionTimeoutMs = settings["transaction.timeout.ms"];
    const from = { client, call: this.call, transactionalId, transactionTimeoutMs, identity };
    const answer = await initProducerId(found.value, from);
    if (failed(answer)) this.coordinator.note(answer.errorCode);
    return answer;
  }

  begin(): Outcome<void> {
    const legal = this.ending === null ? this.state.check("begin") : UNHEARD;
    if (failed(legal)) return legal;
    this.state.begin(this.isV2Offered);
    this.doubts.clear();
    return legal;
  }

  /** As part of the gate: V1 asks the coordinator first. */
  admits(batch: ProducerBatch): boolean {
    const key = partitionKey(batch);
    if (this.state.isV2 || this.state.added.has(key)) return true;
    this.wanted.set(key, { topic: batch.topic, partition: batch.partition });
    this.adding ??= this.add();
    return false;
  }

  sending(): void {
    this.state.hasStarted = true;
  }

  refusal(): { readonly failure: Failure; readonly isFinal: boolean } | null {
    const { phase, problem } = this.state;
    if (problem !== null) return { failure: problem, isFinal: phase === "fatal" };
    if (phase !== "aborting") return null;
    const message = "The transaction was aborted before the record was sent.";
    return { failure: failure(ErrorCode.OPERATION_NOT_ATTEMPTED, message), isFinal: false };
  }

  broke(reason: Failure): void {
    // Of records it says that they belong to no transaction any more: that one is lost, but not the producer.
    const isOver = reason.errorCode === ErrorCode.INVALID_TXN_STATE;
    this.failWith(isOver ? failure(ErrorCode.TRANSACTION_ABORTABLE, reason.message) : reason);
  }

  private failWith(reason: Failure): void {
    this.state.fail(reason);
    this.parts.schedule();
  }

  private async add(): Promise<void> {
    const partitions = [...this.wanted.values()];
    this.wanted.clear();
    const { settings } = this.parts;
    const deadlineMs = this.nowMs() + settings["delivery.timeout.ms"];
    const isOpen = () => this.state.phase === "open" || this.state.phase === "committing";
    const ask: Ask<void> = (brokerId, caller) => addPartitions(brokerId, caller, partitions);
    const backoff = {
      firstMs: Math.min(ADD_BACKOFF_MS, settings["retry.backoff.ms"]),
      maxMs: settings["retry.backoff.max.ms"],
    };
    const limits = { deadlineMs, backoff, isAgain: (reason: Failure) => isOpen() && isRetriable(reason.errorCode) };
    const outcome = await attempts(this.parts.client.ports, limits, () => this.addOnce(ask));
    this.adding = null;
    if (failed(outcome)) this.state.fail(outcome);
    else for (const partition of partitions) this.state.added.add(partitionKey(partition));
    this.parts.schedule();
  }

  private async addOnce(ask: Ask<void>): Promise<Outcome<void>> {
    if (this.isClosed) return CLOSED;
    return await this.atCoordinator(async (brokerId, caller) => {
      const added = await ask(brokerId, caller);
      if (!failed(added)) this.state.hasStarted = true;
      else if (isUncertain(added)) this.doubts.add(ask);
      return added;
    });
  }

  async sendOffsets(offsets: readonly OffsetAndMetadata[], group: GroupMetadata): Promise<Outcome<void>> {
    const legal = this.ending === null ? this.state.check("write") : UNHEARD;
    if (failed(legal) || offsets.length === 0) return legal;
    const wrong = offsets.find(({ offset }) => !isOffset(offset));
    if (wrong !== undefined) return failure(ErrorCode.INVALID_REQUEST, `${wrong.offset} is no offset.`);
    const work = this.commitOffsets(offsets, group);
    this.offsetCommits.add(work);
    const forget = () => this.offsetCommits.delete(work);
    work.then(forget, forget);
    const outcome = await this.inMaxBlock(work);
    if (failed(outcome)) this.failWith(outcome);
    return outcome;
  }

  private async commitOffsets(offsets: readonly OffsetAndMetadata[], group: GroupMetadata): Promise<Outcome<void>> {
    const { isV2 } = this.state;
    const deadlineMs = this.maxBlockDeadlineMs();
    if (!isV2) {
      const ask: Ask<void> = (brokerId, caller) => addOffsets(brokerId, caller, group.groupId);
      const added = await this.again(deadlineMs, () => this.addOnce(ask));
      if (failed(added)) return added;
    }
    const coordinator = this.groups.get(group.groupId) ?? this.coordinatorOf(CoordinatorKey.GROUP, group.groupId);
    this.groups.set(group.groupId, coordinator);
    return await this.again(deadlineMs, async () => {
      const found = await coordinator.find();
      if (failed(found)) return found;
      this.state.hasStarted = true;
      const committed = await commitOffsets(found.value, this.caller(), { group, offsets, isV2 });
      coordinator.note(committed.errorCode);
      return committed;
    });
  }

  /** REQUEST_TIMED_OUT after `max.block.ms`: the end goes on, and the same call waits for it again. */
  async end(committed: boolean): Promise<Outcome<void>> {
    if (this.ending === null) {
      const legal = this.state.check(committed ? "commit" : "abort");
      if (failed(legal)) return committed ? toCommit(legal) : legal;
      this.ending = { committed, done: this.runEnd(committed) };
    } else if (this.ending.committed !== committed) {
      const message = `The transaction is being ${this.ending.committed ? "committed" : "aborted"} already.`;
      return failure(ErrorCode.INVALID_TXN_STATE, message);
    }
    const { ending } = this;
    const outcome = await this.inMaxBlock(ending.done);
    if (outcome !== LATE && this.ending === ending) this.ending = null;
    return outcome;
  }

  /** For whoever closes: waits for an end that was asked for, and aborts what is still open then. */
  async wrapUp(): Promise<void> {
    const { ending } = this;
    await ending?.done;
    const isOthers = this.ending !== null && this.ending !== ending;
    if (this.isOpen && !isOthers) this.ending = { committed: false, done: this.runEnd(false) };
    await this.ending?.done;
  }

  private async runEnd(committed: boolean): Promise<Outcome<void>> {
    this.state.phase = committed ? "committing" : "aborting";
    if (!committed) this.state.problem = null;
    this.parts.schedule();
    // Partitions that are being added may be in the transaction already: then there is something to end.
    await Promise.all([this.parts.flush(), this.adding, ...this.offsetCommits]);
    if (this.state.problem !== null) return toCommit(this.state.problem);
    // Closing has given up records: what is left isn't the transaction.
    if (this.isClosed) return this.endFailed(CLOSED);
    const settled = await this.settleDoubts();
    if (failed(settled)) return this.endFailed(settled);
    if (this.state.hasStarted) {
      const { isV2 } = this.state;
      const ended = await this.untilClosed(() =>
        this.atCoordinator((brokerId, caller) => endTransaction(brokerId, caller, { committed, isV2 })),
      );
      if (failed(ended)) return this.endFailed(ended);
      if (ended.value !== null) this.parts.sequences.adopt(ended.value, true);
    }
    if (this.state.needsBump && !committed) {
      const current = this.parts.sequences.identity ?? undefined;
      const bumped = await this.untilClosed(() => this.askForIdentity(current));
      if (failed(bumped)) return this.endFailed(bumped);
      this.parts.sequences.adopt(bumped.value, true);
    }
    this.state.finish();
    return success(undefined);
  }

  /**
   * A coordinator takes no end of a transaction that it doesn't know: what may have begun it is asked for until it has been answered, as
   * Kafka's own producer does before it ends one.
   */
  private async settleDoubts(): Promise<Outcome<void>> {
    for (const ask of this.doubts) {
      if (this.state.hasStarted) break;
      const added = await this.untilClosed(async () => {
        const outcome = await this.addOnce(ask);
        // The topic may be gone for good.
        return outcome.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION ? success(undefined) : outcome;
      });
      if (this.isClosed) return CLOSED;
      if (failed(added) && isFatalForTransactions(added.errorCode)) return added;
    }
    return success(undefined);
  }

  private endFailed(reason: Failure): Outcome<void> {
    this.state.failEnd(reason);
    this.parts.schedule();
    return reason;
  }

  close(): void {
    this.isClosed = true;
  }

  private untilClosed<T>(attempt: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    return this.again(Number.POSITIVE_INFINITY, attempt);
  }

  private again<T>(deadlineMs: number, attempt: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
    const { settings, client } = this.parts;
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    const isAgain = (reason: Failure) => !this.isClosed && isRetriable(reason.errorCode);
    const unlessClosed = () => (this.isClosed ? Promise.resolve(CLOSED) : attempt());
    return attempts(client.ports, { deadlineMs, backoff, isAgain }, unlessClosed);
  }

  private async atCoordinator<T>(ask: Ask<T>): Promise<Outcome<T>> {
    const found = await this.coordinator.find();
    if (failed(found)) return found;
    const outcome = await ask(found.value, this.caller());
    this.coordinator.note(outcome.errorCode);
    return outcome;
  }

  private caller(): TransactionCaller {
    const { client, transactionalId, sequences } = this.parts;
    if (sequences.identity === null) throw new Error("a transaction has a producer id");
    return { client, call: this.call, transactionalId, identity: sequences.identity };
  }

  private get call() {
    return { lane: this.parts.lane, timeoutMs: this.parts.settings["request.timeout.ms"] };
  }

  private coordinatorOf(keyType: CoordinatorKey, key: string): Coordinator {
    const { client, lane, settings } = this.parts;
    return new Coordinator(client, { keyType, key, lane, requestTimeoutMs: settings["request.timeout.ms"] });
  }

  private nowMs(): number {
    return this.parts.client.ports.clock.nowMs();
  }

  private inMaxBlock(work: Promise<Outcome<void>>): Promise<Outcome<void>> {
    return within(this.parts.client.ports.timers, this.parts.settings["max.block.ms"], work, LATE);
  }

  private maxBlockDeadlineMs(): number {
    return this.nowMs() + this.parts.settings["max.block.ms"];
  }
}

/** To whoever commits, REQUEST_TIMED_OUT says "ask again". A transaction that lost something by a time-out can only be aborted. */
function toCommit(problem: Failure): Failure {
  const isTimeOut = problem.errorCode === ErrorCode.REQUEST_TIMED_OUT;
  return isTimeOut ? failure(ErrorCode.TRANSACTION_ABORTABLE, problem.message) : problem;
}

/** May the request have been carried out all the same? A coordinator that loses its place, or a replica, says no more than that. */
function isUncertain({ errorCode }: Failure): boolean {
  return UNCERTAIN.has(errorCode);
}
