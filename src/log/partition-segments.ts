import type { LogCommit, LogStore, NewSegment, Rewrite, SegmentObject, SegmentState } from "#ports/log-store.ts";
import type { IndexedBatch } from "./batch-index.ts";
import type { RewriteOutcome } from "./compaction/cleanable-log.ts";
import { SEGMENT_SLICE_BYTES } from "./limits.ts";
import type { PartitionRows } from "./partition-rows.ts";
import type { RowRemovals } from "./row-removals.ts";
import { joinRows, packRows, type SegmentSlice, withoutCutBatch } from "./segment-slice.ts";
import { ActiveSegment, type ActiveSegmentState, Segment, type SegmentConfig } from "./segments.ts";
import { decodeAborts, encodeAborts } from "./transaction-index.ts";

export interface SegmentsOptions {
  readonly partitionNumber: number;
  readonly store: LogStore;
  readonly rows: PartitionRows;
  readonly removals: RowRemovals;
  /** There is something for the next commit. */
  readonly stage: () => void;
  /** An object has no segment any more. */
  readonly onGarbage: () => void;
}

export interface SegmentPlaces {
  /** Where the part of the log begins that is in rows. */
  readonly localStartOffset: number;
  /** The offset after the last one that is in an object; null when nothing is. */
  readonly tieredEndOffset: number | null;
}

/** What memory knows of a log at the moment of a roll. */
export interface RollState {
  readonly endOffset: number;
  readonly nowMs: number;
  readonly snapshot: Uint8Array;
  readonly aborted: Uint8Array;
}

/**
 * The segments of one partition. The sealed ones are a tiered prefix, whose rows have left the store, and behind it those with rows; the
 * active one comes last. Nothing here waits: what changes is staged, as in `PartitionLog`.
 */
export class PartitionSegments {
  private readonly options: SegmentsOptions;
  private readonly all: Segment[];
  private activeSegment: ActiveSegment;
  private staged: NewSegment[] = [];
  private sealing: Segment[] = [];
  private committing: Segment[] = [];
  /** With their new index of aborted transactions, or null where that is as before. */
  private readonly changed = new Map<Segment, Uint8Array | null>();
  private removed: Segment[] = [];
  private rewrites: Rewrite[] = [];
  private committingPlaces: SegmentPlaces;
  private durablePlaces: SegmentPlaces;
  private unreferenced: string[] = [];
  private referenced: string[] = [];

  constructor(options: SegmentsOptions, active: ActiveSegmentState) {
    this.options = options;
    this.all = options.store.segments(options.partitionNumber).map((record) => new Segment(record));
    const sizeInBytes = active.sizeInBytes === -1 ? this.countActive(active) : active.sizeInBytes;
    this.activeSegment = new ActiveSegment({ ...active, sizeInBytes });
    this.durablePlaces = this.places;
    this.committingPlaces = this.durablePlaces;
  }

  private countActive({ fromSequence }: ActiveSegmentState): number {
    const { store, partitionNumber, rows } = this.options;
    return store.batchBytes(partitionNumber, fromSequence, rows.nextSequence);
  }

  /** Sealed and committed, by offset. */
  get sealed(): readonly Segment[] {
    return this.sealing.length + this.committing.length === 0 ? this.all : this.all.filter((one) => one.isCommitted);
  }

  get active(): Readonly<ActiveSegmentState> {
    return this.activeSegment.stored;
  }

  /** The newest record's time, or the roll's. */
  get activeNewestMs(): number {
    return this.activeSegment.newestMs;
  }

  /** Where the part of the log begins that is in rows. */
  get localStartOffset(): number {
    return this.firstWithRows?.baseOffset ?? this.active.baseOffset;
  }

  /** The tiered prefix ends here: behind it every segment has rows. */
  private get firstWithRows(): Segment | undefined {
    return this.all[lowerBound(this.all.length, (i) => this.all[i].hasRows)];
  }

  private get places(): SegmentPlaces {
    const tieredEndOffset = this.all.findLast(({ object }) => object !== null)?.endOffset ?? null;
    return { localStartOffset: this.localStartOffset, tieredEndOffset };
  }

  /** What may be told of them: a crash takes nothing of it back. */
  get committedPlaces(): SegmentPlaces {
    return this.durablePlaces;
  }

  get sizeInBytes(): number {
    return this.all.reduce((sum, segment) => sum + segment.sizeInBytes, this.active.sizeInBytes);
  }

  /** The sealed segment that holds `offset`, or would. */
  segmentOf(offset: number): Segment | undefined {
    return this.all[lowerBound(this.all.length, (i) => this.all[i].endOffset > offset)];
  }

