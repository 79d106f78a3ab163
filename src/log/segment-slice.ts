import type { LogRow, StagedRow } from "#ports/log-store.ts";
import { readBatchHeader } from "#records/batch.ts";
import { readMarker } from "#records/control-record.ts";
import { BatchIndex, ENTRY_BYTES, type IndexedBatch } from "./batch-index.ts";
import { MAX_REWRITTEN_ROW_BYTES, MAX_ROW_BYTES } from "./limits.ts";
import { stagedRow } from "./partition-rows.ts";
import { Row } from "./row.ts";

/** Some rows of a sealed segment, read at once. */
export interface SegmentSlice {
  /** The rows of [fromSequence, endSequence), all of them. */
  readonly fromSequence: number;
  readonly endSequence: number;
  /** Their batches back to back, whole. */
  readonly bytes: Uint8Array;
  /** That of its first row. No row in its place may have less, or searches by time would lose their order. */
  readonly runningMaxTimestamp: number;
}

/** Fills up a large batch at the end of `rows` by the rows that continue it; `next` reads the row at or after a sequence. */
export function withoutCutBatch(rows: readonly LogRow[], next: (sequence: number) => readonly LogRow[]): LogRow[] {
  const whole = [...rows];
  for (let missing = missingBytes(whole); missing > 0; ) {
    const last = whole[whole.length - 1];
    const [part] = next(last.sequence + 1);
    if (part === undefined) throw new Error("a stored batch lacks its end");
    whole.push(part);
    missing -= part.bytes.length;
  }
  return whole;
}

function missingBytes(rows: readonly LogRow[]): number {
  // Only a row with a large batch is followed by rows without an index.
  const first = rows.findLastIndex(({ index }) => index.length > 0);
  if (first === -1) return 0;
  const index = BatchIndex.decode(rows[first].index);
  const stored = rows.slice(first).reduce((sum, { bytes }) => sum + bytes.length, 0);
  const last = index.count - 1;
  return index.position(last) + index.sizeInBytes(last) - stored;
}

export function joinRows(rows: readonly LogRow[], endSequence: number): SegmentSlice {
  if (rows.length === 1) return sliceOf(rows, endSequence, rows[0].bytes);
  const bytes = new Uint8Array(rows.reduce((sum, row) => sum + row.bytes.length, 0));
  let at = 0;
  for (const row of rows) {
    bytes.set(row.bytes, at);
    at += row.bytes.length;
  }
  return sliceOf(rows, endSequence, bytes);
}

/**
 * It begins with its first row, whatever gap is before that: whoever has read the row before the gap goes on there, so nothing may be put into
 * the gap.
 */
function sliceOf([first]: readonly LogRow[], endSequence: number, bytes: Uint8Array): SegmentSlice {
  return { fromSequence: first.sequence, endSequence, bytes, runningMaxTimestamp: first.runningMaxTimestamp };
}

/** The rows for these batches in the place of the slice's; null when they need more rows than the slice had sequences. */
export function packRows(
  partitionNumber: number,
  slice: SegmentSlice,
  batches: readonly Uint8Array[],
): StagedRow[] | null {
  const sizeInBytes = batches.reduce((sum, batch) => sum + batch.length, 0);
  for (const maxRowBytes of [MAX_ROW_BYTES, MAX_REWRITTEN_ROW_BYTES]) {
    const packer = new RowPacker(slice, sizeInBytes, maxRowBytes);
    for (const batch of batches) packer.add(batch);
    if (packer.rows.length > slice.endSequence - slice.fromSequence) continue;
    return packer.rows.map((row) => stagedRow(partitionNumber, row));
  }
  return null;
}

/** Lays batches into rows as appends do, but as full as they get. */
class RowPacker {
  readonly rows: Row[] = [];
  private sequence: number;
  private runningMax: number;
  private open: Row | null = null;
  private leftBytes: number;

  private readonly maxRowBytes: number;

  constructor({ fromSequence, runningMaxTimestamp }: SegmentSlice, sizeInBytes: number, maxRowBytes: number) {
    this.maxRowBytes = maxRowBytes;
    this.sequence = fromSequence;
    this.runningMax = runningMaxTimestamp;
    this.leftBytes = sizeInBytes;
  }

  add(bytes: Uint8Array): void {
    const batch = { ...readBatchHeader(bytes, 0), marker: readMarker(bytes, 0) };
    this.runningMax = Math.max(this.runningMax, batch.maxTimestamp);
    if (bytes.length > this.maxBatchBytes) {
      this.addLarge(batch, bytes);
    } else {
      if (this.open === null || this.open.room < bytes.length || this.isIndexTooLong(this.open, bytes.length)) {
        this.open = this.newRow(batch.baseOffset, Math.min(this.maxBatchBytes, this.leftBytes));
      }
      this.open.buffer.set(bytes, this.open.sizeInBytes);
      this.open.append(batch, bytes.length);
    }
    this.leftBytes -= bytes.length;
  }

  private get maxBatchBytes(): number {
    return this.maxRowBytes === MAX_ROW_BYTES ? MAX_ROW_BYTES : this.maxRowBytes - ENTRY_BYTES;
  }

  /** With rows of the usual size there is always room for the index. */
  private isIndexTooLong(row: Row, moreBytes: number): boolean {
    if (this.maxRowBytes === MAX_ROW_BYTES) return false;
    return row.sizeInBytes + moreBytes + (row.index.count + 1) * ENTRY_BYTES > this.maxRowBytes;
  }

  private addLarge(batch: IndexedBatch, bytes: Uint8Array): void {
    let first: Row | null = null;
    for (let at = 0; at < bytes.length; at += MAX_ROW_BYTES) {
      const part = bytes.subarray(at, at + MAX_ROW_BYTES);
      const row = this.newRow(batch.baseOffset, part.length);
      row.buffer.set(part);
      if (first === null) {
        row.append(batch, part.length);
        first = row;
      } else {
        row.sizeInBytes = part.length;
        row.nextOffset = first.nextOffset;
      }
    }
    this.open = null;
  }

  private newRow(baseOffset: number, capacity: number): Row {
    const row = new Row(this.sequence, baseOffset, new Uint8Array(capacity));
    row.runningMaxTimestamp = this.runningMax;
    this.sequence += 1;
    this.rows.push(row);
    return row;
  }
}
