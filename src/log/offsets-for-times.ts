import { MalformedMessageError } from "#bytes/malformed.ts";
import { readBatchHeader } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { forEachTimestamp, type OpenedBatch, openBatch } from "#records/reader.ts";
import { LOOKUP_BATCH_MAX_BYTES, LOOKUP_MAX_BYTES, LOOKUPS_MAX_BYTES } from "./limits.ts";
import type { PartitionRows } from "./partition-rows.ts";
import { batchBytes } from "./read.ts";

/** A record found by its timestamp. */
export interface TimestampOffset {
  readonly offset: number;
  readonly timestampMs: number;
  readonly leaderEpoch: number;
}

/** Which records of the log a search looks at. */
export interface SearchBounds {
  readonly logStartOffset: number;
  readonly upperBound: number;
}

/** What the searches of one request may open together. */
export class LookupBudget {
  private leftBytes: number;

  constructor(maxBytes = LOOKUPS_MAX_BYTES) {
    this.leftBytes = maxBytes;
  }

  /** No search should begin any more. One that has begun ends by its own limit. */
  get isSpent(): boolean {
    return this.leftBytes <= 0;
  }

  spend(bytes: number): void {
    this.leftBytes -= bytes;
  }
}

/** Finds records by their timestamps within single batches, of which one search opens a bounded number of bytes. */
export class BatchTimestamps {
  private readonly compression: Compression;
  private readonly bounds: SearchBounds;
  private readonly budget: LookupBudget;
  private leftBytes = LOOKUP_MAX_BYTES;

  constructor(compression: Compression, bounds: SearchBounds, budget: LookupBudget) {
    this.compression = compression;
    this.bounds = bounds;
    this.budget = budget;
  }

  /** The first record of the batch within the bounds whose timestamp is at least `timestampMs`, or null. */
  first(batch: Uint8Array, timestampMs: number): TimestampOffset | null {
    return this.inBatch(batch, (opened) => {
      let found: Found | null = null;
      forEachTimestamp(opened, (offset, recordMs) => {
        if (recordMs < timestampMs || !this.isWithin(offset)) return false;
        found = { offset, timestampMs: recordMs };
        return true;
      });
      return found;
    });
  }

  /** The first of the records of the batch within the bounds that have its largest timestamp, or null when there are no records. */
  largest(batch: Uint8Array): TimestampOffset | null {
    return this.inBatch(batch, (opened) => {
      let best: Found | null = null;
      let largestMs = Number.NEGATIVE_INFINITY;
      forEachTimestamp(opened, (offset, timestampMs) => {
        if (timestampMs > largestMs && this.isWithin(offset)) {
          largestMs = timestampMs;
          best = { offset, timestampMs };
        }
        return false;
      });
      return best;
    });
  }

  private isWithin(offset: number): boolean {
    return offset >= this.bounds.logStartOffset && offset < this.bounds.upperBound;
  }

  /**
   * A compressed batch was stored unopened, so its records may be other than its header says, or none at all. What can't be
   * opened, or costs more than this search has left, is taken for one record at its first offset with its largest timestamp.
   */
  private inBatch(batch: Uint8Array, pick: (opened: OpenedBatch) => Found | null): TimestampOffset | null {
    const found = this.leftBytes > 0 ? this.openAndPick(batch, pick) : this.byHeader(batch);
    return found === null ? null : { ...found, leaderEpoch: readBatchHeader(batch, 0).partitionLeaderEpoch };
  }

  private openAndPick(batch: Uint8Array, pick: (opened: OpenedBatch) => Found | null): Found | null {
    let walkedBytes = LOOKUP_BATCH_MAX_BYTES;
    try {
      const opened = openBatch(this.compression, batch, 0, LOOKUP_BATCH_MAX_BYTES);
      walkedBytes = opened.bytes.length;
      return pick(opened);
    } catch (error) {
      if (!(error instanceof MalformedMessageError)) throw error;
      return this.byHeader(batch);
    } finally {
      this.leftBytes -= walkedBytes;
      this.budget.spend(walkedBytes);
    }
  }

  private byHeader(batch: Uint8Array): Found | null {
    const { baseOffset, maxTimestamp } = readBatchHeader(batch, 0);
    return this.isWithin(baseOffset) ? { offset: baseOffset, timestampMs: maxTimestamp } : null;
  }
}

