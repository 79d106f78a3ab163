import type { DeleteRecordsEvent, FetchEvent, HistoryEvent, OffsetsEvent, ProduceEvent } from "./history.ts";
import { keyOf } from "./history.ts";
import type { Report } from "./report.ts";
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
  /** Deleted with its topic, or about to be: nothing has to be there any more. */
  isDoomed: boolean;
}

/** Splits a history by partition. */
export function partitionsOf(history: readonly HistoryEvent[]): Map<string, PartitionHistory> {
  const partitions = new Map<string, PartitionHistory>();
  const of = (event: { topic: string; partition: number }) => {
    const key = keyOf(event);
    const known = partitions.get(key);
    if (known !== undefined) return known;
    const fresh = { key, produced: [], fetched: [], offsets: [], deletions: [], isDoomed: false };
    partitions.set(key, fresh);
    return fresh;
  };
  const doomed = new Set<string>();
  for (const event of history) {
    if (event.type === "produce") of(event).produced.push(event);
    else if (event.type === "fetch") of(event).fetched.push(event);
    else if (event.type === "offsets") of(event).offsets.push(event);
    else if (event.type === "delete-records") of(event).deletions.push(event);
    else if (event.type === "topic" && event.action === "delete") doomed.add(event.topic);
  }
  for (const [key, partition] of partitions) partition.isDoomed = doomed.has(key.slice(0, key.lastIndexOf("/")));
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
  /** No reader has to find what lies before this. */
  readonly deletedBefore: number;
  /** Ids of records that a reader of committed ones may not have to see: `transactions.ts` says which. */
  readonly #inTransactions = new Set<string>();
  readonly #report: Report;
  readonly #ends = new RunningMax();
  readonly #starts = new RunningMax();

  constructor(history: PartitionHistory, report: Report) {
    this.history = history;
    this.#report = report;
    this.deletedBefore = deletionBound(history);
    for (const event of history.produced) {
      this.#acknowledge(event);
      if (event.transaction !== undefined) for (const id of event.ids) this.#inTransactions.add(id);
    }
    for (const event of history.fetched) this.#see(event);
    for (const event of history.offsets)
      this.#ends.add(event.completedMs ?? Infinity, event.offset, "the end that ListOffsets told");
    for (const event of history.deletions) {
      if (event.outcome !== "acknowledged") continue;
      this.#starts.add(event.completedMs as number, event.lowWatermark, `DeleteRecords to ${event.lowWatermark}`);
    }
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
  }

  check(): void {
    for (const event of this.history.fetched) this.#checkFetch(event);
    for (const event of this.history.offsets) this.#checkOffsets(event);
    this.#checkUnread();
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
    if (event.which === "latest") {
      const end = this.#ends.before(event.invokedMs);
      if (end === null || event.offset >= end.value) return;
      this.#report.add(
        "went-back",
        `${key}: ListOffsets told ${event.client} the end ${event.offset}, after ${end.what} (${end.value})`,
      );
    } else {
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
      if (offset < this.deletedBefore || this.seen.has(offset)) continue;
      this.#report.add("unread", `${this.history.key}: ${id} was acknowledged at ${offset} and nobody ever read it`);
    }
  }

  /** The largest end of the log that anybody knew of before a time. */
  endBefore(atMs: number): number {
    return this.#ends.before(atMs)?.value ?? 0;
  }
}

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
