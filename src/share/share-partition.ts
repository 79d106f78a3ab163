import { ErrorCode } from "#protocol/errors.ts";
import { type Acknowledgement, acknowledgeAll } from "./acknowledge.ts";
import { type AcquireCommand, type AcquiredRange, type Acquisition, acquireInFlight, acquireNew } from "./acquire.ts";
import {
  byBatch,
  cut,
  InFlight,
  isAcquirable,
  join,
  lastOf,
  NO_MEMBER,
  type Run,
  runReaching,
  sizeOf,
} from "./in-flight.ts";
import { InFlightBudget } from "./in-flight-budget.ts";
import type { ShareMoment, ShareSettings } from "./limits.ts";
import { isTerminal, RecordState } from "./record-state.ts";
import type { StateBatch } from "./state-batches.ts";
import {
  archive,
  beginTransition,
  commitTransitions,
  type DeadLetters,
  expireLocks,
  releasedState,
  stateOf,
  undoTransitions,
} from "./transitions.ts";

/** What the share coordinator has stored of a share partition; the start offset is one of the log. */
export interface StoredShareState {
  readonly stateEpoch: number;
  readonly startOffset: number;
  readonly stateBatches: readonly StateBatch[];
}

/** Something to be stored by the share coordinator. `writeEnded` must be called with its id, once, however it went. */
export interface ShareWrite {
  readonly writeId: number;
  readonly stateEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

/** Null when there is nothing to store: the answer may leave at once. */
export type AcknowledgeOutcome =
  | { readonly errorCode: 0; readonly write: ShareWrite | null }
  | { readonly errorCode: Exclude<ErrorCode, 0>; readonly write: null };

export interface WriteEnd {
  /** There may be more to acquire than before. */
  readonly mayWake: boolean;
  readonly deadLetters: readonly DeadLetters[];
}

/**
 * One partition as one share group consumes it (KIP-932): which records are held by whom, which are done, and where it goes on. Pure: time
 * and settings are arguments, and what must be stored comes back as a `ShareWrite`, until whose end its records are nobody's.
 *
 * `startOffset` (moved by what is done, and by the log's own start): everything before it is over. `nextOffset` (moved by acquiring): nothing
 * from here on was ever acquired. What lies between is in flight.
 */
export class SharePartition {
  readonly stateEpoch: number;
  private readonly inFlight = new InFlight();
  private readonly budget: InFlightBudget;
  private readonly deadLetters = new Map<number, readonly DeadLetters[]>();
  private start: number;
  private next: number;
  private lastWriteId = 0;
  /** No hold ends before this. */
  private earliestLockMs = Number.POSITIVE_INFINITY;
  /** False when it is known that nothing in flight can be acquired. */
  private mayHaveAvailable = false;

  private constructor(stored: StoredShareState, budget: InFlightBudget) {
    this.stateEpoch = stored.stateEpoch;
    this.start = stored.startOffset;
    this.next = stored.startOffset;
    this.budget = budget;
  }

  /**
   * Goes on from what is stored. Offsets of which nothing is stored were in flight without having been acknowledged: they are available.
   * Null when the stored state contradicts itself.
   */
  static load(stored: StoredShareState, budget = new InFlightBudget()): SharePartition | null {
    const partition = new SharePartition(stored, budget);
    for (const batch of stored.stateBatches) if (!partition.loadBatch(batch)) return null;
    partition.mayHaveAvailable = true;
    partition.moveStart();
    partition.budget.heldRecords += partition.inFlightCount;
    return partition;
  }

