import type { LogStore, RowHead, RowRange, StagedRow } from "#ports/log-store.ts";
import type { IndexedBatch } from "./batch-index.ts";
import { MAX_ROW_BYTES, READ_AHEAD_BYTES, READ_AHEAD_ROWS, ROW_SEQUENCES } from "./limits.ts";
import { Row } from "./row.ts";
import { bufferBytesFor } from "./row-buffers.ts";
import type { RowCache } from "./row-cache.ts";

/** Where a partition's rows begin and end, as recovery found it. */
export interface RowBounds {
  readonly number: number;
  readonly firstSequence: number;
  readonly nextSequence: number;
  readonly runningMaxTimestamp: number;
}

/**
 * The rows of one partition: [firstSequence, nextSequence), the last of them in memory (`tail`), of those the last ones
 * not yet handed to a commit (`staged`, the very last of which still grows).
 */
export class PartitionRows {
  readonly number: number;
  firstSequence: number;
  private readonly store: LogStore;
  private readonly cache: RowCache;
  private readonly tail: Row[] = [];
  private stagedCount = 0;
  /** Rows of the commit that is under way: the last ones of the tail before the staged ones. */
  private committing: Row[] = [];
  private open: Row | null = null;
  private stagedBytes = 0;
  /** What the last commit held: the next row begins with a buffer for as much. */
  private expectedBytes = 0;
  private runningMax: number;
  private sequence: number;
  /** The row that answered the last search of the store: the next search most often wants it or the one after it. */
  private lastFound: number;

  constructor(store: LogStore, cache: RowCache, bounds: RowBounds) {
    this.store = store;
    this.cache = cache;
    this.number = bounds.number;
    this.firstSequence = bounds.firstSequence;
    this.sequence = bounds.nextSequence;
    this.runningMax = bounds.runningMaxTimestamp;
    this.lastFound = bounds.firstSequence;
  }

  get nextSequence(): number {
    return this.sequence;
  }

  get runningMaxTimestamp(): number {
    return this.runningMax;
  }

  private get tailSequence(): number {
    return this.sequence - this.tail.length;
  }

  /** Copies a batch to the end of the last row, or into new rows. Returns where its first part now is. */
  stage(batch: IndexedBatch, bytes: Uint8Array): { buffer: Uint8Array; at: number } {
    this.runningMax = Math.max(this.runningMax, batch.maxTimestamp);
    this.stagedBytes += bytes.length;
    const first =
      bytes.length > MAX_ROW_BYTES ? this.newRow(batch.baseOffset, MAX_ROW_BYTES) : this.rowFor(batch, bytes);
    const at = first.sizeInBytes;
    const part = bytes.length > MAX_ROW_BYTES ? bytes.subarray(0, MAX_ROW_BYTES) : bytes;
    first.buffer.set(part, at);
    first.append(batch, part.length);
    for (let done = part.length; done < bytes.length; done += MAX_ROW_BYTES) {
      this.stageContinuation(first, bytes.subarray(done, done + MAX_ROW_BYTES));
    }
    return { buffer: first.buffer, at };
  }

  private rowFor(batch: IndexedBatch, bytes: Uint8Array): Row {
    if (this.open !== null && this.open.room >= bytes.length) return this.open;
    const wanted = this.open === null ? this.expectedBytes : this.open.buffer.length * 2;
    this.open = this.newRow(batch.baseOffset, Math.max(bytes.length, Math.min(wanted, MAX_ROW_BYTES)));
    return this.open;
  }

  private newRow(baseOffset: number, minBytes: number): Row {
    const row = new Row(this.sequence, baseOffset, this.cache.buffers.take(minBytes));
    row.runningMaxTimestamp = this.runningMax;
    this.sequence += 1;
    this.tail.push(row);
    this.stagedCount += 1;
    this.cache.addStaged(row);
    this.open = null;
    return row;
  }

  private stageContinuation(first: Row, part: Uint8Array): void {
    const row = this.newRow(first.baseOffset, part.length);
    row.buffer.set(part);
    row.sizeInBytes = part.length;
    row.nextOffset = first.nextOffset;
  }