  after(segment: Segment): Segment | undefined {
    return this.segmentOf(segment.endOffset);
  }

  mustRollFor(batch: IndexedBatch, config: SegmentConfig, nowMs: number): boolean {
    return this.activeSegment.mustRollFor(batch, config, nowMs);
  }

  noteAppend(batch: IndexedBatch, nowMs: number, indexIntervalBytes: number): void {
    this.activeSegment.append(batch, nowMs, indexIntervalBytes);
  }

  /** Seals the active segment, which isn't empty. */
  roll({ endOffset, nowMs, snapshot, aborted }: RollState): Segment {
    const { rows, partitionNumber } = this.options;
    rows.closeRow();
    const endSequence = rows.nextSequence;
    const segment = this.activeSegment.seal({ endOffset, endSequence, nowMs, hasAborted: aborted.length > 0 });
    const number = segment.number + 1;
    this.activeSegment = ActiveSegment.empty({ number, baseOffset: endOffset, fromSequence: endSequence });
    this.all.push(segment);
    this.sealing.push(segment);
    this.staged.push(segment.newRecord(partitionNumber, { snapshot, aborted }));
    this.options.stage();
    return segment;
  }

  /** Forgets the segments that end at or before `logStartOffset`. Their rows go with those before the log start. */
  removeBefore(logStartOffset: number): void {
    let count = 0;
    while (count < this.all.length && this.all[count].endOffset <= logStartOffset) count += 1;
    for (const segment of this.all.splice(0, count)) {
      segment.isRemoved = true;
      this.changed.delete(segment);
      this.removed.push(segment);
      if (segment.object !== null) this.unreferenced.push(segment.object.key);
    }
    if (count > 0) this.options.stage();
    if (this.unreferenced.length > 0) this.options.onGarbage();
  }

  /** An object with all of the segment is written and safe. False when the segment is gone; then the object stays garbage. */
  attachObject(segment: Segment, object: SegmentObject): boolean {
    if (segment.isRemoved) return false;
    segment.object = object;
    this.referenced.push(object.key);
    this.change(segment);
    return true;
  }

  /** The rows of the first segment that has any are deleted: its object holds them. False when it isn't the first one. */
  dropRows(segment: Segment): boolean {
    const { rows, removals } = this.options;
    if (segment.isRemoved || segment.object === null || this.firstWithRows !== segment) return false;
    removals.add(rows.dropBefore(segment.endSequence));
    segment.fromSequence = segment.endSequence;
    this.change(segment);
    return true;
  }

  /** The segments' objects are given up where the rows are still there: tiering was turned off. */
  detachObject(segment: Segment): boolean {
    if (segment.isRemoved || segment.object === null || !segment.hasRows) return false;
    this.giveUpObject(segment);
    return true;
  }

  private giveUpObject(segment: Segment): void {
    if (segment.object === null) return;
    this.unreferenced.push(segment.object.key);
    segment.object = null;
    this.change(segment);
    this.options.onGarbage();
  }

  /** Rows that a restart has left behind: their segments have gone, or live in objects only. */
  removeLeftRows(): void {
    const { rows, removals } = this.options;
    const first = this.firstWithRows?.fromSequence ?? this.active.fromSequence;
    const range = rows.dropBefore(Math.min(first, rows.nextSequence));
    if (range.endSequence > range.fromSequence) removals.add(range);
  }

  /** Some whole batches of a claimed segment with rows, from the row at or after `fromSequence` on; null at its end. */
  readSlice(segment: Segment, fromSequence: number, maxBytes = SEGMENT_SLICE_BYTES): SegmentSlice | null {
    const { rows } = this.options;
    const from = Math.max(fromSequence, segment.fromSequence, rows.firstSequence);
    if (segment.isRemoved || from >= segment.endSequence) return null;
    const within = (sequence: number) => sequence < segment.endSequence;
    const read = rows.storedRows(from, maxBytes).filter(({ sequence }) => within(sequence));
    const whole = withoutCutBatch(read, (sequence) =>
      rows.storedRows(sequence, 1).filter((row) => within(row.sequence)),
    );
    const last = whole.at(-1);
    if (last === undefined) return null;
    return joinRows(whole, Math.min(last.sequence + 1, segment.endSequence));
  }

