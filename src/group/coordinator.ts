import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  type DescribedGroup,
  describeGroup,
  type GroupFilters,
  type ListedGroup,
  listGroups,
} from "./classic/describe.ts";
import { ClassicGroup } from "./classic/group.ts";
import {
  admitCommit,
  type CommitIdentity,
  type HeartbeatCommand,
  heartbeat,
  onSessionTimeout,
} from "./classic/heartbeat.ts";
import { type GroupDirectory, joinGroup } from "./classic/join.ts";
import { type LeaveGroupCommand, type LeaveGroupReply, leaveGroup } from "./classic/leave.ts";
import { groupFromRecord, restartSessions } from "./classic/load.ts";
import type { JoinGroupCommand } from "./classic/park.ts";
import { onJoinTimer, onSyncTimer } from "./classic/rebalance.ts";
import { type SyncGroupCommand, syncGroup } from "./classic/sync.ts";
import { type GroupConfig, MAX_GROUPS_PER_PARTITION, MAX_NAME_LENGTH } from "./limits.ts";
import { MemberBudget } from "./member-budget.ts";
import { OffsetBudget } from "./offset-budget.ts";
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
import { groupTombstone, offsetRecord, ownRecord, readRecord } from "./stored.ts";
import { TimerTable } from "./timer-table.ts";
import { type Decision, Turn } from "./turn.ts";

/** How a commit went: an error of the whole, or one outcome per partition in the order of the request. */
export type CommitReply =
  | { readonly errorCode: ErrorCode; readonly outcomes: null }
  | { readonly errorCode: 0; readonly outcomes: CommitOutcome };

export interface OffsetCommitCommand extends CommitCommand, CommitIdentity {
  /** From version 9 on a group that isn't there is called so; before, its generation was called illegal. */
  readonly knowsGroupIdNotFound: boolean;
}

/**
 * The coordinator of all groups of one partition of `__consumer_offsets`, as a pure state machine: every verb takes a command and the time
 * and answers what is to be done (`Decision`). Its state is changed when the decision is made, so that commands may follow each other
 * faster than the log commits; nothing of it may be shown to a client before the log has it. `replay` builds the same state from the log:
 * all groups that are Empty or Stable and all offsets. What a rebalance is in the middle of isn't stored, as in Kafka.
 */
export class GroupCoordinator {
  private readonly config: GroupConfig;
  private readonly groups = new Map<string, ClassicGroup>();
  private readonly offsets: CommittedOffsets;
  private readonly timers = new TimerTable();
  private readonly budget: MemberBudget;
  private readonly directory: GroupDirectory;

  /** All coordinators of a broker share the budgets. */
  constructor(config: GroupConfig, budget = new MemberBudget(), offsetBudget = new OffsetBudget()) {
    this.config = config;
    this.budget = budget;
    this.offsets = new CommittedOffsets(offsetBudget);
    this.directory = {
      budget,
      get: (groupId) => this.groups.get(groupId),
      add: (group) => this.addGroup(group),
    };
  }

  /** Replies come by token, at once or in a later decision. */
  joinGroup(command: JoinGroupCommand, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    joinGroup(this.directory, command, turn);
    return turn.decision(undefined);
  }

  /** Replies come by token, at once or in a later decision. */
  syncGroup(command: SyncGroupCommand, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    syncGroup(this.groups.get(command.groupId), command, turn);
    return turn.decision(undefined);
  }

  heartbeat(command: HeartbeatCommand, nowMs: number): Decision<ErrorCode> {
    const turn = this.turn(nowMs);
    return turn.decision(heartbeat(this.groups.get(command.groupId), command, turn));
  }

  leaveGroup(command: LeaveGroupCommand, nowMs: number): Decision<LeaveGroupReply> {
    const turn = this.turn(nowMs);
    return turn.decision(leaveGroup(this.groups.get(command.groupId), command, turn));
  }

