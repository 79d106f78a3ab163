import type { NewSegment, SegmentObject, SegmentRecord, SegmentState } from "#ports/log-store.ts";
import type { IndexedBatch } from "./batch-index.ts";
import { MAX_OFFSETS_PER_SEGMENT } from "./limits.ts";
import { MAX_OBJECT_BATCH_BYTES } from "./tiering/limits.ts";

/** What a topic says about the lengths of its segments, by Kafka's names. */
export interface SegmentConfig {
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  /** Only where it compacts: a segment that never rolled would never be compacted. */
  readonly maxCompactionLagMs: number;
  readonly compacted: boolean;
}

const OFFSET_ENTRY_BYTES = 8;
const TIME_ENTRY_BYTES = 12;

/**
 * A sealed segment: what the log holds of offsets [baseOffset, endOffset), in rows, in an object, or in both. Its batches never change but by
 * compaction, which makes them fewer.
 */
export class Segment {
  readonly number: number;
  readonly baseOffset: number;
  endOffset: number;
  sizeInBytes: number;
  readonly firstTimestamp: number;
  maxTimestamp: number;
  readonly sealedAtMs: number;
  fromSequence: number;
  endSequence: number;
  object: SegmentObject | null;
  hasAborted: boolean;
  /** False until the commit that seals it is on the disk. */
  isCommitted = true;
  /** Deleted meanwhile: whoever has waited for something must look. */
  isRemoved = false;
  private isClaimed = false;

  constructor(record: Omit<SegmentRecord, "partitionNumber">) {
    this.number = record.number;
    this.baseOffset = record.baseOffset;
    this.endOffset = record.endOffset;
    this.sizeInBytes = record.sizeInBytes;
    this.firstTimestamp = record.firstTimestamp;
    this.maxTimestamp = record.maxTimestamp;
    this.sealedAtMs = record.sealedAtMs;
    this.fromSequence = record.fromSequence;
    this.endSequence = record.endSequence;
    this.object = record.object;
    this.hasAborted = record.hasAborted;
  }

  get hasRows(): boolean {
    return this.endSequence > this.fromSequence;
  }

  /** No object takes it: it was written before there were segments, and leaves the store by retention alone. */
  get isTooLarge(): boolean {
    return this.sizeInBytes > MAX_OBJECT_BATCH_BYTES;
  }

  /** The newest record's time, or the time of the roll where records have none: by it the segment expires. */
  get newestMs(): number {
    return this.maxTimestamp >= 0 ? this.maxTimestamp : this.sealedAtMs;
  }

  /** Upload and compaction exclude each other: whoever gets true has the segment until `release`. */
  claim(): boolean {
    if (!this.isFree) return false;
    this.isClaimed = true;
    return true;
  }

  /** Nobody has claimed it. */
  get isFree(): boolean {
    return !this.isClaimed && !this.isRemoved && this.isCommitted;
  }

  release(): void {
    this.isClaimed = false;
  }

  record(partitionNumber: number): SegmentRecord {
    const { number, baseOffset, endOffset, sizeInBytes, firstTimestamp, maxTimestamp, sealedAtMs } = this;
    const { fromSequence, endSequence, object, hasAborted } = this;
    const offsets = { number, baseOffset, endOffset, sizeInBytes, firstTimestamp, maxTimestamp, sealedAtMs };
    return { partitionNumber, ...offsets, fromSequence, endSequence, object, hasAborted };
  }

  newRecord(partitionNumber: number, state: SegmentState): NewSegment {
    return { ...this.record(partitionNumber), state };
  }
}

/** What the snapshot keeps of the active segment. */
export interface ActiveSegmentState {
  readonly number: number;
  readonly baseOffset: number;
  readonly fromSequence: number;
  /** Of its batches; -1 in what an older Kedge stored: then it must be counted. */
  readonly sizeInBytes: number;
  /** The largest timestamp of its first batch: from there `segment.ms` runs, as in Kafka. -1 without. */
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  /** When its first batch came, by our clock. */
  readonly createdMs: number;
  readonly indexIntervalBytes: number;
  readonly offsetEntries: number;
  readonly timeEntries: number;
  readonly bytesSinceEntry: number;
}

/** The segment that appends go to. It counts what Kafka's index files would hold, which is what the segment's object will hold. */
export class ActiveSegment {
  private state: { -readonly [Field in keyof ActiveSegmentState]: ActiveSegmentState[Field] };
  private entryMaxTimestamp = -1;

