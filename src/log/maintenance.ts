import type { Clock } from "#ports/clock.ts";
import type { PartitionEntry } from "#ports/log-store.ts";
import type { TimerHandle, Timers } from "#ports/timers.ts";
import { EARLY_ROLL_MIN_BYTES } from "./limits.ts";
import type { PartitionLog } from "./partition-log.ts";
import type { PartitionLogs } from "./partition-logs.ts";
import {
  copyDue,
  expiresAtMs,
  expiry,
  locallyExpired,
  locallyExpiresAtMs,
  mayBeTiered,
  type RetentionConfig,
} from "./retention.ts";
import type { Segment } from "./segments.ts";
import type { Offloader } from "./tiering/offloader.ts";

export interface MaintenanceConfig extends RetentionConfig {
  readonly indexIntervalBytes: number;
}

export interface MaintenanceOptions {
  readonly logs: PartitionLogs;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Null without an object store. */
  readonly offloader: Offloader | null;
  /** Null when the broker doesn't lead the partition. */
  configOf(entry: { readonly topicId: string; readonly partitionIndex: number }): MaintenanceConfig | null;
  /** `log.retention.check.interval.ms` */
  checkIntervalMs(): number;
  /** Whether somebody else has something to do with a log, such as its compaction: then it is kept open. */
  isWanted?(log: PartitionLog): boolean;
  /** When there will be something to do next, by the clock; infinity for never. A shell that sleeps meanwhile wakes then. */
  onNextDue?(dueMs: number): void;
}

/** `log.initial.task.delay.ms`, as in Kafka: a broker that has just started has better things to do. */
const INITIAL_DELAY_MS = 30_000;
/** By how much a crowded store grows before the next attempt to make room. */
const RELIEF_STEP_BYTES = 32 << 20;
/** Partitions looked at before everybody else has a turn. */
const SWEEP_SLICE = 32;

/**
 * What happens to logs as time passes: expired segments go, sealed ones are copied to the object store and leave the store. It looks at a log
 * when something has changed in it, at most every `checkIntervalMs`, and when its oldest segment expires; a broker where nothing changes and
 * nothing expires has no timer. Rolls are looked at at once.
 */
export class Maintenance {
  private readonly options: MaintenanceOptions;
  /** Looked at never, or not since they have changed. */
  private readonly unseen: Map<number, PartitionEntry>;
  /** When age alone asks for a look at a log, by partition number. */
  private readonly dueMs = new Map<number, { readonly entry: PartitionEntry; readonly atMs: number }>();
  private readonly seenSegments = new WeakMap<PartitionLog, number>();
  private timer: { readonly handle: TimerHandle; readonly atMs: number } | null = null;
  private lastSweepMs: number;
  private isSweeping = false;
  /** The size of the store at which room is made without waiting for a roll. */
  private nextReliefBytes: number;
  private isEnded = false;

  constructor(options: MaintenanceOptions) {
    this.options = options;
    this.nextReliefBytes = options.logs.space.limits.crowdedBytes;
    this.unseen = new Map([...options.logs.all()].map((entry) => [entry.number, entry]));
    this.lastSweepMs = options.clock.nowMs() + INITIAL_DELAY_MS - options.checkIntervalMs();
    options.logs.onCommitted((log) => this.noteCommit(log));
    this.arm(false);
  }

  /** No timer of it fires any more. */
  end(): void {
    this.isEnded = true;
    this.timer?.handle.cancel();
  }

  /** Topic configs have changed: every log may be due. */
  configsChanged(): void {
    for (const entry of this.options.logs.all()) this.unseen.set(entry.number, entry);
    this.arm();
  }

  private noteCommit(log: PartitionLog): void {
    const segments = log.segments.active.number;
    const hasRolled = this.seenSegments.get(log) !== segments;
    const isFirst = this.unseen.size === 0;
    this.unseen.set(log.number, entryOf(log));
    if (hasRolled) {
      this.seenSegments.set(log, segments);
      this.offload(log);
    } else if (this.options.logs.space.sizeInBytes >= this.nextReliefBytes) {
      this.relieve();
    }
    if (isFirst) this.arm();
  }

