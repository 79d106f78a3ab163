interface PendingTimer<Meaning> {
  readonly key: string;
  /** What it means when it fires. */
  meaning: Meaning;
  deadlineMs: number;
  /** Its live place in the queue; at its deadline or before. */
  queued: QueuedTimer;
}

interface QueuedTimer {
  readonly key: string;
  readonly atMs: number;
  /** Timers of one moment come in the order in which they were queued. */
  readonly order: number;
}

/** A queue this small isn't worth cleaning. */
const SMALL_QUEUE = 64;

/**
 * The timers that a coordinator waits for. The shell only learns the next deadline; the table decides whether a timer that fires still
 * means something, so a shell may fire one too early, twice or after it was cancelled.
 *
 * The queue is a binary heap whose entries may be stale: a deadline that moves away (every heartbeat does that) leaves the entry where it
 * is, and a timer that is cancelled leaves it behind. Both are put right when the entry comes to the top, or when half of the queue is stale.
 */
export class TimerTable<Meaning> {
  private readonly pending = new Map<string, PendingTimer<Meaning>>();
  private queue: QueuedTimer[] = [];
  private nextOrder = 0;

  get size(): number {
    return this.pending.size;
  }

  set(key: string, meaning: Meaning, deadlineMs: number): void {
    const timer = this.pending.get(key);
    if (timer !== undefined && timer.queued.atMs <= deadlineMs) {
      timer.meaning = meaning;
      timer.deadlineMs = deadlineMs;
      return;
    }
    const queued = { key, atMs: deadlineMs, order: this.nextOrder++ };
    this.pending.set(key, { key, meaning, deadlineMs, queued });
    this.push(queued);
    if (this.queue.length > SMALL_QUEUE && this.queue.length > 2 * this.pending.size) this.cleanQueue();
  }

  /** Whether there was such a timer. */
  cancel(key: string): boolean {
    return this.pending.delete(key);
  }

  deadlineMs(key: string): number | undefined {
    return this.pending.get(key)?.deadlineMs;
  }

  /** The timer that is due first, or null without any. */
  next(): { readonly key: string; readonly deadlineMs: number } | null {
    for (;;) {
      const top = this.queue.at(0);
      if (top === undefined) return null;
      const timer = this.pending.get(top.key);
      if (timer !== undefined && timer.queued === top && timer.deadlineMs === top.atMs) return timer;
      this.pop();
      if (timer === undefined || timer.queued !== top) continue;
      timer.queued = { key: top.key, atMs: timer.deadlineMs, order: this.nextOrder++ };
      this.push(timer.queued);
    }
  }

  /** Takes the timer out when it is due, and answers what it means. */
  fire(key: string, nowMs: number): Meaning | null {
    const timer = this.pending.get(key);
    if (timer === undefined || timer.deadlineMs > nowMs) return null;
    this.pending.delete(key);
    return timer.meaning;
  }

  /** For tests and simulations: all keys with their deadlines. */
  deadlines(): ReadonlyMap<string, number> {
    return new Map([...this.pending].map(([key, timer]) => [key, timer.deadlineMs]));
  }

  /** For tests: entries of the queue, stale ones included. */
  get queuedCount(): number {
    return this.queue.length;
  }

  private cleanQueue(): void {
    const live = [...this.pending.values()].map((timer) => timer.queued);
    // A sorted array is a heap.
    this.queue = live.sort((one, other) => (isBefore(one, other) ? -1 : 1));
  }

  private push(entry: QueuedTimer): void {
    const { queue } = this;
    let at = queue.length;
    queue.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(queue[parent], entry)) break;
      queue[at] = queue[parent];
      at = parent;
    }
    queue[at] = entry;
  }

  /** Takes the top away. */
  private pop(): void {
    const { queue } = this;
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isBefore(queue[child + 1], queue[child])) child++;
      if (isBefore(last, queue[child])) break;
      queue[at] = queue[child];
      at = child;
    }
    queue[at] = last;
  }
}

function isBefore(one: QueuedTimer, other: QueuedTimer): boolean {
  return one.atMs === other.atMs ? one.order < other.order : one.atMs < other.atMs;
}
