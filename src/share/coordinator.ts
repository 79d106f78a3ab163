import type { Uuid } from "#bytes/uuid.ts";
import type { Decision as AnyDecision, CoordinatorMachine, ParkedReply } from "#coordinator/machine.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  DEFAULT_SHARE_COORDINATOR_CONFIG,
  MAX_BATCHES_PER_SHARE_STATE,
  MAX_SHARE_STATES_PER_PARTITION,
  type ShareCoordinatorConfig,
} from "./limits.ts";
import { RecordState } from "./record-state.ts";
import { type ShareKey, shareKeyText } from "./share-key.ts";
import { combineStateBatches, NO_START_OFFSET, type StateBatch } from "./state-batches.ts";
import { StateBudget } from "./state-budget.ts";
import {
  readShareRecord,
  type ShareSnapshot,
  type ShareUpdate,
  snapshotRecord,
  stateTombstone,
  updateRecord,
} from "./stored.ts";

/** Which partitions the cluster has. */
export interface ShareTopicDirectory {
  hasPartition(topicId: Uuid, partitionIndex: number): boolean;
}

interface ShareState extends ShareSnapshot {
  readonly key: ShareKey;
  /** Update records since the last snapshot. */
  readonly updates: number;
}

export interface InitializeState {
  readonly stateEpoch: number;
  readonly startOffset: number;
}

export interface WriteState {
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

/** What is stored of a share partition, or why it isn't told. */
export interface ReadStateReply {
  readonly errorCode: ErrorCode;
  readonly stateEpoch: number;
  readonly startOffset: number;
  readonly stateBatches: readonly StateBatch[];
}

/** The same without the batches, for those who want to know how far a group is. */
export interface StateSummaryReply {
  readonly errorCode: ErrorCode;
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
}

type Decision<Response = undefined> = AnyDecision<Response, ParkedReply, never>;

const NO_COUNT = -1;
const REFUSED = { stateEpoch: 0, startOffset: 0, stateBatches: [] } as const;

/**
 * The share coordinator of one partition of `__share_group_state` (KIP-932): keeps the state of share partitions for the leaders of their
 * partitions. An old leader is told apart by its leader epoch, an old state (of a group that was deleted and made anew, or whose offsets were
 * set) by its state epoch. State is written as updates with a snapshot after so many of them.
 */
export class ShareCoordinator implements CoordinatorMachine<never> {
  private readonly directory: ShareTopicDirectory;
  private readonly config: ShareCoordinatorConfig;
  private readonly budget: StateBudget;
  private readonly states = new Map<string, ShareState>();

  /** All coordinators of a broker share the budget. */
  constructor(
    directory: ShareTopicDirectory,
    config: ShareCoordinatorConfig = DEFAULT_SHARE_COORDINATOR_CONFIG,
    budget = new StateBudget(),
  ) {
    this.directory = directory;
    this.config = config;
    this.budget = budget;
  }

  /** Begins anew with a start offset, which may be none yet. */
  initialize(key: ShareKey, { stateEpoch, startOffset }: InitializeState, nowMs: number): Decision<ErrorCode> {
    const known = this.states.get(shareKeyText(key));
    if (key.partitionIndex < 0 || stateEpoch < 0) return refused(ErrorCode.INVALID_REQUEST);
    if (known !== undefined && known.stateEpoch > stateEpoch) return refused(ErrorCode.FENCED_STATE_EPOCH);
    if (!this.isThere(key)) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    if (known === undefined && this.states.size >= MAX_SHARE_STATES_PER_PARTITION) {
      return refused(ErrorCode.POLICY_VIOLATION);
    }
    const snapshot: ShareSnapshot = {
      snapshotEpoch: known === undefined ? 0 : known.snapshotEpoch + 1,
      stateEpoch,
      leaderEpoch: known?.leaderEpoch ?? 0,
      startOffset,
      deliveryCompleteCount: startOffset === NO_START_OFFSET ? NO_COUNT : 0,
      createTimestamp: nowMs,
      writeTimestamp: nowMs,
      stateBatches: [],
    };
    return decided(ErrorCode.NONE, [this.storeSnapshot(key, snapshot)]);
  }

