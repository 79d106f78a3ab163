import type { CoordinatorMachine } from "#coordinator/machine.ts";
import { TimerTable } from "#coordinator/timer-table.ts";
import type { CoordinatorRecord, TransactionalProducer, TransactionMarker } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { OffsetCommitKey } from "#protocol/stored/offset-commit.ts";
import { storedKind } from "#protocol/stored/record.ts";
import { type DescribedGroup, describeGroup } from "./classic/describe.ts";
import { ClassicGroup } from "./classic/group.ts";
import { type HeartbeatCommand, heartbeat, onSessionTimeout } from "./classic/heartbeat.ts";
import { joinGroup } from "./classic/join.ts";
import { type LeaveGroupCommand, type LeaveGroupReply, leaveGroup } from "./classic/leave.ts";
import type { JoinGroupCommand } from "./classic/park.ts";
import { ClassicGroups } from "./classic/protocol.ts";
import { onJoinTimer, onSyncTimer } from "./classic/rebalance.ts";
import { type SyncGroupCommand, syncGroup } from "./classic/sync.ts";
import {
  beatConsumerGroup,
  joinConsumerGroup,
  leaveClassically,
  syncConsumerGroup,
} from "./consumer/classic-members.ts";
import { ConsumerGroup } from "./consumer/group.ts";
import { ConsumerGroups } from "./consumer/protocol.ts";
import {
  type CommitIdentity,
  type Group,
  type GroupFilters,
  type GroupKind,
  type GroupProtocol,
  type ListedGroup,
  listGroups,
  type PartitionAdmission,
} from "./group.ts";
import { GroupSpace } from "./group-space.ts";
import { MAX_NAME_LENGTH } from "./limits.ts";
import { MemberBudget } from "./member-budget.ts";
import { OffsetBudget } from "./offset-budget.ts";
import { type DeletedTopic, deleteOffsets, type TopicToDelete } from "./offset-delete.ts";
import {
  type CommitCommand,
  type CommitOutcome,
  CommittedOffsets,
  commitOffsets,
  expiredOffsets,
  type FetchedTopic,
  forgetOffsets,
  offsetsOfDeletedTopics,
  type TopicDirectory,
  type TopicToFetch,
} from "./offsets.ts";
import { ShareGroups } from "./share/protocol.ts";
import { offsetRecord, readOffset } from "./stored.ts";
import { StreamsGroups } from "./streams/protocol.ts";
import type { CoordinatorSurroundings } from "./surroundings.ts";
import type { TimerMeaning } from "./timers.ts";
import { type Decision, Turn } from "./turn.ts";

/** How a commit went: an error of the whole, or one outcome per partition in the order of the request. */
export type CommitReply =
  | { readonly errorCode: ErrorCode; readonly outcomes: null }
  | { readonly errorCode: 0; readonly outcomes: CommitOutcome };

export interface OffsetCommitCommand extends CommitCommand, CommitIdentity {
  /** From OffsetCommit 9 and TxnOffsetCommit 4 on a group that isn't there is called so; before, its generation was called illegal. */
  readonly knowsGroupIdNotFound: boolean;
}

/** Who asks for offsets; versions before 9 don't say. */
export interface FetchIdentity {
  readonly memberId: string | null;
  readonly memberEpoch: number;
  readonly requireStable: boolean;
}

/**
 * The coordinator of all groups of one partition of `__consumer_offsets`, as a pure state machine: every verb takes a command and the time
 * and answers what is to be done (`Decision`). Its state is changed when the decision is made, so that commands may follow each other
 * faster than the log commits; nothing of it may be shown to a client before the log has it. `replay` builds the same state from the log:
 * all groups that are Empty or Stable and all offsets. What a rebalance of a classic group is in the middle of isn't stored, as in Kafka.
 */
export class GroupCoordinator implements CoordinatorMachine {
  readonly consumers: ConsumerGroups;
  private readonly surroundings: CoordinatorSurroundings;
  private readonly space: GroupSpace;
  private readonly offsets: CommittedOffsets;
  private readonly timers = new TimerTable<TimerMeaning>();
  private readonly protocols: Partial<Record<GroupKind, GroupProtocol>>;
  readonly shares: ShareGroups;
  readonly streams: StreamsGroups;

