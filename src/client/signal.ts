import type { TimerHandle, Timers } from "#ports/timers.ts";

/** Something that others wait for, any number of times: `notify` lets all go on that wait at that moment. */
export class Signal {
  private waiting: (() => void)[] = [];
  private readonly timers: Timers;

  constructor(timers: Timers) {
    this.timers = timers;
  }

  notify(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Resolves at the next `notify`, or after `timeoutMs`; Infinity waits for as long as it takes. */
  wait(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      let timer: TimerHandle | null = null;
      const wake = (): void => {
        timer?.cancel();
        resolve();
      };
      this.waiting.push(wake);
      if (timeoutMs === Number.POSITIVE_INFINITY) return;
      timer = this.timers.set(() => {
        this.waiting = this.waiting.filter((other) => other !== wake);
        resolve();
      }, timeoutMs);
    });
  }
}
