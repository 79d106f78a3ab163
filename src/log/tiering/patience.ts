import type { TimerHandle, Timers } from "#ports/timers.ts";

/** How long somebody waits for what he asked the object store for: for a time, or until he has gone. */
export class Patience {
  private readonly isThere: () => boolean;
  private readonly timer: TimerHandle;
  private hasEnded = false;
  /** Resolves when the time is over. */
  readonly over: Promise<void>;

  private constructor(timers: Timers, waitMs: number, isThere: () => boolean) {
    this.isThere = isThere;
    let end = () => {};
    this.over = new Promise((resolve) => {
      end = resolve;
    });
    const expire = () => {
      this.hasEnded = true;
      end();
    };
    this.timer = timers.set(expire, waitMs);
  }

  /** Runs `ask` with so much patience. What goes on in the store afterwards is nobody's any more. */
  static async during<T>(
    { timers, waitMs, isThere }: { readonly timers: Timers; readonly waitMs: number; readonly isThere: () => boolean },
    ask: (patience: Patience) => Promise<T>,
  ): Promise<T> {
    const patience = new Patience(timers, Math.max(0, waitMs), isThere);
    try {
      return await ask(patience);
    } finally {
      patience.timer.cancel();
    }
  }

  get isOver(): boolean {
    return this.hasEnded;
  }

  /** Whether somebody still wants what was asked for: for whom nobody waits, nothing more is read. */
  get lasts(): boolean {
    return !this.hasEnded && this.isThere();
  }
}
