import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import type { RecordHeader } from "#records/record.ts";
import { attempts } from "../attempts.ts";
import { estimatedBytes } from "../batches.ts";
import type { Client } from "../client.ts";
import { isUnauthorized } from "../error-kinds.ts";
import type { TopicView } from "../metadata.ts";
import { type Failure, failed, failure, type Outcome, success } from "../outcome.ts";
import { within } from "../retry.ts";
import { Signal } from "../signal.ts";
import { isHopeless, TopicBook } from "../topic-book.ts";
import type { GroupMetadata, OffsetAndMetadata } from "../topic-partition.ts";
import type { Identity, PendingRecord, RecordMetadata } from "./batch.ts";
import { Partitioning } from "./partitioning.ts";
import { Sender } from "./sender.ts";
import { Sequences } from "./sequences.ts";
import { type ProducerOptions, type ProducerSettings, producerSettings } from "./settings.ts";
import { initProducerId } from "./transaction-requests.ts";
import { Transactions } from "./transactions.ts";
import { type Waiting, WaitingRecords } from "./waiting-records.ts";

/** A record to be written. */
export interface OutgoingRecord {
  readonly topic: string;
  /** Missing or null leaves the choice to the partitioner. */
  readonly partition?: number | null;
  readonly key?: Uint8Array | null;
  /** Null is a tombstone. */
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
  /** Milliseconds since the epoch; the time of `send` without. */
  readonly timestampMs?: number;
}

/** What became of a record that was to be put into a batch. A failure: it never can be. */
const TAKEN = success(true);
const HAS_TO_WAIT = success(false);
const CLOSED = failure(ErrorCode.OPERATION_NOT_ATTEMPTED, "The producer is closed.");
const TOO_MUCH_WAITS = failure(ErrorCode.REQUEST_TIMED_OUT, "Too much waits already: await room().");
/** Records say how far their timestamps lie apart in numbers of this size. */
const MAX_TIMESTAMP_MS = 2 ** 51;
const LONGEST_MS = 2_147_483_647;

/**
 * Opens a producer with settings by their Kafka names (`PRODUCER_RULES`). INVALID_CONFIG names the one that is wrong. It needs
 * closing, and so does nothing else: the client may be shared.
 */
export function openProducer(client: Client, options: ProducerOptions = {}): Outcome<Producer> {
  const settings = producerSettings(options);
  return failed(settings) ? settings : success(new Producer(client, settings.value));
}

/**
 * Writes records, in batches, in order within each partition. By default it is idempotent: what is sent again after a lost answer or
 * a new leader is there once. With a `transactional.id` all writes belong to transactions.
 *
 * Every outcome is a value: the failure of a record, or of a transaction's step, has Kafka's error code (`error-kinds.ts` says what
 * an application can do about it).
 */
export class Producer {
  readonly settings: ProducerSettings;
  private readonly client: Client;
  private readonly lane: string;
  private readonly book: TopicBook;
  private readonly partitioning: Partitioning;
  private readonly sequences: Sequences | null;
  private readonly sender: Sender;
  private readonly transactions: Transactions | null;
  /** Notified when a batch has ended. */
  private readonly progress: Signal;
  private readonly waiting: WaitingRecords<OutgoingRecord>;
  /** Records without an outcome, by the flush that they came before; the last one is still open. */
  private undelivered: { count: number }[] = [{ count: 0 }];
  private isAskingForIdentity = false;
  private isClosed = false;
  /** Why nothing can be written any more. */
  private problem: Failure | null = null;

