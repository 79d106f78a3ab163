import { partitionOfKey } from "#coordinator/partition.ts";
import type { DescribedGroup } from "#group/classic/describe.ts";
import type { HeartbeatCommand } from "#group/classic/heartbeat.ts";
import type { LeaveGroupCommand, LeaveGroupReply } from "#group/classic/leave.ts";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { SyncGroupCommand } from "#group/classic/sync.ts";
import type { ConsumerHeartbeatCommand, ConsumerHeartbeatReply } from "#group/consumer/heartbeat.ts";
import type { Refusal } from "#group/consumer/world.ts";
import {
  type CommitReply,
  type FetchIdentity,
  GroupCoordinator,
  type OffsetCommitCommand,
} from "#group/coordinator.ts";
import type { GroupFilters, ListedGroup } from "#group/group.ts";
import { DEFAULT_GROUP_CONFIG, type GroupConfig } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { uuidText } from "#group/member-id.ts";
import { OffsetBudget } from "#group/offset-budget.ts";
import type { DeletedTopic, TopicToDelete } from "#group/offset-delete.ts";
import type { FetchedTopic, TopicToFetch } from "#group/offsets.ts";
import { type JoinGroupReply, joinError, type SyncGroupReply, syncError, type Turn } from "#group/turn.ts";
import type { BrokerEndpoint, GroupEnvironment, TransactionMarker } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { Coordinators, failed, type Result } from "./coordinators.ts";
import type { CoordinatorPartition } from "./partition.ts";

const ANYBODY: FetchIdentity = { memberId: null, memberEpoch: -1, requireStable: false };

/**
 * The group coordinators of a broker, one per partition of `__consumer_offsets` that it leads. Every verb finds the coordinator of its
 * group, waits for its load, and answers when the answer may be shown.
 */
export class GroupCoordinators {
  readonly environment: GroupEnvironment;
  private readonly coordinators: Coordinators<GroupCoordinator>;

  /** All coordinators share the budgets. */
  constructor(
    environment: GroupEnvironment,
    config: () => GroupConfig = () => DEFAULT_GROUP_CONFIG,
    budget = new MemberBudget(),
    offsetBudget = new OffsetBudget(),
  ) {
    this.environment = environment;
    this.coordinators = new Coordinators(environment, {
      create: () =>
        new GroupCoordinator({
          topics: environment,
          config,
          consumerConfig: (groupId) => ({ ...config().consumer, ...environment.ownConsumerConfig?.(groupId) }),
          shareConfig: environment.shareConfig,
          streamsConfig: environment.streamsConfig,
          budget,
          offsetBudget,
        }),
      onLoaded: (partition) => this.forgetDeletedTopics(partition),
    });
  }

  /** Null when there is no coordinator to be had now: COORDINATOR_NOT_AVAILABLE. */
  findCoordinator(groupId: string): Promise<BrokerEndpoint | null> {
    return this.coordinators.find(groupId);
  }

