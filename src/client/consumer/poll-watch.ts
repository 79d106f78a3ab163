import type { TimerHandle, Timers } from "#ports/timers.ts";
import type { RebalanceHost } from "./membership.ts";

/** Watches that an application keeps polling: calls back when `max.poll.interval.ms` pass outside of `poll`, or in one callback. */
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

  /** A callback runs inside of `poll`, and yet the application that is stuck in it polls no more. */
  async during(callback: () => Promise<void>): Promise<void> {
    this.polling(false);
    try {
      await callback();
    } finally {
      this.polling(true);
    }
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = null;
  }
}

/** The same host, with a watch on its callbacks. */
export function watched(host: RebalanceHost, watch: PollWatch): RebalanceHost {
  return {
    owned: () => host.owned(),
    topics: () => host.topics(),
    regex: () => host.regex(),
    assign: (added) => watch.during(() => host.assign(added)),
    revoke: (partitions) => watch.during(() => host.revoke(partitions)),
    lose: (partitions) => watch.during(() => host.lose(partitions)),
  };
}
