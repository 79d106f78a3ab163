import type { Uuid } from "#bytes/uuid.ts";
import type { BrokerEndpoint, CoordinatorEnvironment } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import {
  type InitializeState,
  type ReadStateReply,
  ShareCoordinator,
  type StateSummaryReply,
  type WriteState,
} from "#share/coordinator.ts";
import type { ShareCoordinatorConfig } from "#share/limits.ts";
import { type ShareKey, shareKeyText } from "#share/share-key.ts";
import { StateBudget } from "#share/state-budget.ts";
import { Coordinators } from "../coordinator/coordinators.ts";

/**
 * Keeps the state of share partitions for the leaders of their partitions, and what groups want to know of it. Every answer is one that is
 * stored.
 */
export interface SharePersister {
  initialize(key: ShareKey, state: InitializeState): Promise<ErrorCode>;
  read(key: ShareKey, leaderEpoch: number): Promise<ReadStateReply>;
  write(key: ShareKey, write: WriteState): Promise<ErrorCode>;
  summary(key: ShareKey): Promise<StateSummaryReply>;
  delete(key: ShareKey): Promise<ErrorCode>;
}

/**
 * The share coordinators of a broker, one per partition of `__share_group_state` that it leads. NOT_COORDINATOR for share partitions that are
 * another broker's; the topic is created when something is first stored in it.
 */
export class ShareCoordinators implements SharePersister {
  private readonly environment: CoordinatorEnvironment;
  private readonly coordinators: Coordinators<ShareCoordinator>;

  constructor(
    environment: CoordinatorEnvironment,
    hasPartition: (topicId: Uuid, partitionIndex: number) => boolean,
    config: ShareCoordinatorConfig,
  ) {
    const budget = new StateBudget();
    this.environment = environment;
    this.coordinators = new Coordinators(environment, {
      create: () => new ShareCoordinator({ hasPartition }, config, budget),
      onLoaded: (partition) => partition.tell(() => partition.machine.forgetDeletedTopics()),
    });
  }

  /** Null when there is no coordinator to be had now: COORDINATOR_NOT_AVAILABLE. */
  find(key: ShareKey): Promise<BrokerEndpoint | null> {
    return this.coordinators.find(shareKeyText(key));
  }

  async initialize(key: ShareKey, state: InitializeState): Promise<ErrorCode> {
    if (this.environment.partitionCount() === 0) await this.environment.ensureInternalTopic();
    const partition = await this.coordinators.of(shareKeyText(key));
    if (typeof partition === "number") return partition;
    return partition.run((nowMs) => partition.machine.initialize(key, state, nowMs), same);
  }

  async read(key: ShareKey, leaderEpoch: number): Promise<ReadStateReply> {
    const whenFailed = (errorCode: ErrorCode) => ({ errorCode, stateEpoch: 0, startOffset: 0, stateBatches: [] });
    const partition = await this.coordinators.of(shareKeyText(key));
    if (typeof partition === "number") return whenFailed(partition);
    return partition.run<ReadStateReply>(() => partition.machine.read(key, leaderEpoch), whenFailed);
  }

  async write(key: ShareKey, write: WriteState): Promise<ErrorCode> {
    const partition = await this.coordinators.of(shareKeyText(key));
    if (typeof partition === "number") return partition;
    return partition.run((nowMs) => partition.machine.write(key, write, nowMs), same);
  }

  async summary(key: ShareKey): Promise<StateSummaryReply> {
    const whenFailed = (errorCode: ErrorCode) => ({
      errorCode,
      stateEpoch: 0,
      leaderEpoch: 0,
      startOffset: 0,
      deliveryCompleteCount: -1,
    });
    const partition = await this.coordinators.of(shareKeyText(key));
    if (typeof partition === "number") return whenFailed(partition);
    return partition.look<StateSummaryReply>((machine) => machine.summary(key), whenFailed);
  }

  async delete(key: ShareKey): Promise<ErrorCode> {
    const partition = await this.coordinators.of(shareKeyText(key));
    if (typeof partition === "number") return partition;
    return partition.run(() => partition.machine.delete(key), same);
  }

  /** To be called when the cluster image has lost topics. */
  topicsDeleted(): void {
    for (const partition of this.coordinators.loaded) partition.tell(() => partition.machine.forgetDeletedTopics());
  }

  /** To be called when the cluster image has changed. */
  leadershipChanged(): void {
    this.coordinators.leadershipChanged();
  }
}

function same(errorCode: ErrorCode): ErrorCode {
  return errorCode;
}
