import type { InFlightBatch, Run } from "./in-flight.ts";
import { byBatch, cut, join, NO_MEMBER } from "./in-flight.ts";
import type { ShareMoment, ShareSettings } from "./limits.ts";
import { RecordState } from "./record-state.ts";
import type { StateBatch } from "./state-batches.ts";

/** Why records go to the dead-letter queue. */
export type DeadLetterCause = "rejected" | "delivery count exceeded";

/** Records that are to be written to the dead-letter queue; then they are archived. */
export interface DeadLetters {
  readonly first: number;
  readonly last: number;
  readonly deliveryCount: number;
  readonly cause: DeadLetterCause;
}

/** What becomes of records that nobody holds any more: others get them, unless they were delivered often enough. */
export function releasedState(deliveryCount: number, settings: ShareSettings): RecordState {
  if (deliveryCount < settings.deliveryCountLimit) return RecordState.AVAILABLE;
  return settings.hasDeadLetterQueue ? RecordState.ARCHIVING : RecordState.ARCHIVED;
}

/** The state that `writeId` will store; the run counts as changed, but nobody gets it before. */
export function beginTransition(run: Run, state: RecordState, writeId: number): void {
  run.transition = { writeId, fromState: run.state, fromMemberId: run.memberId };
  run.state = state;
  run.memberId = NO_MEMBER;
}

/** The write is stored: its changes hold. Answers the runs that it has changed, as they are now. */
export function commitTransitions(batches: readonly InFlightBatch[], writeId: number): Run[] {
  return endTransitions(batches, writeId, (run) => {
    run.lockDeadlineMs = 0;
  });
}

/** The write isn't stored: its changes are undone, except that a hold that has run out meanwhile has ended. */
export function undoTransitions(batches: readonly InFlightBatch[], writeId: number, at: ShareMoment): void {
  endTransitions(batches, writeId, (run, { fromState, fromMemberId }) => {
    run.state = fromState;
    run.memberId = fromMemberId;
    if (fromState !== RecordState.ACQUIRED || run.lockDeadlineMs > at.nowMs) return;
    // What the limit archives now is stored with the next write, or decided anew after a restart.
    run.state = run.deliveryCount < at.settings.deliveryCountLimit ? RecordState.AVAILABLE : RecordState.ARCHIVED;
    run.memberId = NO_MEMBER;
    run.lockDeadlineMs = 0;
  });
}

function endTransitions(
  batches: readonly InFlightBatch[],
  writeId: number,
  end: (run: Run, transition: NonNullable<Run["transition"]>) => void,
): Run[] {
  const ended: Run[] = [];
  for (const batch of batches) {
    let isChanged = false;
    for (const run of batch.runs) {
      if (run.transition?.writeId !== writeId) continue;
      const { transition } = run;
      run.transition = null;
      end(run, transition);
      ended.push({ ...run });
      isChanged = true;
    }
    if (isChanged) join(batch);
  }
  return ended;
}

/** Holds that have run out end at once, whether or not that can be stored. Answers what to store. */
export function expireLocks(batches: readonly InFlightBatch[], at: ShareMoment): StateBatch[] {
  const changed: StateBatch[] = [];
  for (const batch of batches) {
    let isChanged = false;
    for (const run of batch.runs) {
      if (run.state !== RecordState.ACQUIRED || run.lockDeadlineMs > at.nowMs) continue;
      run.state = releasedState(run.deliveryCount, at.settings);
      run.memberId = NO_MEMBER;
      run.lockDeadlineMs = 0;
      changed.push(stateOf(run));
      isChanged = true;
    }
    if (isChanged) join(batch);
  }
  return changed;
}

/** Archives what is in `from` within the ranges, which rise and don't overlap, without waiting for anything. */
export function archive(
  batches: readonly InFlightBatch[],
  ranges: readonly { readonly first: number; readonly last: number }[],
  from: RecordState,
): void {
  for (const [batch, own] of byBatch(batches, ranges)) {
    for (const run of cut(batch, own)) {
      if (run.state !== from || run.transition !== null) continue;
      run.state = RecordState.ARCHIVED;
      run.memberId = NO_MEMBER;
      run.lockDeadlineMs = 0;
    }
    join(batch);
  }
}

export function stateOf({ first, last, state, deliveryCount }: Run): StateBatch {
  return { firstOffset: first, lastOffset: last, deliveryState: state, deliveryCount };
}