  write(key: ShareKey, write: WriteState, nowMs: number): Decision<ErrorCode> {
    const state = this.states.get(shareKeyText(key));
    const { stateEpoch, leaderEpoch, stateBatches } = write;
    if (key.partitionIndex < 0 || leaderEpoch < 0 || stateEpoch < 0) return refused(ErrorCode.INVALID_REQUEST);
    if (state === undefined || !stateBatches.every(isBatch)) return refused(ErrorCode.INVALID_REQUEST);
    if (state.leaderEpoch > leaderEpoch) return refused(ErrorCode.FENCED_LEADER_EPOCH);
    if (state.stateEpoch > stateEpoch) return refused(ErrorCode.FENCED_STATE_EPOCH);
    if (!this.isThere(key)) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const update = updateOf(state, write);
    const combined = combineStateBatches(state.stateBatches, update.stateBatches, update.startOffset);
    const added = combined.length - state.stateBatches.length;
    const isTooMuch =
      combined.length > MAX_BATCHES_PER_SHARE_STATE || update.stateBatches.length > MAX_BATCHES_PER_SHARE_STATE;
    if (isTooMuch || (added > 0 && !this.budget.hasRoomFor(added))) return refused(ErrorCode.POLICY_VIOLATION);
    if (state.updates < this.config.updatesPerSnapshot) {
      return decided(ErrorCode.NONE, [this.storeUpdate(key, update)]);
    }
    const { startOffset, deliveryCompleteCount } = update;
    const snapshot = { ...state, startOffset, deliveryCompleteCount, stateBatches: combined };
    return decided(ErrorCode.NONE, [this.storeSnapshot(key, { ...snapshot, ...renewed(state, nowMs) })]);
  }

  /** For the leader of the partition, which is known by its epoch from then on. */
  read(key: ShareKey, leaderEpoch: number): Decision<ReadStateReply> {
    const state = this.states.get(shareKeyText(key));
    const errorCode = this.readError(key, leaderEpoch, state);
    if (errorCode !== ErrorCode.NONE || state === undefined) return decided({ errorCode, ...REFUSED }, []);
    const { stateEpoch, startOffset, stateBatches, deliveryCompleteCount, snapshotEpoch } = state;
    const reply = { errorCode, stateEpoch, startOffset, stateBatches };
    if (state.leaderEpoch === leaderEpoch) return decided(reply, []);
    const update = { snapshotEpoch, leaderEpoch, startOffset, deliveryCompleteCount, stateBatches: [] };
    return decided(reply, [this.storeUpdate(key, update)]);
  }

  private readError(key: ShareKey, leaderEpoch: number, state: ShareState | undefined): ErrorCode {
    if (key.partitionIndex < 0 || leaderEpoch < 0 || state === undefined) return ErrorCode.INVALID_REQUEST;
    if (state.leaderEpoch > leaderEpoch) return ErrorCode.FENCED_LEADER_EPOCH;
    return this.isThere(key) ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
  }

  /** A share partition of which nothing is stored has no start offset. */
  summary(key: ShareKey): StateSummaryReply {
    const refuse = (errorCode: ErrorCode) => ({
      errorCode,
      stateEpoch: 0,
      leaderEpoch: 0,
      startOffset: 0,
      deliveryCompleteCount: NO_COUNT,
    });
    if (key.partitionIndex < 0) return refuse(ErrorCode.INVALID_REQUEST);
    if (!this.isThere(key)) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    const state = this.states.get(shareKeyText(key));
    if (state === undefined) return { ...refuse(ErrorCode.NONE), startOffset: NO_START_OFFSET };
    const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount } = state;
    return { errorCode: ErrorCode.NONE, stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount };
  }

  /** Deleting what isn't there is no error. */
  delete(key: ShareKey): Decision<ErrorCode> {
    if (key.partitionIndex < 0) return refused(ErrorCode.INVALID_REQUEST);
    if (!this.isThere(key)) return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    return decided(ErrorCode.NONE, this.states.has(shareKeyText(key)) ? [this.forget(key)] : []);
  }

  /** Topics are gone, and with them what groups had of them. */
  forgetDeletedTopics(): Decision {
    const gone = [...this.states.values()].filter(({ key }) => !this.isThere(key));
    return decided(
      undefined,
      gone.map(({ key }) => this.forget(key)),
    );
  }

  private isThere({ topicId, partitionIndex }: ShareKey): boolean {
    return this.directory.hasPartition(topicId, partitionIndex);
  }

  private storeSnapshot(key: ShareKey, snapshot: ShareSnapshot): CoordinatorRecord {
    this.applySnapshot(key, snapshot);
    return snapshotRecord(key, snapshot);
  }

  private storeUpdate(key: ShareKey, update: ShareUpdate): CoordinatorRecord {
    this.applyUpdate(key, update);
    return updateRecord(key, update);
  }

  private forget(key: ShareKey): CoordinatorRecord {
    this.applySnapshot(key, null);
    return stateTombstone(key);
  }

  replay(record: CoordinatorRecord): void {
    const change = readShareRecord(record);
    if (change.kind === "snapshot") this.applySnapshot(change.key, change.snapshot);
    else if (change.kind === "update" && change.update !== null) this.applyUpdate(change.key, change.update);
  }

  replayMarker(): void {}