  /** Hands the staged rows to a commit; they don't change any more. */
  takeStaged(into: StagedRow[]): void {
    this.committing = this.tail.slice(this.tail.length - this.stagedCount);
    for (const row of this.committing) into.push(stagedRow(this.number, row));
    this.stagedCount = 0;
    this.open = null;
    this.expectedBytes = this.stagedBytes === 0 ? 0 : bufferBytesFor(this.stagedBytes);
    this.stagedBytes = 0;
  }

  /** The rows taken last are on the disk. */
  committed(): void {
    const rows = this.committing;
    this.committing = [];
    for (const row of rows) this.cache.addCommitted(row, this);
  }

  dropOldest(row: Row): void {
    if (this.tail.shift() !== row) throw new Error("the oldest row of the cache is not the oldest of its partition");
  }

  /** Drops all rows, staged ones too, and returns which of them the store has, or will have after the commit under way. */
  deleteAll(): RowRange {
    const range = { partitionNumber: this.number, fromSequence: this.firstSequence, endSequence: this.sequence };
    for (const row of this.tail) this.cache.remove(row);
    this.tail.length = 0;
    this.stagedCount = 0;
    this.committing = [];
    this.open = null;
    this.cache.removeReadRows(this.number * ROW_SEQUENCES, (this.number + 1) * ROW_SEQUENCES);
    this.firstSequence = this.sequence;
    return range;
  }

  /**
   * Drops the rows wholly before `offset`, and returns which of them are to be deleted from the store. The offset is at
   * most the high watermark, so all of them have been committed.
   */
  deleteBefore(offset: number): RowRange {
    const fromSequence = this.firstSequence;
    const endSequence = this.sequenceOf(offset);
    while (this.tail.length > 0 && this.tail[0].sequence < endSequence) {
      this.cache.removeCommitted(this.tail.shift() as Row);
    }
    this.cache.removeReadRows(this.number * ROW_SEQUENCES, this.number * ROW_SEQUENCES + endSequence);
    this.firstSequence = endSequence;
    return { partitionNumber: this.number, fromSequence, endSequence };
  }

  /** The row with the batch that holds `offset`, or would; `nextSequence` when it lies behind all rows. */
  sequenceOf(offset: number): number {
    const tail = this.tail;
    const inTail = lowerBound(0, tail.length, (i) => tail[i].nextOffset > offset);
    if (inTail > 0 || this.tailSequence === this.firstSequence) return this.tailSequence + inTail;
    // The tail may begin within a large batch, or behind the offset: only then must the store be asked.
    if (tail.length > 0 && tail[0].baseOffset <= offset && tail[0].index.count > 0) return this.tailSequence;
    const near = this.near(offset);
    if (near !== -1) return near;
    this.lastFound = lowerBound(
      this.firstSequence,
      this.tailSequence,
      (i) => this.store.head(this.number, i).nextOffset > offset,
    );
    return this.lastFound;
  }

  /**
   * The bytes from the batch that holds `offset` to `upperBound`, by the rows of the tail alone; `limitBytes` when there are as many
   * or when the offset lies before the tail, where nobody knows without asking the store.
   */
  bytesFrom(offset: number, upperBound: number, limitBytes: number): number {
    if (offset >= upperBound) return 0;
    const tail = this.tail;
    if (tail.length === 0 || tail[0].baseOffset > offset || tail[0].index.count === 0) return limitBytes;
    const first = lowerBound(0, tail.length, (i) => tail[i].nextOffset > offset);
    let sum = -tail[first].index.position(tail[first].index.firstReachingOffset(offset));
    for (let i = first; i < tail.length && tail[i].nextOffset <= upperBound && sum < limitBytes; i++) {
      sum += tail[i].sizeInBytes;
    }
    return Math.max(0, Math.min(sum, limitBytes));
  }

