import { ErrorCode } from "#protocol/errors.ts";
import type { InFlight, InFlightBatch, Run } from "./in-flight.ts";
import { firstOf, join, lastOf, runReaching, splitAt } from "./in-flight.ts";
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
}

/**
 * Begins what the acknowledgements say. The first record that doesn't belong to the member ends it with an error; then the caller undoes
 * all that the turn has begun. What lies before the start offset is over and done with.
 *
 * Of a batch something else may be said of each record, in an acknowledgement for each: it is split once for all of them, so that the
 * work grows with what is said and with the batches, not with their product.
 */
export function acknowledgeAll(inFlight: InFlight, said: readonly Acknowledgement[], turn: AcknowledgeTurn): ErrorCode {
  const pieces = said.map((one) => piecesOf(one, turn.startOffset));
  const split = splitFor(inFlight, pieces.flat());
  const whole: Turn = { ...turn, renewed: [] };
  let errorCode: ErrorCode = ErrorCode.NONE;
  for (let at = 0; at < said.length && errorCode === ErrorCode.NONE; at++) {
    errorCode = acknowledge(inFlight, said[at], pieces[at], whole);
  }
  if (errorCode === ErrorCode.NONE) renew(whole);
  for (const batch of split) join(batch);
  return errorCode;
}

/** Splits the batches of which something is said into runs of which one thing is said. They are to be joined again. */
function splitFor(inFlight: InFlight, pieces: readonly Said[]): readonly InFlightBatch[] {
  const cuts = Float64Array.from(pieces.flatMap(({ first, last }) => [first, last + 1])).sort();
  if (cuts.length === 0) return [];
  const batches = inFlight.between(cuts[0], cuts[cuts.length - 1] - 1);
  let from = 0;
  for (const batch of batches) {
    let end = from;
    while (end < cuts.length && cuts[end] <= lastOf(batch)) end++;
    splitAt(batch, cuts.subarray(from, end));
    from = end;
  }
  return batches;
}

interface Turn extends AcknowledgeTurn {
  /** What is held anew when nothing of the turn is refused. */
  readonly renewed: Run[];
}

function acknowledge(inFlight: InFlight, said: Acknowledgement, pieces: readonly Said[], turn: Turn): ErrorCode {
  if (!isConsistent(said)) return ErrorCode.INVALID_REQUEST;
  if (said.lastOffset < turn.startOffset) return ErrorCode.NONE;
  const known = boundsError(inFlight, said, turn.startOffset);
  if (known !== ErrorCode.NONE) return known;
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

/** Neighbours of which the same is said, from the start offset on; none for what isn't consistent. */
function piecesOf(said: Acknowledgement, startOffset: number): Said[] {
  const { firstOffset, lastOffset, acknowledgeTypes } = said;
  if (!isConsistent(said) || lastOffset < startOffset) return [];
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

function acknowledgeBatch(batch: InFlightBatch, pieces: readonly Said[], from: number, turn: Turn): ErrorCode {
  const { runs } = batch;
  let at = from;
  for (let i = runReaching(batch, pieces[from].first); i < runs.length; i++) {
    while (at < pieces.length && pieces[at].last < runs[i].first) at++;
    if (at === pieces.length) break;
    const errorCode = acknowledgeRun(runs[i], pieces[at].type, turn);
    if (errorCode !== ErrorCode.NONE) return errorCode;
  }
  return ErrorCode.NONE;
}

function acknowledgeRun(run: Run, type: number, turn: Turn): ErrorCode {
  const { settings } = turn.at;
  if (run.state !== RecordState.ACQUIRED || run.transition !== null) return ErrorCode.INVALID_RECORD_STATE;
  if (run.memberId !== turn.memberId) return ErrorCode.INVALID_RECORD_STATE;
  if (type === AcknowledgeType.RENEW) {
    if (!settings.isRenewEnabled) return ErrorCode.INVALID_RECORD_STATE;
    turn.renewed.push(run);
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
function renew({ renewed, at }: Turn): void {
  for (const run of renewed) {
    // Something else may have been said of it afterwards.
    if (run.state === RecordState.ACQUIRED) run.lockDeadlineMs = at.nowMs + at.settings.recordLockDurationMs;
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