  commitOffsets(command: OffsetCommitCommand, nowMs: number): Decision<CommitReply> {
    const turn = this.turn(nowMs);
    const isNew = !this.groups.has(command.groupId);
    const errorCode = this.admitCommit(command, turn);
    if (errorCode !== ErrorCode.NONE) return turn.decision({ errorCode, outcomes: null });
    const outcomes = commitOffsets(this.offsets, command, turn);
    // Nothing was taken: a group of which nothing is known must not stay.
    if (isNew && turn.records.length === 0) this.groups.delete(command.groupId);
    return turn.decision({ errorCode, outcomes });
  }

  private admitCommit(command: OffsetCommitCommand, turn: Turn): ErrorCode {
    const { groupId, generationId, knowsGroupIdNotFound } = command;
    const group = this.groups.get(groupId);
    if (group !== undefined) return admitCommit(group, command, turn);
    if (groupId.length > MAX_NAME_LENGTH) return ErrorCode.INVALID_GROUP_ID;
    if (generationId >= 0) return knowsGroupIdNotFound ? ErrorCode.GROUP_ID_NOT_FOUND : ErrorCode.ILLEGAL_GENERATION;
    const hasOffset = command.topics.some((topic) => topic.partitions.length > 0);
    if (hasOffset && !this.addGroup(this.newGroup(groupId, turn.nowMs))) return ErrorCode.POLICY_VIOLATION;
    return ErrorCode.NONE;
  }

  /** A group that isn't there has committed nothing. */
  fetchOffsets(groupId: string, topics: readonly TopicToFetch[]): FetchedTopic[] {
    return this.offsets.fetch(groupId, topics);
  }

  /** All that the group has committed for topics that are there. */
  fetchAllOffsets(groupId: string, directory: TopicDirectory): FetchedTopic[] {
    return this.offsets.fetchAll(groupId, directory);
  }

  /** Undefined when there is no such group. */
  describeGroup(groupId: string): DescribedGroup | undefined {
    const group = this.groups.get(groupId);
    return group === undefined ? undefined : describeGroup(group);
  }

  listGroups(filters: GroupFilters): ListedGroup[] {
    return listGroups(this.groups.values(), filters);
  }

  /** One outcome per group, in their order: NON_EMPTY_GROUP while it has members or a rebalance runs, GROUP_ID_NOT_FOUND. */
  deleteGroups(groupIds: readonly string[], nowMs: number): Decision<readonly ErrorCode[]> {
    const turn = this.turn(nowMs);
    const outcomes = groupIds.map((groupId) => {
      const group = this.groups.get(groupId);
      if (group === undefined) return ErrorCode.GROUP_ID_NOT_FOUND;
      if (group.state !== "Empty") return ErrorCode.NON_EMPTY_GROUP;
      const positions = [...this.offsets.ofGroup(groupId)].map(([position]) => position);
      turn.records.push(...forgetOffsets(this.offsets, positions));
      this.deleteGroup(group, turn);
      return ErrorCode.NONE;
    });
    return turn.decision(outcomes);
  }

  /** Topics are gone, and with them what groups have committed for them. */
  forgetDeletedTopics(directory: TopicDirectory, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    const gone = offsetsOfDeletedTopics(this.offsets, directory);
    // One by one: they may be more than a call takes arguments.
    for (const tombstone of forgetOffsets(this.offsets, gone)) turn.records.push(tombstone);
    return turn.decision(undefined);
  }

  /** A timer that was set has come to its deadline. Early, late and repeated calls do no harm. */
  onTimer(key: string, nowMs: number): Decision {
    const turn = this.turn(nowMs);
    const meaning = this.timers.fire(key, nowMs);
    if (meaning === null) return turn.decision(undefined);
    if (meaning.kind === "expire-offsets") {
      this.expireOffsets(turn);
      return turn.decision(undefined);
    }
    const group = this.groups.get(meaning.groupId);
    if (group === undefined) return turn.decision(undefined);
    if (meaning.kind === "heartbeat") onSessionTimeout(group, meaning.memberId, turn);
    else if (meaning.kind === "join") onJoinTimer(group, turn);
    else onSyncTimer(group, turn);
    return turn.decision(undefined);
  }

