import { ErrorCode } from "#protocol/errors.ts";
import type { InFlight, InFlightBatch, Run } from "./in-flight.ts";
import { firstOf, join, lastOf, splitAt } from "./in-flight.ts";
import type { ShareMoment } from "./limits.ts";
import { AcknowledgeType, RecordState } from "./record-state.ts";
import { beginTransition, type DeadLetters, releasedState } from "./transitions.ts";

/** What a member says of records that it holds: one type for all of them, or one each. */
export interface Acknowledgement {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly acknowledgeTypes: readonly number[];
}

/** Neighbouring offsets of which the same is said. */
interface Said {
  readonly first: number;
  readonly last: number;
  readonly type: number;
}

export interface AcknowledgeTurn {
  readonly memberId: string;
  readonly at: ShareMoment;
  readonly writeId: number;
  readonly startOffset: number;
  /** What goes to the dead-letter queue once it is stored. */
  readonly deadLetters: DeadLetters[];
  /** What is held anew, for `renew` when nothing of the turn was refused. */
  readonly renewed: { readonly first: number; readonly last: number }[];
}

/**
 * Begins what one acknowledgement says. The first record that doesn't belong to the member ends it with an error; then the caller undoes
 * all that the turn has begun. What lies before the start offset is over and done with.
 */
export function acknowledge(inFlight: InFlight, said: Acknowledgement, turn: AcknowledgeTurn): ErrorCode {
  if (!isConsistent(said)) return ErrorCode.INVALID_REQUEST;
  if (said.lastOffset < turn.startOffset) return ErrorCode.NONE;
  const known = boundsError(inFlight, said, turn.startOffset);
  if (known !== ErrorCode.NONE) return known;
  const pieces = piecesOf(said, turn.startOffset);
  let from = 0;
  for (const batch of inFlight.between(pieces[0].first, said.lastOffset)) {
    while (pieces[from].last < firstOf(batch)) from++;
    const errorCode = acknowledgeBatch(batch, pieces, from, turn);
    if (errorCode !== ErrorCode.NONE) return errorCode;
  }
  return ErrorCode.NONE;
}

function isConsistent({ firstOffset, lastOffset, acknowledgeTypes }: Acknowledgement): boolean {
  const types = acknowledgeTypes.length;
  return firstOffset <= lastOffset && (types === 1 || types === lastOffset - firstOffset + 1);
}

/** Kafka tells what was never in flight from what isn't any more. */
function boundsError(inFlight: InFlight, { firstOffset, lastOffset }: Acknowledgement, startOffset: number): ErrorCode {
  if (inFlight.isEmpty) return ErrorCode.INVALID_RECORD_STATE;
  if (inFlight.floor(firstOffset) === -1 && firstOffset >= startOffset) return ErrorCode.INVALID_RECORD_STATE;
  const touched = inFlight.between(firstOffset, lastOffset).at(-1);
  if (touched === undefined || lastOffset > lastOf(touched)) return ErrorCode.INVALID_REQUEST;
  return ErrorCode.NONE;
}

function piecesOf({ firstOffset, lastOffset, acknowledgeTypes }: Acknowledgement, startOffset: number): Said[] {
  if (acknowledgeTypes.length === 1) {
    return [{ first: Math.max(firstOffset, startOffset), last: lastOffset, type: acknowledgeTypes[0] }];
  }
  const pieces: Said[] = [];
  for (const [at, type] of acknowledgeTypes.entries()) {
    const offset = firstOffset + at;
    if (offset < startOffset) continue;
    const last = pieces.at(-1);
    if (last !== undefined && last.type === type) pieces[pieces.length - 1] = { ...last, last: offset };
    else pieces.push({ first: offset, last: offset, type });
  }
  return pieces;
}

function acknowledgeBatch(
  batch: InFlightBatch,
  pieces: readonly Said[],
  from: number,
  turn: AcknowledgeTurn,
): ErrorCode {
  const end = lastOf(batch);
  const cuts: number[] = [];
  for (let at = from; at < pieces.length && pieces[at].first <= end; at++) {
    cuts.push(pieces[at].first, pieces[at].last + 1);
  }
  splitAt(batch, cuts);
  let errorCode: ErrorCode = ErrorCode.NONE;
  let at = from;
  for (const run of batch.runs) {
    while (at < pieces.length && pieces[at].last < run.first) at++;
    if (at === pieces.length) break;
    if (run.first < pieces[at].first) continue;
    errorCode = acknowledgeRun(run, pieces[at].type, turn);
    if (errorCode !== ErrorCode.NONE) break;
  }
  join(batch);
  return errorCode;
}

function acknowledgeRun(run: Run, type: number, turn: AcknowledgeTurn): ErrorCode {
  const { settings } = turn.at;
  if (run.state !== RecordState.ACQUIRED || run.transition !== null) return ErrorCode.INVALID_RECORD_STATE;
  if (run.memberId !== turn.memberId) return ErrorCode.INVALID_RECORD_STATE;
  if (type === AcknowledgeType.RENEW) {
    if (!settings.isRenewEnabled) return ErrorCode.INVALID_RECORD_STATE;
    turn.renewed.push({ first: run.first, last: run.last });
    return ErrorCode.NONE;
  }
  const state = stateAfter(type, run, turn);
  if (state === null) return ErrorCode.INVALID_REQUEST;
  if (state === RecordState.ARCHIVING) {
    const { first, last, deliveryCount } = run;
    const cause = type === AcknowledgeType.REJECT ? "rejected" : "delivery count exceeded";
    turn.deadLetters.push({ first, last, deliveryCount, cause });
  }
  beginTransition(run, state, turn.writeId);
  return ErrorCode.NONE;
}

/** The member goes on holding what it has asked to. */
export function renew(inFlight: InFlight, { renewed, at }: AcknowledgeTurn): void {
  for (const { first, last } of renewed) {
    for (const batch of inFlight.between(first, last)) {
      splitAt(batch, [first, last + 1]);
      for (const run of batch.runs) {
        if (run.first < first || run.last > last || run.state !== RecordState.ACQUIRED) continue;
        run.lockDeadlineMs = at.nowMs + at.settings.recordLockDurationMs;
      }
      join(batch);
    }
  }
}

function stateAfter(type: number, run: Run, { at: { settings } }: AcknowledgeTurn): RecordState | null {
  switch (type) {
    case AcknowledgeType.GAP:
      return RecordState.ARCHIVED;
    case AcknowledgeType.ACCEPT:
      return RecordState.ACKNOWLEDGED;
    case AcknowledgeType.RELEASE:
      return releasedState(run.deliveryCount, settings);
    case AcknowledgeType.REJECT:
      return settings.hasDeadLetterQueue ? RecordState.ARCHIVING : RecordState.ARCHIVED;
    default:
      return null;
  }
}