  private near(offset: number): number {
    for (let sequence = this.lastFound; sequence <= this.lastFound + 1; sequence++) {
      if (sequence < this.firstSequence || sequence >= this.tailSequence) continue;
      const head = this.head(sequence);
      // A row that continues a large batch has its offsets too, but the batch begins before it.
      if (head.baseOffset <= offset && head.nextOffset > offset && head.maxTimestamp !== CONTINUATION_TIMESTAMP) {
        this.lastFound = sequence;
        return sequence;
      }
    }
    return -1;
  }

  /** The first row by which the log has seen a timestamp of at least `timestamp`; `nextSequence` when there is none. */
  sequenceReaching(timestamp: number): number {
    const tail = this.tail;
    const inTail = lowerBound(0, tail.length, (i) => tail[i].runningMaxTimestamp >= timestamp);
    if (inTail > 0 || this.tailSequence === this.firstSequence) return this.tailSequence + inTail;
    return lowerBound(
      this.firstSequence,
      this.tailSequence,
      (i) => this.store.head(this.number, i).runningMaxTimestamp >= timestamp,
    );
  }

  /** The first row at or after `fromSequence` that itself has a timestamp of at least `timestamp`. */
  nextSequenceReaching(fromSequence: number, timestamp: number): number {
    if (fromSequence < this.tailSequence) {
      const stored = this.store.firstSequenceReaching(this.number, fromSequence, timestamp);
      if (stored !== -1) return stored;
    }
    const tail = this.tail;
    for (let i = Math.max(fromSequence - this.tailSequence, 0); i < tail.length; i++) {
      if (tail[i].maxTimestamp >= timestamp) return tail[i].sequence;
    }
    return this.sequence;
  }

  /** The largest timestamp of the rows in [fromSequence, endSequence), -1 when there are none. */
  maxTimestampBetween(fromSequence: number, endSequence: number): number {
    const storedEnd = Math.min(this.tailSequence, endSequence);
    let max = fromSequence < storedEnd ? this.store.maxTimestamp(this.number, fromSequence, storedEnd) : -1;
    for (const row of this.tail) {
      if (row.sequence < fromSequence || row.sequence >= endSequence) continue;
      if (row.maxTimestamp > max) max = row.maxTimestamp;
    }
    return max;
  }

  head(sequence: number): RowHead {
    return this.inMemory(sequence) ?? this.store.head(this.number, sequence);
  }

  row(sequence: number): Row {
    const known = this.inMemory(sequence);
    if (known !== undefined) return known;
    const maxRows = Math.min(READ_AHEAD_ROWS, this.tailSequence - sequence);
    const ahead = this.store.rows(this.number, sequence, { maxRows, maxBytes: READ_AHEAD_BYTES }).map(Row.stored);
    for (const row of ahead) this.cache.addReadRow(this.number * ROW_SEQUENCES + row.sequence, row);
    return ahead[0];
  }

  private inMemory(sequence: number): Row | undefined {
    if (sequence < this.firstSequence || sequence >= this.sequence) throw new Error(`there is no row ${sequence}`);
    const inTail = sequence - this.tailSequence;
    return inTail >= 0 ? this.tail[inTail] : this.cache.readRow(this.number * ROW_SEQUENCES + sequence);
  }
}

const CONTINUATION_TIMESTAMP = -1;

function stagedRow(partitionNumber: number, row: Row): StagedRow {
  return {
    partitionNumber,
    sequence: row.sequence,
    baseOffset: row.baseOffset,
    nextOffset: row.nextOffset,
    maxTimestamp: row.maxTimestamp,
    runningMaxTimestamp: row.runningMaxTimestamp,
    index: row.index.encode(),
    bytes: row.bytes,
  };
}

/** The first number in [low, high) for which `isReached` holds, or `high`; it must hold from there on. */
function lowerBound(low: number, high: number, isReached: (i: number) => boolean): number {
  let from = low;
  let end = high;
  while (from < end) {
    const middle = from + Math.floor((end - from) / 2);
    if (isReached(middle)) end = middle;
    else from = middle + 1;
  }
  return from;
}
