import type { Uuid } from "#bytes/uuid.ts";

/**
 * Where the logs of one broker rest. Reads are synchronous (the SQLite of a Durable Object is in-process);
 * only a commit waits, for the disk.
 *
 * A partition is known to its store by a small number, so that a row's key is one integer. Its rows have consecutive
 * sequences: they are written at the end and deleted at the front, never changed.
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
  /** The small columns of one row. @throws Error when the row isn't stored. */
  head(partitionNumber: number, sequence: number): RowHead;
  /** The small columns and the batch indexes of at most `limit` rows, by sequence. */
  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[];
  /**
   * Whole rows from `fromSequence` on, in order: the first whatever its size, then more until one of the limits is reached.
   * @throws Error when the first row isn't stored.
   */
  rows(partitionNumber: number, fromSequence: number, limits: RowLimits): LogRow[];
  /** The first row at or after `fromSequence` whose `maxTimestamp` is at least `timestamp`, or -1. */
  firstSequenceReaching(partitionNumber: number, fromSequence: number, timestamp: number): number;
  /** The largest `maxTimestamp` of the rows in [fromSequence, endSequence), or -1 when there are none. */
  maxTimestamp(partitionNumber: number, fromSequence: number, endSequence: number): number;

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

/** One transaction. Applied in this order: records, rows, deleted rows, removed partitions. */
export interface LogCommit {
  readonly partitions: PartitionRecord[];
  readonly rows: StagedRow[];
  readonly deletedRows: RowRange[];
  /** Partitions of which nothing is left once this commit has deleted its rows. */
  readonly removedPartitions: number[];
}
