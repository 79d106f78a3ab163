import type { PartitionLog } from "#log/partition-log.ts";
import type { Clock } from "#ports/clock.ts";
import type { TimerHandle, Timers } from "#ports/timers.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Acknowledgement } from "#share/acknowledge.ts";
import type { ReadStateReply } from "#share/coordinator.ts";
import { InFlightBudget } from "#share/in-flight-budget.ts";
import { type ShareKey, shareKeyText } from "#share/share-key.ts";
import { SharePartition, type ShareWrite } from "#share/share-partition.ts";
import { NO_START_OFFSET } from "#share/state-batches.ts";
import type { DeadLetters } from "#share/transitions.ts";
import type { SharePersister } from "./coordinators.ts";
import type { ShareGroupSettings } from "./settings.ts";

/** Share partitions that a broker keeps in memory; one more is refused. */
const MAX_SHARE_PARTITIONS = 20_000;

/** A timer that runs longer than this looks at the clock in between: a clock that jumps ahead delays nobody for longer. */
const MAX_TIMER_DELAY_MS = 30_000;

/** The log that is shared, and as what this broker leads it. */
export interface LedLog {
  readonly log: PartitionLog;
  readonly leaderEpoch: number;
}

/** What share partitions need of their broker. */
export interface SharePartitionsEnvironment {
  readonly clock: Clock;
  readonly timers: Timers;
  readonly persister: SharePersister;
  settings(groupId: string): ShareGroupSettings;
  /** Where a group begins in a log of which it has no state. */
  resetOffset(led: LedLog, settings: ShareGroupSettings): Promise<number> | number;
  /** Asks those who wait for records of this log to look again. */
  wake(log: PartitionLog): void;
  /** Resolves when the records of the letters, which are in order, are in the dead-letter queue, or never will be. */
  writeDeadLetters(key: ShareKey, letters: readonly DeadLetters[]): Promise<void>;
}

/** A partition as one group shares it, loaded. */
export interface LoadedSharePartition {
  readonly key: ShareKey;
  readonly led: LedLog;
  readonly partition: SharePartition;
}

interface Entry {
  readonly key: ShareKey;
  readonly led: LedLog;
  loading: Promise<LoadedSharePartition | ErrorCode> | null;
  loaded: LoadedSharePartition | null;
}

/** After these the share partition is somebody else's, or nobody's: it is forgotten, and loaded anew when it is next asked for. */
const FENCED: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.FENCED_STATE_EPOCH,
  ErrorCode.GROUP_ID_NOT_FOUND,
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
]);

/**
 * The share partitions of a broker: the partitions that it leads, once for each group that shares them. Each is loaded from its share
 * coordinator when it is first fetched, and kept while the group has a session here. What the state machines want stored is stored; their
 * holds are ended when they run out.
 */
export class SharePartitions {
  private readonly environment: SharePartitionsEnvironment;
  private readonly budget = new InFlightBudget();
  private readonly entries = new Map<string, Entry>();
  private readonly byGroup = new Map<string, Set<string>>();
  /** By share partition, what is being stored: it comes before what is loaded next. */
  private readonly underWay = new Map<string, Promise<unknown>>();
  private armed: { readonly handle: TimerHandle; readonly firesAtMs: number } | null = null;

  constructor(environment: SharePartitionsEnvironment) {
    this.environment = environment;
  }

  get size(): number {
    return this.entries.size;
  }

  /** The share partition, loaded if need be. */
  open(key: ShareKey, led: LedLog): Promise<LoadedSharePartition | ErrorCode> | LoadedSharePartition | ErrorCode {
    const text = shareKeyText(key);
    const known = this.entries.get(text);
    if (known !== undefined && isSame(known.led, led))
      return known.loaded ?? (known.loading as NonNullable<typeof known.loading>);
    if (known !== undefined) this.forget(known);
    if (this.entries.size >= MAX_SHARE_PARTITIONS) return ErrorCode.POLICY_VIOLATION;
    const entry: Entry = { key, led, loading: null, loaded: null };
    this.entries.set(text, entry);
    const ofGroup = this.byGroup.get(key.groupId) ?? new Set();
    this.byGroup.set(key.groupId, ofGroup.add(text));
    entry.loading = this.load(entry).catch(() => {
      // The share coordinator has broken down; it comes back from its log, and so does this.
      if (this.entries.get(text) === entry) this.forget(entry);
      return ErrorCode.UNKNOWN_SERVER_ERROR;
    });
    return entry.loading;
  }

