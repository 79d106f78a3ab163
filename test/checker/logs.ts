import { Compaction, type Configs, isCompacted, wholeReads } from "./compaction.ts";
import type {
  DeleteRecordsEvent,
  FetchEvent,
  HistoryEvent,
  OffsetsEvent,
  ProduceEvent,
  TransactionEvent,
} from "./history.ts";
import { keyOf } from "./history.ts";
import { checkPlaces } from "./places.ts";
import type { Report } from "./report.ts";
import { Retention } from "./retention.ts";
import { RunningMax } from "./running-max.ts";

interface Seen {
  readonly id: string;
  readonly atMs: number;
}

/** All that a history says about one partition. */
export interface PartitionHistory {
  readonly key: string;
  readonly produced: ProduceEvent[];
  readonly fetched: FetchEvent[];
  readonly offsets: OffsetsEvent[];
  readonly deletions: DeleteRecordsEvent[];
  /** Transactions by name, of all partitions. */
  readonly ends: ReadonlyMap<string, TransactionEvent>;
  /** Undefined where nobody wrote down what its topic was created with. */
  configs?: Configs | undefined;
  /** Deleted with its topic, or about to be: nothing has to be there any more. */
  isDoomed: boolean;
}

/** Splits a history by partition. */
export function partitionsOf(history: readonly HistoryEvent[]): Map<string, PartitionHistory> {
  const partitions = new Map<string, PartitionHistory>();
  const ends = new Map<string, TransactionEvent>();
  const of = (event: { topic: string; partition: number }): PartitionHistory => {
    const key = keyOf(event);
    const known = partitions.get(key);
    if (known !== undefined) return known;
    const fresh: PartitionHistory = {
      key,
      produced: [],
      fetched: [],
      offsets: [],
      deletions: [],
      ends,
      isDoomed: false,
    };
    partitions.set(key, fresh);
    return fresh;
  };
  const doomed = new Set<string>();
  const configs = new Map<string, Configs>();
  for (const event of history) {
    if (event.type === "produce") of(event).produced.push(event);
    else if (event.type === "fetch") of(event).fetched.push(event);
    else if (event.type === "offsets") of(event).offsets.push(event);
    else if (event.type === "delete-records") of(event).deletions.push(event);
    else if (event.type === "transaction") ends.set(event.transaction, event);
    else if (event.type === "topic" && event.action === "delete") doomed.add(event.topic);
    else if (event.type === "topic" && event.configs !== undefined) configs.set(event.topic, event.configs);
  }
  for (const [key, partition] of partitions) {
    const topic = key.slice(0, key.lastIndexOf("/"));
    partition.isDoomed = doomed.has(topic);
    partition.configs = configs.get(topic);
  }
  return partitions;
}

/** The log of one partition as the clients' answers show it: which record stands at which offset. */
export class SeenLog {
  readonly history: PartitionHistory;
  /** By offset; what was acknowledged at an offset, too. */
  readonly seen = new Map<number, Seen>();
  readonly acknowledged = new Map<number, Seen>();
  /** Offsets by id. */
  readonly places = new Map<string, number[]>();
  readonly #allPlaces = new Map<string, number[]>();
  /** No reader has to find what lies before this: somebody has asked for that, or its time was over. */
  readonly deletedBefore: number;
  /** Null for a topic that isn't compacted. */
  readonly compaction: Compaction | null;
  readonly #retention: Retention | null;
  readonly #askedBefore: number;
  /** Ids of records that a reader of committed ones may not have to see: `transactions.ts` says which. */
  readonly #inTransactions = new Set<string>();
  readonly #report: Report;
  readonly #ends = new RunningMax();
  readonly #stableEnds = new RunningMax();
  readonly #starts = new RunningMax();

