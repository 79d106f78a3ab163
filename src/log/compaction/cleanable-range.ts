import type { CleanableLog, CleanableSegment, CompactionConfig } from "./cleanable-log.ts";

/** Which part of a log a round would compact, and how much that is worth. Offsets are [from, end). */
export interface CleanableRange {
  /** Before it the log is compacted. */
  readonly firstDirtyOffset: number;
  /** The first segment that a round leaves alone begins here. */
  readonly endOffset: number;
  /** Bytes of the segments that hold dirty records. */
  readonly dirtyBytes: number;
  /** Of the bytes of all segments with rows before `endOffset`, the share of `dirtyBytes`. A segment that is partly dirty counts as both, as in Kafka. */
  readonly dirtyRatio: number;
  /** `max.compaction.lag.ms` has passed for a dirty segment: the ratio doesn't matter. */
  readonly isOverdue: boolean;
}

/** By the rules of Kafka's LogCleanerManager. */
export function cleanableRange(log: CleanableLog, config: CompactionConfig, nowMs: number): CleanableRange {
  const firstDirtyOffset = firstDirtyOf(log);
  const segments = log.segments.sealed;
  const endOffset = firstUncleanable(log, firstDirtyOffset, nowMs - config.minCompactionLagMs, config);
  let cleanBytes = 0;
  let dirtyBytes = 0;
  let isOverdue = false;
  for (const segment of segments) {
    if (!segment.hasRows) continue;
    if (segment.baseOffset < firstDirtyOffset) cleanBytes += segment.sizeInBytes;
    if (segment.endOffset <= firstDirtyOffset) continue;
    if (segment.endOffset <= endOffset) dirtyBytes += segment.sizeInBytes;
    if (segment.firstTimestamp > 0 && segment.firstTimestamp < nowMs - config.maxCompactionLagMs) isOverdue = true;
  }
  const totalBytes = cleanBytes + dirtyBytes;
  const dirtyRatio = totalBytes === 0 ? 0 : dirtyBytes / totalBytes;
  return { firstDirtyOffset, endOffset, dirtyBytes, dirtyRatio, isOverdue };
}

/** Whether a round is due. */
export function isDue(range: CleanableRange, config: CompactionConfig): boolean {
  if (range.dirtyBytes === 0) return false;
  return range.isOverdue || range.dirtyRatio > config.minCleanableDirtyRatio;
}

/**
 * When time alone may make a round due that isn't now: a dirty segment becomes old enough, or has waited for long enough. Infinity when only
 * what is appended, or ended, can.
 */
export function nextDueMs(log: CleanableLog, config: CompactionConfig, nowMs: number): number {
  const firstDirtyOffset = firstDirtyOf(log);
  let dueMs = Number.POSITIVE_INFINITY;
  const consider = (atMs: number) => {
    if (atMs > nowMs && atMs < Number.MAX_SAFE_INTEGER) dueMs = Math.min(dueMs, atMs);
  };
  for (const segment of log.segments.sealed) {
    if (segment.endOffset <= firstDirtyOffset) continue;
    if (config.minCompactionLagMs > 0) consider(ageOf(segment) + config.minCompactionLagMs);
    if (segment.firstTimestamp > 0) consider(segment.firstTimestamp + config.maxCompactionLagMs + 1);
  }
  return dueMs;
}

/**
 * A checkpoint outside the log is of no use: what was noted for a log that has been cut since, or never. Segments that are in objects only,
 * from a time when the topic was deleted from, can't be compacted: what is dirty begins behind them.
 */
function firstDirtyOf(log: CleanableLog): number {
  const { firstDirtyOffset, logStartOffset } = log;
  const isOutside = firstDirtyOffset < logStartOffset || firstDirtyOffset > log.highWatermark;
  let offset = isOutside ? logStartOffset : firstDirtyOffset;
  for (const { hasRows, endOffset } of log.segments.sealed) {
    if (hasRows) break;
    offset = Math.max(offset, endOffset);
  }
  return offset;
}

/** The base of the first segment that is active, or not stable to its end, or too young. */
function firstUncleanable(log: CleanableLog, fromOffset: number, youngMs: number, config: CompactionConfig): number {
  for (const segment of log.segments.sealed) {
    if (segment.endOffset <= fromOffset) continue;
    if (segment.endOffset > log.lastStableOffset) return segment.baseOffset;
    if (config.minCompactionLagMs > 0 && ageOf(segment) > youngMs) return segment.baseOffset;
  }
  return log.segments.active.baseOffset;
}

/** A segment without timestamps is as old as its last append, or what we know best of that. */
function ageOf(segment: CleanableSegment): number {
  return segment.maxTimestamp >= 0 ? segment.maxTimestamp : segment.sealedAtMs;
}