  /** All coordinators of a broker share the budgets. */
  constructor(surroundings: CoordinatorSurroundings) {
    this.surroundings = surroundings;
    this.space = new GroupSpace(surroundings.budget ?? new MemberBudget(), surroundings.topics);
    this.offsets = new CommittedOffsets(surroundings.offsetBudget ?? new OffsetBudget());
    const { config, consumerConfig = () => config().consumer } = surroundings;
    this.consumers = new ConsumerGroups(this.space, consumerConfig);
    this.shares = new ShareGroups(this.space, surroundings.shareConfig);
    const bury = (empty: Group, turn: Turn) => this.protocolOf(empty).bury(empty, turn);
    this.streams = new StreamsGroups(this.space, bury, surroundings.streamsConfig);
    this.protocols = {
      classic: new ClassicGroups(this.space) as GroupProtocol,
      consumer: this.consumers as GroupProtocol,
      share: this.shares as GroupProtocol,
      streams: this.streams as GroupProtocol,
    };
  }

  /** One call of a group protocol: what `act` leaves in the turn is what is to be done. */
  decide<Response>(nowMs: number, act: (turn: Turn) => Response): Decision<Response> {
    const turn = this.turn(nowMs);
    return turn.decision(act(turn));
  }

  private act(nowMs: number, act: (turn: Turn) => void): Decision {
    const turn = this.turn(nowMs);
    act(turn);
    return turn.decision(undefined);
  }

