import { buildBatch } from "#records/builder.ts";
import type { ProducerSpec } from "../workload.ts";
import { compression, keyedRecord, valueOf } from "./values.ts";

export interface LaneAt {
  /** The topic's name in the history. */
  readonly topic: string;
  readonly name: string;
  readonly topicId: string;
  readonly partition: number;
}

/** Batches of one name are appended in their order; an epoch begins with the sequence 0. */
export interface LaneSession {
  readonly name: string;
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** What the records of a batch have in common. */
export interface Made {
  readonly sizeInBytes: number;
  readonly timestampMs: number;
  readonly createdMs: number;
  /** One for each record, where they have keys. */
  readonly keys?: readonly string[];
  /** Which of the records delete their keys. */
  readonly tombstones?: readonly boolean[];
}

export interface Batch extends Made {
  readonly ids: readonly string[];
  readonly order: number;
  /** Built when it is first sent, and never changed. */
  bytes: Uint8Array | null;
  session: string;
  producerEpoch: number;
  invokedMs: number;
  attempts: number;
  isInFlight: boolean;
  /** An attempt of it was lost: it may be in the log. */
  isUncertain: boolean;
  /** A batch before it was given up: the sequence that it carries can't fit any more. */
  isOrphan: boolean;
}

/** The batches of one producer for one partition, in their order. */
export class Lane {
  readonly at: LaneAt;
  readonly queue: Batch[] = [];
  readonly #spec: ProducerSpec;
  isBackingOff = false;
  failures = 0;
  /** The next batch goes to this broker instead of the leader. */
  strayTo: number | null = null;
  /** The leader knows this session: only then does it see that something is missing before a batch (KIP-360). */
  #isKnown = false;
  #inFlight = 0;
  #order = 0;
  #session: LaneSession = { name: "", producerId: -1, producerEpoch: 0 };
  #nextSequence = 0;
  /** Something came back: an idempotent producer waits for all that is under way before it goes on. */
  #isDraining = false;

  constructor(at: LaneAt, spec: ProducerSpec) {
    this.at = at;
    this.#spec = spec;
  }

  beginSession(session: LaneSession): void {
    this.#session = session;
    this.#nextSequence = 0;
    this.#isKnown = false;
  }

  get mustDrain(): boolean {
    if (this.#inFlight === 0) this.#isDraining = false;
    return this.#isDraining;
  }

  enqueue(ids: readonly string[], made: Made): void {
    this.queue.push({
      ids,
      ...made,
      order: this.#order++,
      bytes: null,
      session: "",
      producerEpoch: 0,
      invokedMs: 0,
      attempts: 0,
      isInFlight: false,
      isUncertain: false,
      isOrphan: false,
    });
  }

  canSend(producerId: number): boolean {
    if (this.isBackingOff || this.mustDrain || this.#inFlight >= this.#spec.maxInFlight) return false;
    const next = this.#next();
    if (next === undefined) return false;
    return !this.#spec.idempotent || next.bytes !== null || producerId >= 0;
  }

  /** Nothing of this session has been sent, and nothing of another is under way. */
  get isFresh(): boolean {
    return this.#nextSequence === 0 && this.#inFlight === 0 && this.#next()?.bytes === null;
  }

  /** Its next batch was never sent, so that nothing behind it can be in order before it arrives. */
  get mayStray(): boolean {
    return this.#isKnown && this.#next()?.attempts === 0;
  }

  #next(): Batch | undefined {
    return this.queue.find((batch) => !batch.isInFlight);
  }

  /** The next batch, which is in flight from now on. */
  take(nowMs: number): Batch {
    const batch = this.#next() as Batch;
    if (batch.bytes === null) {
      batch.bytes = this.#build(batch);
      batch.session = this.#session.name;
      batch.producerEpoch = this.#session.producerEpoch;
      batch.invokedMs = nowMs;
    }
    this.strayTo = null;
    batch.attempts += 1;
    batch.isInFlight = true;
    this.#inFlight += 1;
    return batch;
  }

  #build(batch: Batch): Uint8Array {
    const { timestampMs, sizeInBytes, keys, tombstones } = batch;
    const records = batch.ids.map((id, index) => {
      if (keys === undefined) return { timestampMs, key: null, value: valueOf(id, sizeInBytes), headers: [] };
      const isTombstone = tombstones?.[index] === true;
      return keyedRecord(id, keys[index], { timestampMs, sizeInBytes: isTombstone ? null : sizeInBytes });
    });
    const { codec, idempotent } = this.#spec;
    if (!idempotent) return buildBatch(compression, records, { codec });
    const baseSequence = this.#nextSequence;
    this.#nextSequence += records.length;
    const { producerId, producerEpoch } = this.#session;
    return buildBatch(compression, records, { codec, producerId, producerEpoch, baseSequence });
  }

  /** The batch came back and is to be sent again. */
  returned(batch: Batch, isUncertain: boolean): void {
    this.#land(batch);
    if (isUncertain) batch.isUncertain = true;
    if (this.#spec.idempotent || this.#spec.maxInFlight === 1) this.#isDraining = this.#inFlight > 0;
  }

  /** An answer to a batch of the session before says nothing of this one. */
  acknowledged(batch: Batch): void {
    const { name, producerEpoch } = this.#session;
    if (batch.session === name && batch.producerEpoch === producerEpoch) this.#isKnown = true;
  }

  /** The batch's story has ended. */
  settle(batch: Batch): void {
    this.#land(batch);
    const at = this.queue.indexOf(batch);
    if (at >= 0) this.queue.splice(at, 1);
  }

  #land(batch: Batch): void {
    if (!batch.isInFlight) return;
    batch.isInFlight = false;
    this.#inFlight -= 1;
  }
}
