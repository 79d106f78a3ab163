import type { Uuid } from "#bytes/uuid.ts";
import type { LogCommit, PartitionEntry, PartitionRecord } from "#ports/log-store.ts";
import { stampBatch } from "#records/batch.ts";
import { type Appended, type AppendOptions, type AppendOutcome, type AppendPlan, decideAppend } from "./append.ts";
import type { CommitMember } from "./group-commit.ts";
import { type EpochEndOffset, LeaderEpochs } from "./leader-epochs.ts";
import { SNAPSHOT_EVERY_BATCHES, SNAPSHOT_EVERY_ROWS } from "./limits.ts";
import type { LogEnvironment } from "./log-environment.ts";
import {
  BatchTimestamps,
  LookupBudget,
  type SearchBounds,
  type TimestampOffset,
  TimestampSearch,
} from "./offsets-for-times.ts";
import {
  CLOSED,
  type DeleteRecordsOutcome,
  EMPTY,
  FULL,
  OUT_OF_RANGE,
  type ReadOutcome,
  TIERED,
} from "./partition-outcomes.ts";
import { PartitionRows } from "./partition-rows.ts";
import { PartitionSegments } from "./partition-segments.ts";
import { type LastProduced, ProducerState } from "./producer-state.ts";
import { type ReadLimits, readBatches } from "./read.ts";
import type { RecoveredPartition } from "./recovery.ts";
import { NO_SNAPSHOT } from "./row-removals.ts";
import { ActiveSegment, type Segment } from "./segments.ts";
import { encodeSnapshot } from "./snapshot.ts";
import { type AbortedTransaction, AbortedTransactions, abortsIn } from "./transaction-index.ts";
import { understood } from "./unreadable.ts";

/** DeleteRecords' offset for "up to the high watermark". */
export const DELETE_TO_HIGH_WATERMARK = -1;

/**
 * One partition, with one owner. Nothing here waits: appends and deletions take effect in memory at once and are staged
 * for the next commit, for which the caller waits before it answers.
 *
 * Offsets, lowest first: `logStartOffset` (moved by deletions; nothing before it is read), `highWatermark` (moved by
 * commits; consumers read up to here, those with read_committed up to `lastStableOffset`, which is before it while a transaction that began
 * earlier is open), `logEndOffset` (moved by appends; where the next record goes).
 */
export class PartitionLog implements CommitMember {
  readonly number: number;
  readonly topicId: Uuid;
  readonly partitionIndex: number;
  private readonly environment: LogEnvironment;
  private readonly rows: PartitionRows;
  readonly segments: PartitionSegments;
  /** What the partition knows of producers; only appends change it. */
  readonly producers: ProducerState;
  /** The aborted transactions that no sealed segment has an index of. */
  readonly aborted: AbortedTransactions;
  private readonly leaderEpochs: LeaderEpochs;
  private startOffset: number;
  private endOffset: number;
  private watermark: number;
  /** The log end of the commit that is under way. */
  private committingEndOffset: number;
  /** The log start as it is on the disk, and as the commit that is under way leaves it. */
  private durableStartOffset: number;
  private committingStartOffset: number;
  private rowsSinceSnapshot: number;
  private batchesSinceSnapshot: number;
  private recordDue: boolean;
  private lastNowMs = 0;
  /** Undefined: the default. */
  private producerIdExpirationMs: number | undefined;
  /** Up to here compaction has been. */
  private cleanedOffset: number;
  private closed = false;

