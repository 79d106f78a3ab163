/** A transaction that was aborted: `lastOffset` is that of its marker. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
  readonly lastOffset: number;
}

/** What a control batch says; `none` when its record is gone already. */
export type Marker = "commit" | "abort" | "other" | "none";

interface OpenAbort {
  readonly lastOffset: number;
  hasData: boolean;
}

/**
 * Which batches belong to aborted transactions, and which markers nothing needs any more, for a walk over a log in the order of its offsets
 * (Kafka's CleanedTransactionMetadata, KIP-98). What it holds is bounded by the producers of a partition.
 */
export class TransactionWalk {
  private toCome: AbortedTransaction[] = [];
  private next = 0;
  private readonly committing = new Set<number>();
  private readonly aborting = new Map<number, OpenAbort>();

  /** Adds the aborted transactions that reach into the part of the log that is walked next; one that reaches into several comes again. */
  add(aborted: readonly AbortedTransaction[]): void {
    if (aborted.length === 0) return;
    this.toCome = [...this.toCome.slice(this.next), ...aborted].sort(
      (one, other) => one.firstOffset - other.firstOffset,
    );
    this.next = 0;
  }

  /** Whether the batch, which is no control batch, belongs to an aborted transaction. */
  isAborted(producerId: number, transactional: boolean, lastOffset: number): boolean {
    this.advance(lastOffset);
    if (!transactional) return false;
    const open = this.open(producerId, lastOffset);
    if (open === undefined) {
      this.committing.add(producerId);
      return false;
    }
    open.hasData = true;
    return true;
  }

  /** Whether the control batch ends a transaction of which the walk has met no data, so that nobody needs it. */
  isObsolete(producerId: number, marker: Marker, lastOffset: number): boolean {
    this.advance(lastOffset);
    switch (marker) {
      case "none":
        return true;
      case "abort": {
        const open = this.open(producerId, lastOffset);
        this.aborting.delete(producerId);
        return open === undefined || !open.hasData;
      }
      case "commit":
        return !this.committing.delete(producerId);
      default:
        return false;
    }
  }

  private advance(offset: number): void {
    for (; this.next < this.toCome.length && this.toCome[this.next].firstOffset <= offset; this.next++) {
      const { producerId, firstOffset, lastOffset } = this.toCome[this.next];
      if (this.open(producerId, firstOffset) === undefined)
        this.aborting.set(producerId, { lastOffset, hasData: false });
    }
  }

  /** A transaction whose marker was compacted away ends where the marker was, or its producer's next one would seem to be aborted, too. */
  private open(producerId: number, offset: number): OpenAbort | undefined {
    const open = this.aborting.get(producerId);
    if (open === undefined || offset <= open.lastOffset) return open;
    this.aborting.delete(producerId);
    return undefined;
  }
}
