import { ROW_SEQUENCES } from "#log/limits.ts";
import type {
  IndexedRow,
  LogCommit,
  LogRow,
  LogStore,
  PartitionEntry,
  PartitionRecord,
  RowHead,
  RowLimits,
  RowRange,
  SegmentRecord,
  SegmentState,
  StagedRow,
} from "#ports/log-store.ts";
import { SqlManifest } from "./sql-manifest.ts";
import { openTables } from "./tables.ts";

type HeadColumns = {
  id: number;
  base_offset: number;
  next_offset: number;
  max_timestamp: number;
  running_max_timestamp: number;
};
type IndexColumns = HeadColumns & { batches: ArrayBuffer };
type RowColumns = IndexColumns & { bytes: ArrayBuffer };
type PartitionColumns = {
  number: number;
  topic_id: string;
  partition_index: number;
  deleted: number;
};

const HEAD = "id, base_offset, next_offset, max_timestamp, running_max_timestamp";

/** The logs of one broker in the SQLite of its object. */
export class SqlLogStore implements LogStore {
  private readonly storage: DurableObjectStorage;
  private readonly sql: SqlStorage;
  private readonly manifest: SqlManifest;

  /** @throws Error when the tables are of a newer Kedge. */
  constructor(storage: DurableObjectStorage) {
    this.storage = storage;
    this.sql = storage.sql;
    openTables(storage);
    this.manifest = new SqlManifest(storage.sql);
  }

  partitions(): PartitionEntry[] {
    const rows = this.sql.exec<PartitionColumns>("SELECT number, topic_id, partition_index, deleted FROM partitions");
    return rows.toArray().map((row) => ({
      number: row.number,
      topicId: row.topic_id,
      partitionIndex: row.partition_index,
      deleted: row.deleted === 1,
    }));
  }

  snapshot(partitionNumber: number): Uint8Array {
    const sql = "SELECT snapshot FROM partitions WHERE number = ?";
    return new Uint8Array(this.sql.exec<{ snapshot: ArrayBuffer }>(sql, partitionNumber).one().snapshot);
  }

  firstSequence(partitionNumber: number, otherwise: number): number {
    const found = this.first<{ id: number }>(
      "SELECT id FROM log_rows WHERE id >= ? AND id < ? ORDER BY id LIMIT 1",
      rowId(partitionNumber, 0),
      rowId(partitionNumber + 1, 0),
    );
    return found === undefined ? otherwise : sequenceOf(found.id);
  }

  nextSequence(partitionNumber: number, otherwise: number): number {
    const found = this.first<{ id: number }>(
      "SELECT id FROM log_rows WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
      rowId(partitionNumber, 0),
      rowId(partitionNumber + 1, 0),
    );
    return found === undefined ? otherwise : sequenceOf(found.id) + 1;
  }

  head(partitionNumber: number, sequence: number): RowHead | null {
    const found = this.first<HeadColumns>(
      `SELECT ${HEAD} FROM log_rows WHERE id >= ? AND id < ? ORDER BY id LIMIT 1`,
      rowId(partitionNumber, sequence),
      rowId(partitionNumber + 1, 0),
    );
    return found === undefined ? null : headOf(found);
  }

  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[] {
    const rows = this.sql.exec<IndexColumns>(
      `SELECT ${HEAD}, batches FROM log_rows WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`,
      rowId(partitionNumber, fromSequence),
      rowId(partitionNumber + 1, 0),
      limit,
    );
    return rows.toArray().map((row) => ({ ...headOf(row), index: new Uint8Array(row.batches) }));
  }

  /**
   * The first row, which is most often enough, then exactly as many as the limits allow: a statement that isn't run to its end keeps its last
   * row's blob and its pages in memory, and the write-ahead log on the disk, until the collector finds its small cursor.
   */
  rows(partitionNumber: number, fromSequence: number, limits: RowLimits): LogRow[] {
    const endId = rowId(partitionNumber + 1, 0);
    const rows = this.rowsBetween(rowId(partitionNumber, fromSequence), endId, 1);
    const first = rows.at(0);
    if (first === undefined) return rows;
    const fromId = rowId(partitionNumber, first.sequence + 1);
    const more = this.countMore({ fromId, endId }, limits, first.bytes.length);
    return more === 0 ? rows : [...rows, ...this.rowsBetween(fromId, endId, more)];
  }

  private rowsBetween(fromId: number, endId: number, count: number): LogRow[] {
    const rows = this.sql.exec<RowColumns>(
      `SELECT ${HEAD}, batches, bytes FROM log_rows WHERE id >= ? AND id < ? ORDER BY id LIMIT ?`,
      fromId,
      endId,
      count,
    );
    return rows
      .toArray()
      .map((row) => ({ ...headOf(row), index: new Uint8Array(row.batches), bytes: new Uint8Array(row.bytes) }));
  }

  /** How many rows may follow one of `sizeInBytes`, by their lengths alone. */
  private countMore(range: { fromId: number; endId: number }, limits: RowLimits, sizeInBytes: number): number {
    let { fromId } = range;
    let count = 0;
    for (let sum = sizeInBytes; sum < limits.maxBytes && count < limits.maxRows - 1; ) {
      const wanted = Math.min(limits.maxRows - 1 - count, Math.ceil((limits.maxBytes - sum) / sizeInBytes));
      const sizes = this.sql
        .exec<{ id: number; size: number }>(
          "SELECT id, length(bytes) AS size FROM log_rows WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
          fromId,
          range.endId,
          wanted,
        )
        .toArray();
      for (const { id, size } of sizes) {
        if (sum >= limits.maxBytes) break;
        fromId = id + 1;
        sum += size;
        count += 1;
      }
      if (sizes.length < wanted) break;
    }
    return count;
  }

