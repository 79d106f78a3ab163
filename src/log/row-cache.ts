import { READ_ROW_OVERHEAD_BYTES, READ_ROWS_MAX_BYTES, TAIL_MAX_BYTES } from "./limits.ts";
import type { Row } from "./row.ts";
import { RowBuffers } from "./row-buffers.ts";

export interface RowCacheLimits {
  readonly tailMaxBytes: number;
  readonly readRowsMaxBytes: number;
}

/** Who keeps rows in the tail: told when the oldest of its committed ones has to go. */
export interface TailOwner {
  dropOldest(row: Row): void;
}

/**
 * The memory for rows of all partitions of a broker: the tail (rows as they were written, the oldest commit goes
 * first) and rows that were read back (the one unused for longest goes first). Staged rows are only counted: the broker
 * bounds them by holding back its connections.
 */
export class RowCache {
  readonly buffers = new RowBuffers();
  private readonly limits: RowCacheLimits;
  private readonly tail = new Map<Row, TailOwner>();
  private tailBytes = 0;
  private notYetCommittedBytes = 0;
  private readonly readRows = new Map<number, Row>();
  private readRowsBytes = 0;

  constructor(limits: RowCacheLimits = { tailMaxBytes: TAIL_MAX_BYTES, readRowsMaxBytes: READ_ROWS_MAX_BYTES }) {
    this.limits = limits;
  }

  get sizeInBytes(): number {
    return this.tailBytes + this.readRowsBytes;
  }

  /** The buffers of rows that aren't on the disk yet. */
  get stagedBytes(): number {
    return this.notYetCommittedBytes;
  }

  addStaged(row: Row): void {
    this.notYetCommittedBytes += row.buffer.length;
  }

  /** Takes a row over that is now on the disk, and lets the oldest go when there are too many. */
  addCommitted(row: Row, owner: TailOwner): void {
    this.notYetCommittedBytes -= row.buffer.length;
    this.tail.set(row, owner);
    this.tailBytes += row.buffer.length;
    while (this.tailBytes > this.limits.tailMaxBytes) this.evictOldest();
  }

  private evictOldest(): void {
    for (const [row, owner] of this.tail) {
      this.removeCommitted(row);
      owner.dropOldest(row);
      return;
    }
  }

  /** Forgets a row of a deleted partition, committed or not. */
  remove(row: Row): void {
    if (this.tail.has(row)) this.removeCommitted(row);
    else this.notYetCommittedBytes -= row.buffer.length;
  }

  /** Forgets a row that its owner has deleted or dropped. */
  removeCommitted(row: Row): void {
    if (!this.tail.delete(row)) return;
    this.tailBytes -= row.buffer.length;
    row.drop((buffer) => this.buffers.give(buffer));
  }

  readRow(key: number): Row | undefined {
    const row = this.readRows.get(key);
    if (row === undefined) return undefined;
    this.readRows.delete(key);
    this.readRows.set(key, row);
    return row;
  }

  addReadRow(key: number, row: Row): void {
    this.removeReadRow(key);
    this.readRows.set(key, row);
    this.readRowsBytes += bytesOf(row);
    for (const oldest of this.readRows.keys()) {
      if (this.readRowsBytes <= this.limits.readRowsMaxBytes) return;
      this.removeReadRow(oldest);
    }
  }

  removeReadRow(key: number): void {
    const row = this.readRows.get(key);
    if (row === undefined) return;
    this.readRows.delete(key);
    this.readRowsBytes -= bytesOf(row);
    // A read that brings in many rows drops those that it found first before it takes its leases.
    row.drop((buffer) => this.buffers.end(buffer, () => row.isLeased));
  }

  /** Forgets the read rows with keys in [from, end). */
  removeReadRows(from: number, end: number): void {
    for (const key of this.readRows.keys()) if (key >= from && key < end) this.removeReadRow(key);
  }
}

/** What a row that was read holds: where records came one by one, it is itself larger than its bytes. */
function bytesOf(row: Row): number {
  return row.buffer.length + READ_ROW_OVERHEAD_BYTES;
}