  constructor(history: PartitionHistory, report: Report) {
    this.history = history;
    this.#report = report;
    this.#askedBefore = deletionBound(history);
    for (const event of history.produced) {
      this.#acknowledge(event);
      if (event.transaction !== undefined) for (const id of event.ids) this.#inTransactions.add(id);
    }
    for (const event of history.fetched) this.#see(event);
    for (const event of history.offsets) {
      if (event.which === "stable")
        this.#stableEnds.add(event.completedMs ?? Infinity, event.offset, "the stable end that ListOffsets told");
      this.#ends.add(event.completedMs ?? Infinity, event.offset, `the ${event.which} that ListOffsets told`);
    }
    for (const event of history.deletions) {
      if (event.outcome !== "acknowledged") continue;
      this.#starts.add(event.completedMs as number, event.lowWatermark, `DeleteRecords to ${event.lowWatermark}`);
    }
    const { configs, produced, ends } = history;
    const clockSkewMs = report.options.clockSkewMs ?? 0;
    const known = { produced, ends, clockSkewMs, placesOf: (id: string) => this.placesOf(id) };
    const hasRetention = configs !== undefined && report.options.clockSkewMs !== undefined;
    this.#retention = hasRetention ? new Retention(configs, known) : null;
    this.compaction = isCompacted(configs) ? new Compaction(configs as Configs, known) : null;
    this.deletedBefore = this.#toldStarts();
  }

  /** The largest log start that anybody was told, or has asked for. A broker that has been replaced may tell what never came to be. */
  #toldStarts(): number {
    let largest = this.#askedBefore;
    const tell = (event: FetchEvent | OffsetsEvent, startOffset: number) => {
      if (event.completedMs === null || startOffset < 0 || !this.#report.mustBeFresh(event.invokedMs)) return;
      const told = this.#starts.before(event.completedMs)?.value ?? -1;
      if (startOffset > told) this.#starts.add(event.completedMs, startOffset, `${event.client}'s log start`);
      if (startOffset > largest && this.#retention !== null) largest = startOffset;
    };
    for (const event of this.history.fetched) if (event.errorCode === 0) tell(event, event.logStartOffset);
    for (const event of this.history.offsets) if (event.which === "earliest") tell(event, event.offset);
    return largest;
  }

  /** Where a record was acknowledged or read. */
  placesOf(id: string): readonly number[] {
    return this.#allPlaces.get(id) ?? NOWHERE;
  }

  #place(id: string, offset: number): void {
    const places = this.#allPlaces.get(id);
    if (places === undefined) this.#allPlaces.set(id, [offset]);
    else if (!places.includes(offset)) places.push(offset);
  }

  /** Null when a reader may have missed the record by `atMs`, as it was compacted away or is deleted; else why not. */
  whyNotMissing(offset: number, id: string, atMs = Infinity): string | null {
    if (offset < this.deletedBefore) return null;
    return this.compaction === null
      ? "nothing goes from within the log"
      : this.compaction.whyNotMissing(offset, id, atMs);
  }

