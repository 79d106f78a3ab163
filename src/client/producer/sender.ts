import type { TimerHandle } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Client } from "../client.ts";
import { type Failure, failed, failure, success } from "../outcome.ts";
import { type Backoff, delayMs, isStaleMetadata } from "../retry.ts";
import type { TopicBook } from "../topic-book.ts";
import { partitionKey } from "../topic-partition.ts";
import { Accumulator, type Appended } from "./accumulator.ts";
import { type PendingRecord, ProducerBatch } from "./batch.ts";
import { type BatchAnswer, sendProduce, unanswered } from "./produce-request.ts";
import type { Sequences } from "./sequences.ts";
import type { ProducerSettings } from "./settings.ts";
import { verdictOf } from "./verdict.ts";

/** What a transaction has to say about what is sent. */
export interface TransactionGate {
  readonly isV2: boolean;
  /** May the partition be written to now? Where it must be added to the transaction first, that begins. */
  admits(batch: ProducerBatch): boolean;
  /** The batch is about to be sent: from now on there is something to end. */
  sending(batch: ProducerBatch): void;
  /** Why nothing is sent that wasn't before; null when it may be. */
  refusal(): { readonly failure: Failure; readonly isFinal: boolean } | null;
  /** A record of the transaction is lost: it can't be committed. */
  broke(failure: Failure): void;
}

export interface SenderParts {
  readonly client: Client;
  readonly settings: ProducerSettings;
  readonly book: TopicBook;
  readonly lane: string;
  /** Null for a producer that isn't idempotent. */
  readonly sequences: Sequences | null;
  /** Null for one without transactions. */
  readonly gate: TransactionGate | null;
  /** Batches have ended: there is room. */
  readonly onRoom: () => void;
  /** A producer id is needed for what waits, and none is known. */
  readonly needsIdentity: () => void;
}

const TIMED_OUT = "The delivery.timeout.ms of the record is over.";

/**
 * Sends what has gathered. Everything happens in `pump`, which looks at all that waits, sends what may be sent and sets a timer for what
 * may be sent later; it runs again after each event: a record, an answer, a timer, news of the cluster.
 */
export class Sender {
  private readonly parts: SenderParts;
  private readonly accumulator: Accumulator;
  private readonly backoff: Backoff;
  /** Requests on their way, by broker. */
  private readonly requests = new Map<number, number>();
  private readonly inFlight = new Set<ProducerBatch>();
  private timer: TimerHandle | null = null;
  private isScheduled = false;
  private isClosed = false;
  /** Of the batches that aren't done. */
  bufferedBytes = 0;
  /** How many wait for everything to be sent at once. */
  private hurries = 0;

  constructor(parts: SenderParts) {
    this.parts = parts;
    const { settings } = parts;
    this.accumulator = new Accumulator({ batchSizeBytes: settings["batch.size"], lingerMs: settings["linger.ms"] });
    this.backoff = { firstMs: settings["retry.backoff.ms"], maxMs: settings["retry.backoff.max.ms"] };
  }

  append(topic: string, partition: number, pending: PendingRecord): Appended {
    const appended = this.accumulator.append(topic, partition, pending, this.nowMs());
    this.bufferedBytes += pending.sizeInBytes;
    this.schedule();
    return appended;
  }

  /** From now until `relax` nothing lingers. */
  hurry(): void {
    this.hurries++;
    this.schedule();
  }

  relax(): void {
    this.hurries--;
  }

  /** Memory is short: what has gathered so far lingers no longer. */
  urge(): void {
    for (const batch of this.accumulator.batches()) batch.isSealed = true;
    this.schedule();
  }

  /** Lets `pump` run once more, behind what happens now. */
  schedule(): void {
    if (this.isScheduled || this.isClosed) return;
    this.isScheduled = true;
    queueMicrotask(() => {
      this.isScheduled = false;
      this.pump();
    });
  }

