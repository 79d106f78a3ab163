import type { Uuid } from "#bytes/uuid.ts";
import type { Clock } from "#ports/clock.ts";
import type { LogStore, PartitionEntry, RowRange } from "#ports/log-store.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import type { Timers } from "#ports/timers.ts";
import type { Compression } from "#records/compression.ts";
import { GroupCommit } from "./group-commit.ts";
import { MAX_PARTITION_NUMBER, SPACE_LIMITS } from "./limits.ts";
import { LocalSpace, type SpaceLimits } from "./local-space.ts";
import type { LogEnvironment } from "./log-environment.ts";
import { PartitionLog } from "./partition-log.ts";
import { ProducerBudget, type ProducerLimits } from "./producer-budget.ts";
import { type RecoveredPartition, recover } from "./recovery.ts";
import { RowCache, type RowCacheLimits } from "./row-cache.ts";
import { RowRemovals } from "./row-removals.ts";
import { ObjectGarbage } from "./tiering/object-garbage.ts";
import { UnreadableLogError } from "./unreadable.ts";

export interface PartitionLogsOptions {
  readonly store: LogStore;
  readonly compression: Compression;
  readonly clock: Clock;
  /** Where sealed segments may go; without, everything stays in the store. */
  readonly tier?: { readonly objects: ObjectStore; readonly timers: Timers };
  readonly spaceLimits?: SpaceLimits;
  readonly cacheLimits?: RowCacheLimits;
  readonly producerLimits?: ProducerLimits;
  /** A commit failed: the shell must reset the object, which comes back from what is stored. */
  readonly onFailed?: (error: unknown) => void;
  /** A partition can't be opened: said once for each, for the operator's log. */
  readonly onUnreadable?: (error: UnreadableLogError) => void;
}

/** All partitions that one broker stores, opened one by one when somebody first wants them. */
export class PartitionLogs {
  readonly commits: GroupCommit;
  readonly space: LocalSpace;
  /** Null without an object store. */
  readonly garbage: ObjectGarbage | null;
  private readonly environment: LogEnvironment;
  private readonly clock: Clock;
  /** Stored and not being deleted, by topic id and partition index. */
  private readonly entries = new Map<Uuid, Map<number, PartitionEntry>>();
  private readonly open = new Map<number, PartitionLog>();
  private readonly unreadable = new Map<number, UnreadableLogError>();
  private readonly onUnreadable: PartitionLogsOptions["onUnreadable"];
  private readonly usedNumbers = new Set<number>();
  private nextNumber = 0;

  constructor(options: PartitionLogsOptions) {
    const { store, compression, clock } = options;
    this.clock = clock;
    this.onUnreadable = options.onUnreadable;
    this.commits = new GroupCommit(store, options.onFailed);
    const cache = new RowCache(options.cacheLimits);
    const removals = new RowRemovals(this.commits);
    const producers = new ProducerBudget(options.producerLimits);
    this.space = new LocalSpace(store, options.spaceLimits ?? SPACE_LIMITS);
    const { tier } = options;
    this.garbage = tier === undefined ? null : new ObjectGarbage({ store, commits: this.commits, ...tier });
    const onGarbage = () => this.garbage?.wake();
    const shared = { removals, producers, onGarbage, space: this.space };
    this.environment = { store, compression, cache, commits: this.commits, ...shared };
    for (const entry of store.partitions()) {
      this.usedNumbers.add(entry.number);
      this.nextNumber = Math.max(this.nextNumber, entry.number + 1);
      if (entry.deleted) this.goOnRemoving(entry.number);
      else this.register(entry);
    }
  }

  /** Bytes that were appended and aren't on the disk yet. The broker holds its connections back when they are many. */
  get stagedBytes(): number {
    return this.environment.cache.stagedBytes;
  }

  /** The partitions of a topic that are stored here. */
  partitionsOf(topicId: Uuid): number[] {
    return [...(this.entries.get(topicId)?.keys() ?? [])].sort((a, b) => a - b);
  }

  /** Those of a topic's logs that somebody has opened. */
  openLogsOf(topicId: Uuid): PartitionLog[] {
    const entries = [...(this.entries.get(topicId)?.values() ?? [])];
    return entries.flatMap(({ number }) => this.open.get(number) ?? []);
  }

  /** The logs that somebody has opened. */
  opened(): Iterable<PartitionLog> {
    return this.open.values();
  }

  /** Every topic with a partition here. */
  topicIds(): Uuid[] {
    return [...this.entries.keys()];
  }

  /** Every partition that is stored here. */
  *all(): Generator<PartitionEntry> {
    for (const partitions of this.entries.values()) yield* partitions.values();
  }