  /** The length of a blob is read without the blob. */
  batchBytes(partitionNumber: number, fromSequence: number, endSequence: number): number {
    const found = this.first<{ sum: number | null }>(
      "SELECT sum(length(bytes)) AS sum FROM log_rows WHERE id >= ? AND id < ?",
      rowId(partitionNumber, fromSequence),
      rowId(partitionNumber, endSequence),
    );
    return found?.sum ?? 0;
  }

  segments(partitionNumber: number): SegmentRecord[] {
    return this.manifest.segments(partitionNumber);
  }

  segmentState(partitionNumber: number, segmentNumber: number): SegmentState {
    return this.manifest.state(partitionNumber, segmentNumber);
  }

  garbage(limit: number): string[] {
    return this.manifest.garbage(limit);
  }

  sizeInBytes(): number {
    return this.sql.databaseSize;
  }

  firstSequenceReaching(partitionNumber: number, fromSequence: number, timestamp: number): number {
    const found = this.first<{ id: number }>(
      "SELECT id FROM log_rows WHERE id >= ? AND id < ? AND max_timestamp >= ? ORDER BY id LIMIT 1",
      rowId(partitionNumber, fromSequence),
      rowId(partitionNumber + 1, 0),
      timestamp,
    );
    return found === undefined ? -1 : sequenceOf(found.id);
  }

  maxTimestamp(partitionNumber: number, fromSequence: number, endSequence: number): number {
    const found = this.first<{ max: number | null }>(
      "SELECT max(max_timestamp) AS max FROM log_rows WHERE id >= ? AND id < ?",
      rowId(partitionNumber, fromSequence),
      rowId(partitionNumber, endSequence),
    );
    return found?.max ?? -1;
  }

  /** Of a query for one row: run to its end like all others. */
  private first<T extends Record<string, SqlStorageValue>>(sql: string, ...bindings: unknown[]): T | undefined {
    return this.sql
      .exec<T>(sql, ...bindings)
      .toArray()
      .at(0);
  }

  async commit(commit: LogCommit): Promise<void> {
    if (Object.values(commit).every((part) => part.length === 0)) return;
    if (isPlain(commit)) for (const row of commit.rows) this.writeRow(row);
    else this.storage.transactionSync(() => this.apply(commit));
    await this.storage.sync();
  }

  private apply(commit: LogCommit): void {
    for (const record of commit.partitions) this.writePartition(record);
    for (const row of commit.rows) this.writeRow(row);
    for (const rewrite of commit.rewrites) {
      this.deleteRows(rewrite);
      for (const row of rewrite.rows) this.writeRow(row);
    }
    for (const range of commit.deletedRows) this.deleteRows(range);
    this.manifest.apply(commit);
    for (const number of commit.removedPartitions) this.sql.exec("DELETE FROM partitions WHERE number = ?", number);
  }

  private writePartition(record: PartitionRecord): void {
    this.sql.exec(
      "INSERT OR REPLACE INTO partitions (number, topic_id, partition_index, deleted, snapshot) VALUES (?, ?, ?, ?, ?)",
      record.number,
      record.topicId,
      record.partitionIndex,
      record.deleted ? 1 : 0,
      record.snapshot,
    );
  }

  private writeRow(row: StagedRow): void {
    this.sql.exec(
      `INSERT INTO log_rows (${HEAD}, batches, bytes) VALUES (?, ?, ?, ?, ?, ?, ?)`,
      rowId(row.partitionNumber, row.sequence),
      row.baseOffset,
      row.nextOffset,
      row.maxTimestamp,
      row.runningMaxTimestamp,
      row.index,
      row.bytes,
    );
  }

  private deleteRows({ partitionNumber, fromSequence, endSequence }: RowRange): void {
    this.sql.exec(
      "DELETE FROM log_rows WHERE id >= ? AND id < ?",
      rowId(partitionNumber, fromSequence),
      rowId(partitionNumber, endSequence),
    );
  }
}

/**
 * Nothing but rows of whole batches. What one turn writes reaches the disk in one transaction anyhow; a savepoint around it only adds the
 * way back from a statement that fails, for which SQLite copies every page that it changes to a file (docs/decisions/0032). These rows need no
 * way back: a statement fails for want of room, and SQLite then undoes the transaction, or by a bug, and rows that came before it are whole
 * batches that nobody was told of, as a crash may leave them, too.
 */
function isPlain({ rows, ...others }: LogCommit): boolean {
  return Object.values(others).every((part) => part.length === 0) && rows.every(({ index }) => index.length > 0);
}

function rowId(partitionNumber: number, sequence: number): number {
  return partitionNumber * ROW_SEQUENCES + sequence;
}

function sequenceOf(id: number): number {
  return id % ROW_SEQUENCES;
}

function headOf(row: HeadColumns): RowHead {
  return {
    sequence: sequenceOf(row.id),
    baseOffset: row.base_offset,
    nextOffset: row.next_offset,
    maxTimestamp: row.max_timestamp,
    runningMaxTimestamp: row.running_max_timestamp,
  };
}
