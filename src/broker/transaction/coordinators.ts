import { TRANSACTION_STATE_TOPIC } from "#cluster/topic-names.ts";
import type { BrokerEndpoint, CoordinatorEnvironment } from "#ports/coordinator-log.ts";
import type { Random } from "#ports/random.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { AddPartitionsCommand } from "#transaction/add-partitions.ts";
import { TransactionCoordinator } from "#transaction/coordinator.ts";
import type { DescribedTransaction, ListedTransaction, TransactionFilters } from "#transaction/describe.ts";
import type { EndTransactionCommand } from "#transaction/end-transaction.ts";
import type { InitProducerIdCommand } from "#transaction/init-producer-id.ts";
import type { TransactionConfig } from "#transaction/limits.ts";
import {
  type MaybeReply,
  NEEDS_PRODUCER_ID,
  type ProducerIdReply,
  withoutProducerId,
} from "#transaction/producer-id.ts";
import type { Decision, WriteMarkers } from "#transaction/turn.ts";
import type { Broker } from "../broker.ts";
import { Completions } from "../completions.ts";
import { Coordinators, failed, type Result } from "../coordinator/coordinators.ts";
import { coordinatorEnvironment } from "../coordinator/environment.ts";
import type { CoordinatorPartition } from "../coordinator/partition.ts";
import { TransactionMarkers } from "./markers.ts";

type TransactionPartition = CoordinatorPartition<TransactionCoordinator>;

/** An int32 in the markers. */
const MAX_COORDINATOR_EPOCH = 2 ** 31 - 1;

const RELOAD_DELAY_MS = 1_000;

interface TransactionPorts {
  readonly random: Random;
  readonly onNextDue?: (dueMs: number) => void;
}

/**
 * The transaction coordinators of a broker, one per partition of `__transaction_state` that it leads. Every verb finds the coordinator
 * of its transactional id, waits for its load, and answers when the answer may be shown.
 */
export class TransactionCoordinators {
  readonly #environment: CoordinatorEnvironment;
  readonly #coordinators: Coordinators<TransactionCoordinator>;
  readonly #broker: Broker;
  readonly #completions: Completions;
  readonly #onNextDue: ((dueMs: number) => void) | undefined;

  constructor(broker: Broker, config: TransactionConfig, ports: TransactionPorts) {
    this.#broker = broker;
    this.#onNextDue = ports.onNextDue;
    this.#completions = new Completions(broker.timers);
    this.#environment = coordinatorEnvironment(broker, TRANSACTION_STATE_TOPIC, ports);
    const markers = new TransactionMarkers(broker, (transactionalId) => this.#completions.tell(transactionalId));
    this.#coordinators = new Coordinators(this.#environment, {
      create: (index) => new TransactionCoordinator(config, this.#nextEpoch(index)),
      onEffect: (effect, partition) => void this.#write(markers, effect, partition),
    });
  }

  /** Null when there is no coordinator to be had now: COORDINATOR_NOT_AVAILABLE. Creates `__transaction_state`. */
  findCoordinator(transactionalId: string): Promise<BrokerEndpoint | null> {
    return this.#coordinators.find(transactionalId);
  }

  /** The broker whose coordinator it is, where that is known. */
  coordinatorOf(transactionalId: string): Promise<BrokerEndpoint | null> {
    return this.#environment.partitionCount() === 0 ? Promise.resolve(null) : this.#coordinators.find(transactionalId);
  }

