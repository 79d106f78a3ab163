import type { TimerHandle, Timers } from "#ports/timers.ts";
import type { PartitionLog } from "./partition-log.ts";

/** Why a parked fetch went on. */
export type ParkOutcome = "satisfied" | "deadline" | "cancelled";

export interface ParkedFetch {
  readonly done: Promise<ParkOutcome>;
  /** For a connection that has gone: the fetch ends at once and nothing of it stays behind. */
  cancel(): void;
}

/** Fetches that wait for more bytes than there are, by the partitions that may bring them. */
export class ParkedFetches {
  private readonly timers: Timers;
  private readonly byPartition = new Map<PartitionLog, Set<Parked>>();

  constructor(timers: Timers) {
    this.timers = timers;
  }

  /** How many fetches wait. */
  get size(): number {
    const all = new Set<Parked>();
    for (const parked of this.byPartition.values()) for (const fetch of parked) all.add(fetch);
    return all.size;
  }

  /**
   * Waits until `isSatisfied` after a change of one of the partitions, or for `maxWaitMs`. The caller has found just
   * before, in the same turn, that there isn't enough.
   */
  park(partitions: Iterable<PartitionLog>, isSatisfied: () => boolean, maxWaitMs: number): ParkedFetch {
    const parked = new Parked(new Set(partitions), isSatisfied, (fetch) => this.forget(fetch));
    for (const partition of parked.partitions) {
      const others = this.byPartition.get(partition);
      if (others === undefined) this.byPartition.set(partition, new Set([parked]));
      else others.add(parked);
    }
    parked.timer = this.timers.set(() => parked.end("deadline"), maxWaitMs);
    return parked;
  }

  /** The partition has changed: a commit, a deletion, another leader. */
  wake(partition: PartitionLog): void {
    const parked = this.byPartition.get(partition);
    if (parked === undefined) return;
    // A copy: a fetch that is satisfied leaves the set.
    for (const fetch of [...parked]) fetch.check();
  }

  private forget(fetch: Parked): void {
    for (const partition of fetch.partitions) {
      const parked = this.byPartition.get(partition);
      if (parked === undefined) continue;
      parked.delete(fetch);
      if (parked.size === 0) this.byPartition.delete(partition);
    }
  }
}

class Parked implements ParkedFetch {
  readonly partitions: ReadonlySet<PartitionLog>;
  readonly done: Promise<ParkOutcome>;
  timer: TimerHandle | null = null;
  private readonly isSatisfied: () => boolean;
  private readonly onEnd: (fetch: Parked) => void;
  private readonly resolve: (outcome: ParkOutcome) => void;
  private ended = false;

  constructor(partitions: ReadonlySet<PartitionLog>, isSatisfied: () => boolean, onEnd: (fetch: Parked) => void) {
    const wait = Promise.withResolvers<ParkOutcome>();
    this.partitions = partitions;
    this.isSatisfied = isSatisfied;
    this.onEnd = onEnd;
    this.done = wait.promise;
    this.resolve = wait.resolve;
  }

  check(): void {
    if (this.isSatisfied()) this.end("satisfied");
  }

  cancel(): void {
    this.end("cancelled");
  }

  end(outcome: ParkOutcome): void {
    if (this.ended) return;
    this.ended = true;
    this.timer?.cancel();
    this.onEnd(this);
    this.resolve(outcome);
  }
}
