import { isControl, lastOffsetOf, readBatchHeader } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { type CleanedBatch, type CleaningRules, cleanBatch, withoutHorizon } from "./clean-batch.ts";
import type { CleanableLog, CleanableSegment, CleanableSlice, CompactionConfig } from "./cleanable-log.ts";
import type { CleanableRange } from "./cleanable-range.ts";
import { indexBatch } from "./index-batch.ts";
import { MAX_SEGMENT_OFFSETS, SLICE_MAX_BYTES, SLICE_MAX_RECORDS } from "./limits.ts";
import type { OffsetMap } from "./offset-map.ts";
import { SegmentCursor, type SliceBudget } from "./segment-cursor.ts";
import { TransactionWalk } from "./transactions.ts";

/**
 * What a step of a round leaves to be done before the next one:
 * - `more`: let others have a turn;
 * - `staged`: wait for the commit;
 * - `done`: the same, and there is no next one;
 * - `blocked`: somebody else has a segment, or rows of it are gone: begin a new round some time.
 */
export type RoundStep = "more" | "staged" | "done" | "blocked";

export interface RoundOptions {
  readonly compression: Compression;
  readonly config: CompactionConfig;
  /** An empty one. */
  readonly latest: OffsetMap;
  readonly range: CleanableRange;
  /** Milliseconds since the epoch: the time of the whole round, as in Kafka. */
  readonly nowMs: number;
}

interface RoundRules extends CleaningRules {
  keepsDeletes: boolean;
}

/** What takes the place of a slice. */
interface SliceOutput {
  hasChanged: boolean;
  readonly batches: { readonly bytes: Uint8Array; readonly setsHorizon: boolean }[];
  /** The offsets of markers that aren't in them any more. */
  readonly removedMarkers: number[];
}

function newOutput(): SliceOutput {
  return { hasChanged: false, batches: [], removedMarkers: [] };
}

/**
 * One round of compaction of one partition (Kafka's Cleaner), step by step. First the keys of the dirty part go into the map, as many as it
 * holds; then everything up to there is walked from the start of the log, and rows that hold something useless are replaced, some at a time, each time
 * by one commit. A record only goes when the one that replaces it is in the log, before it goes from a later place; so whoever reads
 * meanwhile, and whoever starts again after a crash between any two steps, finds a log in which the last record of each key is there.
 * Segments at the start of the log that are in objects only are passed over.
 */
export class CompactionRound<Segment extends CleanableSegment = CleanableSegment> {
  private readonly log: CleanableLog<Segment>;
  private readonly options: RoundOptions;
  private readonly rules: RoundRules;
  private phase: "index" | "clean" | "merge" = "index";
  private transactions = new TransactionWalk();
  /** Where the next segment begins, and the one that is walked now. */
  private nextOffset: number;
  private cursor: SegmentCursor<Segment> | null = null;
  private output = newOutput();
  private mergedTo = Number.NEGATIVE_INFINITY;

  constructor(log: CleanableLog<Segment>, options: RoundOptions) {
    const { config, latest, nowMs, range } = options;
    this.log = log;
    this.options = options;
    this.nextOffset = range.firstDirtyOffset;
    latest.reaches(range.firstDirtyOffset - 1);
    this.rules = {
      nowMs,
      deleteRetentionMs: config.deleteRetentionMs,
      keepsDeletes: false,
      latest,
      get highWatermark() {
        return log.highWatermark;
      },
      lastProduced: (producerId) => log.lastProduced(producerId),
    };
  }

  /** Does what one turn may take. After `done` and `blocked` the round is over. */
  step(): RoundStep {
    const step = this.log.isClosed
      ? "blocked"
      : this.stepOfPhase({ bytes: SLICE_MAX_BYTES, records: SLICE_MAX_RECORDS });
    if (step === "blocked") this.abandon();
    return step;
  }

  /** Ends the round before its end. What it has done so far stands. */
  abandon(): void {
    this.cursor?.segment.release();
    this.cursor = null;
  }

  private stepOfPhase(budget: SliceBudget): RoundStep {
    if (this.phase === "index") return this.index(budget);
    return this.phase === "clean" ? this.clean(budget) : this.merge();
  }

  private index(budget: SliceBudget): RoundStep {
    const { compression, latest, range } = this.options;
    const into = { latest, fromOffset: range.firstDirtyOffset };
    while (budget.bytes > 0 && budget.records > 0) {
      const cursor = this.cursor ?? this.openNext(range.endOffset);
      if (cursor === "blocked") return "blocked";
      if (cursor === null) return this.beginCleaning();
      const batch = cursor.nextBatch(budget);
      if (batch === null) {
        latest.reaches(cursor.segment.endOffset - 1);
        this.closeCursor(cursor);
      } else if (!indexBatch(compression, batch, into, this.transactions)) {
        this.closeCursor(cursor);
        return this.beginCleaning();
      }
    }
    return "more";
  }

  private beginCleaning(): RoundStep {
    this.phase = "clean";
    this.nextOffset = Number.NEGATIVE_INFINITY;
    this.transactions = new TransactionWalk();
    return "more";
  }

  /** Up to here the round compacts. */
  private get endOffset(): number {
    return this.options.latest.latestOffset + 1;
  }