  constructor(state: ActiveSegmentState) {
    this.state = { ...state };
  }

  static empty(at: Pick<ActiveSegmentState, "number" | "baseOffset" | "fromSequence">): ActiveSegment {
    return new ActiveSegment({
      ...at,
      createdMs: 0,
      sizeInBytes: 0,
      firstTimestamp: -1,
      maxTimestamp: -1,
      indexIntervalBytes: 0,
      offsetEntries: 0,
      timeEntries: 0,
      bytesSinceEntry: 0,
    });
  }

  get stored(): ActiveSegmentState {
    return this.state;
  }

  get newestMs(): number {
    return this.state.maxTimestamp >= 0 ? this.state.maxTimestamp : this.state.createdMs;
  }

  /** Notes an appended batch. Also the replay of a stored one, which knows no configs. */
  append(batch: IndexedBatch, nowMs: number, indexIntervalBytes = this.state.indexIntervalBytes): void {
    const { state } = this;
    if (state.sizeInBytes === 0) {
      state.firstTimestamp = batch.maxTimestamp;
      state.createdMs = nowMs;
    }
    state.indexIntervalBytes = indexIntervalBytes;
    state.maxTimestamp = Math.max(state.maxTimestamp, batch.maxTimestamp);
    if (state.bytesSinceEntry > indexIntervalBytes) {
      state.offsetEntries += 1;
      if (state.maxTimestamp > this.entryMaxTimestamp) state.timeEntries += 1;
      this.entryMaxTimestamp = state.maxTimestamp;
      state.bytesSinceEntry = 0;
    }
    state.bytesSinceEntry += batch.sizeInBytes;
    state.sizeInBytes += batch.sizeInBytes;
  }

  /** Kafka's rules: whether `batch` must begin another segment. */
  mustRollFor(batch: IndexedBatch, config: SegmentConfig, nowMs: number): boolean {
    const { state } = this;
    if (state.sizeInBytes === 0) return false;
    const lastOffset = batch.baseOffset + batch.lastOffsetDelta;
    return (
      state.sizeInBytes > config.segmentBytes - batch.sizeInBytes ||
      this.waitedMs(batch.maxTimestamp, nowMs) > this.lengthMs(config) ||
      this.isIndexFull(config) ||
      lastOffset - state.baseOffset > MAX_OFFSETS_PER_SEGMENT
    );
  }

  /** By the timestamps of records where they have any: a log that is written anew from old records rolls as it did the first time. */
  private waitedMs(timestamp: number, nowMs: number): number {
    const { firstTimestamp, createdMs } = this.state;
    return firstTimestamp >= 0 ? timestamp - firstTimestamp : nowMs - createdMs;
  }

  private lengthMs(config: SegmentConfig): number {
    const { segmentMs, maxCompactionLagMs, compacted, segmentJitterMs } = config;
    const lengthMs = compacted && maxCompactionLagMs > 0 ? Math.min(segmentMs, maxCompactionLagMs) : segmentMs;
    if (segmentJitterMs === 0) return lengthMs;
    return lengthMs - (this.spread() % Math.min(segmentJitterMs, segmentMs));
  }

  /** In place of a random number, which would need to be stored: it only has to differ from log to log. */
  private spread(): number {
    const { baseOffset, createdMs } = this.state;
    return Math.abs(Math.imul((createdMs % 2 ** 31) ^ (baseOffset % 2 ** 31), 0x9e3779b1));
  }

  private isIndexFull({ segmentIndexBytes }: SegmentConfig): boolean {
    const { offsetEntries, timeEntries } = this.state;
    return (
      offsetEntries >= Math.floor(segmentIndexBytes / OFFSET_ENTRY_BYTES) ||
      // Kafka keeps the last entry free for the largest timestamp.
      timeEntries >= Math.floor(segmentIndexBytes / TIME_ENTRY_BYTES) - 1
    );
  }

  seal(end: { endOffset: number; endSequence: number; nowMs: number; hasAborted: boolean }): Segment {
    const { number, baseOffset, sizeInBytes, firstTimestamp, maxTimestamp, fromSequence } = this.state;
    const { endOffset, endSequence, nowMs, hasAborted } = end;
    const offsets = { number, baseOffset, endOffset, sizeInBytes, firstTimestamp, maxTimestamp };
    const segment = new Segment({
      ...offsets,
      sealedAtMs: nowMs,
      fromSequence,
      endSequence,
      object: null,
      hasAborted,
    });
    segment.isCommitted = false;
    return segment;
  }
}