  /** Looks at every log that is due now. Resolves when it has. */
  async sweep(): Promise<void> {
    if (this.isSweeping) return;
    this.isSweeping = true;
    const { clock, timers } = this.options;
    // Set anew afterwards, and told to the shell: its alarm may have led here, and then it has none.
    this.timer?.handle.cancel();
    this.timer = null;
    this.lastSweepMs = clock.nowMs();
    const entries = this.dueEntries(this.lastSweepMs);
    for (let at = 0; at < entries.length && !this.isEnded; at += SWEEP_SLICE) {
      if (at > 0) await new Promise<void>((resolve) => timers.set(resolve, 0));
      for (const entry of entries.slice(at, at + SWEEP_SLICE)) this.look(entry);
    }
    this.options.logs.space.ask();
    this.relieve();
    this.isSweeping = false;
    this.arm();
  }

  private dueEntries(nowMs: number): PartitionEntry[] {
    const due = new Map(this.unseen);
    this.unseen.clear();
    for (const { entry, atMs } of this.dueMs.values()) if (atMs <= nowMs) due.set(entry.number, entry);
    return [...due.values()];
  }

  private look(entry: PartitionEntry): void {
    this.dueMs.delete(entry.number);
    const config = this.options.configOf(entry);
    if (config === null) return;
    this.options.logs.visit(entry, (log) => {
      const nowMs = this.options.clock.nowMs();
      this.expire(log, config, nowMs);
      const isWanted = this.options.isWanted?.(log) ?? false;
      const keepsOpen = this.copy(log, config) || this.isLocallyInteresting(log, config) || isWanted;
      const atMs = Math.min(
        expiresAtMs(log, config),
        locallyExpiresAtMs(log, config),
        copyDue(log, config, nowMs).dueAtMs,
      );
      if (Number.isFinite(atMs)) this.dueMs.set(entry.number, { entry, atMs });
      return { keepsOpen };
    });
  }

  private expire(log: PartitionLog, config: MaintenanceConfig, nowMs: number): void {
    const expired = expiry(log, config, nowMs);
    if (expired !== null) {
      if (expired.rollsActive) log.roll(nowMs);
      log.deleteRecordsBefore(expired.logStartOffset);
    }
    for (const segment of locallyExpired(log, config, nowMs)) log.segments.dropRows(segment);
    if (!config.remoteStorageEnable && config.remoteLogDeleteOnDisable) this.leaveTier(log);
  }

  /** `remote.log.delete.on.disable`: tiering was turned off, and what is only there is given up. */
  private leaveTier(log: PartitionLog): void {
    const { localStartOffset } = log.segments;
    if (localStartOffset > log.logStartOffset) log.deleteRecordsBefore(Math.min(localStartOffset, log.highWatermark));
    for (const segment of log.segments.sealed) log.segments.detachObject(segment);
  }

  /** A log whose sealed segments may have to leave is kept open, so that a crowded store finds it. */
  private isLocallyInteresting(log: PartitionLog, config: MaintenanceConfig): boolean {
    return this.options.offloader !== null && mayBeTiered(config) && log.segments.sealed.some(({ hasRows }) => hasRows);
  }

  /** Something has become possible: a segment was sealed, or has been copied. */
  offload(log: PartitionLog): void {
    if (this.options.offloader === null || this.isEnded) return;
    const config = this.options.configOf(log);
    if (config !== null) this.copy(log, config);
    this.relieve();
  }

  /** Begins the copy of the topic's oldest segment that wants one. */
  private copy(log: PartitionLog, config: MaintenanceConfig): boolean {
    const { offloader, clock } = this.options;
    const { segment } = copyDue(log, config, clock.nowMs());
    if (offloader === null || segment === null) return false;
    if (!offloader.copy(log, segment, config.indexIntervalBytes)) this.unseen.set(log.number, entryOf(log));
    return true;
  }

