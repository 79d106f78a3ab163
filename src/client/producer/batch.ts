import type { NewRecord } from "#records/record.ts";
import type { Outcome } from "../outcome.ts";

/** Where a record went. */
export interface RecordMetadata {
  readonly topic: string;
  readonly partition: number;
  /** -1 when the broker didn't say: acks=0, and a batch that turned out to be there already. */
  readonly offset: number;
  /** Milliseconds: the record's own, or the broker's where the topic has LogAppendTime. */
  readonly timestampMs: number;
}

/** A record that waits for its delivery. */
export interface PendingRecord {
  readonly record: NewRecord;
  /** What it takes in a batch at most, uncompressed. */
  readonly sizeInBytes: number;
  settle(outcome: Outcome<RecordMetadata>): void;
}

/** Who writes, as brokers know it. */
export interface Identity {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The place of a batch in what one producer writes to one partition. */
export interface BatchSequence extends Identity {
  readonly baseSequence: number;
}

/** Records of one partition that go out together. */
export class ProducerBatch {
  readonly topic: string;
  readonly partition: number;
  readonly createdMs: number;
  /** Grows with the batches of a producer; the parts of one that was split share it. */
  readonly order: number;
  readonly records: PendingRecord[] = [];
  sizeInBytes = 0;
  /** Nothing is added any more. */
  isSealed = false;
  /** How often it was sent and failed. */
  attempts = 0;
  /** On the clock; it isn't sent again before. */
  retryAtMs = 0;
  isInFlight = false;
  /** Its records have been told. A late answer changes nothing for them. */
  isDone = false;
  /** Given when it is first sent, and changed only when the producer's epoch grows. */
  sequence: BatchSequence | null = null;
  /** The sequence with which it was last sent. */
  sentWith: BatchSequence | null = null;
  /** All before it had been taken when it was last sent: if the broker misses something, that is lost for good. */
  wasNext = false;
  /** Its bytes, as long as `sequence` stays what it is. */
  encoded: Uint8Array | null = null;

  constructor(topic: string, partition: number, createdMs: number, order: number) {
    this.topic = topic;
    this.order = order;
    this.partition = partition;
    this.createdMs = createdMs;
  }

  add(pending: PendingRecord): void {
    this.records.push(pending);
    this.sizeInBytes += pending.sizeInBytes;
  }

  setSequence(sequence: BatchSequence): void {
    this.sequence = sequence;
    this.encoded = null;
  }

  /** Was it renumbered since it was sent? Then an answer about its sequence speaks of the old one. */
  get isRenumbered(): boolean {
    return this.sentWith !== null && this.sentWith !== this.sequence;
  }

  /** Tells each record what became of it; `of` is asked with the record's place in the batch. */
  settle(of: (index: number, pending: PendingRecord) => Outcome<RecordMetadata>): void {
    if (this.isDone) return;
    this.isDone = true;
    for (const [index, pending] of this.records.entries()) pending.settle(of(index, pending));
  }
}
