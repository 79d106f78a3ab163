import { partitionKey } from "../topic-partition.ts";
import { type PendingRecord, ProducerBatch } from "./batch.ts";
import { sequenceDistance } from "./sequence-numbers.ts";

/** A partition with something to send. */
interface Queue {
  readonly topic: string;
  readonly partition: number;
  readonly batches: ProducerBatch[];
}

export interface AccumulatorOptions {
  readonly batchSizeBytes: number;
  readonly lingerMs: number;
}

/** Where a record went. */
export interface Appended {
  readonly startedBatch: boolean;
  /** Does the partition wait for no more records, with what it has? (KIP-794: a good moment to go to another partition.) */
  readonly isFull: boolean;
}

/** Batches that wait to be sent, in order within each partition. Plain state: nothing here knows a clock or a broker. */
export class Accumulator {
  private readonly options: AccumulatorOptions;
  private readonly queues = new Map<string, Queue>();
  private started = 0;

  constructor(options: AccumulatorOptions) {
    this.options = options;
  }

  get isEmpty(): boolean {
    return this.queues.size === 0;
  }

  append(topic: string, partition: number, pending: PendingRecord, nowMs: number): Appended {
    const { batches } = this.queue(topic, partition);
    const { batchSizeBytes } = this.options;
    const last = batches.at(-1);
    const fits =
      last !== undefined &&
      !last.isSealed &&
      last.attempts === 0 &&
      last.sequence === null &&
      last.sizeInBytes + pending.sizeInBytes <= batchSizeBytes;
    if (last !== undefined && !fits) last.isSealed = true;
    const batch = fits ? last : new ProducerBatch(topic, partition, nowMs, this.started++);
    if (!fits) batches.push(batch);
    batch.add(pending);
    if (batch.sizeInBytes >= batchSizeBytes) batch.isSealed = true;
    return { startedBatch: !fits, isFull: batch.isSealed };
  }

  /** Puts batches back that were taken, or parts of one, where their sequences belong. */
  putBack(batches: readonly ProducerBatch[]): void {
    for (const batch of batches) {
      batch.isSealed = true;
      const queue = this.queue(batch.topic, batch.partition).batches;
      const { sequence } = batch;
      const at =
        sequence === null
          ? queue.findIndex((other) => other.order > batch.order)
          : queue.findIndex(
              (other) =>
                other.sequence === null || sequenceDistance(sequence.baseSequence, other.sequence.baseSequence) > 0,
            );
      queue.splice(at < 0 ? queue.length : at, 0, batch);
    }
  }

  /** The first batch of each partition: only these may be sent. */
  *heads(): Generator<ProducerBatch> {
    for (const { batches } of this.queues.values()) yield batches[0];
  }

  *batches(): Generator<ProducerBatch> {
    for (const { batches } of this.queues.values()) yield* batches;
  }

  /** When a head may be sent, if all else is ready; in the past when it may already. */
  dueMs(head: ProducerBatch): number {
    if (head.attempts > 0 || head.sequence !== null) return head.retryAtMs;
    const queued = this.queues.get(partitionKey(head))?.batches.length ?? 0;
    return head.isSealed || queued > 1 ? head.createdMs : head.createdMs + this.options.lingerMs;
  }

  /** Takes a batch out, to send it or to give it up. */
  take(batch: ProducerBatch): void {
    const key = partitionKey(batch);
    const queue = this.queues.get(key);
    const at = queue?.batches.indexOf(batch) ?? -1;
    if (queue === undefined || at < 0) throw new Error("a batch is taken from the queue that holds it");
    queue.batches.splice(at, 1);
    batch.isSealed = true;
    // The partition goes to the end of the row, so that none is passed over when a request has no room for all.
    this.queues.delete(key);
    if (queue.batches.length > 0) this.queues.set(key, queue);
  }

  private queue(topic: string, partition: number): Queue {
    const key = partitionKey({ topic, partition });
    const known = this.queues.get(key);
    if (known !== undefined) return known;
    const queue = { topic, partition, batches: [] };
    this.queues.set(key, queue);
    return queue;
  }
}