  constructor(environment: LogEnvironment, entry: PartitionEntry, recovered: RecoveredPartition | null) {
    const state = recovered ?? EMPTY;
    this.environment = environment;
    this.number = entry.number;
    this.topicId = entry.topicId;
    this.partitionIndex = entry.partitionIndex;
    this.producers = recovered?.producers ?? new ProducerState();
    this.producers.answeredTo(state.logEndOffset);
    this.aborted = recovered?.aborted ?? new AbortedTransactions();
    environment.producers.add(this.producers);
    this.leaderEpochs = recovered?.leaderEpochs ?? new LeaderEpochs();
    this.startOffset = state.logStartOffset;
    this.endOffset = state.logEndOffset;
    this.watermark = state.logEndOffset;
    this.committingEndOffset = state.logEndOffset;
    this.durableStartOffset = state.logStartOffset;
    this.committingStartOffset = state.logStartOffset;
    this.rowsSinceSnapshot = state.replayedRows;
    this.batchesSinceSnapshot = state.replayedBatches;
    this.recordDue = recovered === null;
    this.rows = new PartitionRows(environment.store, environment.cache, {
      number: entry.number,
      firstSequence: environment.store.firstSequence(entry.number, state.nextSequence),
      nextSequence: state.nextSequence,
      runningMaxTimestamp: state.runningMaxTimestamp,
    });
    this.cleanedOffset = state.firstDirtyOffset;
    const { store, removals, commits, onGarbage } = environment;
    const stage = () => commits.stage(this);
    this.segments = new PartitionSegments(
      { partitionNumber: entry.number, store, rows: this.rows, removals, stage, onGarbage },
      recovered?.active ?? ActiveSegment.empty({ number: 0, baseOffset: 0, fromSequence: 0 }).stored,
    );
    // Rows before the log start are left from a removal that a restart has interrupted.
    this.segments.removeLeftRows();
    this.removeRowsBefore(this.startOffset);
    if (this.recordDue) environment.commits.stage(this);
  }

  get logStartOffset(): number {
    return this.startOffset;
  }

  /** What may be told of the log start: after a crash, too, the log begins there or later. */
  get committedStartOffset(): number {
    return this.durableStartOffset;
  }

  get logEndOffset(): number {
    return this.endOffset;
  }

  get highWatermark(): number {
    return this.watermark;
  }

  /** Up to here a reader with `read_committed` reads: all transactions before it have ended. */
  get lastStableOffset(): number {
    const unstable = this.producers.firstUnstableOffset;
    if (unstable === null || unstable >= this.watermark) return this.watermark;
    // A log start that isn't committed may be taken back, and this with it.
    return Math.max(unstable, this.durableStartOffset);
  }

  /** The aborted transactions that reach into [fromOffset, upperBound), where all have ended. @throws UnreadableLogError */
  abortedTransactions(fromOffset: number, upperBound: number): AbortedTransaction[] {
    return understood(this, () => abortsIn(this.segments, this.aborted, fromOffset, upperBound));
  }

  lastProduced(producerId: number): LastProduced | undefined {
    return this.producers.lastProduced(producerId);
  }

  /** True after the partition was deleted: its log takes nothing and gives nothing any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** The largest leader epoch that the log has seen, -1 for none. */
  get latestEpoch(): number {
    return this.leaderEpochs.latest;
  }

  /** Notes that this broker leads the partition from now on: what comes next belongs to `leaderEpoch`. */
  becomeLeader(leaderEpoch: number): void {
    this.leaderEpochs.assign(leaderEpoch, this.endOffset);
  }

  /**
   * Appends the one batch in `records`, which is copied; the timestamp type of the topic may change `records` itself.
   * The answer to a client must wait for `commits.committed()`, that of a duplicate too.
   */
  append(records: Uint8Array, options: AppendOptions): AppendOutcome {
    if (this.closed) return { ...CLOSED, errorMessage: "The partition has been deleted.", recordErrors: [] };
    const { compression, space } = this.environment;
    if (space.refuses(options.origin, options.nowMs)) return { ...FULL, recordErrors: [] };
    const decision = decideAppend(compression, this.producers, records, { ...options, logEndOffset: this.endOffset });
    this.lastNowMs = options.nowMs;
    this.producerIdExpirationMs = options.config.producerIdExpirationMs;
    if (decision.kind === "refused") return decision;
    if (decision.kind === "append") {
      const { config, nowMs } = options;
      if (this.aborted.isFull || this.segments.mustRollFor(decision.batch, config, nowMs)) this.roll(nowMs);
      this.segments.noteAppend(decision.batch, nowMs, config.indexIntervalBytes);
      return this.replayAppend(decision, nowMs);
    }
    const { lastOffset, lastOffsetDelta, timestamp } = decision.batch;
    return this.appended(lastOffset - lastOffsetDelta, lastOffset, timestamp, true);
  }