  private clean(budget: SliceBudget): RoundStep {
    while (budget.bytes > 0 && budget.records > 0) {
      const cursor = this.cursor ?? this.openNext(this.endOffset);
      if (cursor === "blocked") return "blocked";
      if (cursor === null) {
        this.phase = "merge";
        return "more";
      }
      const batch = cursor.nextBatch(budget);
      if (batch !== null) this.cleanBatch(batch);
      else this.closeCursor(cursor);
      const slice = cursor.takeFinishedSlice();
      if (slice === null) continue;
      const { output } = this;
      this.output = newOutput();
      if (!output.hasChanged) continue;
      return this.replace(cursor.segment, slice, output);
    }
    return "more";
  }

  private cleanBatch(batch: Uint8Array): void {
    const { output } = this;
    const cleaned = cleanBatch(this.options.compression, batch, this.rules, this.transactions);
    if (cleaned.kind !== "kept") output.hasChanged = true;
    if (losesRecords(cleaned)) {
      const header = readBatchHeader(batch, 0);
      if (isControl(header.attributes)) output.removedMarkers.push(lastOffsetOf(header));
    }
    if (cleaned.kind === "kept") output.batches.push({ bytes: batch, setsHorizon: false });
    else if (cleaned.kind === "rewritten") output.batches.push(cleaned);
  }

  /** Since the slice was read others had a turn: DeleteRecords may have taken rows of it. */
  private replace(segment: Segment, slice: CleanableSlice, { batches, removedMarkers }: SliceOutput): RoundStep {
    const { segments } = this.log;
    const asIs = batches.map(({ bytes }) => bytes);
    let outcome = segments.rewriteSlice(segment, slice, asIs, removedMarkers);
    if (outcome === "tooLong") {
      // What is useless must go now, or it would come back with the tombstone that hides it; new delete horizons can come another time.
      const shorter = batches.map(({ bytes, setsHorizon }) =>
        setsHorizon ? withoutHorizon(this.options.compression, bytes) : bytes,
      );
      outcome = segments.rewriteSlice(segment, slice, shorter, removedMarkers);
    }
    if (outcome === "tooLong") throw new Error("a compacted slice of a segment needs more rows than it had");
    return outcome === "staged" ? "staged" : "blocked";
  }

  /** The first segment with rows at or after `nextOffset`, null when it begins at `endOffset` or later. */
  private openNext(endOffset: number): SegmentCursor<Segment> | null | "blocked" {
    const { sealed } = this.log.segments;
    const segment = sealed.find((candidate) => candidate.hasRows && candidate.endOffset > this.nextOffset);
    if (segment === undefined || segment.baseOffset >= endOffset) return null;
    if (!segment.claim()) return "blocked";
    // Looked at each time: rows may leave in the middle of a round, but never those of a segment behind one that has some.
    if (!sealed[0].hasRows) this.rules.keepsDeletes = true;
    const fromOffset = this.phase === "index" ? this.options.range.firstDirtyOffset : Number.NEGATIVE_INFINITY;
    const { baseOffset, endOffset: segmentEndOffset } = segment;
    this.transactions.add(this.log.abortedTransactions(Math.max(baseOffset, fromOffset), segmentEndOffset));
    this.cursor = new SegmentCursor(this.log, segment, fromOffset);
    return this.cursor;
  }

  private closeCursor(cursor: SegmentCursor<Segment>): void {
    cursor.segment.release();
    this.nextOffset = cursor.segment.endOffset;
    this.cursor = null;
  }

  /** Makes one of neighbours that became small, a group at a time, as Kafka does; then notes how far the log is compacted. */
  private merge(): RoundStep {
    let group = this.nextGroup();
    for (; group.length === 1; group = this.nextGroup()) this.mergedTo = group[0].endOffset;
    if (group.length === 0) {
      this.log.noteCleaned(this.endOffset);
      return "done";
    }
    this.mergedTo = (group.at(-1) as Segment).endOffset;
    const claimed = group.filter((segment) => segment.claim());
    const isMerged = claimed.length === group.length && this.log.segments.merge(group);
    for (const segment of claimed) segment.release();
    // Who has one of them will let it go; the next round tries again.
    return isMerged ? "staged" : "more";
  }

  private nextGroup(): Segment[] {
    const group: Segment[] = [];
    let sizeInBytes = 0;
    for (const segment of this.log.segments.sealed) {
      if (segment.baseOffset < this.mergedTo || !segment.hasRows) continue;
      if (segment.endOffset > this.endOffset) break;
      sizeInBytes += segment.sizeInBytes;
      const offsets = segment.endOffset - (group.at(0) ?? segment).baseOffset;
      const fits = sizeInBytes <= this.options.config.segmentBytes && offsets <= MAX_SEGMENT_OFFSETS;
      if (group.length > 0 && !fits) break;
      group.push(segment);
    }
    return group;
  }
}

/** Nothing is left of the batch, or nothing but its header. */
function losesRecords(cleaned: CleanedBatch): boolean {
  return cleaned.kind === "dropped" || (cleaned.kind === "rewritten" && cleaned.recordCount === 0);
}
