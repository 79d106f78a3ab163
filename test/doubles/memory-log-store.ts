import type {
  IndexedRow,
  LogCommit,
  LogRow,
  LogStore,
  PartitionEntry,
  PartitionRecord,
  RowHead,
} from "#ports/log-store.ts";

interface StoredPartition {
  record: PartitionRecord;
}

/**
 * `worker/storage/sql-log-store.ts` in memory. What a commit writes is copied, as SQLite does; what is read is frozen by
 * being copied again. A crash is `new MemoryLogStore(store.disk())`: what was committed is there, the rest is not.
 */
export class MemoryLogStore implements LogStore {
  private readonly records = new Map<number, StoredPartition>();
  private readonly rows = new Map<number, Map<number, LogRow>>();
  /** Commits so far. */
  commits = 0;
  /** What the next commits wait for; a test may hold them back, or reject to let one fail. */
  beforeCommit: () => Promise<void> = () => Promise.resolve();

  constructor(disk?: MemoryLogStore) {
    if (disk === undefined) return;
    for (const [number, { record }] of disk.records) this.records.set(number, { record });
    for (const [number, rows] of disk.rows) this.rows.set(number, new Map(rows));
  }

  /** A copy of what is on the disk now, as a restart would find it. */
  disk(): MemoryLogStore {
    return new MemoryLogStore(this);
  }

  get rowCount(): number {
    let count = 0;
    for (const rows of this.rows.values()) count += rows.size;
    return count;
  }

  partitions(): PartitionEntry[] {
    return [...this.records.values()].map(({ record: { snapshot: _, ...entry } }) => entry);
  }

  snapshot(partitionNumber: number): Uint8Array {
    const stored = this.records.get(partitionNumber);
    if (stored === undefined) throw new Error(`partition ${partitionNumber} isn't stored`);
    return stored.record.snapshot.slice();
  }

  nextSequence(partitionNumber: number, fromSequence: number): number {
    return Math.max(fromSequence, ...this.sequences(partitionNumber).map((sequence) => sequence + 1));
  }

  head(partitionNumber: number, sequence: number): RowHead {
    const { baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp } = this.stored(partitionNumber, sequence);
    return { sequence, baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp };
  }

  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[] {
    return this.sequences(partitionNumber)
      .filter((sequence) => sequence >= fromSequence)
      .slice(0, limit)
      .map((sequence) => ({
        ...this.head(partitionNumber, sequence),
        index: this.stored(partitionNumber, sequence).index.slice(),
      }));
  }

  row(partitionNumber: number, sequence: number): LogRow {
    const row = this.stored(partitionNumber, sequence);
    return { ...row, index: row.index.slice(), bytes: row.bytes.slice() };
  }

  firstSequenceReaching(partitionNumber: number, fromSequence: number, timestamp: number): number {
    const found = this.sequences(partitionNumber).find(
      (sequence) => sequence >= fromSequence && this.stored(partitionNumber, sequence).maxTimestamp >= timestamp,
    );
    return found ?? -1;
  }

  maxTimestamp(partitionNumber: number, fromSequence: number, endSequence: number): number {
    const timestamps = this.sequences(partitionNumber)
      .filter((sequence) => sequence >= fromSequence && sequence < endSequence)
      .map((sequence) => this.stored(partitionNumber, sequence).maxTimestamp);
    return Math.max(-1, ...timestamps);
  }

  private stored(partitionNumber: number, sequence: number): LogRow {
    const row = this.rows.get(partitionNumber)?.get(sequence);
    if (row === undefined) throw new Error(`row ${sequence} of partition ${partitionNumber} isn't stored`);
    return row;
  }

  private sequences(partitionNumber: number): number[] {
    return [...(this.rows.get(partitionNumber)?.keys() ?? [])].sort((a, b) => a - b);
  }

  async commit(commit: LogCommit): Promise<void> {
    const copied = copy(commit);
    await this.beforeCommit();
    this.apply(copied);
    this.commits += 1;
    // A disk needs a moment: what is staged meanwhile goes into the next commit.
    await Promise.resolve();
  }

  private apply(commit: LogCommit): void {
    for (const record of commit.partitions) this.records.set(record.number, { record });
    for (const { partitionNumber, ...row } of commit.rows) {
      const rows = this.rows.get(partitionNumber) ?? new Map<number, LogRow>();
      if (rows.has(row.sequence))
        throw new Error(`row ${row.sequence} of partition ${partitionNumber} is there already`);
      this.rows.set(partitionNumber, rows.set(row.sequence, row));
    }
    for (const { partitionNumber, fromSequence, endSequence } of commit.deletedRows) {
      for (let sequence = fromSequence; sequence < endSequence; sequence++) {
        this.rows.get(partitionNumber)?.delete(sequence);
      }
    }
    for (const number of commit.removedPartitions) {
      this.records.delete(number);
      this.rows.delete(number);
    }
  }
}

function copy(commit: LogCommit): LogCommit {
  return {
    partitions: commit.partitions.map((record) => ({ ...record, snapshot: record.snapshot.slice() })),
    rows: commit.rows.map((row) => ({ ...row, index: row.index.slice(), bytes: row.bytes.slice() })),
    deletedRows: [...commit.deletedRows],
    removedPartitions: [...commit.removedPartitions],
  };
}