  private replayAppend(plan: AppendPlan, nowMs: number): Appended {
    const { batch } = plan;
    const { buffer, at } = this.rows.stage(batch, plan.bytes);
    stampBatch(buffer, at, batch.baseOffset, batch.partitionLeaderEpoch);
    const lastOffset = batch.baseOffset + batch.lastOffsetDelta;
    this.endOffset = lastOffset + 1;
    this.environment.space.noteAppended(plan.bytes.length);
    this.batchesSinceSnapshot += 1;
    if (batch.producerId >= 0) this.changeProducers(() => this.aborted.note(this.producers.replay(batch, nowMs)));
    this.leaderEpochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
    this.environment.commits.stage(this);
    return this.appended(batch.baseOffset, lastOffset, plan.logAppendTimeMs, false);
  }

  /** Seals the active segment, if there is anything in it; the next append begins another one. */
  roll(nowMs: number): void {
    if (this.closed || this.segments.active.sizeInBytes === 0) return;
    const snapshot = this.encodeState();
    const aborted = this.aborted.seal();
    this.segments.roll({ endOffset: this.endOffset, nowMs, snapshot, aborted });
    this.recordDue = true;
  }

  private changeProducers(change: () => void): void {
    const before = this.producers.size;
    change();
    this.environment.producers.changed(this.producers.size - before);
  }

  private appended(baseOffset: number, lastOffset: number, logAppendTimeMs: number, duplicate: boolean): Appended {
    return { kind: "appended", baseOffset, lastOffset, logAppendTimeMs, logStartOffset: this.startOffset, duplicate };
  }

  /** The segment that a read at `offset` needs, when its rows have left the store: its object must be read. Null otherwise. */
  tieredSegmentAt(offset: number): Segment | null {
    if (this.closed || offset < this.startOffset || offset >= this.segments.localStartOffset) return null;
    return this.segments.segmentOf(offset) ?? null;
  }

  /**
   * Reads whole batches from the one that holds `fromOffset` on. OFFSET_OUT_OF_RANGE outside [log start, log end]; KAFKA_STORAGE_ERROR
   * where `tieredSegmentAt` has something to say.
   */
  read(fromOffset: number, limits: ReadLimits): ReadOutcome {
    if (this.closed) return CLOSED;
    if (fromOffset < this.startOffset || fromOffset > this.endOffset) return OUT_OF_RANGE;
    if (fromOffset < this.segments.localStartOffset) return TIERED;
    return readBatches(this.rows, fromOffset, limits);
  }

  /**
   * How many bytes a read from `fromOffset` to `upperBound` would find, up to `limitBytes`, without reading any. It may say too
   * much, never too little: `limitBytes` also where the read begins with what isn't in memory, infinitely many where it would be
   * refused, which whoever waits must learn of.
   */
  bytesAvailable(fromOffset: number, limitBytes: number, upperBound = this.watermark): number {
    if (this.closed || fromOffset < this.startOffset || fromOffset > this.endOffset) return Number.POSITIVE_INFINITY;
    return this.rows.bytesFrom(fromOffset, upperBound, limitBytes);
  }

  /** The first record before `upperBound` with a timestamp of at least `timestampMs`, or null. */
  offsetForTimestamp(
    timestampMs: number,
    upperBound = this.watermark,
    budget = new LookupBudget(),
  ): TimestampOffset | null {
    return this.search(upperBound, budget).first(timestampMs);
  }

  /** The first record before `upperBound` with the largest timestamp, or null in an empty log. */
  offsetOfMaxTimestamp(upperBound = this.watermark, budget = new LookupBudget()): TimestampOffset | null {
    return this.search(upperBound, budget).largest();
  }

  private search(upperBound: number, budget: LookupBudget): TimestampSearch {
    const bounds = this.searchBounds(upperBound);
    return new TimestampSearch(this.rows, bounds, new BatchTimestamps(this.environment.compression, bounds, budget));
  }

  searchBounds(upperBound: number): SearchBounds {
    return { logStartOffset: this.startOffset, upperBound };
  }

  /** Where a leader epoch ends, for OffsetForLeaderEpoch and the divergence check of Fetch. */
  endOffsetForEpoch(leaderEpoch: number): EpochEndOffset {
    return this.leaderEpochs.endOffsetFor(leaderEpoch, this.endOffset);
  }

  /** The epoch of the leader that wrote `offset`, or -1. */
  epochForOffset(offset: number): number {
    return this.leaderEpochs.epochForOffset(offset);
  }

