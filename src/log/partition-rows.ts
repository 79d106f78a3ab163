import type { LogRow, LogStore, RowHead, RowRange, StagedRow } from "#ports/log-store.ts";
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
 * not yet handed to a commit (`staged`, the very last of which still grows). Before the tail there may be gaps, where compaction has put
 * fewer rows into the place of some.
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
  /** Rows that the commit under way replaces: until it ends, what memory has of them may be the old or the new ones. */
  private changing: RowRange | null = null;
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

  /** Nothing is in memory but what was read. */
  get isQuiet(): boolean {
    return this.tail.length === 0 && this.changing === null;
  }

  /** The next batch begins a new row: a segment ends here. */
  closeRow(): void {
    this.open = null;
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
    if (this.changing !== null) this.forgetRead(this.changing);
    this.changing = null;
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
    this.forgetRead(range);
    this.firstSequence = this.sequence;
    return range;
  }

  /**
   * Drops the rows wholly before `offset`, and returns which of them are to be deleted from the store. The offset is at
   * most the high watermark, so all of them have been committed.
   */
  deleteBefore(offset: number): RowRange {
    return this.dropBefore(this.sequenceOf(offset));
  }

  /** The same by sequence. */
  dropBefore(sequence: number): RowRange {
    const endSequence = Math.max(sequence, this.firstSequence);
    const range = { partitionNumber: this.number, fromSequence: this.firstSequence, endSequence };
    this.dropTailBefore(endSequence);
    this.forgetRead(range);
    this.firstSequence = endSequence;
    return range;
  }

  private dropTailBefore(sequence: number): void {
    while (this.tail.length > 0 && this.tail[0].sequence < sequence) {
      this.cache.removeCommitted(this.tail.shift() as Row);
    }
  }

  private forgetRead({ fromSequence, endSequence }: RowRange): void {
    const first = this.number * ROW_SEQUENCES;
    this.cache.removeReadRows(first + fromSequence, first + endSequence);
  }

  /**
   * Other rows take the place of those in the range, by the commit that begins now: memory lets go of them, and until the commit has ended
   * every read of one asks the store.
   */
  rewriting(range: RowRange): void {
    this.dropTailBefore(range.endSequence);
    this.forgetRead(range);
    const { changing } = this;
    const fromSequence = Math.min(range.fromSequence, changing?.fromSequence ?? range.fromSequence);
    const endSequence = Math.max(range.endSequence, changing?.endSequence ?? range.endSequence);
    this.changing = { ...range, fromSequence, endSequence };
  }

  /** Whole stored rows at or after `fromSequence`, past the caches: for a walk over much that nobody will want again. */
  storedRows(fromSequence: number, maxBytes: number): LogRow[] {
    return this.store.rows(this.number, fromSequence, { maxRows: READ_AHEAD_ROWS, maxBytes });
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
    this.lastFound = this.storedLowerBound((head) => head.nextOffset > offset);
    return this.lastFound;
  }

  /** The first row before the tail for whose head `isReached` holds, as it must from there on, or where the tail begins. */
  private storedLowerBound(isReached: (head: RowHead) => boolean): number {
    let found = this.tailSequence;
    lowerBound(this.firstSequence, this.tailSequence, (i) => {
      const head = this.storedHead(i);
      if (head !== null && !isReached(head)) return false;
      if (head !== null) found = Math.min(found, head.sequence);
      return true;
    });
    return found;
  }

  /** The first stored row before the tail at or after `sequence`. */
  private storedHead(sequence: number): RowHead | null {
    const head = this.store.head(this.number, sequence);
    return head !== null && head.sequence < this.tailSequence ? head : null;
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
    let i = first;
    for (; i < tail.length && tail[i].nextOffset <= upperBound && sum < limitBytes; i++) sum += tail[i].sizeInBytes;
    // The last stable offset may lie within a row.
    const last = tail.at(i);
    if (last !== undefined && i < tail.length && last.nextOffset > upperBound && last.index.count > 0) {
      const end = last.index.firstReachingOffset(upperBound);
      if (end < last.index.count) sum += last.index.position(end);
    }
    return Math.max(0, Math.min(sum, limitBytes));
  }

  private near(offset: number): number {
    for (let sequence = this.lastFound; sequence <= this.lastFound + 1; sequence++) {
      if (sequence < this.firstSequence || sequence >= this.tailSequence) continue;
      const head = this.inMemory(sequence) ?? this.storedHead(sequence);
      if (head === null) return -1;
      // A row that continues a large batch has its offsets too, but the batch begins before it.
      if (head.baseOffset <= offset && head.nextOffset > offset && head.maxTimestamp !== CONTINUATION_TIMESTAMP) {
        this.lastFound = head.sequence;
        return head.sequence;
      }
    }
    return -1;
  }

  /** The first row by which the log has seen a timestamp of at least `timestamp`; `nextSequence` when there is none. */
  sequenceReaching(timestamp: number): number {
    const tail = this.tail;
    const inTail = lowerBound(0, tail.length, (i) => tail[i].runningMaxTimestamp >= timestamp);
    if (inTail > 0 || this.tailSequence === this.firstSequence) return this.tailSequence + inTail;
    return this.storedLowerBound((head) => head.runningMaxTimestamp >= timestamp);
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

  /** The row at or after `sequence`; undefined behind the last one. */
  rowFrom(sequence: number): Row | undefined {
    const known = this.inMemory(sequence);
    if (known !== undefined) return known;
    if (sequence >= this.sequence) return undefined;
    const maxRows = Math.min(READ_AHEAD_ROWS, this.tailSequence - sequence);
    const stored = this.store.rows(this.number, sequence, { maxRows, maxBytes: READ_AHEAD_BYTES });
    const ahead = stored.filter((row) => row.sequence < this.tailSequence).map(Row.stored);
    for (const [i, row] of ahead.entries()) {
      row.nextSequence = ahead.at(i + 1)?.sequence ?? row.nextSequence;
      if (!this.isChanging(row.sequence)) this.cache.addReadRow(this.number * ROW_SEQUENCES + row.sequence, row);
    }
    return ahead.at(0) ?? this.tail.at(0);
  }

  /** @throws Error when there is none: a bug. */
  row(sequence: number): Row {
    const row = this.rowFrom(sequence);
    if (row === undefined) throw new Error(`there is no row ${sequence}`);
    return row;
  }

  private isChanging(sequence: number): boolean {
    return this.changing !== null && sequence >= this.changing.fromSequence && sequence < this.changing.endSequence;
  }

  private inMemory(sequence: number): Row | undefined {
    if (sequence < this.firstSequence) throw new Error(`row ${sequence} is gone`);
    const inTail = sequence - this.tailSequence;
    if (inTail >= 0) return this.tail[inTail];
    return this.isChanging(sequence) ? undefined : this.cache.readRow(this.number * ROW_SEQUENCES + sequence);
  }
}

const CONTINUATION_TIMESTAMP = -1;

/** A row as a commit takes it. */
export function stagedRow(partitionNumber: number, row: Row): StagedRow {
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
