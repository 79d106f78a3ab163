import type { Compression } from "#records/compression.ts";
import { BatchTimestamps, isPast, type LookupBudget, later, type TimestampOffset } from "../offsets-for-times.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { Segment } from "../segments.ts";
import type { Patience } from "./patience.ts";
import type { TieredFailure, TieredReader } from "./tiered-reader.ts";

export interface TieredQuestion {
  readonly reader: TieredReader;
  readonly compression: Compression;
  readonly upperBound: number;
  readonly budget: LookupBudget;
  readonly patience: Patience;
}

type Answer = TimestampOffset | null | TieredFailure;

/** `PartitionLog.offsetForTimestamp` over all tiers. */
export async function offsetForTimestamp(
  log: PartitionLog,
  timestampMs: number,
  question: TieredQuestion,
): Promise<Answer> {
  const { reader, upperBound, budget } = question;
  for (const segment of onlyTiered(log)) {
    if (segment.maxTimestamp < timestampMs) continue;
    const found = await reader.firstAt(segment, timestampMs, batchesOf(log, question), question.patience);
    if (found !== null) return found;
  }
  return log.offsetForTimestamp(timestampMs, upperBound, budget);
}

/** `PartitionLog.offsetOfMaxTimestamp` over all tiers. */
export async function offsetOfMaxTimestamp(log: PartitionLog, question: TieredQuestion): Promise<Answer> {
  const { reader, upperBound, budget } = question;
  const { logStartOffset } = log;
  let best = log.offsetOfMaxTimestamp(upperBound, budget);
  // The record that gave a segment its largest timestamp may be deleted: then another one may have the newest that is left.
  const newestFirst = onlyTiered(log).toSorted((one, other) => other.maxTimestamp - one.maxTimestamp);
  for (const segment of newestFirst) {
    if (segment.maxTimestamp < 0 || (best !== null && isPast(best, segment.maxTimestamp, segment.baseOffset))) break;
    const found = await reader.largest(segment, logStartOffset, batchesOf(log, question), question.patience);
    if (found !== null && "kind" in found) return found;
    best = later(best, found);
  }
  return best;
}

function onlyTiered(log: PartitionLog): readonly Segment[] {
  return log.segments.sealed.filter(({ hasRows, endOffset }) => !hasRows && endOffset > log.logStartOffset);
}

function batchesOf(log: PartitionLog, { compression, upperBound, budget }: TieredQuestion): BatchTimestamps {
  return new BatchTimestamps(compression, log.searchBounds(upperBound), budget);
}
