import { MAX_LEADER_EPOCHS } from "./limits.ts";

export interface LeaderEpoch {
  readonly epoch: number;
  /** The offset of the first record that this leader wrote, or would have written. */
  readonly startOffset: number;
}

export interface EpochEndOffset {
  readonly leaderEpoch: number;
  readonly endOffset: number;
}

/** Kafka's answer for an epoch of which the log knows nothing. */
export const UNDEFINED_EPOCH_END: EpochEndOffset = { leaderEpoch: -1, endOffset: -1 };

/** Which leader wrote which offsets: epochs and start offsets both rise from entry to entry (KIP-101, KIP-320). */
export class LeaderEpochs {
  private entries: LeaderEpoch[];

  constructor(entries: readonly LeaderEpoch[] = []) {
    this.entries = [...entries];
  }

  get all(): readonly LeaderEpoch[] {
    return this.entries;
  }

  get latest(): number {
    return this.entries.at(-1)?.epoch ?? -1;
  }

  /**
   * Notes that `epoch` begins at `startOffset`. An epoch keeps its first start; entries that a new one contradicts
   * (left by a leader that wrote nothing) go.
   */
  assign(epoch: number, startOffset: number): void {
    const last = this.entries.at(-1);
    if (last !== undefined && last.epoch === epoch && startOffset >= last.startOffset) return;
    this.entries = this.entries.filter((entry) => entry.epoch < epoch && entry.startOffset < startOffset);
    this.entries.push({ epoch, startOffset });
    if (this.entries.length > MAX_LEADER_EPOCHS) this.entries.shift();
  }

  /** Forgets what lies before `offset`; the epoch that wrote the record at `offset` now starts there. */
  truncateFromStart(offset: number): void {
    const kept = this.entries.findIndex((entry) => entry.startOffset > offset);
    const before = kept === -1 ? this.entries.length : kept;
    if (before === 0) return;
    const first = { epoch: this.entries[before - 1].epoch, startOffset: offset };
    this.entries = [first, ...this.entries.slice(before)];
  }

  /** The epoch that wrote `offset`, or -1. */
  epochForOffset(offset: number): number {
    let epoch = -1;
    for (const entry of this.entries) {
      if (entry.startOffset > offset) break;
      epoch = entry.epoch;
    }
    return epoch;
  }

  /**
   * Where `epoch`, or the largest known one before it, ends: at the start of the next, or at `logEndOffset` when it is
   * the latest. For an epoch before all known ones: itself, and the start of the first known one.
   */
  endOffsetFor(epoch: number, logEndOffset: number): EpochEndOffset {
    if (epoch === -1) return UNDEFINED_EPOCH_END;
    if (epoch === this.latest) return { leaderEpoch: epoch, endOffset: logEndOffset };
    const higher = this.entries.findIndex((entry) => entry.epoch > epoch);
    if (higher === -1) return UNDEFINED_EPOCH_END;
    const leaderEpoch = higher === 0 ? epoch : this.entries[higher - 1].epoch;
    return { leaderEpoch, endOffset: this.entries[higher].startOffset };
  }
}
