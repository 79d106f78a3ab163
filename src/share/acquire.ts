import type { InFlight, InFlightBatch, Run } from "./in-flight.ts";
import { cut, firstOf, isAcquirable, join, lastOf, sizeOf } from "./in-flight.ts";
import type { ShareMoment, ShareSettings } from "./limits.ts";
import { MAX_RECORDS_ACQUIRED_AT_ONCE } from "./limits.ts";
import { AcquireMode, RecordState } from "./record-state.ts";

/** Where a batch lies in the log. */
export interface LogBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** Records that a member holds from now on. */
export interface AcquiredRange {
  readonly first: number;
  readonly last: number;
  readonly deliveryCount: number;
}

export interface AcquireCommand {
  readonly memberId: string;
  readonly mode: AcquireMode;
  /** About how many records one acquired range holds; batches of the log stay whole. */
  readonly batchSize: number;
  readonly maxRecords: number;
  /** Where the read began. */
  readonly fetchOffset: number;
  /** What was read, in order. */
  readonly batches: readonly LogBatch[];
}

/** One call of `acquire`: what is being given to whom. */
export interface Acquisition {
  readonly command: AcquireCommand;
  readonly at: ShareMoment;
  /** What was read, cut at what may be acquired. */
  readonly first: number;
  readonly last: number;
  left: number;
  acquired: number;
  readonly ranges: AcquiredRange[];
}

/** With fewer deliveries allowed than this, records that are delivered for the last time don't travel alone. */
const MIN_LIMIT_WITH_LONELY_DELIVERY = 2;

/** From so many deliveries on a record is suspected of being what its consumers fail at, and comes with few others. */
function suspicionCount({ deliveryCountLimit }: ShareSettings): number {
  return Math.max(2, Math.ceil(deliveryCountLimit / 2));
}

/** Acquires what is in flight and available, batch by batch, until enough is acquired. */
export function acquireInFlight(inFlight: InFlight, acquisition: Acquisition): void {
  const { command, first, last } = acquisition;
  for (const batch of inFlight.between(first, last)) {
    if (acquisition.left <= 0) return;
    archiveOverLimit(batch, acquisition);
    const isSuspect = largestCount(batch, acquisition) >= suspicionCount(acquisition.at.settings);
    // A suspect comes with nobody but its neighbours.
    if (isSuspect && acquisition.acquired > 0) {
      acquisition.left = 0;
      return;
    }
    const isWhole = batch.runs.length === 1 && firstOf(batch) >= first && lastOf(batch) <= last;
    const isTooMuch =
      command.mode === AcquireMode.RECORD_LIMIT && lastOf(batch) - firstOf(batch) + 1 > acquisition.left;
    const acquired =
      isWhole && !isTooMuch && !isSuspect ? acquireWhole(batch.runs[0], acquisition) : acquireSome(batch, acquisition);
    if (isSuspect && acquired > 0) acquisition.left = 0;
  }
}

/** Records that were delivered as often as the limit allows now, which may have been lowered since. */
function archiveOverLimit(batch: InFlightBatch, { at }: Acquisition): void {
  const isOver = (run: Run) => isAcquirable(run) && run.deliveryCount >= at.settings.deliveryCountLimit;
  if (!batch.runs.some(isOver)) return;
  for (const run of batch.runs) if (isOver(run)) run.state = RecordState.ARCHIVED;
  join(batch);
}

function largestCount(batch: InFlightBatch, { first, last }: Acquisition): number {
  let largest = 0;
  for (const run of batch.runs) {
    if (run.last < first || run.first > last || !isAcquirable(run)) continue;
    largest = Math.max(largest, run.deliveryCount);
  }
  return largest;
}

function acquireWhole(run: Run, acquisition: Acquisition): number {
  if (!isAcquirable(run)) return 0;
  hold(run, acquisition);
  acquisition.ranges.push({ first: run.first, last: run.last, deliveryCount: run.deliveryCount });
  return sizeOf(run);
}

