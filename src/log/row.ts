import type { LogRow } from "#ports/log-store.ts";
import { BatchIndex, type IndexedBatch } from "./batch-index.ts";

/**
 * Batches of one partition that are stored together. A row grows while it is staged and never changes once a commit
 * took it. The parts of a batch over MAX_ROW_BYTES are rows of their own with the offsets of that batch; the first
 * has its index entry, the others have none.
 */
export class Row {
  readonly sequence: number;
  readonly baseOffset: number;
  readonly buffer: Uint8Array;
  readonly index: BatchIndex;
  nextOffset: number;
  maxTimestamp: number;
  runningMaxTimestamp: number;
  sizeInBytes = 0;
  /** The next row's sequence: one more, but for gaps that compaction has left. */
  nextSequence: number;
  /** Readers that may still look at the buffer; while there are any it isn't used again. */
  private leases = 0;
  /** What to do with the buffer once nobody looks: set when no cache holds the row any more. */
  private whenFree: ((buffer: Uint8Array) => void) | null = null;

  constructor(sequence: number, baseOffset: number, buffer: Uint8Array, index = new BatchIndex()) {
    this.sequence = sequence;
    this.nextSequence = sequence + 1;
    this.baseOffset = baseOffset;
    this.nextOffset = baseOffset;
    this.buffer = buffer;
    this.index = index;
    this.maxTimestamp = -1;
    this.runningMaxTimestamp = -1;
  }

  static stored(row: LogRow): Row {
    const loaded = new Row(row.sequence, row.baseOffset, row.bytes, BatchIndex.decode(row.index));
    loaded.nextOffset = row.nextOffset;
    loaded.maxTimestamp = row.maxTimestamp;
    loaded.runningMaxTimestamp = row.runningMaxTimestamp;
    loaded.sizeInBytes = row.bytes.length;
    return loaded;
  }

  lease(): void {
    this.leases += 1;
  }

  release(): void {
    this.leases -= 1;
    if (this.leases === 0) this.whenFree?.(this.buffer);
  }

  get isLeased(): boolean {
    return this.leases > 0;
  }

  /**
   * No cache holds it any more: `free` gets the buffer, now or when the last reader has released it; and once more if a reader that still
   * had the row took a lease after that.
   */
  drop(free: (buffer: Uint8Array) => void): void {
    this.whenFree = free;
    if (this.leases === 0) free(this.buffer);
  }

  get room(): number {
    return this.buffer.length - this.sizeInBytes;
  }

  get bytes(): Uint8Array {
    return this.buffer.subarray(0, this.sizeInBytes);
  }

  /** Notes a batch whose bytes (or whose first part) the caller has put at `sizeInBytes` of the buffer. */
  append(batch: IndexedBatch, bytesHere: number): void {
    this.index.append(this.sizeInBytes, batch);
    this.sizeInBytes += bytesHere;
    this.nextOffset = batch.baseOffset + batch.lastOffsetDelta + 1;
    if (batch.maxTimestamp > this.maxTimestamp) this.maxTimestamp = batch.maxTimestamp;
    if (batch.maxTimestamp > this.runningMaxTimestamp) this.runningMaxTimestamp = batch.maxTimestamp;
  }
}