/** One search in the rows of one partition. */
export class TimestampSearch {
  private readonly rows: PartitionRows;
  private readonly bounds: SearchBounds;
  private readonly batches: BatchTimestamps;

  constructor(rows: PartitionRows, bounds: SearchBounds, batches: BatchTimestamps) {
    this.rows = rows;
    this.bounds = bounds;
    this.batches = batches;
  }

  /** The first record within the bounds whose timestamp is at least `timestampMs`, or null. */
  first(timestampMs: number): TimestampOffset | null {
    const { rows, bounds } = this;
    let row = rows.rowFrom(rows.sequenceReaching(timestampMs));
    while (row !== undefined) {
      for (let i = 0; i < row.index.count; i++) {
        if (row.index.baseOffset(i) >= bounds.upperBound) return null;
        if (row.index.maxTimestamp(i) < timestampMs || row.index.lastOffset(i) < bounds.logStartOffset) continue;
        const found = this.batches.first(batchBytes(rows, row, i), timestampMs);
        if (found !== null) return found;
      }
      row = rows.rowFrom(rows.nextSequenceReaching(row.sequence + 1, timestampMs));
    }
    return null;
  }

  /** The first of the records within the bounds that have the largest timestamp, or null when there are no records. */
  largest(): TimestampOffset | null {
    const { rows, bounds } = this;
    const first = rows.sequenceOf(bounds.logStartOffset);
    const end = rows.sequenceOf(bounds.upperBound);
    if (first >= rows.nextSequence) return null;
    // The first row may hold records before the start, the last ones beyond the end: they are walked, the rest is asked for.
    let best = this.largestInRow(first);
    const inMiddle = first + 1 < end ? rows.maxTimestampBetween(first + 1, end) : -1;
    if (inMiddle > (best?.timestampMs ?? -1)) {
      const found = this.largestInRow(rows.nextSequenceReaching(first + 1, inMiddle));
      best = found?.timestampMs === inMiddle ? found : this.largestOfRows(first + 1, end, best);
    }
    if (end > first && end < rows.nextSequence) best = later(best, this.largestInRow(end));
    return best;
  }

  /** Row by row, where one says more than it holds: compaction may take the record of the largest timestamp and leave its batch. */
  private largestOfRows(
    fromSequence: number,
    endSequence: number,
    atLeast: TimestampOffset | null,
  ): TimestampOffset | null {
    const { rows } = this;
    let best = atLeast;
    const next = (from: number) => rows.nextSequenceReaching(from, (best?.timestampMs ?? -1) + 1);
    for (let at = next(fromSequence); at < endSequence; at = next(at + 1)) best = later(best, this.largestInRow(at));
    return best;
  }

  private largestInRow(sequence: number): TimestampOffset | null {
    const row = this.rows.rowFrom(sequence);
    if (row === undefined) return null;
    const { index } = row;
    // The batch that says it has the largest one comes first: with it known, hardly another one need be opened.
    let likeliest = -1;
    const mayHold = (i: number) =>
      index.baseOffset(i) < this.bounds.upperBound && index.lastOffset(i) >= this.bounds.logStartOffset;
    for (let i = 0; i < index.count; i++) {
      if (mayHold(i) && (likeliest === -1 || index.maxTimestamp(i) > index.maxTimestamp(likeliest))) likeliest = i;
    }
    if (likeliest === -1) return null;
    let best = this.batches.largest(batchBytes(this.rows, row, likeliest));
    for (let i = 0; i < index.count; i++) {
      const isBelow = best !== null && isPast(best, index.maxTimestamp(i), index.baseOffset(i));
      if (i !== likeliest && mayHold(i) && !isBelow)
        best = later(best, this.batches.largest(batchBytes(this.rows, row, i)));
    }
    return best;
  }
}

type Found = Pick<TimestampOffset, "offset" | "timestampMs">;

/** The one with the larger timestamp; of two with the same, the one that comes first in the log. */
export function later(one: TimestampOffset | null, other: TimestampOffset | null): TimestampOffset | null {
  if (one === null || other === null) return one ?? other;
  if (other.timestampMs !== one.timestampMs) return other.timestampMs > one.timestampMs ? other : one;
  return other.offset < one.offset ? other : one;
}

/** Whether a batch that says so much of itself can't hold a better record than `best`. */
export function isPast(best: TimestampOffset, maxTimestamp: number, baseOffset: number): boolean {
  return maxTimestamp < best.timestampMs || (maxTimestamp === best.timestampMs && baseOffset > best.offset);
}