  /**
   * Stages that exactly these batches stand in the place of the slice, which was read in the same turn or under the same claim. The log
   * start may have passed the slice's first row since then, also within the segment: then the slice is gone. `removedMarkers` are the
   * offsets of markers that the slice had and the batches don't: a reader with read_committed that heard of their transactions would wait
   * for them, and take what follows for aborted. An object of the segment goes in the same commit: if the rows left for it one day, what
   * they don't hold any more would come back.
   */
  rewriteSlice(
    segment: Segment,
    slice: SegmentSlice,
    batches: readonly Uint8Array[],
    removedMarkers: readonly number[] = [],
  ): RewriteOutcome {
    const { rows, partitionNumber } = this.options;
    const { fromSequence, endSequence } = slice;
    if (segment.isRemoved || fromSequence < rows.firstSequence) return "gone";
    const packed = packRows(partitionNumber, slice, batches);
    if (packed === null) return "tooLong";
    this.giveUpObject(segment);
    this.rewrites.push({ partitionNumber, fromSequence, endSequence, rows: packed });
    segment.sizeInBytes += packed.reduce((sum, row) => sum + row.bytes.length, 0) - slice.bytes.length;
    this.change(segment);
    if (removedMarkers.length > 0) this.forgetAborts(segment, new Set(removedMarkers));
    return "staged";
  }

  private forgetAborts(segment: Segment, markers: ReadonlySet<number>): void {
    if (!segment.hasAborted) return;
    const known = decodeAborts(this.changed.get(segment) ?? this.state(segment).aborted);
    const left = known.filter(({ lastOffset }) => !markers.has(lastOffset));
    if (left.length === known.length) return;
    segment.hasAborted = left.length > 0;
    this.changed.set(segment, encodeAborts(left));
  }

  /** Neighbours with rows and without objects become the first of them. False when one is gone or they aren't neighbours. */
  merge(segments: readonly Segment[]): boolean {
    const at = this.all.indexOf(segments[0]);
    const isSound = (segment: Segment, i: number) =>
      this.all[at + i] === segment && segment.hasRows && segment.object === null && !segment.hasAborted;
    if (at === -1 || segments.length < 2 || !segments.every(isSound)) return false;
    const [first, ...others] = segments;
    for (const other of others) {
      first.endOffset = other.endOffset;
      first.endSequence = other.endSequence;
      first.sizeInBytes += other.sizeInBytes;
      first.maxTimestamp = Math.max(first.maxTimestamp, other.maxTimestamp);
      other.isRemoved = true;
      this.changed.delete(other);
    }
    this.removed.push(...this.all.splice(at + 1, others.length));
    this.change(first);
    return true;
  }

  /** The partition is deleted: nobody should do anything with its segments. */
  close(): void {
    for (const segment of this.all) segment.isRemoved = true;
  }

  /** Nothing waits for a commit. */
  get isQuiet(): boolean {
    const waiting = [this.sealing, this.committing, this.removed, this.rewrites];
    return this.changed.size === 0 && waiting.every(({ length }) => length === 0);
  }

  private change(segment: Segment): void {
    if (!this.changed.has(segment)) this.changed.set(segment, null);
    this.options.stage();
  }

  stageInto(commit: LogCommit): void {
    const { partitionNumber, rows } = this.options;
    commit.newSegments.push(...this.staged);
    for (const [segment, aborted] of this.changed) {
      const record = segment.record(partitionNumber);
      commit.changedSegments.push(aborted === null ? record : { ...record, aborted });
    }
    for (const { number } of this.removed) commit.removedSegments.push({ partitionNumber, number });
    for (const rewrite of this.rewrites) rows.rewriting(rewrite);
    commit.rewrites.push(...this.rewrites);
    commit.garbage.push(...this.unreferenced);
    commit.notGarbage.push(...this.referenced);
    this.committingPlaces = this.places;
    this.committing = this.sealing;
    this.sealing = [];
    this.staged = [];
    this.changed.clear();
    this.removed = [];
    this.rewrites = [];
    this.unreferenced = [];
    this.referenced = [];
  }

  committed(): void {
    this.durablePlaces = this.committingPlaces;
    for (const segment of this.committing) segment.isCommitted = true;
    this.committing = [];
  }

  /** What the segment keeps beside its batches. */
  state(segment: Segment): SegmentState {
    const unstored = this.staged.find(({ number }) => number === segment.number);
    return unstored?.state ?? this.options.store.segmentState(this.options.partitionNumber, segment.number);
  }

  /** Indexes of aborted transactions (`transaction-index.ts`) of the sealed segments from the one that holds `fromOffset` on. */
  *abortedIndexes(fromOffset: number): Generator<Uint8Array> {
    for (let segment = this.segmentOf(fromOffset); segment !== undefined; segment = this.after(segment)) {
      if (segment.hasAborted) yield this.state(segment).aborted;
    }
  }
}

/** The first number in [0, end) for which `isReached` holds, or `end`; it must hold from there on. */
function lowerBound(end: number, isReached: (i: number) => boolean): number {
  let low = 0;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isReached(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
