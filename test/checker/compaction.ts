import type { FetchEvent, ProduceEvent, TransactionEvent } from "./history.ts";

const DELETE_RETENTION_MS = 86_400_000;

/** What a topic was created with, or nothing where that is Kafka's default. */
export type Configs = Readonly<Record<string, string>>;

interface Entry {
  readonly offset: number;
  readonly isTombstone: boolean;
  readonly batch: ProduceEvent;
}

type Lost = Pick<Entry, "isTombstone" | "batch">;

/** What is known of one partition of a compacted topic, beside the topic itself. */
export interface KnownRecords {
  readonly produced: readonly ProduceEvent[];
  /** The offsets at which a record was acknowledged or read. */
  placesOf(id: string): readonly number[];
  readonly ends: ReadonlyMap<string, TransactionEvent>;
  readonly clockSkewMs: number;
}

export function isCompacted(configs: Configs | undefined): boolean {
  return configs?.["cleanup.policy"]?.includes("compact") === true;
}

/**
 * What may be missing in the log of a compacted topic: a record whose key came again in a later record that counts, a tombstone whose time is
 * over, and whatever was not committed.
 */
export class Compaction {
  /** By key, in the order of offsets. */
  readonly #byKey = new Map<string, Entry[]>();
  /** Of those the ones that are no part of a transaction, or of one that was committed. */
  readonly #counting = new Map<string, readonly Entry[]>();
  readonly #keys = new Map<string, string>();
  /**
   * By key: records of which nobody knows whether, and where, they are in the log. One may have taken the place of an earlier record and be gone
   * before anyone read it: as a tombstone, replaced in turn by a record that is known, or with a segment whose time was over.
   */
  readonly #unplaced = new Map<string, Lost[]>();
  readonly #known: KnownRecords;
  readonly #minLagMs: number;
  readonly #deleteRetentionMs: number;
  /** Segments go by age or size, too. */
  readonly #expires: boolean;

