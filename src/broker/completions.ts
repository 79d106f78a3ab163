import type { Timers } from "#ports/timers.ts";

/** How long somebody waits for a completion at most, as `add.partitions.to.txn.retry.backoff.max.ms`. */
const MAX_WAIT_MS = 100;

/** Who waits for the transactions of which ids to be completed. */
export class Completions {
  readonly #timers: Timers;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(timers: Timers) {
    this.#timers = timers;
  }

  /** Resolves when the id's transaction is completed, or after a moment. */
  next(transactionalId: string): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(transactionalId) ?? new Set();
      this.#waiting.set(transactionalId, waiting);
      const end = () => {
        timer.cancel();
        waiting.delete(end);
        if (waiting.size === 0 && this.#waiting.get(transactionalId) === waiting) this.#waiting.delete(transactionalId);
        resolve();
      };
      const timer = this.#timers.set(end, MAX_WAIT_MS);
      waiting.add(end);
    });
  }

  tell(transactionalId: string): void {
    for (const end of [...(this.#waiting.get(transactionalId) ?? [])]) end();
  }
}