  private loadBatch({ firstOffset, lastOffset, deliveryState, deliveryCount }: StateBatch): boolean {
    if (firstOffset < this.next || lastOffset < firstOffset) return false;
    const nobody = { memberId: NO_MEMBER, lockDeadlineMs: 0, transition: null };
    if (firstOffset > this.next) {
      const unknown = { first: this.next, last: firstOffset - 1, state: RecordState.AVAILABLE, deliveryCount: 0 };
      this.inFlight.append({ runs: [{ ...unknown, ...nobody }] });
    }
    // Nobody holds anything after a restart.
    const state = deliveryState === RecordState.ACQUIRED ? RecordState.AVAILABLE : (deliveryState as RecordState);
    this.inFlight.append({ runs: [{ first: firstOffset, last: lastOffset, state, deliveryCount, ...nobody }] });
    this.next = lastOffset + 1;
    return true;
  }

  get startOffset(): number {
    return this.start;
  }

  /** Nothing from here on was ever acquired. */
  get nextOffset(): number {
    return this.next;
  }

  get inFlightCount(): number {
    return this.inFlight.isEmpty ? 0 : this.next - this.start;
  }

  /** Records behind the start offset that are done already; what lag is computed with (KIP-1226). */
  get deliveryCompleteCount(): number {
    let count = 0;
    for (const run of this.inFlight.runs()) if (isTerminal(run.state)) count += sizeOf(run);
    return count;
  }

  /** For tests: everything in flight. */
  get runs(): readonly Readonly<Run>[] {
    return [...this.inFlight.runs()];
  }

  /** Where the next read of the log begins. */
  nextFetchOffset(): number {
    if (!this.mayHaveAvailable) return this.next;
    const run = this.inFlight.firstAcquirable();
    if (run !== null) return run.first;
    this.mayHaveAvailable = false;
    return this.next;
  }

  /** Is there room for another record, or one that is in flight and available? */
  canAcquire({ maxRecordLocks }: ShareSettings): boolean {
    if (this.nextFetchOffset() < this.next) return true;
    return this.inFlightCount < maxRecordLocks && this.budget.leftRecords > 0;
  }

  /** Gives records that were just read to a member, who holds them for the lock duration. They aren't stored: a restart makes them available. */
  acquire(command: AcquireCommand, at: ShareMoment): AcquiredRange[] {
    const heldBefore = this.inFlightCount;
    const bounds = this.acquirable(command, at.settings);
    if (bounds === null) return [];
    const acquisition: Acquisition = { ...bounds, command, at, acquired: 0, ranges: [] };
    // What the log doesn't have any more between the fetch offset and its answer was compacted away.
    const gone = { first: command.fetchOffset, last: bounds.first - 1 };
    archive(this.inFlight.between(gone.first, gone.last), [gone], RecordState.AVAILABLE);
    acquireInFlight(this.inFlight, acquisition);
    this.acquireNew(acquisition);
    this.moveStart();
    if (acquisition.acquired > 0) {
      this.earliestLockMs = Math.min(this.earliestLockMs, at.nowMs + at.settings.recordLockDurationMs);
    }
    this.budget.heldRecords += this.inFlightCount - heldBefore;
    return acquisition.ranges;
  }

  /** What of the read may be acquired: the limit on what is in flight doesn't hold back what already is. */
  private acquirable({ batches, maxRecords, fetchOffset }: AcquireCommand, { maxRecordLocks }: ShareSettings) {
    const end = batches.at(-1);
    if (end === undefined || end.lastOffset < this.start || maxRecords <= 0) return null;
    const first = batches[0].baseOffset;
    const left = Math.min(maxRecords, maxRecordLocks - this.inFlightCount, this.budget.leftRecords);
    if (left > 0) return { first, last: end.lastOffset, left };
    if (fetchOffset >= this.next) return null;
    const last = Math.min(end.lastOffset, this.next - 1);
    return { first, last, left: Math.min(maxRecords, this.next - fetchOffset) };
  }

  private acquireNew(acquisition: Acquisition): void {
    const first = Math.max(this.next, acquisition.first);
    if (acquisition.left <= 0 || first > acquisition.last) return;
    if (this.inFlight.isEmpty) this.start = first;
    acquireNew(this.inFlight, acquisition, first);
    const { last } = this.inFlight;
    if (last !== undefined) this.next = lastOf(last) + 1;
    this.mayHaveAvailable = true;
  }

