import type { Clock } from "#ports/clock.ts";
import type { TimerHandle, Timers } from "#ports/timers.ts";

interface Timer {
  readonly callback: () => void;
  readonly dueMs: number;
}

/** Lets everything run that is ready to. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/**
 * A clock that stands still and timers that fire when it is moved. Back-offs would only be in a test's way: a timer of at
 * most `impatienceMs` fires by itself, and the clock jumps to it.
 */
export class ManualTime implements Clock, Timers {
  private now = 1_700_000_000_000;
  private readonly timers = new Set<Timer>();
  private readonly impatienceMs: number;

  constructor(impatienceMs = 1_000) {
    this.impatienceMs = impatienceMs;
  }

  nowMs(): number {
    return this.now;
  }

  get pending(): number {
    return this.timers.size;
  }

  set(callback: () => void, delayMs: number): TimerHandle {
    const timer = { callback, dueMs: this.now + delayMs };
    this.timers.add(timer);
    if (delayMs <= this.impatienceMs) setImmediate(() => this.fire(timer));
    return { cancel: () => this.timers.delete(timer) };
  }

  /** Moves the clock and fires what falls due on the way, in order. */
  async advance(byMs: number): Promise<void> {
    const untilMs = this.now + byMs;
    for (;;) {
      await settle();
      const due = [...this.timers]
        .filter((timer) => timer.dueMs <= untilMs)
        .sort((one, other) => one.dueMs - other.dueMs)[0];
      if (due === undefined) break;
      this.fire(due);
    }
    this.now = untilMs;
    await settle();
  }

  private fire(timer: Timer): void {
    if (!this.timers.delete(timer)) return;
    this.now = Math.max(this.now, timer.dueMs);
    timer.callback();
  }
}
