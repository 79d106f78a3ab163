import type { Clock } from "#ports/clock.ts";
import type { TimerHandle, Timers } from "#ports/timers.ts";
import type { Compression } from "#records/compression.ts";
import type { CleanableLog, CompactionConfig } from "./cleanable-log.ts";
import { type CleanableRange, cleanableRange, isDue, nextDueMs } from "./cleanable-range.ts";
import { KeyHash } from "./key-hash.ts";
import { OFFSET_MAP_MAX_BYTES } from "./limits.ts";
import { OffsetMap } from "./offset-map.ts";
import { CompactionRound } from "./round.ts";

/** A partition of a compacted topic. */
export interface CompactedPartition {
  readonly log: CleanableLog;
  readonly config: CompactionConfig;
}

export interface CompactorOptions {
  readonly compression: Compression;
  readonly clock: Clock;
  readonly timers: Timers;
  /** 16 random bytes, which no client may learn; asked for once, when there is something to compact. */
  secret(): Uint8Array;
  /** The partitions of compacted topics that are led here, as they are now. */
  partitions(): Iterable<CompactedPartition>;
  /** Resolves when all that has been staged is durable. */
  committed(): Promise<void>;
  /** `log.cleaner.backoff.ms`: the least time between two looks. */
  backoffMs(): number;
  /** A round met what it can't bear: the log stays as it is until it is opened anew, as in Kafka. */
  readonly onUncleanable?: (error: unknown, log: CleanableLog) => void;
  readonly offsetMapMaxBytes?: number;
}

/**
 * Compacts the partitions of one broker, one at a time, the dirtiest first (Kafka's LogCleaner). It looks `backoffMs` after
 * `wake`, and when a partition becomes due by its age alone; between its slices everybody else has a turn.
 */
export class Compactor {
  private readonly options: CompactorOptions;
  private hash: KeyHash | null = null;
  private readonly uncleanable = new WeakSet<CleanableLog>();
  private timer: { readonly handle: TimerHandle; readonly atMs: number } | null = null;
  private isRunning = false;
  private wokenMeanwhile = false;
  private isClosed = false;

  constructor(options: CompactorOptions) {
    this.options = options;
  }

  /** Something may have become compactable: a segment was sealed, a config changed, a partition came. */
  wake(): void {
    this.wokenMeanwhile = this.isRunning;
    if (this.isRunning) return;
    this.arm(this.options.backoffMs());
  }

  /** No step begins any more. */
  close(): void {
    this.isClosed = true;
    this.timer?.handle.cancel();
    this.timer = null;
  }

  private arm(delayMs: number): void {
    const atMs = this.options.clock.nowMs() + delayMs;
    if (this.isClosed || (this.timer !== null && this.timer.atMs <= atMs)) return;
    this.timer?.handle.cancel();
    const handle = this.options.timers.set(() => {
      this.timer = null;
      void this.run();
    }, delayMs);
    this.timer = { handle, atMs };
  }

  /** Rounds, until no partition is due. */
  private async run(): Promise<void> {
    this.isRunning = true;
    this.wokenMeanwhile = false;
    const blocked = new Set<CleanableLog>();
    try {
      for (;;) {
        const partition = this.dirtiest(blocked);
        if (partition === null || this.isClosed) break;
        if (!(await this.runRound(partition))) blocked.add(partition.log);
      }
    } catch {
      // A commit has failed: whoever owns the logs begins anew.
      this.close();
    }
    this.isRunning = false;
    const delayMs = this.delayMs(blocked);
    if (Number.isFinite(delayMs)) this.arm(delayMs);
  }

  /** Until the next look; infinity when nothing but `wake` can make a difference. */
  private delayMs(blocked: ReadonlySet<CleanableLog>): number {
    const backoffMs = this.options.backoffMs();
    if (blocked.size > 0 || this.wokenMeanwhile) return backoffMs;
    const nowMs = this.options.clock.nowMs();
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { log, config } of this.options.partitions()) {
      if (!this.uncleanable.has(log)) dueMs = Math.min(dueMs, nextDueMs(log, config, nowMs));
    }
    return Math.max(dueMs - nowMs, backoffMs);
  }

  private dirtiest(without: ReadonlySet<CleanableLog>): Due | null {
    let best: Due | null = null;
    const nowMs = this.options.clock.nowMs();
    for (const { log, config } of this.options.partitions()) {
      if (log.isClosed || this.uncleanable.has(log) || without.has(log)) continue;
      const range = cleanableRange(log, config, nowMs);
      if (!isDue(range, config)) continue;
      if (best === null || range.dirtyRatio > best.range.dirtyRatio) best = { log, config, range, nowMs };
    }
    return best;
  }

  /** False when the round was blocked, so that it would be again. */
  private async runRound({ log, config, range, nowMs }: Due): Promise<boolean> {
    const { compression, offsetMapMaxBytes = OFFSET_MAP_MAX_BYTES } = this.options;
    this.hash ??= new KeyHash(this.options.secret());
    const latest = new OffsetMap(this.hash, offsetMapMaxBytes, range.dirtyBytes);
    const round = new CompactionRound(log, { compression, config, latest, range, nowMs });
    for (;;) {
      if (this.isClosed) {
        round.abandon();
        return false;
      }
      let step: ReturnType<typeof round.step>;
      try {
        step = round.step();
      } catch (error) {
        round.abandon();
        this.uncleanable.add(log);
        this.options.onUncleanable?.(error, log);
        return true;
      }
      if (step === "blocked") return false;
      if (step !== "more") await this.options.committed();
      if (step === "done") return true;
      await new Promise<void>((resolve) => this.options.timers.set(resolve, 0));
    }
  }
}

interface Due extends CompactedPartition {
  readonly range: CleanableRange;
  readonly nowMs: number;
}
