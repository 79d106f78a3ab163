import type { LogStore, PartitionEntry } from "#ports/log-store.ts";
import { BatchIndex } from "./batch-index.ts";
import { LeaderEpochs } from "./leader-epochs.ts";
import { ProducerState } from "./producer-state.ts";
import { ActiveSegment, type ActiveSegmentState } from "./segments.ts";
import { decodeSnapshot } from "./snapshot.ts";
import { AbortedTransactions } from "./transaction-index.ts";
import { UnreadableLogError, understood } from "./unreadable.ts";

/** Rows whose indexes are read at once. */
const REPLAY_SLICE_ROWS = 64;

/** The memory of a partition as its store gives it. */
export interface RecoveredPartition {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly nextSequence: number;
  readonly runningMaxTimestamp: number;
  readonly leaderEpochs: LeaderEpochs;
  readonly producers: ProducerState;
  readonly aborted: AbortedTransactions;
  readonly firstDirtyOffset: number;
  readonly active: ActiveSegmentState;
  /** What has been replayed, and will be again until the next snapshot. */
  readonly replayedRows: number;
  readonly replayedBatches: number;
}

/**
 * Loads the partition's snapshot and replays over it the indexes of the rows that came later.
 * @throws UnreadableLogError when it can't be understood.
 */
export function recover(store: LogStore, entry: PartitionEntry, nowMs: number): RecoveredPartition {
  const stored = store.snapshot(entry.number);
  const snapshot = understood(entry, () => decodeSnapshot(stored));
  const leaderEpochs = new LeaderEpochs(snapshot.leaderEpochs);
  const producers = new ProducerState();
  producers.load(snapshot.producers);
  const aborted = new AbortedTransactions(snapshot.aborted);
  // No roll lies between the snapshot and the end: a roll takes another one.
  const active = new ActiveSegment(snapshot.active);
  const isCounted = snapshot.active.sizeInBytes !== -1;
  let { logEndOffset, nextSequence, runningMaxTimestamp } = snapshot;
  let replayedBatches = 0;
  for (;;) {
    const rows = store.indexes(entry.number, nextSequence, REPLAY_SLICE_ROWS);
    for (const row of rows) {
      if (row.sequence !== nextSequence) throw new UnreadableLogError(entry, `row ${nextSequence} is missing`);
      const index = understood(entry, () => BatchIndex.decode(row.index));
      for (let i = 0; i < index.count; i++) {
        const batch = index.batch(i);
        if (batch.producerId >= 0) aborted.note(producers.replay(batch, nowMs));
        if (isCounted) active.append(batch, nowMs);
        leaderEpochs.assign(batch.partitionLeaderEpoch, batch.baseOffset);
      }
      replayedBatches += index.count;
      logEndOffset = row.nextOffset;
      runningMaxTimestamp = row.runningMaxTimestamp;
      nextSequence += 1;
    }
    if (rows.length < REPLAY_SLICE_ROWS) break;
  }
  const { logStartOffset, firstDirtyOffset } = snapshot;
  const replayedRows = nextSequence - snapshot.nextSequence;
  return {
    logStartOffset,
    logEndOffset,
    nextSequence,
    runningMaxTimestamp,
    leaderEpochs,
    producers,
    aborted,
    firstDirtyOffset,
    active: active.stored,
    replayedRows,
    replayedBatches,
  };
}