  constructor(configs: Configs, known: KnownRecords) {
    this.#known = known;
    this.#expires = configs["cleanup.policy"]?.includes("delete") === true;
    this.#minLagMs = Number(configs["min.compaction.lag.ms"] ?? 0);
    this.#deleteRetentionMs = Number(configs["delete.retention.ms"] ?? DELETE_RETENTION_MS);
    for (const batch of known.produced) this.#add(batch);
    for (const entries of this.#byKey.values()) entries.sort((one, other) => one.offset - other.offset);
  }

  #add(batch: ProduceEvent): void {
    batch.ids.forEach((id, index) => {
      const key = batch.keys?.[index];
      if (key === undefined) return;
      this.#keys.set(id, key);
      const isTombstone = batch.tombstones?.[index] === true;
      const places = this.#known.placesOf(id);
      for (const offset of places) append(this.#byKey, key, { offset, isTombstone, batch });
      if (places.length === 0 && batch.outcome === "unknown") append(this.#unplaced, key, { isTombstone, batch });
    });
  }

  #outcomeOf({ transaction }: ProduceEvent): TransactionEvent["outcome"] {
    return transaction === undefined ? "committed" : (this.#known.ends.get(transaction)?.outcome ?? "aborted");
  }

  /** Whether the time of a tombstone may be over. */
  #isOver({ invokedMs }: ProduceEvent, atMs: number): boolean {
    return atMs >= invokedMs + this.#deleteRetentionMs - this.#known.clockSkewMs;
  }

  /** Null when a read that ended at `atMs` may have missed the record at this offset, else why it must not. */
  whyNotMissing(offset: number, id: string, atMs: number): string | null {
    const key = this.#keys.get(id);
    if (key === undefined) return "it has no key";
    // Nobody knows of a place when no record of the key was acknowledged, or seen.
    const entries = this.#byKey.get(key) ?? [];
    const own = entries.find((entry) => entry.offset === offset);
    if (own === undefined) return null;
    if (this.#outcomeOf(own.batch) !== "committed") return null;
    const { clockSkewMs } = this.#known;
    if (own.isTombstone && this.#isOver(own.batch, atMs)) return null;
    const isYoung = (own.batch.timestampMs ?? 0) + this.#minLagMs > atMs + clockSkewMs;
    if (isYoung) return `it is younger than ${this.#minLagMs} ms`;
    const replaces = (later: Entry) =>
      later.offset > offset && later.batch.invokedMs < atMs && this.#outcomeOf(later.batch) !== "aborted";
    if (entries.some(replaces)) return null;
    const cameLater = entries.some((later) => later.offset > offset && this.#outcomeOf(later.batch) !== "aborted");
    const mayHaveReplaced = (lost: Lost) =>
      lost.batch.invokedMs < atMs && (lost.isTombstone || cameLater || this.#expires);
    return this.#unplaced.get(key)?.some(mayHaveReplaced) === true ? null : `no later record has the key ${key}`;
  }

  #countingOf(key: string, entries: readonly Entry[]): readonly Entry[] {
    const known = this.#counting.get(key);
    if (known !== undefined) return known;
    const counting = entries.filter(({ batch }) => this.#outcomeOf(batch) === "committed");
    this.#counting.set(key, counting);
    return counting;
  }

  /** For each key whose newest record that counts is missing in a whole read which shows an older one. */
  *staleValues(read: WholeRead): Generator<{ readonly key: string; readonly shown: number; readonly newest: number }> {
    for (const [key, entries] of this.#byKey) {
      const counting = this.#countingOf(key, entries);
      const newest = counting.findLast(
        ({ offset, batch }) => offset < read.endOffset && batch.invokedMs < read.beganMs,
      );
      if (newest === undefined || read.offsets.has(newest.offset)) continue;
      const isGone = read.before.some(
        ({ offsets, endOffset }) => newest.offset < endOffset && !offsets.has(newest.offset),
      );
      if (newest.isTombstone && !isGone) continue;
      const shown = counting.findLast(({ offset }) => offset < newest.offset && read.offsets.has(offset));
      const isHidden = entries.some(({ offset }) => offset > newest.offset && read.offsets.has(offset));
      // Sent while it read, it may have taken the newest along and gone itself before the reader came there.
      const mayHaveGone = ({ isTombstone, offset, batch }: Entry) =>
        isTombstone && offset > newest.offset && this.#isOver(batch, read.endedMs);
      if (shown !== undefined && !isHidden && !entries.some(mayHaveGone))
        yield { key, shown: shown.offset, newest: newest.offset };
    }
  }
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** One client's way through a partition, from somewhere to its end. */
export interface WholeRead {
  readonly client: string;
  /** Reads of the same part that ended before this one began have shown these records: a tombstone may go while somebody reads slowly. */
  readonly before: readonly WholeRead[];
  readonly beganMs: number;
  readonly endedMs: number;
  readonly fromOffset: number;
  readonly endOffset: number;
  readonly offsets: ReadonlySet<number>;
}

/** The reads that came to an end of the log, of those that began at `fromMs` or later. */
export function wholeReads(fetched: readonly FetchEvent[], fromMs: number): WholeRead[] {
  const reads: WholeRead[] = [];
  const fine = fetched.filter((event) => event.errorCode === 0 && event.completedMs !== null);
  const late = fine.filter((event) => event.invokedMs >= fromMs);
  for (const own of Map.groupBy(late, (event) => `${event.client} ${event.isCommittedOnly === true}`).values()) {
    let part: FetchEvent[] = [];
    for (const event of own) {
      if (part.length > 0 && part[part.length - 1].nextOffset !== event.offset) part = [];
      part.push(event);
      if (event.nextOffset < event.highWatermark) continue;
      if (part[0].offset === event.nextOffset) {
        part = [];
        continue;
      }
      const offsets = new Set(part.flatMap(({ records }) => records.map(({ offset }) => offset)));
      const beganMs = part[0].invokedMs;
      const before = reads.filter(({ endedMs, fromOffset }) => endedMs < beganMs && fromOffset <= part[0].offset);
      const range = { fromOffset: part[0].offset, endOffset: event.nextOffset };
      const endedMs = event.completedMs as number;
      reads.push({ client: event.client, beganMs, endedMs, ...range, offsets, before });
      part = [];
    }
  }
  return reads;
}
