/** Neighbouring offsets in one state, as they are stored and sent to the share coordinator. */
export interface StateBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly deliveryState: number;
  readonly deliveryCount: number;
}

/** A start offset that nobody has set yet. */
export const NO_START_OFFSET = -1;

interface Edge {
  readonly offset: number;
  readonly begins: boolean;
  readonly batch: StateBatch;
}

/**
 * Puts what was stored and what is new together: nothing before the start offset, no overlap, neighbours that don't differ in one. Where
 * two batches overlap, the larger delivery count holds, and among equal ones the larger state: a record only ever moves that way, so the
 * order in which the batches came doesn't matter.
 */
export function combineStateBatches(
  soFar: readonly StateBatch[],
  added: readonly StateBatch[],
  startOffset: number,
): StateBatch[] {
  const pruned = [...soFar, ...added].flatMap((batch) => prune(batch, startOffset));
  if (pruned.length <= 1) return pruned;
  const edges = pruned.flatMap((batch): Edge[] => [
    { offset: batch.firstOffset, begins: true, batch },
    { offset: batch.lastOffset + 1, begins: false, batch },
  ]);
  edges.sort((one, other) => one.offset - other.offset);
  return sweep(edges);
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

/** From edge to edge, the batch of the highest rank among those that are open. */
function sweep(edges: readonly Edge[]): StateBatch[] {
  const combined: StateBatch[] = [];
  const open = new Map<number, { batch: StateBatch; count: number }>();
  let from = 0;
  for (const { offset, begins, batch } of edges) {
    if (offset > from) {
      const best = highest(open);
      if (best !== null) append(combined, { ...best, firstOffset: from, lastOffset: offset - 1 });
      from = offset;
    }
    const rank = rankOf(batch);
    const known = open.get(rank) ?? { batch, count: 0 };
    known.count += begins ? 1 : -1;
    if (known.count === 0) open.delete(rank);
    else open.set(rank, known);
  }
  return combined;
}

/** There are at most as many ranks as delivery counts and states. */
function highest(open: ReadonlyMap<number, { readonly batch: StateBatch }>): StateBatch | null {
  let best = -1;
  for (const rank of open.keys()) if (rank > best) best = rank;
  return open.get(best)?.batch ?? null;
}

function append(combined: StateBatch[], batch: StateBatch): void {
  const last = combined.at(-1);
  const isNext = last !== undefined && last.lastOffset + 1 === batch.firstOffset && rankOf(last) === rankOf(batch);
  if (isNext) combined[combined.length - 1] = { ...last, lastOffset: batch.lastOffset };
  else combined.push(batch);
}
