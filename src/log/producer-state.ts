import { ErrorCode } from "#protocol/errors.ts";
import type { IndexedBatch } from "./batch-index.ts";
import { MAX_PRODUCERS, PRODUCER_ID_EXPIRATION_MS } from "./limits.ts";

/** Batches that a repeated append is held against, for each producer. Kafka's clients have at most 5 in flight. */
export const DEDUPLICATION_WINDOW = 5;
const NO_SEQUENCE = -1;
const NO_PRODUCER_EPOCH = -1;
/** Sequences run from 0 to this and begin again. */
const SEQUENCES = 2 ** 31;

export interface ProducedBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly lastOffsetDelta: number;
  readonly timestamp: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** The largest timestamp of the newest batch, for DescribeProducers. */
  lastTimestamp: number;
  /** When it last appended, by our clock; decides when it is forgotten. */
  lastSeenMs: number;
  /** The newest batches of this epoch, oldest first, at most DEDUPLICATION_WINDOW. */
  batches: ProducedBatch[];
}

export type SequenceOutcome =
  | { readonly kind: "inSequence" }
  | { readonly kind: "duplicate"; readonly batch: ProducedBatch }
  | { readonly kind: "refused"; readonly errorCode: ErrorCode; readonly errorMessage: string };

const IN_SEQUENCE: SequenceOutcome = { kind: "inSequence" };

/**
 * What a partition knows of its idempotent producers (KIP-98), by the rules of Kafka 4's producer state: a repeated
 * batch within the window is answered with its first place, one behind the window is out of order (DUPLICATE_SEQUENCE_NUMBER
 * isn't given any more), an unknown producer may begin with any sequence (KIP-360).
 */
export class ProducerState {
  /** In the order of last appends, oldest first. */
  private readonly producers = new Map<number, ProducerEntry>();
  /** Batches from here on haven't been answered yet: their producers may repeat them and must not be forgotten. */
  private answeredOffset = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.producers.size;
  }

  entries(): Iterable<ProducerEntry> {
    return this.producers.values();
  }

  load(entry: ProducerEntry): void {
    this.producers.set(entry.producerId, entry);
  }

  /** What lies before `offset` is durable, so that it has been or can be answered. Until this is called everything is. */
  answeredTo(offset: number): void {
    this.answeredOffset = offset;
  }

  /** What appending `batch` would be. `isClient` is false for coordinators, whose batches carry no sequences. */
  check(batch: IndexedBatch, isClient: boolean): SequenceOutcome {
    const entry = this.producers.get(batch.producerId);
    if (entry === undefined) return IN_SEQUENCE;
    if (isClient && batch.producerEpoch === entry.producerEpoch) {
      const duplicate = findDuplicate(entry, batch);
      if (duplicate !== undefined) return { kind: "duplicate", batch: duplicate };
    }
    if (batch.producerEpoch < entry.producerEpoch) {
      return {
        kind: "refused",
        errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
        errorMessage: `producer ${batch.producerId} has epoch ${entry.producerEpoch}, the batch ${batch.producerEpoch}`,
      };
    }
    return isClient ? checkSequence(entry, batch) : IN_SEQUENCE;
  }

  /** Notes an appended batch. Also the replay of a stored one. */
  replay(batch: IndexedBatch, nowMs: number): void {
    const entry = this.producers.get(batch.producerId) ?? newEntry(batch.producerId);
    if (entry.producerEpoch !== batch.producerEpoch) {
      entry.producerEpoch = batch.producerEpoch;
      entry.batches = [];
    }
    if (entry.batches.length === DEDUPLICATION_WINDOW) entry.batches.shift();
    entry.batches.push({
      lastSequence: advanceSequence(batch.baseSequence, batch.lastOffsetDelta),
      lastOffset: batch.baseOffset + batch.lastOffsetDelta,
      lastOffsetDelta: batch.lastOffsetDelta,
      timestamp: batch.maxTimestamp,
    });
    entry.lastTimestamp = batch.maxTimestamp;
    entry.lastSeenMs = nowMs;
    // Deleted and set again so that the map stays in the order of last appends.
    this.producers.delete(batch.producerId);
    this.producers.set(batch.producerId, entry);
    if (this.producers.size > MAX_PRODUCERS) this.forgetSilentSince(Number.POSITIVE_INFINITY, 1);
  }

  /** Forgets producers that have been silent for PRODUCER_ID_EXPIRATION_MS. */
  expire(nowMs: number): void {
    this.forgetSilentSince(nowMs - PRODUCER_ID_EXPIRATION_MS, this.producers.size);
  }

  /** Forgets at most `count` producers whose last append was at `lastSeenMs` or before, and returns how many. */
  forgetSilentSince(lastSeenMs: number, count: number): number {
    let left = count;
    for (const entry of this.producers.values()) {
      if (left === 0 || entry.lastSeenMs > lastSeenMs) break;
      // Whoever appended later isn't answered either.
      if ((entry.batches.at(-1)?.lastOffset ?? -1) >= this.answeredOffset) break;
      this.producers.delete(entry.producerId);
      left -= 1;
    }
    return count - left;
  }
}

function newEntry(producerId: number): ProducerEntry {
  return { producerId, producerEpoch: NO_PRODUCER_EPOCH, lastTimestamp: -1, lastSeenMs: 0, batches: [] };
}

function checkSequence(entry: ProducerEntry, batch: IndexedBatch): SequenceOutcome {
  if (batch.producerEpoch !== entry.producerEpoch) {
    if (batch.baseSequence === 0) return IN_SEQUENCE;
    return outOfOrder(
      `producer ${batch.producerId} begins epoch ${batch.producerEpoch} with sequence ${batch.baseSequence}, not 0`,
    );
  }
  const lastSequence = entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
  if (batch.baseSequence === (lastSequence + 1) % SEQUENCES) return IN_SEQUENCE;
  return outOfOrder(`producer ${batch.producerId} sent sequence ${batch.baseSequence} after ${lastSequence}`);
}

function outOfOrder(errorMessage: string): SequenceOutcome {
  return { kind: "refused", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, errorMessage };
}

/** A batch of the window with exactly the same first and last sequence. */
function findDuplicate(entry: ProducerEntry, batch: IndexedBatch): ProducedBatch | undefined {
  const lastSequence = advanceSequence(batch.baseSequence, batch.lastOffsetDelta);
  return entry.batches.find(
    (known) => known.lastSequence === lastSequence && known.lastOffsetDelta === batch.lastOffsetDelta,
  );
}

function advanceSequence(sequence: number, delta: number): number {
  return (sequence + delta) % SEQUENCES;
}
