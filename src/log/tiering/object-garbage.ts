import type { LogCommit, LogStore } from "#ports/log-store.ts";
import { MAX_DELETED_KEYS, type ObjectStore } from "#ports/object-store.ts";
import type { TimerHandle, Timers } from "#ports/timers.ts";
import type { CommitMember, GroupCommit } from "../group-commit.ts";

/** How long to wait before the object store is asked again after it failed. */
const RETRY_MS = 30_000;
/**
 * What a process has sent before it died, or before it gave up waiting, may arrive so much later: an object that was deleted meanwhile would
 * be there for ever.
 */
const LATE_PUT_MS = 10_000;

export interface GarbageOptions {
  readonly store: LogStore;
  readonly objects: ObjectStore;
  readonly commits: GroupCommit;
  readonly timers: Timers;
}

/**
 * Objects that nobody refers to. A key is written down before its object can exist, and goes from the list with the commit that refers to it;
 * a manifest entry that goes puts its key back in the same commit. So at any crash every object is either referred to or on this list, and
 * an object is only ever deleted after the commit that gave it up is on the disk.
 */
export class ObjectGarbage implements CommitMember {
  private readonly options: GarbageOptions;
  /** Written, or about to be, by whoever will refer to it. */
  private readonly inUse = new Set<string>();
  private newKeys: string[] = [];
  private deletedKeys: string[] = [];
  private isDeleting = false;
  private retry: TimerHandle | null = null;

  constructor(options: GarbageOptions) {
    this.options = options;
    // What a former process has left on the list: some of it may still be on its way to the object store.
    if (options.store.garbage(1).length > 0) this.wakeAfter(LATE_PUT_MS);
  }

  /** Notes a key whose object will be written once this is committed. It stays until a manifest refers to it, or `abandon`. */
  reserve(key: string): Promise<void> {
    this.inUse.add(key);
    this.newKeys.push(key);
    this.options.commits.stage(this);
    return this.options.commits.committed();
  }

  /** The commit that took the key off the list is on the disk. */
  referred(key: string): void {
    this.inUse.delete(key);
  }

  /** Nothing will come of a reserved key. */
  abandon(key: string): void {
    this.inUse.delete(key);
    this.wake();
  }

  /** The same of a key whose object may still be on its way. A process that ends meanwhile leaves it to the next one. */
  abandonLate(key: string): void {
    this.options.timers.set(() => this.abandon(key), LATE_PUT_MS);
  }

  /** There may be something on the list: looks after the next commit. */
  wake(): void {
    // What is left is found by the next process.
    if (!this.options.commits.hasFailed) this.options.commits.stage(this);
  }

  stageInto(commit: LogCommit): void {
    commit.garbage.push(...this.newKeys);
    commit.notGarbage.push(...this.deletedKeys);
    this.newKeys = [];
    this.deletedKeys = [];
  }

  /** Only here, between two commits, is what the store says what is on the disk. */
  committed(): void {
    if (this.isDeleting || this.retry !== null) return;
    const listed = this.options.store.garbage(MAX_DELETED_KEYS + this.inUse.size);
    const keys = listed.filter((key) => !this.inUse.has(key)).slice(0, MAX_DELETED_KEYS);
    if (keys.length > 0) void this.delete(keys);
  }

  private async delete(keys: readonly string[]): Promise<void> {
    this.isDeleting = true;
    const outcome = await this.options.objects.delete(keys);
    this.isDeleting = false;
    if (outcome.kind === "deleted") {
      this.deletedKeys.push(...keys);
      this.wake();
      return;
    }
    this.wakeAfter(RETRY_MS);
  }

  private wakeAfter(delayMs: number): void {
    this.retry = this.options.timers.set(() => {
      this.retry = null;
      this.wake();
    }, delayMs);
  }
}
