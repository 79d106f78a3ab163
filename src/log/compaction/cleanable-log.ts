import type { LastProduced } from "./clean-batch.ts";
import type { AbortedTransaction } from "./transactions.ts";

/** A sealed segment of a log, as compaction sees it. */
export interface CleanableSegment {
  readonly baseOffset: number;
  /** The base offset of the next segment. */
  readonly endOffset: number;
  readonly sizeInBytes: number;
  /** The largest timestamp of its first batch, -1 for none: its age for `max.compaction.lag.ms`. */
  readonly firstTimestamp: number;
  /** -1 for none. */
  readonly maxTimestamp: number;
  readonly sealedAtMs: number;
  /** Its first row; later rows have larger sequences. */
  readonly fromSequence: number;
  /** False once its rows have left the store for an object. Such segments are the first ones of a log. */
  readonly hasRows: boolean;
  /** Retention or a deletion has taken it away. */
  readonly isRemoved: boolean;
  /** Takes it for oneself: nobody else uploads, rewrites or merges it. False when somebody has it. */
  claim(): boolean;
  release(): void;
}

/** Some rows of a segment: whole batches, back to back, on memory of their own. */
export interface CleanableSlice {
  readonly fromSequence: number;
  readonly endSequence: number;
  readonly bytes: Uint8Array;
}

/**
 * What became of a slice that was to be rewritten:
 * - `staged`: it is, with the next commit;
 * - `gone`: the segment or some of the slice's rows were taken away meanwhile;
 * - `tooLong`: its batches need more rows than there were.
 */
export type RewriteOutcome = "staged" | "gone" | "tooLong";

/** The segments of a partition, as compaction sees them. Nothing here waits; changes are staged for the next commit. */
export interface CleanableSegments<Segment extends CleanableSegment> {
  /** By offset; the active segment isn't among them. */
  readonly sealed: readonly Segment[];
  readonly active: { readonly baseOffset: number };
  /** At least one batch of a claimed segment from a row on, about `maxBytes`; null behind the last. */
  readSlice(segment: Segment, fromSequence: number, maxBytes: number): CleanableSlice | null;
  /**
   * Puts batches in the place of exactly these rows, in one commit, in which the transactions whose markers went are forgotten, too, and an
   * object of the segment, which holds what it was before, is given up.
   */
  rewriteSlice(
    segment: Segment,
    slice: CleanableSlice,
    batches: readonly Uint8Array[],
    removedMarkers: readonly number[],
  ): RewriteOutcome;
  /** Makes one of neighbouring segments, all claimed. False when that can't be. */
  merge(segments: readonly Segment[]): boolean;
}

/** A partition's log, as compaction sees it. */
export interface CleanableLog<Segment extends CleanableSegment = CleanableSegment> {
  readonly segments: CleanableSegments<Segment>;
  readonly logStartOffset: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly isClosed: boolean;
  /** Up to here the log is compacted: stored with it. */
  readonly firstDirtyOffset: number;
  noteCleaned(firstDirtyOffset: number): void;

  /** Those that reach into the offsets from `fromOffset` to before `upperBound`. */
  abortedTransactions(fromOffset: number, upperBound: number): readonly AbortedTransaction[];
  lastProduced(producerId: number): LastProduced | undefined;
}

/** The configs of a compacted topic that decide about its compaction, by Kafka's names. */
export interface CompactionConfig {
  /** `min.cleanable.dirty.ratio` */
  readonly minCleanableDirtyRatio: number;
  /** `min.compaction.lag.ms` */
  readonly minCompactionLagMs: number;
  /** `max.compaction.lag.ms` */
  readonly maxCompactionLagMs: number;
  /** `delete.retention.ms` */
  readonly deleteRetentionMs: number;
  /** `segment.bytes`: up to this size neighbouring segments are made one. */
  readonly segmentBytes: number;
}
