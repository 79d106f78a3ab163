import type { Uuid } from "#bytes/uuid.ts";
import type { LogCommit, LogStore, PartitionEntry, PartitionRecord } from "#ports/log-store.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { stampBatch } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { type Appended, type AppendOptions, type AppendOutcome, type AppendPlan, decideAppend } from "./append.ts";
import type { CommitMember, GroupCommit } from "./group-commit.ts";
import { type EpochEndOffset, LeaderEpochs } from "./leader-epochs.ts";
import { SNAPSHOT_EVERY_BATCHES, SNAPSHOT_EVERY_ROWS } from "./limits.ts";
import { LookupBudget, type TimestampOffset, TimestampSearch } from "./offsets-for-times.ts";
import { PartitionRows } from "./partition-rows.ts";
import type { ProducerBudget } from "./producer-budget.ts";
import { type ProducerEntry, ProducerState } from "./producer-state.ts";
import { type ReadBatches, type ReadLimits, readBatches } from "./read.ts";
import type { RecoveredPartition } from "./recovery.ts";
import type { RowCache } from "./row-cache.ts";
import { NO_SNAPSHOT, type RowRemovals } from "./row-removals.ts";
import { encodeSnapshot } from "./snapshot.ts";

/** What the partitions of one broker share. */
export interface LogEnvironment {
  readonly store: LogStore;
  readonly compression: Compression;
  readonly cache: RowCache;
  readonly commits: GroupCommit;
  readonly removals: RowRemovals;
  readonly producers: ProducerBudget;
}

export interface OffsetOutOfRange {
  readonly kind: "refused";
  readonly errorCode: ErrorCode;
}

export type ReadOutcome = ReadBatches | OffsetOutOfRange;

export type DeleteRecordsOutcome = { readonly kind: "deleted"; readonly logStartOffset: number } | OffsetOutOfRange;

/** DeleteRecords' offset for "up to the high watermark". */
export const DELETE_TO_HIGH_WATERMARK = -1;

/**
 * One partition, with one owner. Nothing here waits: appends and deletions take effect in memory at once and are staged
 * for the next commit, for which the caller waits before it answers.
 *
 * Offsets, lowest first: `logStartOffset` (moved by deletions; nothing before it is read), `highWatermark` (moved by
 * commits; consumers read up to here), `logEndOffset` (moved by appends; where the next record goes).
 */
export class PartitionLog implements CommitMember {
  readonly number: number;
  readonly topicId: Uuid;
  readonly partitionIndex: number;
  private readonly environment: LogEnvironment;
  private readonly rows: PartitionRows;
  private readonly producers: ProducerState;
  private readonly leaderEpochs: LeaderEpochs;
  private startOffset: number;
  private endOffset: number;
  private watermark: number;
  /** The log end of the commit that is under way. */
  private committingEndOffset: number;
  private rowsSinceSnapshot: number;
  private batchesSinceSnapshot: number;
  private recordDue: boolean;
  private lastNowMs = 0;
  private closed = false;

  constructor(environment: LogEnvironment, entry: PartitionEntry, recovered: RecoveredPartition | null) {
    const state = recovered ?? EMPTY;
    this.environment = environment;
    this.number = entry.number;
    this.topicId = entry.topicId;
    this.partitionIndex = entry.partitionIndex;
    this.producers = recovered?.producers ?? new ProducerState();
    this.producers.answeredTo(state.logEndOffset);
    environment.producers.add(this.producers);
    this.leaderEpochs = recovered?.leaderEpochs ?? new LeaderEpochs();
    this.startOffset = state.logStartOffset;
    this.endOffset = state.logEndOffset;
    this.watermark = state.logEndOffset;
    this.committingEndOffset = state.logEndOffset;
    this.rowsSinceSnapshot = state.replayedRows;
    this.batchesSinceSnapshot = state.replayedBatches;
    this.recordDue = recovered === null;
    this.rows = new PartitionRows(environment.store, environment.cache, {
      number: entry.number,
      firstSequence: environment.store.firstSequence(entry.number, state.nextSequence),
      nextSequence: state.nextSequence,
      runningMaxTimestamp: state.runningMaxTimestamp,
    });
    // Rows before the log start are left from a removal that a restart has interrupted.
    this.removeRowsBefore(this.startOffset);
    if (this.recordDue) environment.commits.stage(this);
  }

  get logStartOffset(): number {
    return this.startOffset;
  }

  get logEndOffset(): number {
    return this.endOffset;
  }

  get highWatermark(): number {
    return this.watermark;
  }

  /** Up to here a reader with `read_committed` reads. The high watermark, as long as there are no transactions. */
  get lastStableOffset(): number {
    return this.watermark;
  }

  /** True after the partition was deleted: its log takes nothing and gives nothing any more. */
  get isClosed(): boolean {
    return this.closed;
  }

  /** The largest leader epoch that the log has seen, -1 for none. */
  get latestEpoch(): number {
    return this.leaderEpochs.latest;
  }

