import { MalformedMessageError } from "#bytes/malformed.ts";
import { type FetchedBatch, fetchedBatches, type OpenedBatch, type StoredRecord } from "#client/batches.ts";
import type { FetchedPartition } from "#client/fetch.ts";
import type { Compression } from "#records/compression.ts";
import { recordFrame, skippedFrame } from "./events.ts";
import { MAX_INFLATED_BYTES, MAX_SHOWN_RECORD_BYTES, STREAM_HELD_BYTES } from "./limits.ts";
import { storedBytes } from "./render.ts";

/** Where the stream is that a delivery belongs to. */
export interface DeliveryTarget {
  readonly topicName: string;
  /** Next offset of every partition; a delivery moves them as its frames are taken. */
  readonly positions: Map<number, number>;
  readonly compression: Compression;
}

/** The batch that is being taken. */
interface Current {
  readonly partition: number;
  readonly batch: FetchedBatch;
  /** Null: not opened yet, or closed in between. */
  opened: OpenedBatch | null;
  records: Iterator<StoredRecord> | null;
}

/** What a leader sent and the reader has not taken yet. Its leader gets no further fetch until it is taken. */
export class Delivery {
  readonly leaderId: number;
  private readonly target: DeliveryTarget;
  private readonly fetchedBytes: number;
  private readonly batches: Iterator<readonly [partition: number, batch: FetchedBatch]>;
  private current: Current | null = null;

  constructor(leaderId: number, partitions: readonly FetchedPartition[], target: DeliveryTarget) {
    this.leaderId = leaderId;
    this.target = target;
    this.fetchedBytes = partitions.reduce((sum, { records }) => sum + records.length, 0);
    this.batches = batchesOf(partitions);
  }

  /** The fetch answer, which is held to its last record, and the batch of it that is open. */
  get heldBytes(): number {
    return this.fetchedBytes + (this.current?.opened?.inflatedBytes ?? 0);
  }

  /** Is a batch open that is too large to be held while the reader takes a chunk? */
  get isLarge(): boolean {
    return (this.current?.opened?.inflatedBytes ?? 0) > STREAM_HELD_BYTES;
  }

  /** Lets go of a large batch. It is opened again when the next frame is asked for, and read on from the position. */
  pause(): void {
    if (this.current === null || !this.isLarge) return;
    this.current.opened = null;
    this.current.records = null;
  }

  /** The next record, or what stands for records that can't be shown; null at the end. Throws MalformedMessageError where the row of batches is none. */
  next(): string | null {
    for (;;) {
      this.current ??= this.nextBatch();
      if (this.current === null) return null;
      const frame = this.nextOf(this.current);
      if (frame !== null) return frame;
      this.current = null;
    }
  }

  private nextBatch(): Current | null {
    const { done, value } = this.batches.next();
    if (done) return null;
    const [partition, batch] = value;
    return { partition, batch, opened: null, records: null };
  }

  private nextOf(current: Current): string | null {
    const { partition, batch } = current;
    const { positions, topicName, compression } = this.target;
    const offset = positions.get(partition) ?? 0;
    if (batch.nextOffset <= offset) return null;
    const place = { topic: topicName, partition };
    try {
      current.opened ??= batch.open(compression, MAX_INFLATED_BYTES);
      current.records ??= current.opened.records(offset);
      const { done, value: record } = current.records.next();
      if (done) {
        positions.set(partition, batch.nextOffset);
        return null;
      }
      positions.set(partition, record.offset + 1);
      const sizeInBytes = storedBytes(record);
      if (sizeInBytes <= MAX_SHOWN_RECORD_BYTES) return recordFrame(place, record, positions);
      const reason = `The record has ${sizeInBytes} bytes, and HTTP shows ${MAX_SHOWN_RECORD_BYTES} at most.`;
      return skippedFrame(place, { offset: record.offset, reason }, positions);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      // The log's own bytes can't be read here, and coming back would not change that: the stream goes on behind them.
      positions.set(partition, batch.nextOffset);
      const reason = `Offsets ${offset} to ${batch.nextOffset - 1} are left out: ${error.message}.`;
      return skippedFrame(place, { offset, reason }, positions);
    }
  }
}

function* batchesOf(
  partitions: readonly FetchedPartition[],
): Generator<readonly [partition: number, batch: FetchedBatch]> {
  for (const { partition, records } of partitions) {
    for (const batch of fetchedBatches(records)) yield [partition, batch];
  }
}
