import { ErrorCode } from "#protocol/errors.ts";
import { failure, type Outcome, success } from "../outcome.ts";
import { partitionKey, type TopicPartition } from "../topic-partition.ts";
import type { OffsetReset } from "./settings.ts";

/** Where a consumer reads on in a partition. */
export interface Position {
  readonly offset: number;
  /** The leader epoch of the record before `offset`; -1 unknown. A new leader that has another history is found out by it. */
  readonly offsetEpoch: number;
}

/** What a consumer knows of one partition that it reads. */
export interface PartitionState extends TopicPartition {
  /** Null: where to begin isn't known yet. */
  position: Position | null;
  /** A position must be looked up by it; null: the committed offset is asked for first. */
  resetBy: OffsetReset | null;
  /** The committed offset was asked for, and there is none. */
  isUncommitted: boolean;
  /** The leader epoch with which the position is known to be right; -1 before any. */
  validatedEpoch: number;
  /** Nothing is fetched until the position was compared with the new leader's history. */
  needsValidation: boolean;
  isPaused: boolean;
  /** It is being given up: nothing of it is delivered any more. */
  isLeaving: boolean;
  /** On the clock; after an error it isn't asked about before. */
  retryAtMs: number;
  failures: number;
  /** A follower nearer by, as the leader told (KIP-392), and until when. */
  replicaId: number;
  replicaUntilMs: number;
  /** -1 until an answer came. */
  highWatermark: number;
  lastStableOffset: number;
  logStartOffset: number;
}

/** The partitions that a consumer reads, and how far it is in each. Positions change here only. */
export class Assignment {
  private readonly states = new Map<string, PartitionState>();

  get(partition: TopicPartition): PartitionState | undefined {
    return this.states.get(partitionKey(partition));
  }

  all(): PartitionState[] {
    return [...this.states.values()];
  }

  partitions(): TopicPartition[] {
    return this.all().map(({ topic, partition }) => ({ topic, partition }));
  }

  /** Is this still the state of its partition? Not when the partition was given up and came back meanwhile. */
  holds(state: PartitionState): boolean {
    return this.states.get(partitionKey(state)) === state;
  }

  add(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const key = partitionKey({ topic, partition });
      if (!this.states.has(key)) this.states.set(key, freshState(topic, partition));
    }
  }

  remove(partitions: readonly TopicPartition[]): void {
    for (const partition of partitions) this.states.delete(partitionKey(partition));
  }

  /** Does something to the states of these; nothing to any when one isn't assigned (UNKNOWN_TOPIC_OR_PARTITION). */
  change(partitions: readonly TopicPartition[], change: (state: PartitionState) => void): Outcome<void> {
    const states: PartitionState[] = [];
    for (const partition of partitions) {
      const state = this.get(partition);
      if (state === undefined) {
        const message = `${partition.topic}/${partition.partition} isn't assigned.`;
        return failure(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, message);
      }
      states.push(state);
    }
    for (const state of states) change(state);
    return success(undefined);
  }

  /** The next record is given out from `offset` on; whatever was underway for another place is dropped when it comes. */
  seek(state: PartitionState, position: Position): void {
    state.position = position;
    state.resetBy = null;
    state.validatedEpoch = -1;
    state.needsValidation = false;
    state.failures = 0;
    state.retryAtMs = 0;
  }

  /** The position is to be looked up anew. */
  reset(state: PartitionState, by: OffsetReset): void {
    state.position = null;
    state.resetBy = by;
    state.needsValidation = false;
    state.replicaId = -1;
  }

  /** Records up to `position` were given out. */
  advance(state: PartitionState, position: Position): void {
    state.position = position;
  }

  /** The partition has this leader epoch now: a position that was reached under an older one must be compared. */
  leaderChanged(state: PartitionState, leaderEpoch: number): void {
    const { position } = state;
    if (position === null || leaderEpoch < 0 || leaderEpoch <= state.validatedEpoch) return;
    state.needsValidation = position.offsetEpoch >= 0;
    if (!state.needsValidation) state.validatedEpoch = leaderEpoch;
  }

  validated(state: PartitionState, leaderEpoch: number): void {
    state.needsValidation = false;
    state.validatedEpoch = Math.max(state.validatedEpoch, leaderEpoch);
    state.failures = 0;
  }
}

function freshState(topic: string, partition: number): PartitionState {
  return {
    topic,
    partition,
    position: null,
    resetBy: null,
    isUncommitted: false,
    validatedEpoch: -1,
    needsValidation: false,
    isPaused: false,
    isLeaving: false,
    retryAtMs: 0,
    failures: 0,
    replicaId: -1,
    replicaUntilMs: 0,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
  };
}