  #acknowledge(event: ProduceEvent): void {
    if (event.outcome !== "acknowledged" || event.baseOffset < 0 || event.completedMs === null) return;
    const atMs = event.completedMs;
    event.ids.forEach((id, index) => {
      const offset = event.baseOffset + index;
      const other = this.acknowledged.get(offset);
      if (other !== undefined && other.id !== id) {
        this.#report.add(
          "lost",
          `${this.history.key}: offset ${offset} was acknowledged for ${other.id} and for ${id}`,
        );
      }
      this.acknowledged.set(offset, { id, atMs });
      this.#place(id, offset);
    });
    const end = event.baseOffset + event.ids.length;
    this.#ends.add(atMs, end, `the acknowledgement of ${event.ids[0]} at ${event.baseOffset}`);
  }

  #see(event: FetchEvent): void {
    if (event.errorCode !== 0 || event.completedMs === null) return;
    for (const { offset, id } of event.records) {
      const known = this.seen.get(offset);
      if (known === undefined) {
        this.seen.set(offset, { id, atMs: event.completedMs });
        this.#place(id, offset);
        const places = this.places.get(id);
        if (places === undefined) this.places.set(id, [offset]);
        else places.push(offset);
      } else if (known.id !== id) {
        this.#report.add(
          "diverged",
          `${this.history.key}: offset ${offset} was read as ${known.id} and, by ${event.client}, as ${id}`,
        );
      }
      if (offset >= event.highWatermark) {
        this.#report.add(
          "uncommitted-read",
          `${this.history.key}: ${event.client} read ${id} at ${offset}, high watermark ${event.highWatermark}`,
        );
      }
    }
    this.#ends.add(event.completedMs, event.highWatermark, `the high watermark that ${event.client} was told`);
    const last = event.records.at(-1);
    if (last !== undefined) this.#ends.add(event.completedMs, last.offset + 1, `the record that ${event.client} read`);
    this.#seeStable(event, event.completedMs);
  }

  #seeStable({ lastStableOffset = -1, ...event }: FetchEvent, completedMs: number): void {
    if (event.isCommittedOnly !== true || lastStableOffset < 0) return;
    this.#stableEnds.add(completedMs, lastStableOffset, `the last stable offset that ${event.client} was told`);
    const last = event.records.at(-1);
    if (last === undefined || last.offset < lastStableOffset) return;
    this.#report.add(
      "uncommitted-read",
      `${this.history.key}: ${event.client} read ${last.id} at ${last.offset}, last stable offset ${lastStableOffset}`,
    );
  }

  check(): void {
    for (const event of this.history.fetched) this.#checkFetch(event);
    for (const event of this.history.offsets) this.#checkOffsets(event);
    this.#checkUnread();
    this.#checkStarts();
    this.#checkStaleValues();
    if (!this.history.isDoomed) this.#checkPlaces();
  }

  /** The start of the log is behind nothing but what was asked for and what may have expired. */
  #checkStarts(): void {
    if (this.#retention === null) return;
    const first = new Map<number, number>();
    const note = (offset: number, atMs: number) => first.set(offset, Math.min(atMs, first.get(offset) ?? Infinity));
    for (const event of this.history.fetched) {
      if (event.errorCode === 0 && event.completedMs !== null) note(event.logStartOffset, event.completedMs);
    }
    for (const event of this.history.offsets) {
      if (event.which === "earliest" && event.completedMs !== null) note(event.offset, event.completedMs);
    }
    for (const [offset, atMs] of first) {
      const problem = this.#retention.whyNotStart(offset, atMs, this.#askedBefore);
      if (problem !== null)
        this.#report.add("log-start-moved", `${this.history.key}: the log start was ${offset} at ${atMs}; ${problem}`);
    }
  }

  #checkStaleValues(): void {
    if (this.compaction === null) return;
    for (const read of wholeReads(this.history.fetched, this.#report.quietFromMs)) {
      for (const { key, shown, newest } of this.compaction.staleValues(read)) {
        this.#report.add(
          "stale-value",
          `${this.history.key}: ${read.client} found ${key} at ${shown} and not at ${newest}, and nothing behind it`,
        );
      }
    }
  }

  #checkPlaces(): void {
    const { key, offsets, produced } = this.history;
    const timestamps = new Map<number, number | undefined>();
    for (const batch of produced) {
      for (const id of batch.ids) for (const offset of this.placesOf(id)) timestamps.set(offset, batch.timestampMs);
    }
    const { deletedBefore } = this;
    const timestampAt = (offset: number) => timestamps.get(offset);
    const isCompactedLog = this.compaction !== null;
    checkPlaces({ key, offsets, produced, deletedBefore, isCompacted: isCompactedLog, timestampAt }, this.#report);
  }

  #checkFetch(event: FetchEvent): void {
    if (event.errorCode !== 0 || event.completedMs === null) return;
    const { key } = this.history;
    const found = new Map(event.records.map(({ offset, id }) => [offset, id]));
    let previous = event.offset - 1;
    for (const { offset } of event.records) {
      if (offset <= previous)
        this.#report.add("went-back", `${key}: ${event.client} got offset ${offset} after ${previous}`);
      previous = offset;
    }
    for (let offset = event.offset; offset < event.nextOffset; offset++) {
      const acknowledged = this.acknowledged.get(offset);
      const wanted = acknowledged ?? this.seen.get(offset);
      if (wanted === undefined || found.get(offset) === wanted.id) continue;
      if (event.isCommittedOnly === true && !found.has(offset) && this.#inTransactions.has(wanted.id)) continue;
      if (this.compaction !== null && !found.has(offset)) {
        const problem = this.compaction.whyNotMissing(offset, wanted.id, event.completedMs);
        if (problem !== null)
          this.#report.add("vanished", `${key}: ${wanted.id} at ${offset} was missing for ${event.client}; ${problem}`);
        continue;
      }
      const what = found.get(offset) ?? "nothing";
      const how = acknowledged === undefined ? "read before" : "acknowledged";
      this.#report.add("lost", `${key}: ${wanted.id} was ${how} at ${offset}, ${event.client} found ${what} there`);
    }
    this.#checkBounds(event);
  }

  #checkBounds(event: FetchEvent): void {
    const { key, isDoomed } = this.history;
    if (!this.#report.mustBeFresh(event.invokedMs)) return;
    const end = this.#ends.before(event.invokedMs);
    if (end !== null && event.highWatermark < end.value && !isDoomed) {
      this.#report.add(
        "went-back",
        `${key}: high watermark ${event.highWatermark} for ${event.client} at ${event.invokedMs}, after ${end.what} (${end.value})`,
      );
    }
    const stableEnd = event.isCommittedOnly === true ? this.#stableEnds.before(event.invokedMs) : null;
    const { lastStableOffset = -1 } = event;
    if (stableEnd !== null && lastStableOffset >= 0 && lastStableOffset < stableEnd.value && !isDoomed) {
      this.#report.add(
        "went-back",
        `${key}: last stable offset ${lastStableOffset} for ${event.client} at ${event.invokedMs}, after ${stableEnd.what} (${stableEnd.value})`,
      );
    }
    const start = this.#starts.before(event.invokedMs);
    const isBefore = (bound: number) =>
      event.offset < bound || (event.logStartOffset >= 0 && event.logStartOffset < bound);
    if (start !== null && isBefore(start.value)) {
      this.#report.add(
        "deleted-came-back",
        `${key}: ${event.client} read from ${event.offset}, log start ${event.logStartOffset}, after ${start.what}`,
      );
    }
    if (this.#report.options.noRetention === true && event.logStartOffset > this.deletedBefore) {
      this.#report.add(
        "log-start-moved",
        `${key}: ${event.client} was told of log start ${event.logStartOffset}; nobody asked for more than ${this.deletedBefore}`,
      );
    }
  }

  #checkOffsets(event: OffsetsEvent): void {
    if (event.completedMs === null || !this.#report.mustBeFresh(event.invokedMs)) return;
    const { key, isDoomed } = this.history;
    if (isDoomed) return;
    if (event.which === "latest" || event.which === "stable") {
      const end = (event.which === "stable" ? this.#stableEnds : this.#ends).before(event.invokedMs);
      if (end === null || event.offset >= end.value) return;
      this.#report.add(
        "went-back",
        `${key}: ListOffsets told ${event.client} the end ${event.offset}, after ${end.what} (${end.value})`,
      );
    } else if (event.which === "earliest") {
      const start = this.#starts.before(event.invokedMs);
      if (start === null || event.offset >= start.value) return;
      this.#report.add(
        "deleted-came-back",
        `${key}: ListOffsets told ${event.client} the beginning ${event.offset}, after ${start.what}`,
      );
    }
  }

  #checkUnread(): void {
    if (this.#report.options.isComplete !== true || this.history.isDoomed) return;
    for (const [offset, { id }] of this.acknowledged) {
      if (this.seen.has(offset) || this.whyNotMissing(offset, id) === null) continue;
      this.#report.add("unread", `${this.history.key}: ${id} was acknowledged at ${offset} and nobody ever read it`);
    }
  }

  /** The largest end of the log that anybody knew of before a time. */
  endBefore(atMs: number): number {
    return this.#ends.before(atMs)?.value ?? 0;
  }
}

const NOWHERE: readonly number[] = [];

/** Behind which offset a deletion may have gone; Infinity when somebody asked for "all there is" and heard no answer. */
function deletionBound({ deletions }: PartitionHistory): number {
  let bound = 0;
  for (const event of deletions) {
    if (event.outcome === "refused") continue;
    const asked = event.beforeOffset === -1 ? Infinity : event.beforeOffset;
    bound = Math.max(bound, event.outcome === "acknowledged" ? event.lowWatermark : asked);
  }
  return bound;
}