/** Acquires of one batch what lies in the range; of records that are suspect only some, and of those on their last delivery one. */
function acquireSome(batch: InFlightBatch, acquisition: Acquisition): number {
  const { command, at, first, last } = acquisition;
  const { deliveryCountLimit } = at.settings;
  const isLonely = (deliveryCount: number) =>
    deliveryCountLimit > MIN_LIMIT_WITH_LONELY_DELIVERY && deliveryCount === deliveryCountLimit - 1;
  const size = lastOf(batch) - firstOf(batch) + 1;
  let most = command.mode === AcquireMode.RECORD_LIMIT ? acquisition.left : Number.POSITIVE_INFINITY;
  const taken: { first: number; last: number }[] = [];
  let count = 0;
  for (const run of batch.runs) {
    if (run.last < first || !isAcquirable(run)) continue;
    if (run.first > last || count >= most) break;
    if (isLonely(run.deliveryCount) && count > 0) break;
    const suspicion = run.deliveryCount - suspicionCount(at.settings);
    if (suspicion >= 0) most = Math.min(most, Math.max(count + 1, Math.floor(size / 2 ** (suspicion + 1))));
    const from = Math.max(run.first, first);
    const room = isLonely(run.deliveryCount) ? 1 : most - count;
    const to = Math.min(run.last, last, from + room - 1);
    taken.push({ first: from, last: to });
    count += to - from + 1;
    if (isLonely(run.deliveryCount)) break;
  }
  const ranges: AcquiredRange[] = [];
  for (const run of cut(batch, taken)) {
    hold(run, acquisition);
    ranges.push({ first: run.first, last: run.last, deliveryCount: run.deliveryCount });
  }
  join(batch);
  for (const range of ranges) appendRange(acquisition.ranges, range, firstOf(batch));
  return count;
}

/** Neighbours of one batch with the same delivery count are told as one. */
function appendRange(ranges: AcquiredRange[], range: AcquiredRange, batchFirst: number): void {
  const last = ranges.at(-1);
  const isNext =
    last !== undefined &&
    last.first >= batchFirst &&
    last.last + 1 === range.first &&
    last.deliveryCount === range.deliveryCount;
  if (isNext) ranges[ranges.length - 1] = { ...last, last: range.last };
  else ranges.push(range);
}

function hold(run: Run, acquisition: Acquisition): void {
  const { command, at } = acquisition;
  run.state = RecordState.ACQUIRED;
  run.deliveryCount += 1;
  run.memberId = command.memberId;
  run.lockDeadlineMs = at.nowMs + at.settings.recordLockDurationMs;
  acquisition.acquired += sizeOf(run);
  acquisition.left -= sizeOf(run);
}

/**
 * Acquires records that nobody has had before: from `first` on, whole batches of the log; with a record limit the rest of the last batch
 * comes into flight, too, but stays available.
 */
export function acquireNew(inFlight: InFlight, acquisition: Acquisition, first: number): void {
  const { command, left } = acquisition;
  let last = acquisition.last;
  if (last - first + 1 > left) last = endOfBatch(command.batches, first + left - 1);
  last = Math.min(last, first + Math.max(left, MAX_RECORDS_ACQUIRED_AT_ONCE) - 1);
  if (command.mode === AcquireMode.RECORD_LIMIT) {
    const held = Math.min(last, first + left - 1);
    const runs = [newRun({ first, last: held }, acquisition)];
    if (held < last) runs.push({ ...UNHELD, first: held + 1, last });
    inFlight.append({ runs });
    return;
  }
  for (const range of rangesOf(command, first, last)) inFlight.append({ runs: [newRun(range, acquisition)] });
}

const UNHELD = {
  state: RecordState.AVAILABLE,
  deliveryCount: 0,
  memberId: "",
  lockDeadlineMs: 0,
  transition: null,
} as const;

function newRun({ first, last }: { readonly first: number; readonly last: number }, acquisition: Acquisition): Run {
  const run: Run = { ...UNHELD, first, last };
  hold(run, acquisition);
  acquisition.ranges.push({ first, last, deliveryCount: run.deliveryCount });
  return run;
}

/** The last offset of the batch that holds `offset`, which itself lies in none when the log was compacted. */
function endOfBatch(batches: readonly LogBatch[], offset: number): number {
  const batch = batches.findLast(({ baseOffset }) => baseOffset <= offset);
  return batch !== undefined && batch.lastOffset >= offset ? batch.lastOffset : offset;
}

/** Ranges of at least `batchSize` records that end where batches of the log end. */
function rangesOf({ batches, batchSize }: AcquireCommand, first: number, last: number) {
  const ranges: { first: number; last: number }[] = [];
  let from = first;
  for (const { baseOffset } of batches) {
    if (baseOffset > last) break;
    if (baseOffset - from < Math.max(1, batchSize)) continue;
    ranges.push({ first: from, last: baseOffset - 1 });
    from = baseOffset;
  }
  ranges.push({ first: from, last });
  return ranges;
}
