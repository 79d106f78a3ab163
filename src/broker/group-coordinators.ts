import type { DescribedGroup, GroupFilters, ListedGroup } from "#group/classic/describe.ts";
import type { HeartbeatCommand } from "#group/classic/heartbeat.ts";
import type { LeaveGroupCommand, LeaveGroupReply } from "#group/classic/leave.ts";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { SyncGroupCommand } from "#group/classic/sync.ts";
import { type CommitReply, GroupCoordinator, type OffsetCommitCommand } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG, type GroupConfig } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { uuidText } from "#group/member-id.ts";
import { OffsetBudget } from "#group/offset-budget.ts";
import type { FetchedTopic, TopicToFetch } from "#group/offsets.ts";
import { partitionOfGroup } from "#group/partition.ts";
import { type JoinGroupReply, joinError, type SyncGroupReply, syncError } from "#group/turn.ts";
import type { BrokerEndpoint, GroupEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { coordinatorError, GroupPartition, type Leadership } from "./group-partition.ts";

/** A value, or the error that stands in its place. */
export type Result<T> =
  | { readonly errorCode: 0; readonly value: T }
  | { readonly errorCode: Exclude<ErrorCode, 0>; readonly value: null };

/**
 * The group coordinators of a broker: one per partition of `__consumer_offsets` that it leads, loaded from the log when it is first asked
 * for. Every verb finds the coordinator of its group, waits for its load, and answers when the answer may be shown. NOT_COORDINATOR where
 * this broker doesn't lead the group's partition, or the topic doesn't exist yet (FindCoordinator creates it).
 */
export class GroupCoordinators {
  readonly environment: GroupEnvironment;
  private readonly config: GroupConfig;
  private readonly budget: MemberBudget;
  private readonly offsetBudget: OffsetBudget;
  private readonly partitions = new Map<number, GroupPartition>();
  private readonly loads = new Map<number, Promise<GroupPartition | ErrorCode>>();
  /** Coordinators that were let go and still have appends under way. */
  private readonly closing = new Map<number, Promise<void>>();

  constructor(
    environment: GroupEnvironment,
    config: GroupConfig = DEFAULT_GROUP_CONFIG,
    budget = new MemberBudget(),
    offsetBudget = new OffsetBudget(),
  ) {
    this.environment = environment;
    this.config = config;
    this.budget = budget;
    this.offsetBudget = offsetBudget;
  }

  /** Null when there is no coordinator to be had now: COORDINATOR_NOT_AVAILABLE. */
  async findCoordinator(groupId: string): Promise<BrokerEndpoint | null> {
    const known = this.environment.offsetsPartitionCount();
    const count = known > 0 ? known : await this.environment.ensureOffsetsTopic();
    return count === 0 ? null : this.environment.leader(partitionOfGroup(groupId, count));
  }

  async joinGroup(command: Omit<JoinGroupCommand, "token" | "uuid">): Promise<JoinGroupReply> {
    const whenFailed = (errorCode: ErrorCode) => joinError(errorCode, command.memberId);
    if (command.groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.partitionOf(command.groupId);
    if (typeof partition === "number") return whenFailed(partition);
    const uuid = uuidText(this.environment.random.uuid());
    return partition.park(
      (token, nowMs) => partition.machine.joinGroup({ ...command, token, uuid }, nowMs),
      "join",
      whenFailed,
    );
  }

  async syncGroup(command: Omit<SyncGroupCommand, "token">): Promise<SyncGroupReply> {
    if (command.groupId === "") return syncError(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.partitionOf(command.groupId);
    if (typeof partition === "number") return syncError(partition);
    return partition.park(
      (token, nowMs) => partition.machine.syncGroup({ ...command, token }, nowMs),
      "sync",
      syncError,
    );
  }

  async heartbeat(command: HeartbeatCommand): Promise<ErrorCode> {
    if (command.groupId === "") return ErrorCode.INVALID_GROUP_ID;
    const partition = await this.partitionOf(command.groupId);
    if (typeof partition === "number") return partition;
    return partition.run((nowMs) => partition.machine.heartbeat(command, nowMs), same);
  }

  async leaveGroup(command: LeaveGroupCommand): Promise<LeaveGroupReply> {
    const whenFailed = (errorCode: ErrorCode): LeaveGroupReply => ({ errorCode, members: [] });
    if (command.groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.partitionOf(command.groupId);
    if (typeof partition === "number") return whenFailed(partition);
    return partition.run((nowMs) => partition.machine.leaveGroup(command, nowMs), whenFailed);
  }

  async commitOffsets(command: OffsetCommitCommand): Promise<CommitReply> {
    const whenFailed = (errorCode: ErrorCode): CommitReply => ({ errorCode, outcomes: null });
    const partition = await this.partitionOf(command.groupId);
    if (typeof partition === "number") return whenFailed(partition);
    return partition.run((nowMs) => partition.machine.commitOffsets(command, nowMs), whenFailed);
  }

  /** Null topics = all that the group has committed. */
  fetchOffsets(groupId: string, topics: readonly TopicToFetch[] | null): Promise<Result<readonly FetchedTopic[]>> {
    return this.read(groupId, (machine) =>
      topics === null ? machine.fetchAllOffsets(groupId, this.environment) : machine.fetchOffsets(groupId, topics),
    );
  }

  /** GROUP_ID_NOT_FOUND when there is no such group. */
  async describeGroup(groupId: string): Promise<Result<DescribedGroup>> {
    const result = await this.read(groupId, (machine) => machine.describeGroup(groupId));
    if (result.errorCode !== ErrorCode.NONE) return result;
    return result.value === undefined ? failed(ErrorCode.GROUP_ID_NOT_FOUND) : { errorCode: 0, value: result.value };
  }

  /** The groups of all partitions that this broker leads. */
  async listGroups(filters: GroupFilters): Promise<Result<readonly ListedGroup[]>> {
    const listed: ListedGroup[] = [];
    for (let index = 0; index < this.environment.offsetsPartitionCount(); index++) {
      const partition = await this.load(index);
      if (partition === ErrorCode.NOT_COORDINATOR) continue;
      if (typeof partition === "number") return failed(partition);
      const groups = await this.readFrom(partition, (machine) => machine.listGroups(filters));
      if (groups.errorCode !== ErrorCode.NONE) return groups;
      listed.push(...groups.value);
    }
    return { errorCode: 0, value: listed };
  }

  /** One outcome per group, in their order. */
  deleteGroups(groupIds: readonly string[]): Promise<ErrorCode[]> {
    return Promise.all(groupIds.map((groupId) => this.deleteGroup(groupId)));
  }

  private async deleteGroup(groupId: string): Promise<ErrorCode> {
    const partition = await this.partitionOf(groupId);
    if (typeof partition === "number") return partition;
    const outcomes = await partition.run(
      (nowMs) => partition.machine.deleteGroups([groupId], nowMs),
      (errorCode) => [errorCode],
    );
    return outcomes[0];
  }

  /**
   * To be called when the cluster image has lost topics: what was committed for them is forgotten at once in every coordinator that is
   * loaded. All others do the same when they are loaded.
   */
  topicsDeleted(): void {
    for (const partition of this.partitions.values()) partition.forgetDeletedTopics();
  }

  /** To be called when the cluster image has changed: coordinators of partitions that this broker no longer leads are let go. */
  leadershipChanged(): void {
    for (const index of [...this.partitions.keys()]) this.unloadIfStale(index);
  }

  /** Joins and syncs that wait, over all coordinators. */
  get parkedCount(): number {
    return [...this.partitions.values()].reduce((sum, partition) => sum + partition.parkedCount, 0);
  }

  private async read<T>(groupId: string, look: (machine: GroupCoordinator) => T): Promise<Result<T>> {
    const partition = await this.partitionOf(groupId);
    return typeof partition === "number" ? failed(partition) : this.readFrom(partition, look);
  }

  /** A look at the state is a decision without effects: what it saw must be committed before it is shown. */
  private readFrom<T>(partition: GroupPartition, look: (machine: GroupCoordinator) => T): Promise<Result<T>> {
    return partition.run<Result<T>>(
      () => ({
        response: { errorCode: 0, value: look(partition.machine) },
        replies: [],
        records: [],
        timers: [],
      }),
      failed,
    );
  }

  private partitionOf(groupId: string): Promise<GroupPartition | ErrorCode> {
    const count = this.environment.offsetsPartitionCount();
    if (count === 0) return Promise.resolve(ErrorCode.NOT_COORDINATOR);
    return this.load(partitionOfGroup(groupId, count));
  }

  /** The loaded coordinator; requests that come during a load wait for it, where Kafka answers COORDINATOR_LOAD_IN_PROGRESS. */
  private load(index: number): Promise<GroupPartition | ErrorCode> {
    const under = this.loads.get(index);
    if (under !== undefined) return under;
    this.unloadIfStale(index);
    const leadership = this.leadership(index);
    if (leadership === null) return Promise.resolve(ErrorCode.NOT_COORDINATOR);
    const current = this.partitions.get(index);
    if (current !== undefined) return Promise.resolve(current);
    const loading = this.loadFrom(index, leadership).finally(() => this.loads.delete(index));
    this.loads.set(index, loading);
    return loading;
  }

  private async loadFrom(index: number, leadership: Leadership): Promise<GroupPartition | ErrorCode> {
    // What the former coordinator still has under way would be missed by the replay.
    await this.closing.get(index);
    const machine = new GroupCoordinator(this.config, this.budget, this.offsetBudget);
    const recordCount = await this.replayInto(machine, index, leadership).catch((error: unknown) => {
      machine.release();
      throw error;
    });
    if (typeof recordCount !== "number") {
      machine.release();
      return recordCount.errorCode;
    }
    const partition = new GroupPartition(this.environment, machine, index, leadership);
    this.partitions.set(index, partition);
    partition.start(recordCount);
    return partition;
  }

  /** How many records there were, or why they don't count. */
  private async replayInto(
    machine: GroupCoordinator,
    index: number,
    leadership: Leadership,
  ): Promise<number | { readonly errorCode: ErrorCode }> {
    let recordCount = 0;
    const errorCode = await this.environment.log.replay(index, (record) => {
      machine.replay(record);
      recordCount++;
    });
    if (errorCode !== ErrorCode.NONE) return { errorCode: coordinatorError(errorCode) };
    return isSame(leadership, this.leadership(index)) ? recordCount : { errorCode: ErrorCode.NOT_COORDINATOR };
  }

  /** Null when this broker doesn't lead the partition. */
  private leadership(index: number): Leadership | null {
    const topicId = this.environment.offsetsTopicId();
    const leaderEpoch = this.environment.leaderEpoch(index);
    return topicId === undefined || leaderEpoch === null ? null : { topicId, leaderEpoch };
  }

  private unloadIfStale(index: number): void {
    const partition = this.partitions.get(index);
    if (partition === undefined) return;
    if (!partition.hasFailed && isSame(partition.leadership, this.leadership(index))) return;
    this.partitions.delete(index);
    const closed = partition.close(ErrorCode.NOT_COORDINATOR).then(() => {
      if (this.closing.get(index) === closed) this.closing.delete(index);
    });
    this.closing.set(index, closed);
  }
}

function isSame(one: Leadership, other: Leadership | null): boolean {
  return one.topicId === other?.topicId && one.leaderEpoch === other.leaderEpoch;
}

function same(errorCode: ErrorCode): ErrorCode {
  return errorCode;
}

function failed(errorCode: ErrorCode): { readonly errorCode: Exclude<ErrorCode, 0>; readonly value: null } {
  if (errorCode === ErrorCode.NONE) throw new Error("no error is no failure");
  return { errorCode, value: null };
}
