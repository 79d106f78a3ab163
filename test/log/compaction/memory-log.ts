/** A log for compaction whose rows are arrays: each commit is one batch of changes, and a crash forgets those that weren't committed. */
import type { LastProduced } from "#log/compaction/clean-batch.ts";
import type {
  CleanableLog,
  CleanableSegment,
  CleanableSegments,
  CleanableSlice,
  RewriteOutcome,
} from "#log/compaction/cleanable-log.ts";
import type { AbortedTransaction } from "#log/compaction/transactions.ts";
import { lastOffsetOf, readBatchHeader } from "#records/batch.ts";
import { readBatches } from "#records/reader.ts";
import { join } from "../setup.ts";

interface Row {
  readonly sequence: number;
  readonly bytes: Uint8Array;
}

export class MemorySegment implements CleanableSegment {
  readonly baseOffset: number;
  readonly endOffset: number;
  rows: Row[];
  sealedAtMs = 0;
  hasRows = true;
  isRemoved = false;
  isClaimed = false;

  constructor(baseOffset: number, endOffset: number, rows: Row[]) {
    this.baseOffset = baseOffset;
    this.endOffset = endOffset;
    this.rows = rows;
  }

  get fromSequence(): number {
    return this.rows[0]?.sequence ?? 0;
  }

  get sizeInBytes(): number {
    return this.rows.reduce((sum, row) => sum + row.bytes.length, 0);
  }

  private get headers() {
    return this.rows.flatMap((row) => [...readBatches(row.bytes)].map((batch) => batch.header));
  }

  get firstTimestamp(): number {
    return this.headers[0]?.maxTimestamp ?? -1;
  }

  get maxTimestamp(): number {
    return this.headers.reduce((max, header) => Math.max(max, header.maxTimestamp), -1);
  }

  claim(): boolean {
    if (this.isClaimed || this.isRemoved) return false;
    this.isClaimed = true;
    return true;
  }

  release(): void {
    if (!this.isClaimed) throw new Error("a segment is released that nobody claimed");
    this.isClaimed = false;
  }
}

class MemorySegments implements CleanableSegments<MemorySegment> {
  sealed: MemorySegment[] = [];
  active = { baseOffset: 0 };
  slicesRewritten = 0;
  removedMarkers: number[] = [];
  /** The largest that a row may be. */
  maxRowBytes = Number.POSITIVE_INFINITY;

  readSlice(segment: MemorySegment, fromSequence: number, maxBytes: number): CleanableSlice | null {
    const rows: Row[] = [];
    let sizeInBytes = 0;
    for (const row of segment.rows) {
      if (row.sequence < fromSequence) continue;
      if (rows.length > 0 && sizeInBytes + row.bytes.length > maxBytes) break;
      rows.push(row);
      sizeInBytes += row.bytes.length;
    }
    if (rows.length === 0) return null;
    const endSequence = (rows.at(-1) as Row).sequence + 1;
    return { fromSequence: rows[0].sequence, endSequence, bytes: join(rows.map((row) => row.bytes)) };
  }

  rewriteSlice(
    segment: MemorySegment,
    slice: CleanableSlice,
    batches: readonly Uint8Array[],
    removedMarkers: readonly number[],
  ): RewriteOutcome {
    if (!segment.isClaimed) throw new Error("a segment is rewritten that nobody claimed");
    if (segment.isRemoved || slice.fromSequence < segment.fromSequence) return "gone";
    if (join(batches).length > this.maxRowBytes) return "tooLong";
    const before = segment.rows.filter((row) => row.sequence < slice.fromSequence);
    const after = segment.rows.filter((row) => row.sequence >= slice.endSequence);
    const rewritten = batches.length === 0 ? [] : [{ sequence: slice.fromSequence, bytes: join(batches) }];
    segment.rows = [...before, ...rewritten, ...after];
    this.slicesRewritten += 1;
    this.removedMarkers.push(...removedMarkers);
    return "staged";
  }

  merge(segments: readonly MemorySegment[]): boolean {
    if (segments.some((segment) => segment.isRemoved || !segment.isClaimed)) return false;
    const at = this.sealed.indexOf(segments[0]);
    const [first, last] = [segments[0], segments[segments.length - 1]];
    const merged = new MemorySegment(
      first.baseOffset,
      last.endOffset,
      segments.flatMap((segment) => segment.rows),
    );
    this.sealed.splice(at, segments.length, merged);
    return true;
  }
}

export class MemoryLog implements CleanableLog<MemorySegment> {
  readonly segments = new MemorySegments();
  active: Uint8Array[] = [];
  logStartOffset = 0;
  firstDirtyOffset = 0;
  isClosed = false;
  unstableOffset: number | null = null;
  aborted: AbortedTransaction[] = [];
  producers = new Map<number, LastProduced>();
  private nextSequence = 0;

  get highWatermark(): number {
    const last = this.active.at(-1);
    return last === undefined ? this.segments.active.baseOffset : lastOffsetOf(readBatchHeader(last, 0)) + 1;
  }

  get lastStableOffset(): number {
    return this.unstableOffset ?? this.highWatermark;
  }

  append(batch: Uint8Array): void {
    this.active.push(batch);
  }

  /** Seals the active segment, `batchesPerRow` batches to a row. */
  roll(batchesPerRow = 1): void {
    const rows: Row[] = [];
    const endOffset = this.highWatermark;
    for (let from = 0; from < this.active.length; from += batchesPerRow) {
      rows.push({ sequence: this.nextSequence++, bytes: join(this.active.slice(from, from + batchesPerRow)) });
    }
    this.segments.sealed.push(new MemorySegment(this.segments.active.baseOffset, endOffset, rows));
    this.segments.active = { baseOffset: endOffset };
    this.active = [];
  }

  noteCleaned(firstDirtyOffset: number): void {
    this.firstDirtyOffset = firstDirtyOffset;
  }

  abortedTransactions(fromOffset: number, upperBound: number): AbortedTransaction[] {
    return this.aborted.filter(({ firstOffset, lastOffset }) => lastOffset >= fromOffset && firstOffset < upperBound);
  }

  lastProduced(producerId: number): LastProduced | undefined {
    return this.producers.get(producerId);
  }

  /** Everything that a reader would get, from the log start on. */
  bytes(): Uint8Array {
    return join([...this.segments.sealed.flatMap((segment) => segment.rows.map((row) => row.bytes)), ...this.active]);
  }
}
