import type { TimerHandle, Timers } from "#ports/timers.ts";

/** Watches that an application keeps polling: calls back when `max.poll.interval.ms` pass outside of `poll`. */
export class PollWatch {
  private readonly timers: Timers;
  private readonly intervalMs: number;
  private readonly onLate: () => void;
  private timer: TimerHandle | null = null;

  constructor(timers: Timers, intervalMs: number, onLate: () => void) {
    this.timers = timers;
    this.intervalMs = intervalMs;
    this.onLate = onLate;
  }

  polling(isInside: boolean): void {
    this.stop();
    if (!isInside) this.timer = this.timers.set(this.onLate, this.intervalMs);
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
  }
}
