/** What a timer of a coordinator means when it fires. */
export type TimerMeaning =
  | { readonly kind: "heartbeat"; readonly groupId: string; readonly memberId: string }
  | { readonly kind: "join"; readonly groupId: string }
  | { readonly kind: "sync"; readonly groupId: string }
  | { readonly kind: "expire-offsets" };

interface PendingTimer {
  readonly meaning: TimerMeaning;
  readonly deadlineMs: number;
}

/**
 * The timers that a coordinator waits for. The shell only learns keys and deadlines; the table decides whether a timer that fires still
 * means something, so a shell may fire one too early, twice or after it was cancelled.
 */
export class TimerTable {
  private readonly pending = new Map<string, PendingTimer>();

  get size(): number {
    return this.pending.size;
  }

  set(key: string, meaning: TimerMeaning, deadlineMs: number): void {
    this.pending.set(key, { meaning, deadlineMs });
  }

  /** Whether there was such a timer. */
  cancel(key: string): boolean {
    return this.pending.delete(key);
  }

  deadlineMs(key: string): number | undefined {
    return this.pending.get(key)?.deadlineMs;
  }

  /** Takes the timer out when it is due, and answers what it means. */
  fire(key: string, nowMs: number): TimerMeaning | null {
    const timer = this.pending.get(key);
    if (timer === undefined || timer.deadlineMs > nowMs) return null;
    this.pending.delete(key);
    return timer.meaning;
  }

  /** For tests and simulations: all keys with their deadlines. */
  deadlines(): ReadonlyMap<string, number> {
    return new Map([...this.pending].map(([key, timer]) => [key, timer.deadlineMs]));
  }
}

/** The length of the group id stands in the key: without it, group `a b` with member `c` would meet group `a` with member `b c`. */
export function timerKey(meaning: TimerMeaning): string {
  switch (meaning.kind) {
    case "heartbeat":
      return `heartbeat ${meaning.groupId.length} ${meaning.groupId} ${meaning.memberId}`;
    case "join":
    case "sync":
      return `${meaning.kind} ${meaning.groupId}`;
    case "expire-offsets":
      return "expire-offsets";
  }
}
