import type { Compression } from "#records/compression.ts";
import { BatchTimestamps, type LookupBudget, type TimestampOffset } from "../offsets-for-times.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { Segment } from "../segments.ts";
import type { TieredFailure, TieredReader } from "./tiered-reader.ts";

export interface TieredQuestion {
  readonly reader: TieredReader;
  readonly compression: Compression;
  readonly upperBound: number;
  readonly budget: LookupBudget;
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
    const found = await reader.firstAt(segment, timestampMs, batchesOf(log, question));
    if (found !== null) return found;
  }
  return log.offsetForTimestamp(timestampMs, upperBound, budget);
}

/** `PartitionLog.offsetOfMaxTimestamp` over all tiers. */
export async function offsetOfMaxTimestamp(log: PartitionLog, question: TieredQuestion): Promise<Answer> {
  const { reader, upperBound, budget } = question;
  const local = log.offsetOfMaxTimestamp(upperBound, budget);
  let newest: Segment | null = null;
  for (const segment of onlyTiered(log)) if (segment.maxTimestamp > (newest?.maxTimestamp ?? -1)) newest = segment;
  // Of two with the same timestamp the first counts, and what is tiered comes first.
  if (newest === null || (local !== null && local.timestampMs > newest.maxTimestamp)) return local;
  return (await reader.largest(newest, batchesOf(log, question))) ?? local;
}

function onlyTiered(log: PartitionLog): readonly Segment[] {
  return log.segments.sealed.filter(({ hasRows, endOffset }) => !hasRows && endOffset > log.logStartOffset);
}

function batchesOf(log: PartitionLog, { compression, upperBound, budget }: TieredQuestion): BatchTimestamps {
  return new BatchTimestamps(compression, log.searchBounds(upperBound), budget);
}
