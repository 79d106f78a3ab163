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
import { SegmentTable } from "../doubles/segment-table.ts";

/** What lies in the tables of one broker. Rows stand in the order of their sequences. */
export class LogTables {
  readonly records: Map<number, PartitionRecord>;
  readonly rows: Map<number, Map<number, LogRow>>;

  readonly manifest: SegmentTable;

  constructor(
    records = new Map<number, PartitionRecord>(),
    rows = new Map<number, Map<number, LogRow>>(),
    manifest = new SegmentTable(),
  ) {
    this.records = records;
    this.rows = rows;
    this.manifest = manifest;
  }

  copy(): LogTables {
    return new LogTables(
      new Map(this.records),
      new Map([...this.rows].map(([number, partition]) => [number, new Map(partition)])),
      this.manifest.copy(),
    );
  }

  apply(commit: LogCommit): void {
    for (const record of commit.partitions) this.records.set(record.number, record);
    for (const { partitionNumber, ...row } of commit.rows) {
      const rows = this.rows.get(partitionNumber) ?? new Map<number, LogRow>();
      if (rows.has(row.sequence))
        throw new Error(`row ${row.sequence} of partition ${partitionNumber} is there already`);
      this.rows.set(partitionNumber, rows.set(row.sequence, row));
    }
    for (const { rows, ...range } of commit.rewrites) {
      this.#deleteRows(range);
      const left = [...(this.rows.get(range.partitionNumber) ?? NO_ROWS), ...rows.map(bySequence)];
      this.rows.set(range.partitionNumber, new Map(left.sort(([one], [other]) => one - other)));
    }
    for (const range of commit.deletedRows) this.#deleteRows(range);
    this.manifest.apply(commit);
    for (const number of commit.removedPartitions) this.records.delete(number);
  }

  #deleteRows({ partitionNumber, fromSequence, endSequence }: RowRange): void {
    const rows = this.rows.get(partitionNumber);
    for (let sequence = fromSequence; sequence < endSequence; sequence++) rows?.delete(sequence);
  }
}

function bySequence({ partitionNumber: _, ...row }: StagedRow): [number, LogRow] {
  return [row.sequence, row];
}

/** How the disk carries out one commit: when, and whether it comes to be. */
export type CommitRunner = (commit: LogCommit) => Promise<void>;

/**
 * The store of one broker instance over its own view of the tables: a commit shows in the view at once, as in SQLite, and becomes durable
 * when the disk says so. What was never durable dies with the instance.
 */
export class SimLogStore implements LogStore {
  readonly #view: LogTables;
  readonly #run: CommitRunner;
  /** An instance that another one has replaced: the platform refuses it its storage. */
  isFenced = false;

  constructor(view: LogTables, run: CommitRunner) {
    this.#view = view;
    this.#run = run;
  }