  private applySnapshot(key: ShareKey, snapshot: ShareSnapshot | null): void {
    const text = shareKeyText(key);
    const known = this.states.get(text);
    this.budget.heldBatches += (snapshot?.stateBatches.length ?? 0) - (known?.stateBatches.length ?? 0);
    if (snapshot === null) {
      this.states.delete(text);
      return;
    }
    const { snapshotEpoch, stateEpoch, startOffset, deliveryCompleteCount, createTimestamp, writeTimestamp } = snapshot;
    this.states.set(text, {
      key,
      updates: 0,
      snapshotEpoch,
      stateEpoch,
      leaderEpoch: Math.max(known?.leaderEpoch ?? 0, snapshot.leaderEpoch),
      startOffset,
      deliveryCompleteCount,
      createTimestamp,
      writeTimestamp,
      stateBatches: snapshot.stateBatches,
    });
  }

  /** An update of which the snapshot is missing stands for one. */
  private applyUpdate(key: ShareKey, update: ShareUpdate): void {
    const text = shareKeyText(key);
    const before = this.states.get(text) ?? { ...EMPTY, key, snapshotEpoch: update.snapshotEpoch };
    const startOffset = update.startOffset === NO_START_OFFSET ? before.startOffset : update.startOffset;
    const stateBatches = combineStateBatches(before.stateBatches, update.stateBatches, startOffset);
    this.budget.heldBatches += stateBatches.length - before.stateBatches.length;
    this.states.set(text, {
      ...before,
      updates: before.updates + 1,
      leaderEpoch: Math.max(before.leaderEpoch, update.leaderEpoch),
      startOffset,
      deliveryCompleteCount: update.deliveryCompleteCount,
      stateBatches,
    });
  }

  onLoaded(): Decision {
    return decided(undefined, []);
  }

  onTimer(): Decision {
    return decided(undefined, []);
  }

  nextTimer(): null {
    return null;
  }

  readonly timerCount = 0;
  readonly canBeRewritten = true;

  get liveRecordCount(): number {
    return this.states.size;
  }

  /** Each a snapshot of its own, which takes the place of all records before it: also in memory, as if it had been replayed. */
  *liveRecords(): Generator<CoordinatorRecord, undefined> {
    for (const { key } of [...this.states.values()]) {
      const state = this.states.get(shareKeyText(key));
      if (state === undefined) continue;
      yield this.storeSnapshot(key, { ...state, snapshotEpoch: state.snapshotEpoch + 1 });
    }
  }

  release(): void {
    for (const { stateBatches } of this.states.values()) this.budget.heldBatches -= stateBatches.length;
    this.states.clear();
  }

  /** For tests: all states by their keys. */
  get allStates(): ReadonlyMap<string, ShareSnapshot> {
    return this.states;
  }
}

const EMPTY = {
  updates: 0,
  stateEpoch: 0,
  leaderEpoch: 0,
  startOffset: NO_START_OFFSET,
  deliveryCompleteCount: NO_COUNT,
  createTimestamp: 0,
  writeTimestamp: 0,
  stateBatches: [],
} as const;

/** Older writes may come after newer ones: neither the start offset nor the count of what is done behind it goes back. */
function updateOf(state: ShareState, write: WriteState): ShareUpdate {
  const startOffset = Math.max(write.startOffset, state.startOffset);
  let { deliveryCompleteCount } = write;
  if (write.startOffset === state.startOffset) {
    deliveryCompleteCount = Math.max(deliveryCompleteCount, state.deliveryCompleteCount);
  } else if (write.startOffset < state.startOffset) {
    deliveryCompleteCount = state.deliveryCompleteCount;
  }
  return {
    snapshotEpoch: state.snapshotEpoch,
    leaderEpoch: state.leaderEpoch,
    startOffset,
    deliveryCompleteCount,
    stateBatches: combineStateBatches([], write.stateBatches, startOffset),
  };
}

function renewed(state: ShareState, nowMs: number) {
  return { snapshotEpoch: state.snapshotEpoch + 1, createTimestamp: nowMs, writeTimestamp: nowMs };
}

function isBatch({ firstOffset, lastOffset, deliveryState, deliveryCount }: StateBatch): boolean {
  const hasRange = firstOffset >= 0 && lastOffset >= firstOffset && Number.isSafeInteger(lastOffset + 1);
  return (
    hasRange && deliveryState >= RecordState.AVAILABLE && deliveryState <= RecordState.ARCHIVED && deliveryCount >= 0
  );
}

function decided<R>(response: R, records: readonly CoordinatorRecord[]): Decision<R> {
  return { response, records, replies: [], timers: [] };
}

function refused(errorCode: ErrorCode): Decision<ErrorCode> {
  return decided(errorCode, []);
}
