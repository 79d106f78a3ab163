const FIRST_PAUSE_MS = 1_000;
const MAX_PAUSE_MS = 30_000;
/** A failure so long after the last one has nothing to do with it. */
const FORGOTTEN_AFTER_MS = 120_000;

/**
 * Commits of one process that failed, most often because the disk is full. Each resets the object, which cuts all connections, so that the next
 * attempt waits: appends are refused meanwhile with an error that clients retry, and readers are served.
 */
export class CommitFailures {
  private lastMs = Number.NEGATIVE_INFINITY;
  private pauseMs = 0;

  note(nowMs: number): void {
    const isNew = nowMs - this.lastMs > FORGOTTEN_AFTER_MS;
    this.pauseMs = isNew ? FIRST_PAUSE_MS : Math.min(2 * this.pauseMs, MAX_PAUSE_MS);
    this.lastMs = nowMs;
  }

  /** By the clock. In the past when nothing has failed lately. */
  get refuseUntilMs(): number {
    return this.lastMs === Number.NEGATIVE_INFINITY ? 0 : this.lastMs + this.pauseMs;
  }
}
