import { emptyCommit, type LogCommit, type LogStore } from "#ports/log-store.ts";

/** Who has something to write. */
export interface CommitMember {
  /** Adds all that is staged to the commit that begins now. */
  stageInto(commit: LogCommit): void;
  /** What was added last is on the disk. */
  committed(): void;
}

/**
 * One commit for all that arrived while the one before it was under way, over all partitions of a broker. Members
 * stage in memory; a commit takes what all of them have. A failed commit is final: memory and disk no longer agree, so
 * nothing may be staged or answered any more and the shell must begin again from the store.
 */
export class GroupCommit {
  private readonly store: LogStore;
  private readonly onFailed: (error: unknown) => void;
  private readonly listeners: ((members: ReadonlySet<CommitMember>) => void)[] = [];
  private staged = new Set<CommitMember>();
  private gathering = newWait();
  private underWay: Wait | null = null;
  private scheduled = false;
  private failure: { readonly error: unknown } | null = null;

  constructor(store: LogStore, onFailed: (error: unknown) => void = () => {}) {
    this.store = store;
    this.onFailed = onFailed;
  }

  /** `listener` runs after each commit, before its waiters, with the members that had something in it. */
  onCommitted(listener: (members: ReadonlySet<CommitMember>) => void): void {
    this.listeners.push(listener);
  }

  /** Nothing can be staged any more: the broker is about to begin anew. */
  get hasFailed(): boolean {
    return this.failure !== null;
  }

  /** The member wants to be in the next commit, which begins after the present turn, or after the one under way. */
  stage(member: CommitMember): void {
    if (this.failure !== null) throw new Error("a commit has failed: the log must be opened anew");
    this.staged.add(member);
    this.schedule();
  }

  /** Resolves when all that has been staged so far is on the disk; rejects when a commit fails. */
  committed(): Promise<void> {
    if (this.failure !== null) return Promise.reject(this.failure.error);
    if (this.staged.size > 0) return this.gathering.promise;
    return this.underWay === null ? Promise.resolve() : this.underWay.promise;
  }

  private schedule(): void {
    if (this.scheduled || this.underWay !== null) return;
    this.scheduled = true;
    // Not by queueMicrotask, for which workerd makes a function each time.
    void Promise.resolve().then(() => {
      this.scheduled = false;
      void this.begin();
    });
  }

  private async begin(): Promise<void> {
    const members = this.staged;
    const wait = this.gathering;
    this.staged = new Set();
    this.gathering = newWait();
    this.underWay = wait;
    try {
      const commit = emptyCommit();
      for (const member of members) member.stageInto(commit);
      await this.store.commit(commit);
      for (const member of members) member.committed();
      for (const listener of this.listeners) listener(members);
    } catch (error) {
      this.fail(error, wait);
      return;
    }
    this.underWay = null;
    if (this.staged.size > 0) this.schedule();
    wait.resolve();
  }

  private fail(error: unknown, wait: Wait): void {
    this.failure = { error };
    wait.reject(error);
    this.gathering.reject(error);
    this.onFailed(error);
  }
}

interface Wait {
  readonly promise: Promise<void>;
  resolve(): void;
  reject(error: unknown): void;
}

function newWait(): Wait {
  const wait = Promise.withResolvers<void>();
  // A failure that nobody waits for is told by `onFailed`; it must not become an unhandled rejection as well.
  wait.promise.catch(() => {});
  return wait;
}
