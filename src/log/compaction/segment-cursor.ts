import { lastOffsetOf, readBatchHeader } from "#records/batch.ts";
import type { CleanableLog, CleanableSegment, CleanableSlice } from "./cleanable-log.ts";
import { SLICE_MAX_BYTES } from "./limits.ts";

/** What a step may still read, in bytes as stored, and in records. The batch that passes it is still walked. */
export interface SliceBudget {
  bytes: number;
  records: number;
}

/** Walks the batches of one segment, whose rows are read a slice at a time. */
export class SegmentCursor<Segment extends CleanableSegment> {
  readonly segment: Segment;
  private readonly log: CleanableLog<Segment>;
  private readonly fromOffset: number;
  private nextSequence: number;
  private slice: CleanableSlice | null = null;
  private at = 0;

  /** @param fromOffset batches wholly before it are passed over */
  constructor(log: CleanableLog<Segment>, segment: Segment, fromOffset: number) {
    this.log = log;
    this.segment = segment;
    this.fromOffset = fromOffset;
    this.nextSequence = segment.fromSequence;
  }

  /** The next batch, a view on the slice; null behind the last one. */
  nextBatch(budget: SliceBudget): Uint8Array | null {
    for (;;) {
      if (this.slice === null || this.at === this.slice.bytes.length) {
        this.slice = this.log.segments.readSlice(this.segment, this.nextSequence, SLICE_MAX_BYTES);
        if (this.slice === null) return null;
        this.nextSequence = this.slice.endSequence;
        this.at = 0;
        budget.bytes -= this.slice.bytes.length;
        continue;
      }
      const { bytes } = this.slice;
      const header = readBatchHeader(bytes, this.at);
      const batch = bytes.subarray(this.at, this.at + header.sizeInBytes);
      if (batch.length !== header.sizeInBytes) throw new Error("a slice of a segment ends within a batch");
      this.at += header.sizeInBytes;
      if (lastOffsetOf(header) < this.fromOffset) continue;
      budget.records -= Math.max(1, header.recordCount);
      return batch;
    }
  }

  /** The slice of which every batch has been given out, once; null while there is none. */
  takeFinishedSlice(): CleanableSlice | null {
    const { slice } = this;
    if (slice === null || this.at < slice.bytes.length) return null;
    this.slice = null;
    return slice;
  }
}
