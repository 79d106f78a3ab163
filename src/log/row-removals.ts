import type { LogCommit, PartitionEntry, PartitionRecord, RowRange } from "#ports/log-store.ts";
import type { CommitMember, GroupCommit } from "./group-commit.ts";
import { DELETION_SLICE_ROWS } from "./limits.ts";

interface Removal {
  readonly range: RowRange;
  /** For the rows of a deleted partition: its entry goes with the last of them. */
  readonly onPartitionRemoved: (() => void) | null;
  nextSequence: number;
}

/**
 * Rows that nobody reads any more and that the store still has. They go a slice with each commit, so that the end of a large
 * log doesn't hold up everybody else. After a restart whoever opens a log finds what is left.
 */
export class RowRemovals implements CommitMember {
  private readonly commits: GroupCommit;
  private readonly queue: Removal[] = [];
  /** Those whose last rows go with the commit under way. */
  private ending: Removal[] = [];
  /** Of deleted partitions that nobody had opened: whoever opens one says so by itself. */
  private deleted: PartitionRecord[] = [];

  constructor(commits: GroupCommit) {
    this.commits = commits;
  }

  add(range: RowRange, onPartitionRemoved: (() => void) | null = null): void {
    this.queue.push({ range, onPartitionRemoved, nextSequence: range.fromSequence });
    this.commits.stage(this);
  }

  /** Deletes a partition without opening it, so that one that can't be opened goes, too. */
  addPartition(entry: PartitionEntry, range: RowRange, onPartitionRemoved: () => void): void {
    this.deleted.push({ ...entry, deleted: true, snapshot: NO_SNAPSHOT });
    this.add(range, onPartitionRemoved);
  }

  stageInto(commit: LogCommit): void {
    commit.partitions.push(...this.deleted);
    this.deleted = [];
    let left = DELETION_SLICE_ROWS;
    for (let removal = this.queue.at(0); removal !== undefined; removal = this.queue.at(0)) {
      const { range, nextSequence } = removal;
      const endSequence = Math.min(nextSequence + left, range.endSequence);
      commit.deletedRows.push({ ...range, fromSequence: nextSequence, endSequence });
      left -= endSequence - nextSequence;
      removal.nextSequence = endSequence;
      if (endSequence < range.endSequence) return;
      if (removal.onPartitionRemoved !== null) commit.removedPartitions.push(range.partitionNumber);
      this.ending.push(removal);
      this.queue.shift();
    }
  }

  committed(): void {
    for (const { onPartitionRemoved } of this.ending) onPartitionRemoved?.();
    this.ending = [];
    if (this.queue.length > 0) this.commits.stage(this);
  }
}

/** What the store keeps of a deleted partition until its rows are gone. */
export const NO_SNAPSHOT = new Uint8Array(0);
