import type { TimerHandle } from "#ports/timers.ts";
import type { PendingRecord } from "./batch.ts";

/** A record that can't be put into a batch yet: its topic isn't known, or there is no memory. */
export interface Waiting<R> {
  readonly record: R;
  readonly pending: PendingRecord;
  timer: TimerHandle | null;
}

/** Records that wait, in order within each topic, and no more bytes of them than `maxBytes`. */
export class WaitingRecords<R extends { readonly topic: string }> {
  private readonly maxBytes: number;
  private readonly rows = new Map<string, Waiting<R>[]>();
  private sizeInBytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get isEmpty(): boolean {
    return this.rows.size === 0;
  }

  /** Must another record of the topic wait behind these? */
  has(topic: string): boolean {
    return this.rows.has(topic);
  }

  fits({ sizeInBytes }: PendingRecord): boolean {
    return this.sizeInBytes + sizeInBytes <= this.maxBytes;
  }

  add(entry: Waiting<R>): void {
    const { topic } = entry.record;
    const row = this.rows.get(topic);
    if (row === undefined) this.rows.set(topic, [entry]);
    else row.push(entry);
    this.sizeInBytes += entry.pending.sizeInBytes;
  }

  remove(entry: Waiting<R>): void {
    const { topic } = entry.record;
    const row = this.rows.get(topic) ?? [];
    const left = row.filter((other) => other !== entry);
    if (left.length === row.length) return;
    if (left.length === 0) this.rows.delete(topic);
    else this.rows.set(topic, left);
    this.sizeInBytes -= entry.pending.sizeInBytes;
  }

  /** Offers the records of each topic, up to the first that isn't taken. */
  offer(take: (entry: Waiting<R>) => boolean): void {
    for (const [topic, row] of this.rows) {
      let count = 0;
      for (const entry of row) {
        if (!take(entry)) break;
        this.sizeInBytes -= entry.pending.sizeInBytes;
        count++;
      }
      if (count === row.length) this.rows.delete(topic);
      else row.splice(0, count);
    }
  }

  /** Takes all out. */
  clear(): Waiting<R>[] {
    const all = [...this.rows.values()].flat();
    this.rows.clear();
    this.sizeInBytes = 0;
    return all;
  }
}