  /** Use `openProducer`. */
  constructor(client: Client, settings: ProducerSettings) {
    this.client = client;
    this.settings = settings;
    const { ports } = client;
    this.lane = `producer-${ports.random.uuid()}`;
    this.progress = new Signal(ports.timers);
    this.waiting = new WaitingRecords(Math.max(settings["buffer.memory"], settings["max.request.size"]));
    this.partitioning = new Partitioning(settings, ports.random);
    this.sequences = settings["enable.idempotence"] ? new Sequences() : null;
    this.book = new TopicBook(client, {
      maxAgeMs: settings["metadata.max.age.ms"],
      backoff: { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] },
      requestTimeoutMs: settings["request.timeout.ms"],
      lane: this.lane,
      mayCreate: true,
      onChange: () => this.lookAgain(),
    });
    this.transactions = this.openTransactions();
    this.sender = new Sender({
      client,
      settings,
      book: this.book,
      lane: this.lane,
      sequences: this.sequences,
      gate: this.transactions,
      onRoom: () => {
        this.admitWaiting();
        this.progress.notify();
      },
      needsIdentity: () => this.askForIdentity(),
    });
  }

  private openTransactions(): Transactions | null {
    const { client, settings, lane, sequences } = this;
    const transactionalId = settings["transactional.id"];
    if (transactionalId === null || sequences === null) return null;
    const schedule = () => {
      this.admitWaiting();
      this.sender.schedule();
    };
    return new Transactions({
      client,
      settings,
      transactionalId,
      lane,
      sequences,
      schedule,
      flush: () => this.flush(),
    });
  }

  /**
   * Writes one record; resolves when the broker has answered, or with the failure after `delivery.timeout.ms` at most. The record's bytes
   * must stay as they are until then. Records of one partition are written in the order of the calls, which needn't wait for each other.
   *
   * MESSAGE_TOO_LARGE: more than `max.request.size`; REQUEST_TIMED_OUT: not delivered in time, or its topic wasn't known or no
   * memory free in `max.block.ms`, or as much as `buffer.memory` (one request at least) waited for that already;
   * INVALID_TXN_STATE: no transaction is open.
   */
  send(record: OutgoingRecord): Promise<Outcome<RecordMetadata>> {
    if (this.isClosed) return Promise.resolve(CLOSED);
    if (this.problem !== null) return Promise.resolve(this.problem);
    const legal = this.transactions?.mayWrite(false) ?? success(undefined);
    if (failed(legal)) return Promise.resolve(legal);
    const { key = null, value, headers } = record;
    const timestampMs = record.timestampMs ?? this.client.ports.clock.nowMs();
    if (!Number.isSafeInteger(timestampMs) || timestampMs < 0 || timestampMs > MAX_TIMESTAMP_MS) {
      return Promise.resolve(failure(ErrorCode.INVALID_TIMESTAMP, `${timestampMs} is no timestamp.`));
    }
    const stored = { timestampMs, key, value, headers };
    const sizeInBytes = estimatedBytes(stored);
    if (sizeInBytes > Math.min(this.settings["max.request.size"], this.settings["buffer.memory"])) {
      const message = `The record takes ${sizeInBytes} bytes, more than max.request.size or buffer.memory.`;
      const reason = failure(ErrorCode.MESSAGE_TOO_LARGE, message);
      this.transactions?.broke(reason);
      return Promise.resolve(reason);
    }
    const company = this.undelivered[this.undelivered.length - 1];
    company.count++;
    return new Promise((resolve) => {
      const settle = (outcome: Outcome<RecordMetadata>): void => {
        resolve(outcome);
        company.count--;
        if (company.count === 0) this.progress.notify();
      };
      this.take(record, { record: stored, sizeInBytes, settle });
    });
  }

  /** Bytes of records that were sent and have no outcome yet, without those that wait for memory. */
  get bufferedBytes(): number {
    return this.sender.bufferedBytes;
  }

  /** Resolves when there is room in `buffer.memory`: whoever writes much waits here, so that memory is what it says. */
  async room(): Promise<void> {
    while (!this.isClosed && (!this.waiting.isEmpty || this.sender.bufferedBytes >= this.settings["buffer.memory"])) {
      await this.progress.wait(Number.POSITIVE_INFINITY);
    }
  }

  /** Sends what has gathered without lingering; resolves when every record given so far has its outcome. */
  async flush(): Promise<void> {
    this.sender.hurry();
    const before = [...this.undelivered];
    this.undelivered.push({ count: 0 });
    while (before.some(({ count }) => count > 0)) await this.progress.wait(Number.POSITIVE_INFINITY);
    this.undelivered = this.undelivered.filter(({ count }, index, all) => count > 0 || index === all.length - 1);
    this.sender.relax();
  }

  /** The topic's partitions, from Kafka's point of view now. REQUEST_TIMED_OUT: unknown after `max.block.ms`. */
  async partitionsFor(topic: string): Promise<Outcome<TopicView>> {
    this.book.track(topic);
    const { ports } = this.client;
    const deadlineMs = ports.clock.nowMs() + this.settings["max.block.ms"];
    for (;;) {
      if (this.isClosed) return CLOSED;
      const view = this.book.topic(topic);
      if (view !== undefined) return success(view);
      const error = this.book.error(topic);
      if (isHopeless(error)) return failure(error);
      const leftMs = deadlineMs - ports.clock.nowMs();
      if (leftMs <= 0) return failure(ErrorCode.REQUEST_TIMED_OUT, `The topic ${topic} isn't known.`);
      if (error !== ErrorCode.NONE) this.book.refresh();
      await this.progress.wait(leftMs);
    }
  }

  /**
   * Takes over the `transactional.id`: a producer that had it before is fenced, its open transaction ends. Once, before anything
   * else; a retriable failure may be tried again, and so may one for want of a permission. REQUEST_TIMED_OUT after `max.block.ms`:
   * it goes on, and the same call waits for it.
   */
  initTransactions(): Promise<Outcome<void>> {
    return this.transactions?.initialize() ?? Promise.resolve(NOT_TRANSACTIONAL);
  }

  beginTransaction(): Outcome<void> {
    return this.transactions?.begin() ?? NOT_TRANSACTIONAL;
  }

  /** Commits a group's offsets together with the records, in `max.block.ms`. A failure breaks the transaction, unless it is fatal. */
  sendOffsetsToTransaction(offsets: readonly OffsetAndMetadata[], group: GroupMetadata): Promise<Outcome<void>> {
    return this.transactions?.sendOffsets(offsets, group) ?? Promise.resolve(NOT_TRANSACTIONAL);
  }

  /** Waits for all records and commits. After REQUEST_TIMED_OUT it isn't known yet: call it again. After another failure: abort. */
  commitTransaction(): Promise<Outcome<void>> {
    return this.transactions?.end(true) ?? Promise.resolve(NOT_TRANSACTIONAL);
  }

  /** Gives up what wasn't sent and aborts. Afterwards the next transaction may begin. */
  abortTransaction(): Promise<Outcome<void>> {
    return this.transactions?.end(false) ?? Promise.resolve(NOT_TRANSACTIONAL);
  }

  /**
   * Delivers what was given, waits for a transaction that is being ended, aborts one that isn't, and ends. What isn't done after
   * `timeoutMs` fails, and a transaction that hasn't ended by then is left to its time-out.
   */
  async close(timeoutMs = this.settings["delivery.timeout.ms"]): Promise<void> {
    if (this.isClosed) return;
    const { timers, transport } = this.client.ports;
    const work = this.transactions?.isOpen ? this.transactions.wrapUp() : this.flush();
    if (timeoutMs > 0) await within<unknown>(timers, Math.min(timeoutMs, LONGEST_MS), work, undefined);
    this.isClosed = true;
    this.transactions?.close();
    this.book.close();
    this.refuseWaiting(CLOSED);
    this.sender.close(CLOSED);
    this.progress.notify();
    transport.release?.(this.lane);
  }

  /** Appends the record, or lets it wait behind those of its topic that do. */
  private take(record: OutgoingRecord, pending: PendingRecord): void {
    const isFirst = !this.waiting.has(record.topic);
    if (isFirst) this.book.track(record.topic);
    const taken = isFirst ? this.append(record, pending) : HAS_TO_WAIT;
    if (taken === TAKEN) return;
    const refused = failed(taken) ? taken : this.waiting.fits(pending) ? null : TOO_MUCH_WAITS;
    if (refused !== null) {
      pending.settle(refused);
      this.transactions?.broke(refused);
      return;
    }
    const timeoutMs = Math.min(this.settings["max.block.ms"], LONGEST_MS);
    const entry: Waiting<OutgoingRecord> = { record, pending, timer: null };
    entry.timer = this.client.ports.timers.set(() => this.tooLate(entry), timeoutMs);
    this.waiting.add(entry);
    if (this.isFull(pending)) this.sender.urge();
  }

  private isFull(pending: PendingRecord): boolean {
    const used = this.sender.bufferedBytes;
    return used > 0 && used + pending.sizeInBytes > this.settings["buffer.memory"];
  }

  private append(record: OutgoingRecord, pending: PendingRecord): Outcome<boolean> {
    const view = this.book.topic(record.topic);
    if (view === undefined) {
      const error = this.book.error(record.topic);
      if (!isHopeless(error)) {
        // Before the first answer it is being asked for already.
        if (error !== ErrorCode.NONE) this.book.refresh();
        return HAS_TO_WAIT;
      }
      return failure(error);
    }
    if (this.isFull(pending)) return HAS_TO_WAIT;
    const { key, value } = pending.record;
    const named = record.partition ?? null;
    const partition = named ?? this.partitioning.choose(view, key, value);
    if (partition < 0 || partition >= view.partitions.length) {
      if (partition >= 0 && named !== null) {
        this.book.refresh();
        return HAS_TO_WAIT;
      }
      return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `${record.topic} has no partition ${partition}.`);
    }
    const { isFull } = this.sender.append(record.topic, partition, pending);
    if (named === null) this.partitioning.appended(view, partition, pending.sizeInBytes, isFull);
    return TAKEN;
  }

  private tooLate(entry: Waiting<OutgoingRecord>): void {
    const { topic } = entry.record;
    this.waiting.remove(entry);
    const error = this.book.error(topic);
    const message =
      error === ErrorCode.NONE ? `No room for a record of ${topic} in max.block.ms.` : `${topic} isn't known.`;
    const reason = failure(isRetriable(error) ? error : ErrorCode.REQUEST_TIMED_OUT, message);
    entry.pending.settle(reason);
    this.transactions?.broke(reason);
  }

  private refuseWaiting(reason: Failure): void {
    for (const { timer, pending } of this.waiting.clear()) {
      timer?.cancel();
      pending.settle(reason);
    }
  }

  private lookAgain(): void {
    this.admitWaiting();
    this.sender.schedule();
    this.progress.notify();
  }

  private admitWaiting(): void {
    const legal = this.problem ?? this.transactions?.mayWrite(true) ?? success(undefined);
    const lost: Failure[] = [];
    this.waiting.offer(({ record, pending, timer }) => {
      const taken = failed(legal) ? legal : this.append(record, pending);
      if (taken === HAS_TO_WAIT) return false;
      timer?.cancel();
      if (failed(taken)) {
        pending.settle(taken);
        if (taken !== legal) lost.push(taken);
      }
      return true;
    });
    // Not before all rows are in order: it leads here again.
    if (lost.length > 0) this.transactions?.broke(lost[0]);
  }

  /** For idempotence alone; a transaction's producer id comes from its coordinator. */
  private askForIdentity(): void {
    if (this.transactions !== null || this.isAskingForIdentity) return;
    this.isAskingForIdentity = true;
    const { client, settings, lane } = this;
    const call = { lane, timeoutMs: settings["request.timeout.ms"] };
    const from = { client, call, transactionalId: null, transactionTimeoutMs: LONGEST_MS };
    const backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
    const isAgain = (reason: Failure) => !this.isClosed && isRetriable(reason.errorCode);
    const limits = { deadlineMs: Number.POSITIVE_INFINITY, backoff, isAgain };
    const ask = () => (this.isClosed ? Promise.resolve(CLOSED) : initProducerId(null, from));
    void attempts<Identity>(client.ports, limits, ask).then((outcome) => {
      this.isAskingForIdentity = false;
      if (this.isClosed) return;
      if (failed(outcome)) this.noIdentity(outcome);
      else this.sequences?.adopt(outcome.value, false);
      this.sender.schedule();
    });
  }

  private noIdentity(reason: Failure): void {
    if (isUnauthorized(reason.errorCode)) {
      // The permission may come any time: the next record asks again.
      this.sender.drop(reason);
    } else {
      this.problem = reason;
      this.sender.close(reason);
    }
    this.refuseWaiting(reason);
  }
}

const NOT_TRANSACTIONAL = failure(ErrorCode.INVALID_TXN_STATE, "The producer has no transactional.id.");
