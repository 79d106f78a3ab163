/** A batch as it lies in the log, with what decides whether applications see it. */
export interface TransactionalBatch {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** -1 for none. */
  readonly producerId: number;
  readonly isTransactional: boolean;
  /** The control batch that ends a transaction without committing it. */
  readonly isAbortMarker: boolean;
}

/** As Fetch tells of it. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/** The batches that belong to aborted transactions. */
export function abortedRanges(
  batches: readonly TransactionalBatch[],
  aborted: readonly AbortedTransaction[],
): { first: number; last: number }[] {
  const pending = [...aborted].sort((one, other) => one.firstOffset - other.firstOffset);
  const open = new Set<number>();
  const ranges: { first: number; last: number }[] = [];
  let next = 0;
  for (const { baseOffset, lastOffset, producerId, isTransactional, isAbortMarker } of batches) {
    if (producerId < 0) continue;
    for (; next < pending.length && pending[next].firstOffset <= lastOffset; next++) open.add(pending[next].producerId);
    if (isAbortMarker) open.delete(producerId);
    else if (isTransactional && open.has(producerId)) ranges.push({ first: baseOffset, last: lastOffset });
  }
  return ranges;
}

interface Range {
  readonly first: number;
  readonly last: number;
}

/** The ranges without what lies in one of the others; both are in order. */
export function without<R extends Range>(ranges: readonly R[], taken: readonly Range[]): R[] {
  const left: R[] = [];
  let next = 0;
  for (const range of ranges) {
    let from = range.first;
    while (next < taken.length && taken[next].last < from) next++;
    for (let at = next; at < taken.length && taken[at].first <= range.last; at++) {
      const { first, last } = taken[at];
      if (first > from) left.push({ ...range, first: from, last: first - 1 });
      from = Math.max(from, last + 1);
    }
    if (from <= range.last) left.push({ ...range, first: from });
  }
  return left;
}