  /** Producers that the partition remembers, for DescribeProducers. */
  get activeProducers(): Iterable<Readonly<ProducerEntry>> {
    return this.producers.entries();
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
    const { compression } = this.environment;
    const decision = decideAppend(compression, this.producers, records, { ...options, logEndOffset: this.endOffset });
    this.lastNowMs = options.nowMs;
    if (decision.kind === "refused") return decision;
    if (decision.kind === "append") return this.replayAppend(decision, options.nowMs);
    const { lastOffset, lastOffsetDelta, timestamp } = decision.batch;
    return this.appended(lastOffset - lastOffsetDelta, lastOffset, timestamp, true);
  }

  private replayAppend(plan: AppendPlan, nowMs: number): Appended {
    const { batch } = plan;
    const { buffer, at } = this.rows.stage(batch, plan.bytes);
    stampBatch(buffer, at, batch.baseOffset, batch.partitionLeaderEpoch);
    const lastOffset = batch.baseOffset + batch.lastOffsetDelta;
    this.endOffset = lastOffset + 1;
    this.batchesSinceSnapshot += 1;
    if (batch.producerId >= 0) this.changeProducers(() => this.producers.replay(batch, nowMs));
    this.leaderEpochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
    this.environment.commits.stage(this);
    return this.appended(batch.baseOffset, lastOffset, plan.logAppendTimeMs, false);
  }

  private changeProducers(change: () => void): void {
    const before = this.producers.size;
    change();
    this.environment.producers.changed(this.producers.size - before);
  }

  private appended(baseOffset: number, lastOffset: number, logAppendTimeMs: number, duplicate: boolean): Appended {
    return { kind: "appended", baseOffset, lastOffset, logAppendTimeMs, logStartOffset: this.startOffset, duplicate };
  }

  /** Reads whole batches from the one that holds `fromOffset` on. OFFSET_OUT_OF_RANGE outside [log start, log end]. */
  read(fromOffset: number, limits: ReadLimits): ReadOutcome {
    if (this.closed) return CLOSED;
    if (fromOffset < this.startOffset || fromOffset > this.endOffset) return OUT_OF_RANGE;
    return readBatches(this.rows, fromOffset, limits);
  }

  /**
   * How many bytes a read from `fromOffset` to the high watermark would find, up to `limitBytes`, without reading any. It may say too
   * much, never too little: `limitBytes` also where the read begins with what isn't in memory, infinitely many where it would be
   * refused, which whoever waits must learn of.
   */
  bytesAvailable(fromOffset: number, limitBytes: number): number {
    if (this.closed || fromOffset < this.startOffset || fromOffset > this.endOffset) return Number.POSITIVE_INFINITY;
    return this.rows.bytesFrom(fromOffset, this.watermark, limitBytes);
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
    const bounds = { logStartOffset: this.startOffset, upperBound };
    return new TimestampSearch(this.environment.compression, this.rows, bounds, budget);
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
      this.removeRowsBefore(offset);
      this.recordDue = true;
      this.environment.commits.stage(this);
    }
    return { kind: "deleted", logStartOffset: this.startOffset };
  }

  private removeRowsBefore(offset: number): void {
    const range = this.rows.deleteBefore(offset);
    if (range.endSequence > range.fromSequence) this.environment.removals.add(range);
  }

  /** Ends a deleted partition: staged rows are dropped, stored ones removed, then `onRemoved` is called. */
  close(onRemoved: () => void): void {
    const range = this.rows.deleteAll();
    this.closed = true;
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
    this.rowsSinceSnapshot += commit.rows.length - rowsBefore;
    this.committingEndOffset = this.endOffset;
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
    this.changeProducers(() => this.producers.expire(this.lastNowMs));
    return encodeSnapshot({
      logStartOffset: this.startOffset,
      logEndOffset: this.endOffset,
      nextSequence: this.rows.nextSequence,
      runningMaxTimestamp: this.rows.runningMaxTimestamp,
      leaderEpochs: this.leaderEpochs.all,
      producers: [...this.producers.entries()],
    });
  }

  private record(snapshot: Uint8Array): PartitionRecord {
    const { number, topicId, partitionIndex, closed } = this;
    return { number, topicId, partitionIndex, deleted: closed, snapshot };
  }

  committed(): void {
    if (this.closed) return;
    this.rows.committed();
    this.watermark = Math.max(this.watermark, this.committingEndOffset);
    this.producers.answeredTo(this.watermark);
  }
}

const OUT_OF_RANGE: OffsetOutOfRange = { kind: "refused", errorCode: ErrorCode.OFFSET_OUT_OF_RANGE };
const CLOSED = { kind: "refused", errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION } as const;

const EMPTY = {
  logStartOffset: 0,
  logEndOffset: 0,
  nextSequence: 0,
  runningMaxTimestamp: -1,
  replayedRows: 0,
  replayedBatches: 0,
};