  /** A crowded store gives up rows whose segments have objects, and has its oldest segments copied so that it can. */
  private relieve(): void {
    const { logs, offloader } = this.options;
    const { space } = logs;
    this.nextReliefBytes = Math.max(space.limits.crowdedBytes, space.sizeInBytes + RELIEF_STEP_BYTES);
    if (offloader === null) return;
    while (space.isCrowded) {
      const copied = this.oldest((log) => log.segments.sealed.find(({ hasRows }) => hasRows), hasObject);
      if (copied === null || !copied.log.segments.dropRows(copied.segment)) break;
      // Rows go in slices: what the store says of its size follows.
      space.noteFreed(copied.segment.sizeInBytes);
    }
    if (!offloader.isFree || !space.isCrowdedBeyond(offloader.settlingBytes)) return;
    const wanted = this.oldest(
      (log) => log.segments.sealed.find(isUncopied),
      (segment) => segment.isFree && !segment.isTooLarge,
    );
    if (wanted !== null) offloader.copy(wanted.log, wanted.segment, wanted.config.indexIntervalBytes);
    else this.rollLargest();
  }

  /** Of one segment a log, which may leave the store, the one that was sealed first. */
  private oldest(
    segmentOf: (log: PartitionLog) => Segment | undefined,
    isWanted: (segment: Segment) => boolean,
  ): Found | null {
    let oldest: Found | null = null;
    for (const log of this.options.logs.opened()) {
      const segment = segmentOf(log);
      if (segment === undefined || !isWanted(segment) || segment.endOffset > log.lastStableOffset) continue;
      if (oldest !== null && segment.sealedAtMs >= oldest.segment.sealedAtMs) continue;
      const config = this.options.configOf(log);
      if (config !== null && mayBeTiered(config)) oldest = { log, segment, config };
    }
    return oldest;
  }

  /** Nothing is sealed, but the store is crowded: the largest active segment is sealed early. */
  private rollLargest(): void {
    let largest: PartitionLog | null = null;
    for (const log of this.options.logs.opened()) {
      const { sizeInBytes } = log.segments.active;
      if (sizeInBytes < EARLY_ROLL_MIN_BYTES || sizeInBytes <= (largest?.segments.active.sizeInBytes ?? 0)) continue;
      const config = this.options.configOf(log);
      if (config !== null && mayBeTiered(config)) largest = log;
    }
    // It is sealed once that is committed, and its commit leads here again.
    largest?.roll(this.options.clock.nowMs());
  }

  /** Sets the timer. What a shell was told before a restart it still knows: a start writes nothing, also where the disk is full. */
  private arm(tellsShell = true): void {
    if (this.isEnded || this.isSweeping) return;
    const { clock, timers, offloader, onNextDue } = this.options;
    const nextCheckMs = this.lastSweepMs + this.options.checkIntervalMs();
    let atMs = this.unseen.size > 0 ? nextCheckMs : Number.POSITIVE_INFINITY;
    for (const due of this.dueMs.values()) atMs = Math.min(atMs, Math.max(due.atMs, nextCheckMs));
    if (offloader !== null && !offloader.isFree) atMs = Math.min(atMs, Math.max(offloader.pausedUntil, nextCheckMs));
    if (this.timer?.atMs === atMs) return;
    this.timer?.handle.cancel();
    this.timer = null;
    if (tellsShell) onNextDue?.(atMs);
    if (!Number.isFinite(atMs)) return;
    const delayMs = Math.max(atMs - clock.nowMs(), 0);
    const handle = timers.set(() => {
      this.timer = null;
      void this.sweep();
    }, delayMs);
    this.timer = { handle, atMs };
  }
}

interface Found {
  readonly log: PartitionLog;
  readonly segment: Segment;
  readonly config: MaintenanceConfig;
}

function hasObject({ object }: Segment): boolean {
  return object !== null;
}

function isUncopied({ object, isFree }: Segment): boolean {
  return object === null && isFree;
}

function entryOf({ number, topicId, partitionIndex }: PartitionLog): PartitionEntry {
  return { number, topicId, partitionIndex, deleted: false };
}
