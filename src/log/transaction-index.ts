import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { AbortedTxn } from "#protocol/stored/end-txn-marker.ts";
import { MAX_ABORTED_TRANSACTIONS } from "./limits.ts";
import type { EndedTransaction } from "./transaction-open.ts";

/** A transaction that was aborted in a partition. */
export interface AbortedTransaction {
  readonly producerId: number;
  /** Of its first batch here. */
  readonly firstOffset: number;
  /** That of its marker. */
  readonly lastOffset: number;
}

/** As an index keeps it. */
export interface IndexedAbort extends AbortedTransaction {
  /** The first offset of the transactions that were open once this one had ended: no abort behind it began before this offset. */
  readonly lastStableOffset: number;
}

const ABORTED_VERSION = 0;

/**
 * The aborted transactions whose marker lies in the active segment of a log, in the order of their markers, for readers with
 * read_committed: the memory of what Kafka keeps in a segment's `.txnindex`. When it is full the segment is sealed.
 */
export class AbortedTransactions {
  private entries: IndexedAbort[];

  constructor(entries: readonly IndexedAbort[] = []) {
    this.entries = [...entries];
  }

  get all(): readonly IndexedAbort[] {
    return this.entries;
  }

  /** The segment has to be sealed before anything else is appended. */
  get isFull(): boolean {
    return this.entries.length >= MAX_ABORTED_TRANSACTIONS;
  }

  /** Takes the transaction in if it was aborted; null for a batch that ended none. */
  note(ended: EndedTransaction | null): void {
    if (ended === null || ended.isCommit) return;
    const { producerId, firstOffset, markerOffset, lastStableOffset } = ended;
    this.entries.push({ producerId, firstOffset, lastOffset: markerOffset, lastStableOffset });
  }

  /** Forgets those whose marker lies before `offset`, which is the start of the log. */
  removeBefore(offset: number): void {
    this.entries.splice(0, firstEndingAt(this.entries, offset));
  }

  /** Gives all in Kafka's format to the segment that is sealed, and begins anew. */
  seal(): Uint8Array {
    return encodeAborts(this.entries.splice(0));
  }
}

/** The segments of a log, as far as they have to do with aborted transactions. */
interface AbortedInSegments {
  abortedIndexes(fromOffset: number): Iterable<Uint8Array>;
}

/** The aborted transactions that reach into [fromOffset, upperBound): by the indexes of the sealed segments, then by that of the active one. */
export function abortsIn(
  segments: AbortedInSegments,
  active: AbortedTransactions,
  fromOffset: number,
  upperBound: number,
): AbortedTransaction[] {
  const found: AbortedTransaction[] = [];
  for (const index of segments.abortedIndexes(fromOffset)) {
    const inSegment = collectAborts(decodeAborts(index), fromOffset, upperBound);
    for (const abort of inSegment.found) found.push(abort);
    if (inSegment.isComplete) return found;
  }
  for (const abort of collectAborts(active.all, fromOffset, upperBound).found) found.push(abort);
  return found;
}

/**
 * Those of `entries`, in the order of their markers, that reach into [fromOffset, upperBound). `isComplete` means that none which comes
 * behind them in the log can.
 */
export function collectAborts(
  entries: readonly IndexedAbort[],
  fromOffset: number,
  upperBound: number,
): { readonly found: AbortedTransaction[]; readonly isComplete: boolean } {
  const found: AbortedTransaction[] = [];
  for (let i = firstEndingAt(entries, fromOffset); i < entries.length; i++) {
    const { producerId, firstOffset, lastOffset, lastStableOffset } = entries[i];
    if (firstOffset < upperBound) found.push({ producerId, firstOffset, lastOffset });
    if (lastStableOffset >= upperBound) return { found, isComplete: true };
  }
  return { found, isComplete: false };
}

/** The first whose marker is at `offset` or behind it. */
function firstEndingAt(entries: readonly IndexedAbort[], offset: number): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (entries[middle].lastOffset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Kafka's `.txnindex`: each entry a version and the fields, 34 bytes. */
export function encodeAborts(entries: readonly IndexedAbort[]): Uint8Array {
  const writer = new Writer();
  for (const entry of entries) {
    writer.int16(ABORTED_VERSION);
    AbortedTxn.encode(writer, entry, ABORTED_VERSION);
  }
  return writer.finish();
}

/** @throws MalformedMessageError when the bytes are no such index. */
export function decodeAborts(bytes: Uint8Array): IndexedAbort[] {
  const reader = new Reader(bytes);
  const entries: IndexedAbort[] = [];
  while (reader.remaining > 0) {
    const version = reader.int16();
    if (version !== ABORTED_VERSION) throw new MalformedMessageError(`an aborted transaction of version ${version}`);
    entries.push(AbortedTxn.decode(reader, version));
  }
  return entries;
}
