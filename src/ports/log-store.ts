import type { Uuid } from "#bytes/uuid.ts";

/**
 * Where the logs of one broker rest. Reads are synchronous (the SQLite of a Durable Object is in-process);
 * only a commit waits, for the disk.
 *
 * A partition is known to its store by a small number, so that a row's key is one integer. Its rows have rising sequences: they are
 * written at the end without gaps and deleted at the front. Compaction puts fewer rows into the place of some, which leaves gaps, so a
 * row is asked for by "at or after".
 */
export interface LogStore {
  /** Every partition, also those being deleted, without their snapshots; in no special order. */
  partitions(): PartitionEntry[];
  /** The newest snapshot of a partition. @throws Error when the partition isn't stored. */
  snapshot(partitionNumber: number): Uint8Array;

  /** The first stored row, or `otherwise` when there is none. */
  firstSequence(partitionNumber: number, otherwise: number): number;
  /** The last stored row's sequence + 1, or `otherwise` when there is none. */
  nextSequence(partitionNumber: number, otherwise: number): number;
  /** The small columns of the first row at or after `sequence`, or null. */
  head(partitionNumber: number, sequence: number): RowHead | null;
  /** The small columns and the batch indexes of at most `limit` rows, by sequence. */
  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[];
  /** Whole rows at or after `fromSequence`, in order: the first whatever its size, then more until one of the limits is reached. */
  rows(partitionNumber: number, fromSequence: number, limits: RowLimits): LogRow[];
  /** The bytes of the batches in the rows of [fromSequence, endSequence). */
  batchBytes(partitionNumber: number, fromSequence: number, endSequence: number): number;
  /** The first row at or after `fromSequence` whose `maxTimestamp` is at least `timestamp`, or -1. */
  firstSequenceReaching(partitionNumber: number, fromSequence: number, timestamp: number): number;
  /** The largest `maxTimestamp` of the rows in [fromSequence, endSequence), or -1 when there are none. */
  maxTimestamp(partitionNumber: number, fromSequence: number, endSequence: number): number;

  /** The sealed segments of a partition, by number. */
  segments(partitionNumber: number): SegmentRecord[];
  /** What a sealed segment keeps beside its batches. @throws Error when it isn't stored. */
  segmentState(partitionNumber: number, segmentNumber: number): SegmentState;
  /** Keys of objects that nobody refers to, in the order in which they became so. */
  garbage(limit: number): string[];
  /** What all of it takes on the disk, free pages that will be used again left out. */
  sizeInBytes(): number;

  /**
   * Writes all of it or nothing, and resolves when it is on the disk. One at a time. A rejection is final: the caller
   * must give up its memory and begin again from what is stored.
   */
  commit(commit: LogCommit): Promise<void>;
}

export interface PartitionEntry {
  /** In [0, MAX_PARTITION_NUMBER]. */
  readonly number: number;
  readonly topicId: Uuid;
  readonly partitionIndex: number;
  /** True while rows of a deleted partition are being removed; nobody may open it. */
  readonly deleted: boolean;
}

/** What a partition remembers beside its rows. */
export interface PartitionRecord extends PartitionEntry {
  readonly snapshot: Uint8Array;
}

export interface RowLimits {
  readonly maxRows: number;
  /** No further row is read once the ones before it have so many bytes together. */
  readonly maxBytes: number;
}

export interface RowHead {
  readonly sequence: number;
  /** The offset of the first record of the row's first batch. */
  readonly baseOffset: number;
  /** The offset after the last record of the row's last batch. */
  readonly nextOffset: number;
  /** The largest timestamp in this row, -1 for a row that only continues a large batch. */
  readonly maxTimestamp: number;
  /** The largest timestamp in the log up to and with this row: never falls from row to row. */
  readonly runningMaxTimestamp: number;
}

export interface IndexedRow extends RowHead {
  /** One entry a batch (`#log/batch-index.ts`); empty for a row that only continues a large batch. */
  readonly index: Uint8Array;
}

export interface LogRow extends IndexedRow {
  /** Batches back to back as they go on the wire; at most MAX_ROW_BYTES. */
  readonly bytes: Uint8Array;
}

export interface StagedRow extends LogRow {
  readonly partitionNumber: number;
}

export interface RowRange {
  readonly partitionNumber: number;
  readonly fromSequence: number;
  readonly endSequence: number;
}

/** A sealed segment in the manifest of its partition. It is written at the roll and again whenever one of its columns changes. */
export interface SegmentRecord {
  readonly partitionNumber: number;
  /** Grows with the offsets of the log, from 0; at most 2^37 - 1. */
  readonly number: number;
  readonly baseOffset: number;
  /** The offset after the last record: where the next segment begins. */
  readonly endOffset: number;
  /** Of its batches. */
  readonly sizeInBytes: number;
  /** The largest timestamp of its first batch; -1 without. */
  readonly firstTimestamp: number;
  /** -1 without. */
  readonly maxTimestamp: number;
  /** By our clock; stands in for timestamps where there are none. */
  readonly sealedAtMs: number;
  /** Where its rows are: [fromSequence, endSequence), maybe with gaps. Equal when no rows are left. */
  readonly fromSequence: number;
  readonly endSequence: number;
  /** The object that holds it, or null. Only a whole and safe object stands here. */
  readonly object: SegmentObject | null;
  readonly hasAborted: boolean;
}

/** An immutable object with all batches of one segment, and behind them its indexes (`#log/segment-object.ts`). */
export interface SegmentObject {
  readonly key: string;
  /** What DeleteRecords took away before the segment was packed isn't there. */
  readonly batchBytes: number;
  readonly offsetIndexBytes: number;
  readonly timeIndexBytes: number;
}

/** Too large to be kept in memory, and seldom asked for. */
export interface SegmentState {
  /** A partition's snapshot as of the segment's end (`#log/snapshot.ts`). Empty once the segment's object holds it. */
  readonly snapshot: Uint8Array;
  /** The aborted transactions whose markers lie in the segment (`#log/transaction-index.ts`). */
  readonly aborted: Uint8Array;
}

/** A segment that is sealed by this commit. */
export interface NewSegment extends SegmentRecord {
  readonly state: SegmentState;
}

export interface ChangedSegment extends SegmentRecord {
  /** Where it has changed, too. */
  readonly aborted?: Uint8Array;
}

/** Rows that take the place of all rows in a range. */
export interface Rewrite extends RowRange {
  readonly rows: readonly StagedRow[];
}

/** One transaction. Applied in the order of the fields. */
export interface LogCommit {
  readonly partitions: PartitionRecord[];
  readonly rows: StagedRow[];
  readonly rewrites: Rewrite[];
  readonly deletedRows: RowRange[];
  readonly newSegments: NewSegment[];
  /** Sealed before. One that has an object now no longer needs its snapshot. */
  readonly changedSegments: ChangedSegment[];
  readonly removedSegments: { readonly partitionNumber: number; readonly number: number }[];
  /** No longer garbage: deleted, or referred to. */
  readonly notGarbage: string[];
  /** Objects that exist, or may come to exist, and that nobody refers to (any more). */
  readonly garbage: string[];
  /** Partitions of which nothing is left once this commit has deleted its rows. The objects of their segments become garbage. */
  readonly removedPartitions: number[];
}

export function emptyCommit(): LogCommit {
  return {
    partitions: [],
    rows: [],
    rewrites: [],
    deletedRows: [],
    newSegments: [],
    changedSegments: [],
    removedSegments: [],
    notGarbage: [],
    garbage: [],
    removedPartitions: [],
  };
}
