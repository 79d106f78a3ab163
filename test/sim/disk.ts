import type {
  IndexedRow,
  LogCommit,
  LogRow,
  LogStore,
  PartitionEntry,
  PartitionRecord,
  RowHead,
  RowLimits,
} from "#ports/log-store.ts";

/** What lies in the tables of one broker. Rows stand in the order of their sequences. */
export class LogTables {
  readonly records: Map<number, PartitionRecord>;
  readonly rows: Map<number, Map<number, LogRow>>;

  constructor(records = new Map<number, PartitionRecord>(), rows = new Map<number, Map<number, LogRow>>()) {
    this.records = records;
    this.rows = rows;
  }

  copy(): LogTables {
    return new LogTables(
      new Map(this.records),
      new Map([...this.rows].map(([number, partition]) => [number, new Map(partition)])),
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
    for (const { partitionNumber, fromSequence, endSequence } of commit.deletedRows) {
      const rows = this.rows.get(partitionNumber);
      for (let sequence = fromSequence; sequence < endSequence; sequence++) rows?.delete(sequence);
    }
    for (const number of commit.removedPartitions) this.records.delete(number);
  }
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

  head(partitionNumber: number, sequence: number): RowHead {
    const { baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp } = this.#row(partitionNumber, sequence);
    return { sequence, baseOffset, nextOffset, maxTimestamp, runningMaxTimestamp };
  }

  indexes(partitionNumber: number, fromSequence: number, limit: number): IndexedRow[] {
    const found: IndexedRow[] = [];
    for (const row of this.#rowsOf(partitionNumber).values()) {
      if (found.length === limit) break;
      if (row.sequence < fromSequence) continue;
      found.push({ ...this.head(partitionNumber, row.sequence), index: row.index.slice() });
    }
    return found;
  }

  rows(partitionNumber: number, fromSequence: number, { maxRows, maxBytes }: RowLimits): LogRow[] {
    const stored = this.#rowsOf(partitionNumber);
    const rows: LogRow[] = [];
    let sizeInBytes = 0;
    for (let sequence = fromSequence; rows.length < maxRows; sequence++) {
      if (rows.length > 0 && (sizeInBytes >= maxBytes || !stored.has(sequence))) break;
      const row = this.#row(partitionNumber, sequence);
      rows.push({ ...row, index: row.index.slice(), bytes: row.bytes.slice() });
      sizeInBytes += row.bytes.length;
    }
    return rows;
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
    const copied: LogCommit = {
      partitions: commit.partitions.map((record) => ({ ...record, snapshot: record.snapshot.slice() })),
      rows: commit.rows.map((row) => ({ ...row, index: row.index.slice(), bytes: row.bytes.slice() })),
      deletedRows: [...commit.deletedRows],
      removedPartitions: [...commit.removedPartitions],
    };
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

  #row(partitionNumber: number, sequence: number): LogRow {
    const row = this.#rowsOf(partitionNumber).get(sequence);
    if (row === undefined) throw new Error(`row ${sequence} of partition ${partitionNumber} isn't stored`);
    return row;
  }
}

const NO_ROWS: ReadonlyMap<number, LogRow> = new Map();

/** The platform refused or failed a storage operation: no bug of the core. */
export class StorageError extends Error {}