  /** Fails whatever isn't done; late answers are not heard. */
  close(reason: Failure): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const batch of [...this.accumulator.batches()]) {
      this.accumulator.take(batch);
      this.end(batch, reason);
    }
    for (const batch of this.inFlight) this.end(batch, reason);
    this.inFlight.clear();
  }

  /** Fails what waits to be sent. */
  drop(reason: Failure): void {
    for (const batch of [...this.accumulator.batches()]) {
      this.accumulator.take(batch);
      this.giveUp(batch, reason);
    }
  }

  private nowMs(): number {
    return this.parts.client.ports.clock.nowMs();
  }

  private pump(): void {
    if (this.isClosed) return;
    const nowMs = this.nowMs();
    this.refuse();
    this.expire(nowMs);
    if (!this.isNumberingReady()) {
      this.wakeAt(this.nextExpiryMs(), nowMs);
      return;
    }
    let wakeMs = this.nextExpiryMs();
    for (let isMore = true; isMore; ) {
      const { ready, nextMs } = this.ready(nowMs);
      wakeMs = Math.min(wakeMs, nextMs);
      isMore = false;
      for (const [leaderId, batches] of ready) if (this.send(leaderId, batches)) isMore = true;
    }
    this.wakeAt(wakeMs, nowMs);
  }

  private wakeAt(atMs: number, nowMs: number): void {
    this.timer?.cancel();
    this.timer = null;
    if (atMs === Number.POSITIVE_INFINITY) return;
    this.timer = this.parts.client.ports.timers.set(() => this.pump(), Math.max(atMs - nowMs, 0));
  }

  /** Gives up what a transaction that goes wrong or ends won't send any more. What was sent before goes on, unless all is lost. */
  private refuse(): void {
    const refusal = this.parts.gate?.refusal() ?? null;
    if (refusal === null) return;
    for (const batch of [...this.accumulator.batches()]) {
      if (batch.sequence !== null && !refusal.isFinal) continue;
      this.accumulator.take(batch);
      this.end(batch, refusal.failure);
    }
  }

  private expire(nowMs: number): void {
    const beforeMs = nowMs - this.parts.settings["delivery.timeout.ms"];
    const reason = failure(ErrorCode.REQUEST_TIMED_OUT, TIMED_OUT);
    const late: ProducerBatch[] = [];
    // Behind a head that has time left all have time left.
    for (const head of this.accumulator.heads()) if (head.createdMs <= beforeMs) late.push(head);
    for (const batch of late) {
      this.accumulator.take(batch);
      this.giveUp(batch, reason);
    }
    for (const batch of this.inFlight) if (batch.createdMs <= beforeMs && !batch.isDone) this.giveUp(batch, reason);
    if (late.length > 0) this.expire(nowMs);
  }

  private nextExpiryMs(): number {
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const { createdMs } of this.accumulator.heads()) earliestMs = Math.min(earliestMs, createdMs);
    for (const { createdMs, isDone } of this.inFlight) if (!isDone) earliestMs = Math.min(earliestMs, createdMs);
    return earliestMs + this.parts.settings["delivery.timeout.ms"];
  }

  /** Mends the sequences where something was lost. False while there is no producer id. */
  private isNumberingReady(): boolean {
    const { sequences, gate } = this.parts;
    if (sequences === null) return true;
    const broken = sequences.resolve();
    if (broken.length > 0) {
      const message = "Records whose fate is unknown can't be sent again.";
      if (gate === null) sequences.requestBumps(broken);
      else gate.broke(failure(ErrorCode.REQUEST_TIMED_OUT, message));
    }
    if (gate === null) sequences.bump();
    if (sequences.identity !== null) return true;
    if (!this.accumulator.isEmpty) this.parts.needsIdentity();
    return false;
  }

  /** Heads that may be sent now, by the broker that leads them, and when the next one may be. */
  private ready(nowMs: number): { ready: Map<number, ProducerBatch[]>; nextMs: number } {
    const { book, sequences, gate, settings } = this.parts;
    const keepsOrder = settings["max.in.flight.requests.per.connection"] === 1;
    const busy = keepsOrder ? new Set([...this.inFlight].map(partitionKey)) : null;
    const ready = new Map<number, ProducerBatch[]>();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const head of this.accumulator.heads()) {
      const isHurried = this.hurries > 0 && head.attempts === 0 && head.sequence === null;
      const dueMs = isHurried ? nowMs : this.accumulator.dueMs(head);
      if (dueMs > nowMs) {
        nextMs = Math.min(nextMs, dueMs);
        continue;
      }
      const leaderId = book.partition(head.topic, head.partition)?.leaderId ?? -1;
      if (leaderId < 0) {
        book.refresh();
        continue;
      }
      if (busy?.has(partitionKey(head)) || (sequences !== null && !sequences.mayDrain(head))) continue;
      if (gate !== null && !gate.admits(head)) continue;
      const led = ready.get(leaderId);
      if (led === undefined) ready.set(leaderId, [head]);
      else led.push(head);
    }
    return { ready, nextMs };
  }

  /** Sends one request to a broker if it has room for one more; false when it has none. */
  private send(leaderId: number, heads: readonly ProducerBatch[]): boolean {
    const { settings, gate, sequences } = this.parts;
    const underway = this.requests.get(leaderId) ?? 0;
    if (underway >= settings["max.in.flight.requests.per.connection"]) return false;
    const batches: ProducerBatch[] = [];
    let sizeInBytes = 0;
    for (const batch of heads) {
      if (batches.length > 0 && sizeInBytes + batch.sizeInBytes > settings["max.request.size"]) break;
      sizeInBytes += batch.sizeInBytes;
      batches.push(batch);
    }
    for (const batch of batches) {
      this.accumulator.take(batch);
      sequences?.assign(batch);
      gate?.sending(batch);
      batch.sentWith = batch.sequence;
      batch.wasNext = sequences?.isNext(batch) ?? false;
      batch.isInFlight = true;
      this.inFlight.add(batch);
    }
    this.requests.set(leaderId, underway + 1);
    void sendProduce({ ...this.parts, isV2: gate?.isV2 ?? true }, leaderId, batches).then((answers) => {
      this.requests.set(leaderId, (this.requests.get(leaderId) ?? 1) - 1);
      if (this.isClosed) return;
      if (failed(answers)) this.parts.book.refresh();
      const missing = failed(answers) ? answers : failure(ErrorCode.NETWORK_EXCEPTION);
      for (const batch of batches) {
        const answer = failed(answers) ? undefined : answers.value.get(batch);
        this.answered(batch, answer ?? unanswered(missing));
      }
      this.pump();
    });
    return true;
  }

  private answered(batch: ProducerBatch, answer: BatchAnswer): void {
    const { sequences, gate, settings } = this.parts;
    this.inFlight.delete(batch);
    batch.isInFlight = false;
    if (batch.isDone) return;
    if (answer.errorCode === ErrorCode.NONE) {
      this.delivered(batch, answer);
      return;
    }
    batch.attempts++;
    const isLeaderKnown = this.lookAtLeader(batch, answer);
    const verdict = verdictOf(batch, answer, { sequences, isTransactional: gate !== null });
    if (verdict === "delivered") {
      this.delivered(batch, { ...answer, baseOffset: -1 });
      return;
    }
    const reason = failure(answer.errorCode, answer.message);
    if (verdict === "fail") {
      this.refused(batch, reason, answer.recordMessages);
      return;
    }
    if (verdict === "split") {
      this.split(batch);
      return;
    }
    if (batch.attempts > settings.retries) {
      this.giveUp(batch, reason);
      return;
    }
    if (verdict === "bump-and-retry") sequences?.requestBump(batch);
    if (verdict === "restart-and-retry") sequences?.restart(batch);
    const pauseMs = isLeaderKnown ? 0 : delayMs(batch.attempts, this.backoff, this.parts.client.ports.random);
    batch.retryAtMs = this.nowMs() + pauseMs;
    this.accumulator.putBack([batch]);
  }

  /** Follows what an error says about who leads. True when the new leader is known. */
  private lookAtLeader(batch: ProducerBatch, { errorCode, leader, endpoints }: BatchAnswer): boolean {
    if (!isStaleMetadata(errorCode)) return false;
    const { book } = this.parts;
    if (leader !== null && book.hintLeader(batch.topic, batch.partition, leader, endpoints)) return true;
    book.refresh();
    return false;
  }

  private delivered(batch: ProducerBatch, { baseOffset, logAppendTimeMs }: BatchAnswer): void {
    const { topic, partition } = batch;
    this.parts.sequences?.acked(batch, baseOffset < 0 ? -1 : baseOffset + batch.records.length - 1);
    this.release(batch);
    batch.settle((index, { record }) =>
      success({
        topic,
        partition,
        offset: baseOffset < 0 ? -1 : baseOffset + index,
        timestampMs: logAppendTimeMs < 0 ? record.timestampMs : logAppendTimeMs,
      }),
    );
  }

  /** The broker said no for good, and has nothing of the batch. */
  private refused(batch: ProducerBatch, reason: Failure, recordMessages: ReadonlyMap<number, string>): void {
    const { sequences, gate } = this.parts;
    if (gate === null) sequences?.refused(batch);
    else {
      sequences?.closeGap(batch);
      gate.broke(reason);
    }
    this.release(batch);
    batch.settle((index) => ({ ...reason, message: recordMessages.get(index) || reason.message }));
  }

  /** Nobody waits any longer. If it was ever sent, the broker may have it. */
  private giveUp(batch: ProducerBatch, reason: Failure): void {
    this.parts.sequences?.lost(batch);
    this.parts.gate?.broke(reason);
    this.end(batch, reason);
  }

  private end(batch: ProducerBatch, reason: Failure): void {
    this.release(batch);
    batch.settle(() => reason);
  }

  private release(batch: ProducerBatch): void {
    if (batch.isDone) return;
    this.bufferedBytes -= batch.sizeInBytes;
    // Whoever waits must see the records settled.
    queueMicrotask(this.parts.onRoom);
  }

  /** Too large for the topic: two halves may not be. */
  private split(batch: ProducerBatch): void {
    const half = Math.ceil(batch.records.length / 2);
    const parts = [batch.records.slice(0, half), batch.records.slice(half)].map((records) => {
      const part = new ProducerBatch(batch.topic, batch.partition, batch.createdMs, batch.order);
      for (const pending of records) part.add(pending);
      return part;
    });
    this.parts.sequences?.split(batch, parts);
    this.accumulator.putBack(parts);
  }
}