  private async load(entry: Entry): Promise<LoadedSharePartition | ErrorCode> {
    const { key, led } = entry;
    await this.underWay.get(shareKeyText(key));
    const settings = this.environment.settings(key.groupId);
    const state = await this.environment.persister.read(key, led.leaderEpoch);
    const partition = await this.partitionOf(state, led, settings);
    if (this.entries.get(shareKeyText(key)) !== entry) {
      if (typeof partition !== "number") partition.release();
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    }
    if (typeof partition === "number") {
      this.forget(entry);
      return partition;
    }
    entry.loaded = { key, led, partition };
    entry.loading = null;
    this.bury(entry.loaded, partition.unfinishedDeadLetters(settings));
    return entry.loaded;
  }

  private async partitionOf(
    { errorCode, stateEpoch, startOffset, stateBatches }: ReadStateReply,
    led: LedLog,
    settings: ShareGroupSettings,
  ): Promise<SharePartition | ErrorCode> {
    if (errorCode !== ErrorCode.NONE) return persisterError(errorCode);
    const start = startOffset === NO_START_OFFSET ? await this.environment.resetOffset(led, settings) : startOffset;
    const partition = SharePartition.load({ stateEpoch, startOffset: start, stateBatches }, this.budget);
    return partition ?? ErrorCode.UNKNOWN_SERVER_ERROR;
  }

  /** What a member says of records that it holds. UNKNOWN_TOPIC_OR_PARTITION when nothing of the partition is shared here. */
  async acknowledge(key: ShareKey, memberId: string, said: readonly Acknowledgement[]): Promise<ErrorCode> {
    const loaded = this.entries.get(shareKeyText(key))?.loaded ?? null;
    if (loaded === null) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    const outcome = loaded.partition.acknowledge(memberId, said, this.momentOf(key.groupId));
    if (outcome.errorCode !== ErrorCode.NONE) return outcome.errorCode;
    return outcome.write === null ? ErrorCode.NONE : this.store(loaded, outcome.write);
  }

  /** The member has no session any more: what it holds is for others. */
  async releaseMember(key: ShareKey, memberId: string): Promise<void> {
    const loaded = this.entries.get(shareKeyText(key))?.loaded ?? null;
    if (loaded === null) return;
    const write = loaded.partition.releaseMember(memberId, this.momentOf(key.groupId));
    if (write !== null) await this.store(loaded, write);
  }

  /** Nobody of the group has a session here: what it shares needs no memory. */
  groupLeft(groupId: string): void {
    for (const text of [...(this.byGroup.get(groupId) ?? [])]) {
      const entry = this.entries.get(text);
      if (entry !== undefined) this.forget(entry);
    }
  }

  /** To be called when the cluster image has changed: what this broker no longer leads is forgotten. */
  leadershipChanged(leaderEpochOf: (key: ShareKey) => number | null): void {
    for (const entry of [...this.entries.values()]) {
      if (leaderEpochOf(entry.key) !== entry.led.leaderEpoch) this.forget(entry);
    }
  }

  /** The holds of a share partition have changed. */
  locksChanged({ partition }: LoadedSharePartition): void {
    this.arm(partition.nextDeadlineMs);
  }

  /** When and under which settings something happens to a group's records. */
  momentOf(groupId: string) {
    return { nowMs: this.environment.clock.nowMs(), settings: this.environment.settings(groupId) };
  }

  /** Whether it is still this one that the group shares. */
  isCurrent(loaded: LoadedSharePartition): boolean {
    return this.entries.get(shareKeyText(loaded.key))?.loaded === loaded;
  }

