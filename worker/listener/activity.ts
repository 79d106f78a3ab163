/** Kafka's `connections.max.idle.ms`: a connection that sends nothing for so long is closed. */
export const MAX_IDLE_MS = 600_000;

/** A client that takes nothing of an answer for so long is gone, or might as well be. */
export const MAX_WRITE_MS = 60_000;

const SWEEP_INTERVAL_MS = 10_000;

/** When a connection last did what it is watched for. */
export class Activity {
  onStale: () => void = () => undefined;
  #readMs = Date.now();
  #writingMs: number | null = null;

  read(): void {
    this.#readMs = Date.now();
  }

  writing(): void {
    this.#writingMs = Date.now();
  }

  written(): void {
    this.#writingMs = null;
  }

  isStale(nowMs: number): boolean {
    if (this.#writingMs !== null) return nowMs - this.#writingMs > MAX_WRITE_MS;
    return nowMs - this.#readMs > MAX_IDLE_MS;
  }
}

/** Watches the connections of an object with one timer, which runs only while there are any. */
export class ActivityWatch {
  readonly #watched = new Set<Activity>();
  #sweeping: ReturnType<typeof setInterval> | null = null;

  get size(): number {
    return this.#watched.size;
  }

  watch(): Activity {
    const activity = new Activity();
    this.#watched.add(activity);
    this.#sweeping ??= setInterval(() => this.sweep(Date.now()), SWEEP_INTERVAL_MS);
    return activity;
  }

  unwatch(activity: Activity): void {
    this.#watched.delete(activity);
    if (this.#watched.size > 0 || this.#sweeping === null) return;
    clearInterval(this.#sweeping);
    this.#sweeping = null;
  }

  sweep(nowMs: number): void {
    for (const activity of this.#watched) if (activity.isStale(nowMs)) activity.onStale();
  }
}