  /** Takes records of aborted transactions, whose ranges are in order, out of what was acquired; nobody is given them. */
  archiveAborted(ranges: readonly { readonly first: number; readonly last: number }[]): void {
    archive(this.inFlight.all, ranges, RecordState.ACQUIRED);
    this.shrink(() => this.moveStart());
  }

  /** INVALID_RECORD_STATE when the member doesn't hold all that it speaks of; then nothing has changed. */
  acknowledge(memberId: string, said: readonly Acknowledgement[], at: ShareMoment): AcknowledgeOutcome {
    const writeId = ++this.lastWriteId;
    const deadLetters: DeadLetters[] = [];
    const turn = { memberId, at, writeId, startOffset: this.start, deadLetters };
    const errorCode = acknowledgeAll(this.inFlight, said, turn);
    if (errorCode === ErrorCode.NONE) return { errorCode, write: this.writeOf(writeId, deadLetters) };
    this.undo(writeId, at);
    return { errorCode, write: null };
  }

  /** The member has gone: what it holds is released. Null when it holds nothing. */
  releaseMember(memberId: string, { settings }: ShareMoment): ShareWrite | null {
    const writeId = ++this.lastWriteId;
    const deadLetters: DeadLetters[] = [];
    for (const run of this.inFlight.runs()) {
      if (run.memberId !== memberId || run.state !== RecordState.ACQUIRED) continue;
      const state = releasedState(run.deliveryCount, settings);
      if (state === RecordState.ARCHIVING) deadLetters.push(exceeded(run));
      beginTransition(run, state, writeId);
    }
    return this.writeOf(writeId, deadLetters);
  }

  private writeOf(writeId: number, deadLetters: readonly DeadLetters[]): ShareWrite | null {
    const stateBatches: StateBatch[] = [];
    for (const run of this.inFlight.runs()) if (run.transition?.writeId === writeId) stateBatches.push(stateOf(run));
    if (deadLetters.length > 0) this.deadLetters.set(writeId, deadLetters);
    return stateBatches.length === 0 ? null : this.write(writeId, stateBatches);
  }

  private write(writeId: number, stateBatches: readonly StateBatch[]): ShareWrite {
    const { stateEpoch, startOffset, deliveryCompleteCount } = this;
    return { writeId, stateEpoch, startOffset, deliveryCompleteCount, stateBatches };
  }

  /** A write has been stored, or couldn't be. */
  writeEnded(writeId: number, isStored: boolean, at: ShareMoment): WriteEnd {
    const deadLetters = this.deadLetters.get(writeId) ?? [];
    this.deadLetters.delete(writeId);
    if (!isStored) {
      this.undo(writeId, at);
      // What had come too often is archived all the same.
      this.shrink(() => this.moveStart());
      // What ran out of time is on its way to the queue all the same.
      return { mayWake: true, deadLetters: deadLetters.filter(({ first }) => this.isArchiving(first)) };
    }
    const changed = commitTransitions(this.inFlight.all, writeId);
    if (changed.some(isAcquirable)) this.mayHaveAvailable = true;
    const hasMoved = this.shrink(() => this.moveStart());
    return { mayWake: hasMoved || this.mayHaveAvailable, deadLetters };
  }

  private undo(writeId: number, at: ShareMoment): void {
    undoTransitions(this.inFlight.all, writeId, at);
    this.mayHaveAvailable = true;
    this.earliestLockMs = Math.min(this.earliestLockMs, this.firstLockMs());
  }

  private isArchiving(offset: number): boolean {
    const [batch] = this.inFlight.between(offset, offset);
    const run = batch?.runs[runReaching(batch, offset)];
    return run?.state === RecordState.ARCHIVING && run.transition === null;
  }

