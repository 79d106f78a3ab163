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
import { SegmentTable } from "./segment-table.ts";

interface Disk {
  readonly records: Map<number, PartitionRecord>;
  readonly rows: Map<number, Map<number, LogRow>>;
  readonly manifest: SegmentTable;
}

/**
 * `worker/storage/sql-log-store.ts` in memory. What a commit writes and what is read is copied, as SQLite does. A restart is
 * `store.reopened()` on the same disk; a crash is `store.crashed()`, a new disk with what has been committed until now.
 */
export class MemoryLogStore implements LogStore {
  readonly disk: Disk;
  private readonly records: Map<number, PartitionRecord>;
  private readonly rowsOf: Map<number, Map<number, LogRow>>;
  private readonly manifest: SegmentTable;
  /** Commits so far. */
  commits = 0;
  /** What the next commits wait for; a test may hold them back, or reject to let one fail. */
  beforeCommit: () => Promise<void> = () => Promise.resolve();

  constructor(disk: Disk = { records: new Map(), rows: new Map(), manifest: new SegmentTable() }) {
    this.disk = disk;
    this.records = disk.records;
    this.rowsOf = disk.rows;
    this.manifest = disk.manifest;
  }

  reopened(): MemoryLogStore {
    return new MemoryLogStore(this.disk);
  }

  crashed(): MemoryLogStore {
    const rows = new Map([...this.rowsOf].map(([number, partition]) => [number, new Map(partition)]));
    return new MemoryLogStore({ records: new Map(this.records), rows, manifest: this.manifest.copy() });
  }

  get rowCount(): number {
    let count = 0;
    for (const rows of this.rowsOf.values()) count += rows.size;
    return count;
  }

  partitions(): PartitionEntry[] {
    return [...this.records.values()].map(({ snapshot: _, ...entry }) => entry);
  }

  snapshot(partitionNumber: number): Uint8Array {
    const record = this.records.get(partitionNumber);
    if (record === undefined) throw new Error(`partition ${partitionNumber} isn't stored`);
    return record.snapshot.slice();
  }

  firstSequence(partitionNumber: number, otherwise: number): number {
    return this.sequences(partitionNumber).at(0) ?? otherwise;
  }

  nextSequence(partitionNumber: number, otherwise: number): number {
    const last = this.sequences(partitionNumber).at(-1);
    return last === undefined ? otherwise : last + 1;
  }

  head(partitionNumber: number, sequence: number): RowHead | null {
    const found = this.sequences(partitionNumber).find((stored) => stored >= sequence);
    return found === undefined ? null : this.headOf(partitionNumber, found);
  }

  private headOf(partitionNumber: number, sequence: number): RowHead {
    const { baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp } = this.stored(partitionNumber, sequence);
    return { sequence, baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp };
  }

  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[] {
    return this.sequences(partitionNumber)
      .filter((sequence) => sequence >= fromSequence)
      .slice(0, limit)
      .map((sequence) => ({
        ...this.headOf(partitionNumber, sequence),
        index: this.stored(partitionNumber, sequence).index.slice(),
      }));
  }

  rows(partitionNumber: number, fromSequence: number, { maxRows, maxBytes }: RowLimits): LogRow[] {
    const rows: LogRow[] = [];
    let sizeInBytes = 0;
    for (const sequence of this.sequences(partitionNumber)) {
      if (sequence < fromSequence) continue;
      if (rows.length === maxRows || (rows.length > 0 && sizeInBytes >= maxBytes)) break;
      const row = this.stored(partitionNumber, sequence);
      rows.push({ ...row, index: row.index.slice(), bytes: row.bytes.slice() });
      sizeInBytes += row.bytes.length;
    }
    return rows;
  }

  batchBytes(partitionNumber: number, fromSequence: number, endSequence: number): number {
    return this.sequences(partitionNumber)
      .filter((sequence) => sequence >= fromSequence && sequence < endSequence)
      .reduce((sum, sequence) => sum + this.stored(partitionNumber, sequence).bytes.length, 0);
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
    let sum = 0;
    for (const rows of this.rowsOf.values()) for (const { bytes } of rows.values()) sum += bytes.length;
    return sum;
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
    const row = this.rowsOf.get(partitionNumber)?.get(sequence);
    if (row === undefined) throw new Error(`row ${sequence} of partition ${partitionNumber} isn't stored`);
    return row;
  }

  private sequences(partitionNumber: number): number[] {
    return [...(this.rowsOf.get(partitionNumber)?.keys() ?? [])].sort((a, b) => a - b);
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
    for (const record of commit.partitions) this.records.set(record.number, record);
    for (const { partitionNumber, ...row } of commit.rows) {
      const rows = this.rowsOf.get(partitionNumber) ?? new Map<number, LogRow>();
      if (rows.has(row.sequence))
        throw new Error(`row ${row.sequence} of partition ${partitionNumber} is there already`);
      this.rowsOf.set(partitionNumber, rows.set(row.sequence, row));
    }
    for (const { partitionNumber, rows, ...range } of commit.rewrites) {
      this.deleteRows({ partitionNumber, ...range });
      for (const { partitionNumber: _, ...row } of rows) this.rowsOf.get(partitionNumber)?.set(row.sequence, row);
    }
    for (const range of commit.deletedRows) this.deleteRows(range);
    this.manifest.apply(commit);
    for (const number of commit.removedPartitions) this.records.delete(number);
  }

  private deleteRows({ partitionNumber, fromSequence, endSequence }: RowRange): void {
    for (let sequence = fromSequence; sequence < endSequence; sequence++) {
      this.rowsOf.get(partitionNumber)?.delete(sequence);
    }
  }
}

function copy(commit: LogCommit): LogCommit {
  const copyRow = (row: StagedRow) => ({ ...row, index: row.index.slice(), bytes: row.bytes.slice() });
  return {
    ...commit,
    partitions: commit.partitions.map((record) => ({ ...record, snapshot: record.snapshot.slice() })),
    rows: commit.rows.map(copyRow),
    rewrites: commit.rewrites.map((rewrite) => ({ ...rewrite, rows: rewrite.rows.map(copyRow) })),
  };
}
