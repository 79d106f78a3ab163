import type { ClusterStore } from "#cluster/cluster.ts";
import type { StoredRow } from "#cluster/stored.ts";

/** A cluster's rows in a map. A write is durable at once, or when `release` says so. */
export class MemoryClusterStore implements ClusterStore {
  readonly rows = new Map<string, string>();
  /** Set to hold commits back: each write waits for `release`. */
  holdsBack = false;
  /** Set to make each write fail. */
  failure: Error | null = null;
  #waiting: PromiseWithResolvers<void>[] = [];

  load() {
    return [...this.rows].map(([key, value]) => ({ key, value }));
  }

  async write(rows: readonly StoredRow[]): Promise<void> {
    if (this.failure !== null) throw this.failure;
    for (const { key, value } of rows) {
      if (value === null) this.rows.delete(key);
      else this.rows.set(key, value);
    }
    if (!this.holdsBack) return;
    const wait = Promise.withResolvers<void>();
    this.#waiting.push(wait);
    await wait.promise;
  }

  release(): void {
    this.holdsBack = false;
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** Lets the commits that were held back fail. */
  fail(error: Error): void {
    this.holdsBack = false;
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }
}
