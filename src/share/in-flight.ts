import { isTerminal, RecordState } from "./record-state.ts";

/** Nobody holds the record. */
export const NO_MEMBER = "";

/** A change of state that counts once it is stored, and what it is undone to when it can't be. */
export interface Transition {
  readonly writeId: number;
  readonly fromState: RecordState;
  readonly fromMemberId: string;
}

/** Neighbouring offsets in one state. */
export interface Run {
  first: number;
  last: number;
  state: RecordState;
  /** How often the records have been acquired. */
  deliveryCount: number;
  /** Who holds them, or NO_MEMBER. */
  memberId: string;
  /** Until when they are held; 0 when nobody holds them. Stays while the end of the hold is being stored. */
  lockDeadlineMs: number;
  transition: Transition | null;
}

/** Offsets that were acquired together for the first time, cut into runs that follow each other without a gap. */
export interface InFlightBatch {
  readonly runs: Run[];
}

export function firstOf(batch: InFlightBatch): number {
  return batch.runs[0].first;
}

export function lastOf(batch: InFlightBatch): number {
  return batch.runs[batch.runs.length - 1].last;
}

export function sizeOf({ first, last }: { readonly first: number; readonly last: number }): number {
  return last - first + 1;
}

/** May the run be acquired now? */
export function isAcquirable(run: Run): boolean {
  return run.state === RecordState.AVAILABLE && run.transition === null;
}

/** Nothing will happen to the run any more: the start offset may pass it. */
export function isDone(run: Run): boolean {
  return isTerminal(run.state) && run.transition === null;
}

/**
 * Everything between the start offset of a share partition and the next offset that it has never fetched, in batches that are ordered and
 * don't overlap. Offsets between two batches belong to no record.
 */
export class InFlight {
  private batches: InFlightBatch[] = [];

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  get first(): InFlightBatch | undefined {
    return this.batches[0];
  }

  get last(): InFlightBatch | undefined {
    return this.batches.at(-1);
  }

  get all(): readonly InFlightBatch[] {
    return this.batches;
  }

  /** Behind all others. */
  append(batch: InFlightBatch): void {
    const { last } = this;
    if (last !== undefined && lastOf(last) >= firstOf(batch)) throw new Error("in-flight batches overlap");
    this.batches.push(batch);
  }

  clear(): void {
    this.batches = [];
  }

  /** The place of the last batch that begins at `offset` or before, or -1. */
  floor(offset: number): number {
    let low = 0;
    let high = this.batches.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (firstOf(this.batches[middle]) <= offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The batches that hold an offset of the range. */
  between(first: number, last: number): InFlightBatch[] {
    const found: InFlightBatch[] = [];
    for (let at = Math.max(0, this.floor(first)); at < this.batches.length; at++) {
      const batch = this.batches[at];
      if (firstOf(batch) > last) break;
      if (lastOf(batch) >= first) found.push(batch);
    }
    return found;
  }

  /** Forgets all before `offset`. */
  dropBefore(offset: number): void {
    let whole = 0;
    while (whole < this.batches.length && lastOf(this.batches[whole]) < offset) whole++;
    if (whole > 0) this.batches.splice(0, whole);
    const { first } = this;
    if (first === undefined || firstOf(first) >= offset) return;
    first.runs.splice(0, runReaching(first, offset));
    first.runs[0].first = Math.max(first.runs[0].first, offset);
  }

  /** The first run that still has something before it, or null. */
  firstUndone(): Run | null {
    for (const batch of this.batches) for (const run of batch.runs) if (!isDone(run)) return run;
    return null;
  }

  *runs(): Generator<Run, undefined> {
    for (const batch of this.batches) yield* batch.runs;
  }

  firstAcquirable(): Run | null {
    for (const run of this.runs()) if (isAcquirable(run)) return run;
    return null;
  }
}

/** The place of the first run that ends at `offset` or behind it; the number of runs when there is none. */
export function runReaching({ runs }: InFlightBatch, offset: number): number {
  let low = 0;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (runs[middle].last < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/**
 * The runs of a batch within the ranges, which rise and don't overlap, cut off the ones that reach beyond. They belong to the batch:
 * changing them changes it. The batch is to be joined again afterwards. A batch may have a run for each of its records, and a range for each
 * of them, too: all of them are cut at once.
 */
export function cut(batch: InFlightBatch, ranges: readonly Range[]): Run[] {
  splitAt(
    batch,
    ranges.flatMap(({ first, last }) => [first, last + 1]),
  );
  let at = 0;
  return batch.runs.filter((run) => {
    while (at < ranges.length && ranges[at].last < run.first) at++;
    return at < ranges.length && run.first >= ranges[at].first;
  });
}

/** The ranges, which rise, that reach into each of the batches, which are in order. */
export function* byBatch<R extends Range>(
  batches: readonly InFlightBatch[],
  ranges: readonly R[],
): Generator<[InFlightBatch, readonly R[]]> {
  let from = 0;
  for (const batch of batches) {
    while (from < ranges.length && ranges[from].last < firstOf(batch)) from++;
    let end = from;
    while (end < ranges.length && ranges[end].first <= lastOf(batch)) end++;
    if (end > from) yield [batch, ranges.slice(from, end)];
    from = Math.max(from, end - 1);
  }
}

/** Makes each of the offsets, which rise, the first one of a run, where it lies within the batch. */
export function splitAt(batch: InFlightBatch, offsets: ArrayLike<number>): void {
  const whole = batch.runs.splice(0);
  let next = 0;
  for (const run of whole) {
    while (next < offsets.length && offsets[next] <= run.first) next++;
    let rest = run;
    for (; next < offsets.length && offsets[next] <= rest.last; next++) {
      if (offsets[next] <= rest.first) continue;
      const tail = { ...rest, first: offsets[next] };
      rest.last = offsets[next] - 1;
      batch.runs.push(rest);
      rest = tail;
    }
    batch.runs.push(rest);
  }
}

/** Neighbours that don't differ become one run. */
export function join(batch: InFlightBatch): void {
  const { runs } = batch;
  let kept = 0;
  for (let at = 1; at < runs.length; at++) {
    if (areAlike(runs[kept], runs[at])) runs[kept].last = runs[at].last;
    else runs[++kept] = runs[at];
  }
  runs.length = kept + 1;
}

function areAlike(one: Run, other: Run): boolean {
  return (
    one.state === other.state &&
    one.deliveryCount === other.deliveryCount &&
    one.memberId === other.memberId &&
    one.lockDeadlineMs === other.lockDeadlineMs &&
    isSameTransition(one.transition, other.transition)
  );
}

function isSameTransition(one: Transition | null, other: Transition | null): boolean {
  if (one === null || other === null) return one === other;
  return one.writeId === other.writeId && one.fromState === other.fromState && one.fromMemberId === other.fromMemberId;
}
