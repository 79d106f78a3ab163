/** Neighbouring offsets in one state, as they are stored and sent to the share coordinator. */
export interface StateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

/** A start offset that nobody has set yet. */
export const NO_START_OFFSET = -1;

/**
 * Puts what was stored, which is such a list itself, and what is new together: nothing before the start offset, in order, no overlap,
 * neighbours that don't differ in one. Where two batches overlap, the larger delivery count holds, and among equal ones the larger state: a
 * record only ever moves that way, so the order in which the batches came doesn't matter.
 *
 * There may be a batch for each of many records, and one write for each of them, too: only what lies around the new ones is looked at.
 */
export function combineStateBatches(
  soFar: readonly StateBatch[],
  added: readonly StateBatch[],
  startOffset: number,
): StateBatch[] {
  const left = soFar.slice(startOffset === NO_START_OFFSET ? 0 : firstReaching(soFar, startOffset));
  if (left.length > 0) left.splice(0, 1, ...prune(left[0], startOffset));
  const more = added.flatMap((batch) => prune(batch, startOffset));
  if (more.length === 0) return left;
  const first = more.reduce((least, { firstOffset }) => Math.min(least, firstOffset), Number.POSITIVE_INFINITY);
  const last = more.reduce((most, { lastOffset }) => Math.max(most, lastOffset), Number.NEGATIVE_INFINITY);
  // With the neighbours, which may not differ from what comes to lie beside them.
  const from = firstReaching(left, first - 1);
  const end = firstReaching(left, last + 1) + 1;
  return left.slice(0, from).concat(sweep([...left.slice(from, end), ...more]), left.slice(end));
}

/** The place of the first batch that ends at `offset` or behind it. */
function firstReaching(batches: readonly StateBatch[], offset: number): number {
  let low = 0;
  let high = batches.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (batches[middle].lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

function prune(batch: StateBatch, startOffset: number): readonly StateBatch[] {
  if (startOffset === NO_START_OFFSET || batch.firstOffset >= startOffset) return [batch];
  return batch.lastOffset < startOffset ? [] : [{ ...batch, firstOffset: startOffset }];
}

/** States are 0 to 4. */
const STATES = 8;

function rankOf({ deliveryCount, deliveryState }: StateBatch): number {
  return deliveryCount * STATES + deliveryState;
}

/** Of each stretch from one edge to the next, the batch of the highest rank that covers it. */
function sweep(batches: readonly StateBatch[]): StateBatch[] {
  const bounds = batches.flatMap(({ firstOffset, lastOffset }) => [firstOffset, lastOffset + 1]);
  const edges = [...new Set(bounds)].sort((one, other) => one - other);
  const places = new Map(edges.map((offset, place) => [offset, place]));
  const best: (StateBatch | null)[] = edges.map(() => null);
  // From each stretch the way to the next one that has no batch yet.
  const next = Int32Array.from(edges, (_, place) => place);
  const free = (from: number): number => {
    let place = from;
    while (next[place] !== place) {
      next[place] = next[next[place]];
      place = next[place];
    }
    return place;
  };
  for (const batch of batches.toSorted((one, other) => rankOf(other) - rankOf(one))) {
    const end = places.get(batch.lastOffset + 1) as number;
    for (let at = free(places.get(batch.firstOffset) as number); at < end; at = free(at)) {
      best[at] = batch;
      next[at] = at + 1;
    }
  }
  const combined: StateBatch[] = [];
  for (const [at, batch] of best.entries()) {
    if (batch !== null) append(combined, { ...batch, firstOffset: edges[at], lastOffset: edges[at + 1] - 1 });
  }
  return combined;
}

function append(combined: StateBatch[], batch: StateBatch): void {
  const last = combined.at(-1);
  const isNext = last !== undefined && last.lastOffset + 1 === batch.firstOffset && rankOf(last) === rankOf(batch);
  if (isNext) combined[combined.length - 1] = { ...last, lastOffset: batch.lastOffset };
  else combined.push(batch);
}