  async joinGroup(command: Omit<JoinGroupCommand, "token" | "uuid">): Promise<JoinGroupReply> {
    const whenFailed = (errorCode: ErrorCode) => joinError(errorCode, command.memberId);
    if (command.groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.coordinators.of(command.groupId);
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
    const partition = await this.coordinators.of(command.groupId);
    if (typeof partition === "number") return syncError(partition);
    return partition.park(
      (token, nowMs) => partition.machine.syncGroup({ ...command, token }, nowMs),
      "sync",
      syncError,
    );
  }

  async heartbeat(command: HeartbeatCommand): Promise<ErrorCode> {
    if (command.groupId === "") return ErrorCode.INVALID_GROUP_ID;
    const partition = await this.coordinators.of(command.groupId);
    if (typeof partition === "number") return partition;
    return partition.run((nowMs) => partition.machine.heartbeat(command, nowMs), same);
  }

  async leaveGroup(command: LeaveGroupCommand): Promise<LeaveGroupReply> {
    const whenFailed = (errorCode: ErrorCode): LeaveGroupReply => ({ errorCode, members: [] });
    if (command.groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.coordinators.of(command.groupId);
    if (typeof partition === "number") return whenFailed(partition);
    return partition.run((nowMs) => partition.machine.leaveGroup(command, nowMs), whenFailed);
  }

  async commitOffsets(command: OffsetCommitCommand): Promise<CommitReply> {
    const whenFailed = (errorCode: ErrorCode): CommitReply => ({ errorCode, outcomes: null });
    const partition = await this.coordinators.of(command.groupId);
    if (typeof partition === "number") return whenFailed(partition);
    return partition.run((nowMs) => partition.machine.commitOffsets(command, nowMs), whenFailed);
  }

  /** TxnOffsetCommit: `admits` has the last word, at the moment of the decision, on whether the producer may write to the partition. */
  async commitTransactionalOffsets(
    command: OffsetCommitCommand,
    admits: (partitionIndex: number) => ErrorCode = () => ErrorCode.NONE,
  ): Promise<CommitReply> {
    const whenFailed = (errorCode: ErrorCode): CommitReply => ({ errorCode, outcomes: null });
    // Without a pause where there is no need of one: what vouches for the commit may be on its way to the disk, and both can go together.
    const partition = this.coordinators.ready(command.groupId) ?? (await this.coordinators.of(command.groupId));
    if (typeof partition === "number") return whenFailed(partition);
    for (let rewritten = partition.whenRewritten(); rewritten !== null; rewritten = partition.whenRewritten()) {
      await rewritten;
    }
    return partition.run((nowMs) => {
      const errorCode = admits(partition.partitionIndex);
      if (errorCode !== ErrorCode.NONE) return partition.machine.decide(nowMs, () => whenFailed(errorCode));
      return partition.machine.commitOffsets(command, nowMs);
    }, whenFailed);
  }

  /** The group's partition of `__consumer_offsets`, which is created when it isn't there; null when that can't be done now. */
  async partitionOf(groupId: string): Promise<number | null> {
    const known = this.environment.partitionCount();
    const count = known > 0 ? known : await this.environment.ensureInternalTopic();
    return count === 0 ? null : partitionOfKey(groupId, count);
  }

  /** Ends a producer's transaction in one partition of `__consumer_offsets`: writes its marker and settles its offsets. */
  async completeTransaction(
    partitionIndex: number,
    marker: TransactionMarker,
    admits: () => ErrorCode = () => ErrorCode.NONE,
  ): Promise<ErrorCode> {
    const partition = await this.coordinators.load(partitionIndex);
    if (typeof partition === "number") return partition;
    return partition.run((nowMs) => {
      const errorCode = admits();
      if (errorCode !== ErrorCode.NONE) return partition.machine.decide(nowMs, () => errorCode);
      return { ...partition.machine.completeTransaction(marker, nowMs), response: ErrorCode.NONE as ErrorCode };
    }, same);
  }

  /** Null topics = all that the group has committed. Nobody in particular may ask for the offsets of any group. */
  async fetchOffsets(
    groupId: string,
    topics: readonly TopicToFetch[] | null,
    asker: FetchIdentity = ANYBODY,
  ): Promise<Result<readonly FetchedTopic[]>> {
    const { memberId, memberEpoch, requireStable } = asker;
    const result = await this.coordinators.read(groupId, (machine) => {
      const errorCode = machine.admitFetch(groupId, memberId, memberEpoch);
      if (errorCode !== ErrorCode.NONE) return errorCode;
      if (topics === null) return machine.fetchAllOffsets(groupId, this.environment, requireStable);
      return machine.fetchOffsets(groupId, topics, requireStable);
    });
    if (result.errorCode !== ErrorCode.NONE) return result;
    return typeof result.value === "number" ? failed(result.value) : { errorCode: 0, value: result.value };
  }

  /** Topics and outcomes in the order of the request, or an error of the whole. */
  async deleteOffsets(
    groupId: string,
    topics: readonly TopicToDelete[],
  ): Promise<{ readonly errorCode: ErrorCode; readonly topics: readonly DeletedTopic[] }> {
    const whenFailed = (errorCode: ErrorCode) => ({ errorCode, topics: [] });
    if (groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.coordinators.of(groupId);
    if (typeof partition === "number") return whenFailed(partition);
    const outcome = await partition.run<readonly DeletedTopic[] | ErrorCode>(
      (nowMs) => partition.machine.deleteOffsets(groupId, topics, nowMs),
      same,
    );
    return typeof outcome === "number" ? whenFailed(outcome) : { errorCode: ErrorCode.NONE, topics: outcome };
  }

  /** ConsumerGroupHeartbeat (KIP-848). */
  async consumerHeartbeat(command: Omit<ConsumerHeartbeatCommand, "uuid">): Promise<ConsumerHeartbeatReply | Refusal> {
    const uuid = uuidText(this.environment.random.uuid());
    const beat = (machine: GroupCoordinator, turn: Turn) => machine.consumers.heartbeat({ ...command, uuid }, turn);
    return this.decide<ConsumerHeartbeatReply | Refusal>(command.groupId, beat, refused);
  }

  /** A verb of one kind of groups: `act` decides in the coordinator of the group. */
  async decide<R>(
    groupId: string,
    act: (machine: GroupCoordinator, turn: Turn) => R,
    whenFailed: (errorCode: ErrorCode) => R,
  ): Promise<R> {
    if (groupId === "") return whenFailed(ErrorCode.INVALID_GROUP_ID);
    const partition = await this.coordinators.of(groupId);
    if (typeof partition === "number") return whenFailed(partition);
    const { machine } = partition;
    return partition.run((nowMs) => machine.decide(nowMs, (turn) => act(machine, turn)), whenFailed);
  }

  look<R>(groupId: string, see: (machine: GroupCoordinator) => R): Promise<Result<R>> {
    return this.coordinators.read(groupId, see);
  }

  /** GROUP_ID_NOT_FOUND when there is no such group. */
  async describeGroup(groupId: string): Promise<Result<DescribedGroup>> {
    const result = await this.coordinators.read(groupId, (machine) => machine.describeGroup(groupId));
    if (result.errorCode !== ErrorCode.NONE) return result;
    return result.value === undefined ? failed(ErrorCode.GROUP_ID_NOT_FOUND) : { errorCode: 0, value: result.value };
  }

  /** The groups of all partitions that this broker leads. */
  listGroups(filters: GroupFilters): Promise<Result<readonly ListedGroup[]>> {
    return this.coordinators.readAll((machine) => machine.listGroups(filters));
  }

  /** One outcome per group, in their order. */
  deleteGroups(groupIds: readonly string[]): Promise<ErrorCode[]> {
    return Promise.all(groupIds.map((groupId) => this.deleteGroup(groupId)));
  }

  private async deleteGroup(groupId: string): Promise<ErrorCode> {
    const partition = await this.coordinators.of(groupId);
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
    for (const partition of this.coordinators.loaded) this.forgetDeletedTopics(partition);
  }

  /** To be called when the cluster image has changed. */
  leadershipChanged(): void {
    this.coordinators.leadershipChanged();
  }

  /** Joins and syncs that wait, over all coordinators. */
  get parkedCount(): number {
    return this.coordinators.parkedCount;
  }

  private forgetDeletedTopics(partition: CoordinatorPartition<GroupCoordinator>): void {
    partition.tell((nowMs) => partition.machine.forgetDeletedTopics(this.environment, nowMs));
  }
}

function refused(errorCode: ErrorCode): Refusal {
  if (errorCode === ErrorCode.NONE) throw new Error("no error is no refusal");
  return { kind: "refused", errorCode, message: null };
}

function same(errorCode: ErrorCode): ErrorCode {
  return errorCode;
}