  /** Takes one record of the log, before `onLoaded`. Kinds that other group protocols write are passed over. */
  replay(record: CoordinatorRecord): void {
    const change = readRecord(record);
    if (change.kind === "offset") {
      const { groupId } = change.position;
      this.offsets.apply(change.position, change.committed);
      if (change.committed === null || this.groups.has(groupId)) return;
      this.groups.set(groupId, this.newGroup(groupId, change.committed.commitTimestampMs));
    } else if (change.kind === "group") {
      const { groupId, value } = change;
      this.groups.get(groupId)?.release();
      this.groups.delete(groupId);
      if (value === null) return;
      const group = groupFromRecord(groupId, value, this.budget);
      group.storedRecord = ownRecord(record);
      this.groups.set(groupId, group);
    }
  }

  /** All records have been replayed: sessions and the clean-up begin to count. */
  onLoaded(nowMs: number): Decision {
    const turn = this.turn(nowMs);
    for (const group of this.groups.values()) restartSessions(group, turn);
    turn.setTimer({ kind: "expire-offsets" }, this.config.offsetsRetentionCheckIntervalMs);
    return turn.decision(undefined);
  }

  /** How many records say all that a load would find. */
  get liveRecordCount(): number {
    return this.groups.size + this.offsets.size;
  }

  /**
   * The records that say all that a load would find, each as it is when it is asked for. The state may change between two steps: what hasn't
   * been written since the first one comes exactly once.
   */
  *liveRecords(): Generator<CoordinatorRecord, undefined> {
    for (const { storedRecord } of this.groups.values()) if (storedRecord !== null) yield storedRecord;
    for (const [position, committed] of this.offsets.all()) yield offsetRecord(position, committed);
  }

  /** The timer that is due first. */
  nextTimer(): { readonly key: string; readonly deadlineMs: number } | null {
    return this.timers.next();
  }

  get timerCount(): number {
    return this.timers.size;
  }

  /** Gives back what the groups and their offsets hold of the broker's budgets. The coordinator isn't to be used afterwards. */
  release(): void {
    for (const group of this.groups.values()) group.release();
    this.offsets.release();
  }

  /** For tests and simulations. */
  pendingTimers(): ReadonlyMap<string, number> {
    return this.timers.deadlines();
  }

  private expireOffsets(turn: Turn): void {
    for (const group of [...this.groups.values()]) {
      turn.records.push(...forgetOffsets(this.offsets, expiredOffsets(this.offsets, group, turn)));
      const hasOffsets = !this.offsets.ofGroup(group.groupId).next().done;
      if (group.state === "Empty" && group.pendingMembers.size === 0 && !hasOffsets) this.deleteGroup(group, turn);
    }
    turn.setTimer({ kind: "expire-offsets" }, this.config.offsetsRetentionCheckIntervalMs);
  }

  private deleteGroup(group: ClassicGroup, turn: Turn): void {
    const { groupId } = group;
    for (const memberId of group.pendingMembers) turn.cancelTimer({ kind: "heartbeat", groupId, memberId });
    turn.records.push(groupTombstone(groupId));
    group.release();
    this.groups.delete(groupId);
  }

  private newGroup(groupId: string, nowMs: number): ClassicGroup {
    return new ClassicGroup(groupId, nowMs, this.budget);
  }

  private addGroup(group: ClassicGroup): boolean {
    if (this.groups.size >= MAX_GROUPS_PER_PARTITION) return false;
    this.groups.set(group.groupId, group);
    return true;
  }

  private turn(nowMs: number): Turn {
    return new Turn(nowMs, this.config, this.timers);
  }
}