  /** Replies come by token, at once or in a later decision. */
  joinGroup(command: JoinGroupCommand, nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      const group = this.space.get(command.groupId);
      if (group instanceof ConsumerGroup && group.members.size > 0) {
        const response = joinConsumerGroup(this.consumers, group, command, turn);
        turn.replies.push({ kind: "join", token: command.token, response });
        return;
      }
      joinGroup(this.space, command, turn, (empty) => this.protocolOf(empty).bury(empty, turn));
    });
  }

  /** Replies come by token, at once or in a later decision. */
  syncGroup(command: SyncGroupCommand, nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      const group = this.space.get(command.groupId);
      if (group instanceof ConsumerGroup) {
        const response = syncConsumerGroup(this.consumers, group, command, turn);
        turn.replies.push({ kind: "sync", token: command.token, response });
        return;
      }
      syncGroup(this.classic(command.groupId), command, turn);
    });
  }

  heartbeat(command: HeartbeatCommand, nowMs: number): Decision<ErrorCode> {
    return this.decide(nowMs, (turn) => {
      const group = this.space.get(command.groupId);
      if (group instanceof ConsumerGroup) return beatConsumerGroup(this.consumers, group, command, turn);
      return heartbeat(this.classic(command.groupId), command, turn);
    });
  }

  leaveGroup(command: LeaveGroupCommand, nowMs: number): Decision<LeaveGroupReply> {
    return this.decide(nowMs, (turn) => {
      const group = this.space.get(command.groupId);
      if (group instanceof ConsumerGroup) return leaveClassically(this.consumers, group, command, turn);
      return leaveGroup(this.classic(command.groupId), command, turn);
    });
  }

  commitOffsets(command: OffsetCommitCommand, nowMs: number): Decision<CommitReply> {
    const turn = this.turn(nowMs);
    const isNew = this.space.get(command.groupId) === undefined;
    const admission = this.admitCommit(command, turn);
    const isRefused = typeof admission === "number" && admission !== ErrorCode.NONE;
    const outcomes = isRefused
      ? admission
      : commitOffsets(this.offsets, command, typeof admission === "number" ? null : admission, turn);
    // Nothing was taken: a group of which nothing is known must not stay.
    if (isNew && turn.records.length === 0) this.space.remove(command.groupId);
    if (typeof outcomes === "number") return turn.decision({ errorCode: outcomes, outcomes: null });
    return turn.decision({ errorCode: ErrorCode.NONE, outcomes });
  }

  private admitCommit(command: OffsetCommitCommand, turn: Turn): ErrorCode | PartitionAdmission {
    const { groupId, generationId, knowsGroupIdNotFound } = command;
    const group = this.space.get(groupId);
    if (group !== undefined) return this.protocolOf(group).admitCommit(group, command, turn);
    if (groupId.length > MAX_NAME_LENGTH) return ErrorCode.INVALID_GROUP_ID;
    if (generationId >= 0) return knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
    const hasOffset = command.topics.some((topic) => topic.partitions.length > 0);
    if (hasOffset && !this.space.add(this.newGroup(groupId, turn.nowMs))) return ErrorCode.POLICY_VIOLATION;
    return ErrorCode.NONE;
  }

  /** Ends a producer's transaction: what it has committed for groups of this coordinator counts from now on, or never. */
  completeTransaction(marker: TransactionMarker, nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      this.offsets.endTransaction(marker.producerId, marker.isCommit);
      turn.marker = marker;
    });
  }

  /** Whether somebody may read the offsets of a group; a group that isn't there has committed nothing. */
  admitFetch(groupId: string, memberId: string | null, memberEpoch: number): ErrorCode {
    const group = this.space.get(groupId);
    return group === undefined ? ErrorCode.NONE : this.protocolOf(group).admitFetch(group, memberId, memberEpoch);
  }

  /** With `requireStable`, a partition for which a transaction is open gets UNSTABLE_OFFSET_COMMIT. */
  fetchOffsets(groupId: string, topics: readonly TopicToFetch[], requireStable = false): FetchedTopic[] {
    return this.offsets.fetch(groupId, topics, requireStable);
  }

  /** All that the group has committed for topics that are there. */
  fetchAllOffsets(groupId: string, directory: TopicDirectory, requireStable = false): FetchedTopic[] {
    return this.offsets.fetchAll(groupId, directory, requireStable);
  }

  /** Topics and outcomes in the order of the command; GROUP_ID_NOT_FOUND, NON_EMPTY_GROUP for the whole. */
  deleteOffsets(
    groupId: string,
    topics: readonly TopicToDelete[],
    nowMs: number,
  ): Decision<readonly DeletedTopic[] | ErrorCode> {
    return this.decide(nowMs, (turn) => {
      const group = this.space.get(groupId);
      if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
      const protocol = this.protocolOf(group);
      const errorCode = protocol.admitOffsetDelete(group);
      if (errorCode !== ErrorCode.NONE) return errorCode;
      const keeps = (topic: string) => protocol.isSubscribedTo(group, topic);
      return deleteOffsets(this.offsets, { groupId, topics }, keeps, turn);
    });
  }

  /** Undefined when there is no classic group by that name. */
  describeGroup(groupId: string): DescribedGroup | undefined {
    const group = this.classic(groupId);
    return group === undefined ? undefined : describeGroup(group);
  }

  kindOf(groupId: string): GroupKind | undefined {
    return this.space.get(groupId)?.kind;
  }

  listGroups(filters: GroupFilters): ListedGroup[] {
    return listGroups(this.space.values(), filters, (group) => this.protocolOf(group));
  }

  /** One outcome per group, in their order: NON_EMPTY_GROUP while it has members or a rebalance runs, GROUP_ID_NOT_FOUND. */
  deleteGroups(groupIds: readonly string[], nowMs: number): Decision<readonly ErrorCode[]> {
    const turn = this.turn(nowMs);
    const outcomes = groupIds.map((groupId) => {
      const group = this.space.get(groupId);
      if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
      if (group.state !== "Empty") return ErrorCode.NON_EMPTY_GROUP;
      for (const tombstone of forgetOffsets(this.offsets, this.offsets.positionsOf(groupId)))
        turn.records.push(tombstone);
      this.deleteGroup(group, turn);
      return ErrorCode.NONE;
    });
    return turn.decision(outcomes);
  }

  /** Topics are gone, and with them what groups have committed for them. */
  forgetDeletedTopics(directory: TopicDirectory, nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      const gone = offsetsOfDeletedTopics(this.offsets, directory);
      // One by one: they may be more than a call takes arguments.
      for (const tombstone of forgetOffsets(this.offsets, gone)) turn.records.push(tombstone);
      this.shares.forgetDeletedTopics(turn);
    });
  }

  onTimer(key: string, nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      const meaning = this.timers.fire(key, nowMs);
      if (meaning === null) return;
      if ("of" in meaning) {
        this.protocols[meaning.of]?.onTimer(meaning, turn);
        return;
      }
      if (meaning.kind === "expire-offsets") {
        this.expireOffsets(turn);
        return;
      }
      const group = this.classic(meaning.groupId);
      if (group === undefined) return;
      if (meaning.kind === "heartbeat") onSessionTimeout(group, meaning.memberId, turn);
      else if (meaning.kind === "join") onJoinTimer(group, turn);
      else onSyncTimer(group, turn);
    });
  }

  /** Kinds of records that no group protocol here knows are passed over. */
  replay(record: CoordinatorRecord, producer: TransactionalProducer | null = null): void {
    const kind = storedKind(record.key);
    if (kind === OffsetCommitKey.apiKey) {
      const change = readOffset(record);
      const { groupId } = change.position;
      if (producer !== null && change.committed !== null)
        this.offsets.applyPending(producer.producerId, change.position, change.committed);
      else this.offsets.apply(change.position, change.committed);
      if (change.committed === null || this.space.get(groupId) !== undefined) return;
      this.space.put(this.newGroup(groupId, change.committed.commitTimestampMs));
      return;
    }
    for (const protocol of Object.values(this.protocols)) protocol.replays.get(kind)?.(record);
  }

  replayMarker(marker: TransactionMarker): void {
    this.offsets.endTransaction(marker.producerId, marker.isCommit);
  }

  /** All records have been replayed: sessions and the clean-up begin to count. */
  onLoaded(nowMs: number): Decision {
    return this.act(nowMs, (turn) => {
      for (const group of this.space.values()) this.protocolOf(group).restartTimers(group, turn);
      turn.setTimer({ kind: "expire-offsets" }, turn.config.offsetsRetentionCheckIntervalMs);
    });
  }

  get canBeRewritten(): boolean {
    return !this.offsets.hasOpenTransactions;
  }

  get liveRecordCount(): number {
    let count = this.offsets.size;
    for (const group of this.space.values()) count += this.protocolOf(group).liveRecordCount(group);
    return count;
  }

  *liveRecords(): Generator<CoordinatorRecord, undefined> {
    for (const group of this.space.values()) {
      for (const record of this.protocolOf(group).liveRecords(group)) {
        // Whoever asks may wait between two records: what is left of a group that has gone since would come behind its tombstones.
        if (this.space.get(group.groupId) !== group) break;
        yield record;
      }
    }
    for (const [position, committed] of this.offsets.all()) yield offsetRecord(position, committed);
  }

  nextTimer(): { readonly key: string; readonly deadlineMs: number } | null {
    return this.timers.next();
  }

  get timerCount(): number {
    return this.timers.size;
  }

  release(): void {
    for (const group of this.space.values()) group.release();
    this.offsets.release();
  }

  /** For tests and simulations. */
  pendingTimers(): ReadonlyMap<string, number> {
    return this.timers.deadlines();
  }

  private expireOffsets(turn: Turn): void {
    for (const group of [...this.space.values()]) {
      const expired = expiredOffsets(this.offsets, group, this.protocolOf(group), turn);
      for (const tombstone of forgetOffsets(this.offsets, expired)) turn.records.push(tombstone);
      const isWaiting = group instanceof ClassicGroup && group.pendingMembers.size > 0;
      const mayExpire = this.protocolOf(group).offsetExpiry(group) !== null;
      if (group.state === "Empty" && mayExpire && !isWaiting && !this.offsets.hasGroup(group.groupId))
        this.deleteGroup(group, turn);
    }
    turn.setTimer({ kind: "expire-offsets" }, turn.config.offsetsRetentionCheckIntervalMs);
  }

  private deleteGroup(group: Group, turn: Turn): void {
    this.protocolOf(group).bury(group, turn);
    this.space.remove(group.groupId);
  }

  private classic(groupId: string): ClassicGroup | undefined {
    const group = this.space.get(groupId);
    return group instanceof ClassicGroup ? group : undefined;
  }

  private protocolOf(group: Group): GroupProtocol {
    const protocol = this.protocols[group.kind];
    if (protocol === undefined) throw new Error(`there are no ${group.kind} groups here`);
    return protocol;
  }

  private newGroup(groupId: string, nowMs: number): ClassicGroup {
    return new ClassicGroup(groupId, nowMs, this.space.budget);
  }

  private turn(nowMs: number): Turn {
    return new Turn(nowMs, this.surroundings.config(), this.timers);
  }
}