  partitions(): PartitionEntry[] {
    return [...this.#tables.records.values()].map(({ snapshot: _, ...entry }) => entry);
  }

  snapshot(partitionNumber: number): Uint8Array {
    const record = this.#tables.records.get(partitionNumber);
    if (record === undefined) throw new Error(`partition ${partitionNumber} isn't stored`);
    return record.snapshot.slice();
  }

  firstSequence(partitionNumber: number, otherwise: number): number {
    for (const sequence of this.#rowsOf(partitionNumber).keys()) return sequence;
    return otherwise;
  }

  nextSequence(partitionNumber: number, otherwise: number): number {
    let next = otherwise;
    for (const sequence of this.#rowsOf(partitionNumber).keys()) next = sequence + 1;
    return next;
  }

  head(partitionNumber: number, sequence: number): RowHead | null {
    for (const row of this.#rowsFrom(partitionNumber, sequence)) return headOf(row);
    return null;
  }

  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[] {
    const found: IndexedRow[] = [];
    for (const row of this.#rowsFrom(partitionNumber, fromSequence)) {
      if (found.length === limit) break;
      found.push({ ...headOf(row), index: row.index.slice() });
    }
    return found;
  }

  rows(partitionNumber: number, fromSequence: number, { maxRows, maxBytes }: RowLimits): LogRow[] {
    const rows: LogRow[] = [];
    let sizeInBytes = 0;
    for (const row of this.#rowsFrom(partitionNumber, fromSequence)) {
      if (rows.length === maxRows || (rows.length > 0 && sizeInBytes >= maxBytes)) break;
      rows.push({ ...row, index: row.index.slice(), bytes: row.bytes.slice() });
      sizeInBytes += row.bytes.length;
    }
    return rows;
  }

  batchBytes(partitionNumber: number, fromSequence: number, endSequence: number): number {
    let sum = 0;
    for (const row of this.#rowsFrom(partitionNumber, fromSequence)) {
      if (row.sequence < endSequence) sum += row.bytes.length;
    }
    return sum;
  }

  segments(partitionNumber: number): SegmentRecord[] {
    return this.#tables.manifest.segments(partitionNumber);
  }

  segmentState(partitionNumber: number, segmentNumber: number): SegmentState {
    return this.#tables.manifest.state(partitionNumber, segmentNumber);
  }

  garbage(limit: number): string[] {
    return this.#tables.manifest.garbage(limit);
  }

  sizeInBytes(): number {
    let sum = 0;
    for (const rows of this.#tables.rows.values()) for (const { bytes } of rows.values()) sum += bytes.length;
    return sum;
  }

  firstSequenceReaching(partitionNumber: number, fromSequence: number, timestamp: number): number {
    for (const row of this.#rowsOf(partitionNumber).values()) {
      if (row.sequence >= fromSequence && row.maxTimestamp >= timestamp) return row.sequence;
    }
    return -1;
  }

  maxTimestamp(partitionNumber: number, fromSequence: number, endSequence: number): number {
    let max = -1;
    for (const row of this.#rowsOf(partitionNumber).values()) {
      if (row.sequence >= fromSequence && row.sequence < endSequence) max = Math.max(max, row.maxTimestamp);
    }
    return max;
  }

  commit(commit: LogCommit): Promise<void> {
    const copied = copyOf(commit);
    this.#tables.apply(copied);
    return this.#run(copied);
  }

  get #tables(): LogTables {
    if (this.isFenced) throw new StorageError("the object has been replaced by another instance");
    return this.#view;
  }

  #rowsOf(partitionNumber: number): ReadonlyMap<number, LogRow> {
    return this.#tables.rows.get(partitionNumber) ?? NO_ROWS;
  }

  *#rowsFrom(partitionNumber: number, fromSequence: number): Generator<LogRow> {
    for (const row of this.#rowsOf(partitionNumber).values()) if (row.sequence >= fromSequence) yield row;
  }
}

function headOf({ sequence, baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp }: LogRow): RowHead {
  return { sequence, baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp };
}

/** What is written is copied, as SQLite does: the broker uses its buffers again. */
function copyOf(commit: LogCommit): LogCommit {
  const copyRow = (row: StagedRow) => ({ ...row, index: row.index.slice(), bytes: row.bytes.slice() });
  return {
    partitions: commit.partitions.map((record) => ({ ...record, snapshot: record.snapshot.slice() })),
    rows: commit.rows.map(copyRow),
    rewrites: commit.rewrites.map((rewrite) => ({ ...rewrite, rows: rewrite.rows.map(copyRow) })),
    deletedRows: [...commit.deletedRows],
    newSegments: commit.newSegments.map(({ state, ...segment }) => ({
      ...segment,
      state: { snapshot: state.snapshot.slice(), aborted: state.aborted.slice() },
    })),
    changedSegments: [...commit.changedSegments],
    removedSegments: [...commit.removedSegments],
    garbage: [...commit.garbage],
    notGarbage: [...commit.notGarbage],
    removedPartitions: [...commit.removedPartitions],
  };
}

const NO_ROWS: ReadonlyMap<number, LogRow> = new Map();

/** The platform refused or failed a storage operation: no bug of the core. */
export class StorageError extends Error {}