  /**
   * Moves the log start to `beforeOffset`, or to the high watermark for DELETE_TO_HIGH_WATERMARK; never back. The answer must wait for
   * `commits.committed()`.
   */
  deleteRecordsBefore(beforeOffset: number): DeleteRecordsOutcome {
    if (this.closed) return CLOSED;
    const offset = beforeOffset === DELETE_TO_HIGH_WATERMARK ? this.watermark : beforeOffset;
    if (offset < 0 || offset > this.watermark) return OUT_OF_RANGE;
    if (offset > this.startOffset) {
      this.startOffset = offset;
      this.leaderEpochs.truncateFromStart(offset);
      this.aborted.removeBefore(offset);
      this.segments.removeBefore(offset);
      this.removeRowsBefore(offset);
      this.recordDue = true;
      this.environment.commits.stage(this);
    }
    return { kind: "deleted", logStartOffset: this.startOffset };
  }

  /** Where the next pass of compaction begins to look for keys that came again. */
  get firstDirtyOffset(): number {
    return Math.max(this.cleanedOffset, this.startOffset);
  }

  /** Compaction has been up to `offset`. */
  noteCleaned(offset: number): void {
    this.cleanedOffset = offset;
    this.recordDue = true;
    this.environment.commits.stage(this);
  }

  private removeRowsBefore(offset: number): void {
    const range = this.rows.deleteBefore(offset);
    if (range.endSequence > range.fromSequence) this.environment.removals.add(range);
  }

  /** Nothing of it is on its way to the disk, so that it can be opened anew from there at any time. */
  get isQuiet(): boolean {
    const isCommitted = this.endOffset === this.watermark && !this.recordDue;
    return isCommitted && !this.closed && this.rows.isQuiet && this.segments.isQuiet;
  }

  /** Its memory is given up; whoever wants the partition opens it anew. */
  letGo(): void {
    this.environment.producers.remove(this.producers);
  }

  /** Ends a deleted partition: staged rows are dropped, stored ones removed, then `onRemoved` is called. */
  close(onRemoved: () => void): void {
    const range = this.rows.deleteAll();
    this.closed = true;
    this.segments.close();
    this.environment.producers.remove(this.producers);
    this.environment.commits.stage(this);
    this.environment.removals.add(range, onRemoved);
  }

  stageInto(commit: LogCommit): void {
    if (this.closed) {
      commit.partitions.push(this.record(NO_SNAPSHOT));
      return;
    }
    const rowsBefore = commit.rows.length;
    this.rows.takeStaged(commit.rows);
    this.segments.stageInto(commit);
    this.rowsSinceSnapshot += commit.rows.length - rowsBefore;
    this.committingEndOffset = this.endOffset;
    this.committingStartOffset = this.startOffset;
    const isDue = this.rowsSinceSnapshot >= SNAPSHOT_EVERY_ROWS || this.batchesSinceSnapshot >= this.snapshotBatches;
    if (this.recordDue || isDue) commit.partitions.push(this.record(this.takeSnapshot()));
  }

  /** The more producers a snapshot holds, the rarer it is. */
  private get snapshotBatches(): number {
    return Math.max(SNAPSHOT_EVERY_BATCHES, this.producers.size * 8);
  }

  /** Everything that is staged has been handed to the commit, so memory as it is now is what the rows lead to. */
  private takeSnapshot(): Uint8Array {
    this.recordDue = false;
    this.rowsSinceSnapshot = 0;
    this.batchesSinceSnapshot = 0;
    this.changeProducers(() => this.producers.expire(this.lastNowMs, this.producerIdExpirationMs));
    return this.encodeState();
  }

  private encodeState(): Uint8Array {
    return encodeSnapshot({
      logStartOffset: this.startOffset,
      logEndOffset: this.endOffset,
      nextSequence: this.rows.nextSequence,
      runningMaxTimestamp: this.rows.runningMaxTimestamp,
      leaderEpochs: this.leaderEpochs.all,
      producers: [...this.producers.entries()],
      aborted: this.aborted.all,
      firstDirtyOffset: this.cleanedOffset,
      active: this.segments.active,
    });
  }

  private record(snapshot: Uint8Array): PartitionRecord {
    const { number, topicId, partitionIndex, closed } = this;
    return { number, topicId, partitionIndex, deleted: closed, snapshot };
  }

  committed(): void {
    if (this.closed) return;
    this.rows.committed();
    this.segments.committed();
    this.watermark = Math.max(this.watermark, this.committingEndOffset);
    this.durableStartOffset = this.committingStartOffset;
    this.producers.answeredTo(this.watermark);
  }
}
