import { JOIN_BELOW_BYTES } from "./limits.ts";
import type { PartitionRows } from "./partition-rows.ts";
import type { Row } from "./row.ts";

export interface ReadLimits {
  /** Whole batches of at most so many bytes. */
  readonly maxBytes: number;
  /** Batches that reach this offset aren't returned. */
  readonly upperBound: number;
  /** The first batch is returned even when it is larger than `maxBytes`. */
  readonly minOneMessage: boolean;
}

export interface ReadBatches {
  readonly kind: "read";
  /** Whole batches when put one after the other; on memory that stays as it is until `release`. */
  readonly chunks: Uint8Array[];
  readonly sizeInBytes: number;
  /** The offset after the last batch in `chunks`; the offset asked for when there is none. */
  readonly nextOffset: number;
  /**
   * Allows the memory to be used again, once the chunks have been written to a socket. Never calling it is safe, the
   * memory is then left to the garbage collector; calling it too early is not.
   */
  release(): void;
}

/** Collects what a read returns. */
class Collected implements ReadBatches {
  readonly kind = "read";
  readonly chunks: Uint8Array[] = [];
  sizeInBytes = 0;
  nextOffset: number;
  private rows: Row[] = [];
  private small: Uint8Array[] = [];
  private smallBytes = 0;

  constructor(fromOffset: number) {
    this.nextOffset = fromOffset;
  }

  add(row: Row, from: number, end: number): void {
    const chunk = row.buffer.subarray(from, end);
    this.sizeInBytes += chunk.length;
    if (chunk.length < JOIN_BELOW_BYTES) {
      this.small.push(chunk);
      this.smallBytes += chunk.length;
      return;
    }
    this.joinSmall();
    this.chunks.push(chunk);
    row.lease();
    this.rows.push(row);
  }

  /** Copies the small pieces so far into one. */
  joinSmall(): void {
    if (this.small.length === 0) return;
    const joined = new Uint8Array(this.smallBytes);
    let at = 0;
    for (const chunk of this.small) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    this.chunks.push(joined);
    this.small = [];
    this.smallBytes = 0;
  }

  release(): void {
    for (const row of this.rows) row.release();
    this.rows = [];
  }
}

/** Reads from the batch that holds `fromOffset` on, which may begin before it. */
export function readBatches(rows: PartitionRows, fromOffset: number, limits: ReadLimits): ReadBatches {
  const collected = new Collected(fromOffset);
  let row = rows.rowFrom(rows.sequenceOf(fromOffset));
  while (row !== undefined) {
    const first = row.index.firstReachingOffset(fromOffset);
    if (first < row.index.count && row.index.sizeInBytes(0) > row.sizeInBytes) {
      if (!addLargeBatch(rows, row, limits, collected)) break;
      row = rows.rowFrom(row.sequence + Math.ceil(row.index.sizeInBytes(0) / row.sizeInBytes));
      continue;
    }
    if (!addFromRow(row, first, limits, collected)) break;
    row = rows.rowFrom(row.nextSequence);
  }
  collected.joinSmall();
  return collected;
}

/** Adds the row's batches from the one numbered `first` on. False when a limit ended it. */
function addFromRow(row: Row, first: number, limits: ReadLimits, collected: Collected): boolean {
  const { index } = row;
  const from = first < index.count ? index.position(first) : row.sizeInBytes;
  const room = limits.maxBytes - collected.sizeInBytes;
  if (row.nextOffset <= limits.upperBound && row.sizeInBytes - from <= room) {
    if (from < row.sizeInBytes) collected.add(row, from, row.sizeInBytes);
    collected.nextOffset = row.nextOffset;
    return true;
  }
  let end = from;
  for (let i = first; i < index.count && index.lastOffset(i) < limits.upperBound; i++) {
    const next = index.position(i) + index.sizeInBytes(i);
    const isFirst = limits.minOneMessage && collected.sizeInBytes === 0 && i === first;
    if (next - from > room && !isFirst) break;
    end = next;
    collected.nextOffset = index.lastOffset(i) + 1;
  }
  if (end > from) collected.add(row, from, end);
  return false;
}

/** Adds the batch that begins in `row` and goes on in the rows behind it. False when a limit forbids it. */
function addLargeBatch(rows: PartitionRows, row: Row, limits: ReadLimits, collected: Collected): boolean {
  const size = row.index.sizeInBytes(0);
  if (row.nextOffset > limits.upperBound) return false;
  const isFirst = limits.minOneMessage && collected.sizeInBytes === 0;
  if (size > limits.maxBytes - collected.sizeInBytes && !isFirst) return false;
  for (const part of partsOf(rows, row)) collected.add(part, 0, part.sizeInBytes);
  collected.nextOffset = row.nextOffset;
  return true;
}

/** The rows that hold the large batch which begins in `row`. */
function partsOf(rows: PartitionRows, row: Row): Row[] {
  const parts = [row];
  let left = row.index.sizeInBytes(0) - row.sizeInBytes;
  while (left > 0) {
    const part = rows.row(row.sequence + parts.length);
    left -= part.sizeInBytes;
    parts.push(part);
  }
  return parts;
}

/** The bytes of the batch numbered `i` of a row; joined, when it lies in several rows. */
export function batchBytes(rows: PartitionRows, row: Row, i: number): Uint8Array {
  const from = row.index.position(i);
  const size = row.index.sizeInBytes(i);
  if (from + size <= row.sizeInBytes) return row.buffer.subarray(from, from + size);
  const joined = new Uint8Array(size);
  let at = 0;
  for (const part of partsOf(rows, row)) {
    joined.set(part.bytes, at);
    at += part.sizeInBytes;
  }
  return joined;
}
