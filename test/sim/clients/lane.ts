import { buildBatch } from "#records/builder.ts";
import type { ProducerSpec } from "../workload.ts";
import { compression, valueOf } from "./values.ts";

export interface LaneAt {
  /** The topic's name in the history. */
  readonly topic: string;
  readonly name: string;
  readonly topicId: string;
  readonly partition: number;
}

export interface Batch {
  readonly ids: readonly string[];
  readonly order: number;
  readonly sizeInBytes: number;
  readonly timestampMs: number;
  readonly createdMs: number;
  /** Built when it is first sent, and never changed. */
  bytes: Uint8Array | null;
  session: string;
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
  #session = "";
  #nextSequence = 0;
  /** Something came back: an idempotent producer waits for all that is under way before it goes on. */
  #isDraining = false;

  constructor(at: LaneAt, spec: ProducerSpec) {
    this.at = at;
    this.#spec = spec;
  }

  beginSession(session: string): void {
    this.#session = session;
    this.#nextSequence = 0;
    this.#isKnown = false;
  }

  get mustDrain(): boolean {
    if (this.#inFlight === 0) this.#isDraining = false;
    return this.#isDraining;
  }

  enqueue(ids: readonly string[], made: { sizeInBytes: number; timestampMs: number; createdMs: number }): void {
    this.queue.push({
      ids,
      ...made,
      order: this.#order++,
      bytes: null,
      session: "",
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

  /** Its next batch was never sent, so that nothing behind it can be in order before it arrives. */
  get mayStray(): boolean {
    return this.#isKnown && this.#next()?.attempts === 0;
  }

  #next(): Batch | undefined {
    return this.queue.find((batch) => !batch.isInFlight);
  }

  /** The next batch, which is in flight from now on. */
  take(producerId: number, nowMs: number): Batch {
    const batch = this.#next() as Batch;
    if (batch.bytes === null) {
      batch.bytes = this.#build(batch, producerId);
      batch.session = this.#session;
      batch.invokedMs = nowMs;
    }
    this.strayTo = null;
    batch.attempts += 1;
    batch.isInFlight = true;
    this.#inFlight += 1;
    return batch;
  }

  #build(batch: Batch, producerId: number): Uint8Array {
    const records = batch.ids.map((id) => ({
      timestampMs: batch.timestampMs,
      key: null,
      value: valueOf(id, batch.sizeInBytes),
      headers: [],
    }));
    const { codec, idempotent } = this.#spec;
    if (!idempotent) return buildBatch(compression, records, { codec });
    const baseSequence = this.#nextSequence;
    this.#nextSequence += records.length;
    return buildBatch(compression, records, { codec, producerId, producerEpoch: 0, baseSequence });
  }

  /** The batch came back and is to be sent again. */
  returned(batch: Batch, isUncertain: boolean): void {
    this.#land(batch);
    if (isUncertain) batch.isUncertain = true;
    if (this.#spec.idempotent || this.#spec.maxInFlight === 1) this.#isDraining = this.#inFlight > 0;
  }

  /** An answer to a batch of the session before says nothing of this one. */
  acknowledged(batch: Batch): void {
    if (batch.session === this.#session) this.#isKnown = true;
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
