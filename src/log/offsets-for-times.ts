import { MalformedMessageError } from "#bytes/malformed.ts";
import { readBatchHeader } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { readRecords } from "#records/reader.ts";
import type { Record } from "#records/record.ts";
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

/** The first record within the bounds whose timestamp is at least `timestampMs`, or null. */
export function offsetForTimestamp(
  compression: Compression,
  rows: PartitionRows,
  timestampMs: number,
  bounds: SearchBounds,
): TimestampOffset | null {
  let sequence = rows.sequenceReaching(timestampMs);
  while (sequence < rows.nextSequence) {
    const row = rows.row(sequence);
    for (let i = 0; i < row.index.count; i++) {
      if (row.index.baseOffset(i) >= bounds.upperBound) return null;
      if (row.index.maxTimestamp(i) < timestampMs || row.index.lastOffset(i) < bounds.logStartOffset) continue;
      for (const record of recordsWithin(compression, batchBytes(rows, row, i), bounds)) {
        if (record.timestampMs >= timestampMs) return found(record, row.index.partitionLeaderEpoch(i));
      }
    }
    sequence = rows.nextSequenceReaching(sequence + 1, timestampMs);
  }
  return null;
}

/** The first of the records within the bounds that have the largest timestamp, or null when there are no records. */
export function offsetOfMaxTimestamp(
  compression: Compression,
  rows: PartitionRows,
  bounds: SearchBounds,
): TimestampOffset | null {
  const first = rows.sequenceOf(bounds.logStartOffset);
  const end = rows.sequenceOf(bounds.upperBound);
  if (first >= rows.nextSequence) return null;
  // The first row may hold records before the start, the last ones beyond the end: they are walked, the rest is asked for.
  let best = maxInRow(compression, rows, first, bounds);
  const inMiddle = first + 1 < end ? rows.maxTimestampBetween(first + 1, end) : -1;
  if (inMiddle > (best?.timestampMs ?? -1)) {
    best = later(best, maxInRow(compression, rows, rows.nextSequenceReaching(first + 1, inMiddle), bounds));
  }
  if (end > first && end < rows.nextSequence) best = later(best, maxInRow(compression, rows, end, bounds));
  return best;
}

function later(one: TimestampOffset | null, other: TimestampOffset | null): TimestampOffset | null {
  if (one === null || other === null) return one ?? other;
  return other.timestampMs > one.timestampMs ? other : one;
}

function maxInRow(
  compression: Compression,
  rows: PartitionRows,
  sequence: number,
  bounds: SearchBounds,
): TimestampOffset | null {
  const row = rows.row(sequence);
  let best: TimestampOffset | null = null;
  for (let i = 0; i < row.index.count; i++) {
    if (row.index.baseOffset(i) >= bounds.upperBound) break;
    if (row.index.lastOffset(i) < bounds.logStartOffset) continue;
    if (best !== null && row.index.maxTimestamp(i) <= best.timestampMs) continue;
    for (const record of recordsWithin(compression, batchBytes(rows, row, i), bounds)) {
      if (best === null || record.timestampMs > best.timestampMs) {
        best = found(record, row.index.partitionLeaderEpoch(i));
      }
    }
  }
  return best;
}

/**
 * A compressed batch was stored unopened, so its records may be other than its header says, or none at all. It is then
 * taken for one record at its first offset with its largest timestamp.
 */
function recordsWithin(compression: Compression, batch: Uint8Array, bounds: SearchBounds): Found[] {
  return openBatch(compression, batch).filter(
    (record) => record.offset >= bounds.logStartOffset && record.offset < bounds.upperBound,
  );
}

type Found = Pick<Record, "offset" | "timestampMs">;

function openBatch(compression: Compression, batch: Uint8Array): Found[] {
  try {
    return readRecords(compression, batch, 0);
  } catch (error) {
    if (!(error instanceof MalformedMessageError)) throw error;
    const { baseOffset, maxTimestamp } = readBatchHeader(batch, 0);
    return [{ offset: baseOffset, timestampMs: maxTimestamp }];
  }
}

function found(record: Found, leaderEpoch: number): TimestampOffset {
  return { offset: record.offset, timestampMs: record.timestampMs, leaderEpoch };
}
