/** A transaction that a marker has ended in a partition. */
export interface EndedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly markerOffset: number;
  readonly isCommit: boolean;
  /** The first offset of those that are still open, or the one behind the marker. */
  readonly lastStableOffset: number;
}

/**
 * The open transactions of a partition by their first offsets. Transactions begin at the end of the log, so a map in the order of
 * beginnings is sorted by offset.
 */
export class OpenTransactions {
  private readonly open = new Map<number, number>();
  /** Those whose marker isn't committed yet hold the last stable offset back as well. */
  private ended: { readonly firstOffset: number; readonly markerOffset: number }[] = [];

  get size(): number {
    return this.open.size;
  }

  begin(producerId: number, firstOffset: number): void {
    this.open.set(producerId, firstOffset);
  }

  /** Null when the producer has no open transaction here. */
  end(producerId: number, markerOffset: number, isCommit: boolean): EndedTransaction | null {
    const firstOffset = this.open.get(producerId);
    if (firstOffset === undefined) return null;
    this.open.delete(producerId);
    this.ended.push({ firstOffset, markerOffset });
    const lastStableOffset = this.firstUndecidedOffset ?? markerOffset + 1;
    return { producerId, firstOffset, markerOffset, isCommit, lastStableOffset };
  }

  /** What lies before `offset` is committed. */
  committedTo(offset: number): void {
    if (this.ended.length > 0) this.ended = this.ended.filter(({ markerOffset }) => markerOffset >= offset);
  }

  private get firstUndecidedOffset(): number | null {
    for (const firstOffset of this.open.values()) return firstOffset;
    return null;
  }

  /** The first offset of which isn't settled yet whether it counts; null when all is. */
  get firstUnstableOffset(): number | null {
    let first = this.firstUndecidedOffset;
    for (const { firstOffset } of this.ended) if (first === null || firstOffset < first) first = firstOffset;
    return first;
  }
}