  /** The dead-letter queue has the records of the letters, which are in order, or will never have them: they are archived. */
  deadLettersWritten(letters: readonly DeadLetters[]): ShareWrite | null {
    const writeId = ++this.lastWriteId;
    archive(this.inFlight.all, letters, RecordState.ARCHIVING);
    const stateBatches: StateBatch[] = [];
    for (const [batch, own] of byBatch(this.inFlight.all, letters)) {
      for (const run of cut(batch, own)) if (run.state === RecordState.ARCHIVED) stateBatches.push(stateOf(run));
      join(batch);
    }
    return stateBatches.length === 0 ? null : this.write(writeId, stateBatches);
  }

  /** Records that were on their way to the dead-letter queue when the partition was loaded. */
  unfinishedDeadLetters({ deliveryCountLimit }: ShareSettings): DeadLetters[] {
    return this.runs
      .filter((run) => run.state === RecordState.ARCHIVING && run.transition === null)
      .map((run) =>
        run.deliveryCount >= deliveryCountLimit ? exceeded(run) : { ...exceeded(run), cause: "rejected" },
      );
  }

  /** When the first hold runs out at the earliest; Infinity when nobody holds anything. */
  get nextDeadlineMs(): number {
    return this.earliestLockMs;
  }

  /** Ends the holds that have run out. Their records are available at once; that it is stored is not waited for. */
  expireLocks(at: ShareMoment): { readonly write: ShareWrite | null; readonly mayWake: boolean } {
    if (this.earliestLockMs > at.nowMs) return { write: null, mayWake: false };
    const stateBatches = expireLocks(this.inFlight.all, at);
    this.earliestLockMs = this.firstLockMs();
    if (stateBatches.length === 0) return { write: null, mayWake: false };
    this.mayHaveAvailable = true;
    const writeId = ++this.lastWriteId;
    const archiving = stateBatches.filter((batch) => batch.deliveryState === RecordState.ARCHIVING);
    if (archiving.length > 0) {
      const letters = archiving.map(({ firstOffset, lastOffset, deliveryCount }) =>
        exceeded({ first: firstOffset, last: lastOffset, deliveryCount }),
      );
      this.deadLetters.set(writeId, letters);
    }
    return { write: this.write(writeId, stateBatches), mayWake: true };
  }

  private firstLockMs(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const run of this.inFlight.runs()) {
      if (run.state === RecordState.ACQUIRED) earliest = Math.min(earliest, run.lockDeadlineMs);
    }
    return earliest;
  }

  /** The log begins later now: what lay before is gone, whoever holds it. */
  logStartMoved(logStartOffset: number): void {
    if (logStartOffset <= this.start) return;
    this.shrink(() => {
      this.inFlight.dropBefore(logStartOffset);
      this.start = logStartOffset;
      this.next = Math.max(this.next, logStartOffset);
      this.moveStart();
    });
  }

  /** Past everything that is done. True when it has moved. */
  private moveStart(): boolean {
    const before = this.start;
    if (this.inFlight.isEmpty) return false;
    const undone = this.inFlight.firstUndone();
    this.start = undone === null ? this.next : Math.max(this.start, undone.first);
    if (undone === null) this.inFlight.clear();
    else this.inFlight.dropBefore(this.start);
    return this.start !== before;
  }

  private shrink<T>(change: () => T): T {
    const before = this.inFlightCount;
    const result = change();
    this.budget.heldRecords += this.inFlightCount - before;
    return result;
  }

  /** Gives back what it holds of the broker's budget. It isn't to be used afterwards. */
  release(): void {
    this.budget.heldRecords -= this.inFlightCount;
    this.inFlight.clear();
  }
}

function exceeded({ first, last, deliveryCount }: Pick<Run, "first" | "last" | "deliveryCount">): DeadLetters {
  return { first, last, deliveryCount, cause: "delivery count exceeded" };
}