  async initProducerId(command: Omit<InitProducerIdCommand, "freshProducerId">): Promise<ProducerIdReply> {
    await this.untilSettled(command.transactionalId);
    return this.#withProducerId(command.transactionalId, (machine, freshProducerId, nowMs) =>
      machine.initProducerId({ ...command, freshProducerId }, nowMs),
    );
  }

  endTransaction(command: Omit<EndTransactionCommand, "freshProducerId">): Promise<ProducerIdReply> {
    return this.#withProducerId(command.transactionalId, (machine, freshProducerId, nowMs) =>
      machine.endTransaction({ ...command, freshProducerId }, nowMs),
    );
  }

  /** Producer ids come from the controller, so one is fetched only for a decision that has found that it needs one. */
  async #withProducerId(
    transactionalId: string,
    decide: (machine: TransactionCoordinator, freshProducerId: number | null, nowMs: number) => Decision<MaybeReply>,
  ): Promise<ProducerIdReply> {
    const partition = await this.#coordinators.of(transactionalId);
    if (typeof partition === "number") return withoutProducerId(partition);
    const { machine } = partition;
    const run = (fresh: number | null) =>
      partition.run<MaybeReply>((nowMs) => decide(machine, fresh, nowMs), withoutProducerId);
    const reply = await run(null);
    if (reply !== NEEDS_PRODUCER_ID) return reply;
    const fresh = await this.#broker.producerIds.next().catch(() => null);
    if (fresh === null) return withoutProducerId(ErrorCode.COORDINATOR_NOT_AVAILABLE);
    const second = await run(fresh);
    if (second === NEEDS_PRODUCER_ID) throw new Error("a decision wants a producer id that it has been given");
    return second;
  }

  async addPartitions(command: AddPartitionsCommand): Promise<ErrorCode> {
    await this.untilSettled(command.transactionalId);
    const partition = await this.#coordinators.of(command.transactionalId);
    if (typeof partition === "number") return partition;
    const { machine } = partition;
    const errorCode = await partition.run((nowMs) => machine.addPartitions(command, nowMs), same);
    if (errorCode === ErrorCode.NONE) this.#onNextDue?.(machine.dueMs(command.transactionalId));
    return errorCode;
  }

  /**
   * The same without waiting, where that can be: then what is appended in this turn is committed together with the transaction's record of it, or
   * after it. False where it can't, or there is an objection: `addPartitions` says which.
   */
  addPartitionsAtOnce(command: AddPartitionsCommand): boolean {
    const partition = this.#coordinators.ready(command.transactionalId);
    if (partition === undefined || partition.machine.isPrepared(command.transactionalId)) return false;
    const errorCode = partition.stage((nowMs) => partition.machine.addPartitions(command, nowMs));
    if (errorCode !== ErrorCode.NONE) return false;
    this.#onNextDue?.(partition.machine.dueMs(command.transactionalId));
    return true;
  }

  /**
   * The markers of a transaction that has ended are on their way, and the producer can't know it: what it asks next waits for them a
   * moment, since CONCURRENT_TRANSACTIONS would cost it a back-off.
   */
  async untilSettled(transactionalId: string): Promise<void> {
    const partition = await this.#coordinators.of(transactionalId);
    if (typeof partition === "number" || !partition.machine.isPrepared(transactionalId)) return;
    await this.#completions.next(transactionalId);
  }

  /** One outcome per partition, in their order. */
  async verifyPartitions(command: Omit<AddPartitionsCommand, "clientVersion">): Promise<readonly ErrorCode[]> {
    const whenFailed = (errorCode: ErrorCode) => command.partitions.map(() => errorCode);
    const partition = await this.#coordinators.of(command.transactionalId);
    if (typeof partition === "number") return whenFailed(partition);
    return partition.look((machine) => machine.verifyPartitions(command), whenFailed);
  }

  /** TRANSACTIONAL_ID_NOT_FOUND when nobody knows the id. */
  async describe(transactionalId: string): Promise<Result<DescribedTransaction>> {
    if (transactionalId === "") return failed(ErrorCode.INVALID_REQUEST);
    const result = await this.#coordinators.read(transactionalId, (machine) => machine.describe(transactionalId));
    if (result.errorCode !== ErrorCode.NONE) return result;
    if (result.value === undefined) return failed(ErrorCode.TRANSACTIONAL_ID_NOT_FOUND);
    return { errorCode: 0, value: result.value };
  }

  /** Those of all partitions that this broker leads. */
  list(filters: TransactionFilters): Promise<Result<readonly ListedTransaction[]>> {
    return this.#coordinators.readAll((machine) => machine.list(filters, this.#broker.clock.nowMs()));
  }

  /**
   * To be called when the cluster image has changed, with the partitions of which there are logs here: coordinators of partitions that this
   * broker no longer leads are let go, and those that it leads go on with what their logs say was under way, also when nobody asks them.
   */
  leadershipChanged(storedPartitions: readonly number[]): void {
    this.#coordinators.leadershipChanged();
    for (const index of storedPartitions) this.#goOn(index);
  }

  /** Loads what isn't loaded of the stored partitions, and says when there is something to do; infinity for never. */
  async nextDueMs(storedPartitions: readonly number[]): Promise<number> {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const index of storedPartitions) {
      if (this.#environment.leaderEpoch(index) === null) continue;
      const partition = await this.#coordinators.load(index).catch(() => ErrorCode.COORDINATOR_NOT_AVAILABLE);
      // What could not be read is to be tried again as soon as may be.
      dueMs = Math.min(
        dueMs,
        typeof partition === "number" ? this.#broker.clock.nowMs() : partition.machine.nextDueMs(),
      );
    }
    return dueMs;
  }

  /** Both grow: the epoch with each leader, the log with each coordinator that has sent markers. */
  #nextEpoch(index: number): number {
    const leaderEpoch = this.#environment.leaderEpoch(index) ?? 0;
    return Math.min(leaderEpoch + (this.#environment.log.endOffset(index) ?? 0), MAX_COORDINATOR_EPOCH);
  }

  /** A coordinator that failed leaves transactions behind that are decided: the next one goes on with them. */
  async #write(markers: TransactionMarkers, effect: WriteMarkers, partition: TransactionPartition): Promise<void> {
    if (await markers.write(effect, partition)) return;
    this.#broker.timers.set(() => this.#goOn(partition.partitionIndex), RELOAD_DELAY_MS);
  }

  #goOn(index: number): void {
    if (this.#environment.leaderEpoch(index) === null) return;
    // A log that can't be read now is tried again by the first request that needs it.
    this.#coordinators.load(index).catch(() => undefined);
  }
}

function same(errorCode: ErrorCode): ErrorCode {
  return errorCode;
}