  /** What can't be stored is undone. */
  private async store(loaded: LoadedSharePartition, write: ShareWrite): Promise<ErrorCode> {
    const { key, led, partition } = loaded;
    const { stateEpoch, startOffset, deliveryCompleteCount, stateBatches } = write;
    const { leaderEpoch } = led;
    const request = { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches };
    const written = this.environment.persister.write(key, request);
    this.track(shareKeyText(key), written);
    const errorCode = persisterError(await written);
    if (this.isCurrent(loaded)) {
      const isStored = errorCode === ErrorCode.NONE;
      const { mayWake, deadLetters } = partition.writeEnded(write.writeId, isStored, this.momentOf(key.groupId));
      this.arm(partition.nextDeadlineMs);
      this.bury(loaded, deadLetters);
      if (mayWake) this.environment.wake(led.log);
      if (FENCED.has(errorCode)) this.forgetKey(key);
    }
    return errorCode;
  }

  private track(text: string, written: Promise<unknown>): void {
    const all = Promise.allSettled([this.underWay.get(text), written]).then(() => {
      if (this.underWay.get(text) === all) this.underWay.delete(text);
    });
    this.underWay.set(text, all);
  }

  /** Records that nobody could process go to the dead-letter queue, and are archived then. */
  private bury(loaded: LoadedSharePartition, letters: readonly DeadLetters[]): void {
    if (letters.length === 0) return;
    const end = () => {
      if (!this.isCurrent(loaded)) return;
      const write = loaded.partition.deadLettersWritten(letters);
      if (write !== null) this.storeLater(loaded, write);
    };
    // A queue that can't be written to holds nothing up.
    this.environment.writeDeadLetters(loaded.key, letters).then(end, end);
  }

  /** Nobody waits for it. What isn't stored is found out again after a restart. */
  private storeLater(loaded: LoadedSharePartition, write: ShareWrite): void {
    this.store(loaded, write).catch(() => this.forgetKey(loaded.key));
  }

  private forgetKey(key: ShareKey): void {
    const entry = this.entries.get(shareKeyText(key));
    if (entry !== undefined) this.forget(entry);
  }

  private forget(entry: Entry): void {
    const text = shareKeyText(entry.key);
    this.entries.delete(text);
    const ofGroup = this.byGroup.get(entry.key.groupId);
    ofGroup?.delete(text);
    if (ofGroup?.size === 0) this.byGroup.delete(entry.key.groupId);
    entry.loaded?.partition.release();
    this.environment.wake(entry.led.log);
  }

  private arm(deadlineMs: number): void {
    if (deadlineMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.environment.clock.nowMs();
    const firesAtMs = Math.min(deadlineMs, nowMs + MAX_TIMER_DELAY_MS);
    if (this.armed !== null && this.armed.firesAtMs <= firesAtMs && deadlineMs > nowMs) return;
    this.armed?.handle.cancel();
    const delayMs = Math.max(0, firesAtMs - nowMs);
    this.armed = { handle: this.environment.timers.set(() => this.onTimer(), delayMs), firesAtMs };
  }

  private onTimer(): void {
    this.armed = null;
    let nextMs = Number.POSITIVE_INFINITY;
    for (const { loaded } of [...this.entries.values()]) {
      if (loaded === null) continue;
      const { write, mayWake } = loaded.partition.expireLocks(this.momentOf(loaded.key.groupId));
      if (write !== null) this.storeLater(loaded, write);
      if (mayWake) this.environment.wake(loaded.led.log);
      nextMs = Math.min(nextMs, loaded.partition.nextDeadlineMs);
    }
    this.arm(nextMs);
  }
}

function isSame(one: LedLog, other: LedLog): boolean {
  return one.log === other.log && one.leaderEpoch === other.leaderEpoch;
}

/** What a consumer is told about an error of the share coordinator. */
function persisterError(errorCode: ErrorCode): ErrorCode {
  switch (errorCode) {
    case ErrorCode.NONE:
    case ErrorCode.GROUP_ID_NOT_FOUND:
    case ErrorCode.UNKNOWN_TOPIC_OR_PARTITION:
      return errorCode;
    case ErrorCode.NOT_COORDINATOR:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      return ErrorCode.COORDINATOR_NOT_AVAILABLE;
    case ErrorCode.FENCED_LEADER_EPOCH:
    case ErrorCode.FENCED_STATE_EPOCH:
      return ErrorCode.NOT_LEADER_OR_FOLLOWER;
    default:
      return ErrorCode.UNKNOWN_SERVER_ERROR;
  }
}