  /**
   * Looks at a log, which is opened for it and let go of again unless `look` wants it kept: a look at all logs of a broker must not
   * leave all of them in memory.
   */
  visit(entry: PartitionEntry, look: (log: PartitionLog) => { readonly keepsOpen: boolean }): void {
    const wasOpen = this.open.has(entry.number);
    if (!this.canBeRead(entry)) return;
    const log = this.get(entry.topicId, entry.partitionIndex);
    if (log === undefined || look(log).keepsOpen || wasOpen || !log.isQuiet) return;
    this.open.delete(entry.number);
    log.letGo();
  }

  private canBeRead({ topicId, partitionIndex }: PartitionEntry): boolean {
    try {
      this.get(topicId, partitionIndex);
      return true;
    } catch (error) {
      if (error instanceof UnreadableLogError) return false;
      throw error;
    }
  }

  /**
   * The log of a partition, or undefined when this broker has none of it.
   * @throws UnreadableLogError when what is stored of it can't be understood.
   */
  get(topicId: Uuid, partitionIndex: number): PartitionLog | undefined {
    const entry = this.entries.get(topicId)?.get(partitionIndex);
    if (entry === undefined) return undefined;
    const known = this.open.get(entry.number);
    if (known !== undefined) return known;
    const recovered = this.recover(entry);
    const log = new PartitionLog(this.environment, entry, recovered);
    this.open.set(entry.number, log);
    return log;
  }

  private recover(entry: PartitionEntry): RecoveredPartition {
    const known = this.unreadable.get(entry.number);
    if (known !== undefined) throw known;
    try {
      return recover(this.environment.store, entry, this.clock.nowMs());
    } catch (error) {
      if (error instanceof UnreadableLogError) {
        this.unreadable.set(entry.number, error);
        this.onUnreadable?.(error);
      }
      throw error;
    }
  }

  /** The same, but a partition that isn't there yet is made; it is stored with the next commit. */
  getOrCreate(topicId: Uuid, partitionIndex: number): PartitionLog {
    const known = this.get(topicId, partitionIndex);
    if (known !== undefined) return known;
    const entry = { number: this.takeNumber(), topicId, partitionIndex, deleted: false };
    this.register(entry);
    const log = new PartitionLog(this.environment, entry, null);
    this.open.set(entry.number, log);
    return log;
  }

  /** Runs after each commit with the partitions that changed by it. */
  onCommitted(listener: (partition: PartitionLog) => void): void {
    this.commits.onCommitted((members) => {
      for (const member of members) if (member instanceof PartitionLog) listener(member);
    });
  }

  /** Resolves when all appends and deletions made so far are on the disk. */
  committed(): Promise<void> {
    return this.commits.committed();
  }

  /**
   * Ends a topic's partitions here: they are gone at once, and for good when the promise resolves. Their rows go in slices
   * with the commits that follow, also after a restart.
   */
  deleteTopic(topicId: Uuid): Promise<void> {
    for (const entry of [...(this.entries.get(topicId)?.values() ?? [])]) this.deletePartition(topicId, entry);
    return this.commits.committed();
  }

  private deletePartition(topicId: Uuid, entry: PartitionEntry): void {
    const partitions = this.entries.get(topicId);
    partitions?.delete(entry.partitionIndex);
    if (partitions?.size === 0) this.entries.delete(topicId);
    const log = this.open.get(entry.number);
    this.open.delete(entry.number);
    const onRemoved = () => this.forget(entry.number);
    if (log !== undefined) log.close(onRemoved);
    else this.environment.removals.addPartition(entry, this.storedRows(entry.number), onRemoved);
  }

  /** A restart has interrupted the removal of a deleted partition. */
  private goOnRemoving(number: number): void {
    this.environment.removals.add(this.storedRows(number), () => this.forget(number));
  }

  /** Nothing is left of a deleted partition but the objects of its segments. */
  private forget(number: number): void {
    this.usedNumbers.delete(number);
    this.unreadable.delete(number);
    this.garbage?.wake();
  }

  private storedRows(partitionNumber: number): RowRange {
    const { store } = this.environment;
    const fromSequence = store.firstSequence(partitionNumber, 0);
    return { partitionNumber, fromSequence, endSequence: store.nextSequence(partitionNumber, fromSequence) };
  }

  private register(entry: PartitionEntry): void {
    const partitions = this.entries.get(entry.topicId);
    if (partitions === undefined) this.entries.set(entry.topicId, new Map([[entry.partitionIndex, entry]]));
    else partitions.set(entry.partitionIndex, entry);
  }

  private takeNumber(): number {
    let number = this.nextNumber;
    if (number > MAX_PARTITION_NUMBER) for (number = 0; this.usedNumbers.has(number); ) number += 1;
    if (number > MAX_PARTITION_NUMBER) throw new Error("a broker can't hold more partitions");
    this.nextNumber = Math.max(this.nextNumber, number + 1);
    this.usedNumbers.add(number);
    return number;
  }
}
