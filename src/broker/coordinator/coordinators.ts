import type { CoordinatorMachine } from "#coordinator/machine.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import type { BrokerEndpoint, CoordinatorEnvironment } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { CoordinatorPartition, coordinatorError, type EffectOf, type Leadership } from "./partition.ts";

/** A value, or the error that stands in its place. */
export type Result<T> =
  | { readonly errorCode: 0; readonly value: T }
  | { readonly errorCode: Exclude<ErrorCode, 0>; readonly value: null };

/** What makes the coordinators over one internal topic what they are. */
export interface CoordinatorKind<Machine extends CoordinatorMachine> {
  create(partitionIndex: number): Machine;
  /** The coordinator has replayed its log and started its clocks; the first request comes afterwards. */
  onLoaded?(partition: CoordinatorPartition<Machine>): void;
  /** Called when what led to the effect is committed. */
  onEffect?(effect: EffectOf<Machine>, partition: CoordinatorPartition<Machine>): void;
}

/**
 * The coordinators of a broker over one internal topic: one per partition that it leads, loaded from the log when it is first asked for
 * and let go when the broker leads the partition no longer. NOT_COORDINATOR where this broker doesn't lead the partition, or the topic
 * doesn't exist yet (FindCoordinator creates it).
 */
export class Coordinators<Machine extends CoordinatorMachine> {
  private readonly environment: CoordinatorEnvironment;
  private readonly kind: CoordinatorKind<Machine>;
  private readonly partitions = new Map<number, CoordinatorPartition<Machine>>();
  private readonly loads = new Map<number, Promise<CoordinatorPartition<Machine> | ErrorCode>>();
  /** Coordinators that were let go and still have appends under way. */
  private readonly closing = new Map<number, Promise<void>>();

  constructor(environment: CoordinatorEnvironment, kind: CoordinatorKind<Machine>) {
    this.environment = environment;
    this.kind = kind;
  }

  /** The broker whose coordinator holds what goes by this key; null when there is none to be had now: COORDINATOR_NOT_AVAILABLE. */
  async find(key: string): Promise<BrokerEndpoint | null> {
    const known = this.environment.partitionCount();
    const count = known > 0 ? known : await this.environment.ensureInternalTopic();
    return count === 0 ? null : this.environment.leader(partitionOfKey(key, count));
  }

  /** The loaded coordinator of what goes by this key. */
  of(key: string): Promise<CoordinatorPartition<Machine> | ErrorCode> {
    const count = this.environment.partitionCount();
    if (count === 0) return Promise.resolve(ErrorCode.NOT_COORDINATOR);
    return this.load(partitionOfKey(key, count));
  }

  /** The same where it is loaded and nothing has to be waited for. */
  ready(key: string): CoordinatorPartition<Machine> | undefined {
    const count = this.environment.partitionCount();
    const partition = count === 0 ? undefined : this.partitions.get(partitionOfKey(key, count));
    if (partition === undefined || partition.hasFailed) return undefined;
    return isSame(partition.leadership, this.leadership(partition.partitionIndex)) ? partition : undefined;
  }

  /** Makes a decision of the coordinator of `key`, and answers its response once that may be shown. */
  async read<T>(key: string, look: (machine: Machine) => T): Promise<Result<T>> {
    const partition = await this.of(key);
    return typeof partition === "number" ? failed(partition) : this.readFrom(partition, look);
  }

  /** A look at all coordinators of this broker, loading them one after the other. */
  async readAll<T>(look: (machine: Machine) => readonly T[]): Promise<Result<readonly T[]>> {
    const all: T[] = [];
    for (let index = 0; index < this.environment.partitionCount(); index++) {
      const partition = await this.load(index);
      if (partition === ErrorCode.NOT_COORDINATOR) continue;
      if (typeof partition === "number") return failed(partition);
      const found = await this.readFrom(partition, look);
      if (found.errorCode !== ErrorCode.NONE) return found;
      for (const one of found.value) all.push(one);
    }
    return { errorCode: 0, value: all };
  }

  private readFrom<T>(partition: CoordinatorPartition<Machine>, look: (machine: Machine) => T): Promise<Result<T>> {
    return partition.look<Result<T>>((machine) => ({ errorCode: 0, value: look(machine) }), failed);
  }

  /** Those that are loaded now. */
  get loaded(): Iterable<CoordinatorPartition<Machine>> {
    return this.partitions.values();
  }

  /** Requests that wait for others, over all coordinators. */
  get parkedCount(): number {
    return [...this.partitions.values()].reduce((sum, partition) => sum + partition.parkedCount, 0);
  }

  /** To be called when the cluster image has changed: coordinators of partitions that this broker no longer leads are let go. */
  leadershipChanged(): void {
    for (const index of [...this.partitions.keys()]) this.unloadIfStale(index);
  }

  /** The loaded coordinator; requests that come during a load wait for it, where Kafka answers COORDINATOR_LOAD_IN_PROGRESS. */
  load(index: number): Promise<CoordinatorPartition<Machine> | ErrorCode> {
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

  private async loadFrom(index: number, leadership: Leadership): Promise<CoordinatorPartition<Machine> | ErrorCode> {
    // What the former coordinator still has under way would be missed by the replay.
    await this.closing.get(index);
    const machine = this.kind.create(index);
    const recordCount = await this.replayInto(machine, index, leadership).catch((error: unknown) => {
      machine.release();
      throw error;
    });
    if (typeof recordCount !== "number") {
      machine.release();
      return recordCount.errorCode;
    }
    const place = { partitionIndex: index, leadership };
    const partition: CoordinatorPartition<Machine> = new CoordinatorPartition(
      this.environment,
      machine,
      place,
      (effect) => this.kind.onEffect?.(effect, partition),
    );
    this.partitions.set(index, partition);
    partition.start(recordCount);
    this.kind.onLoaded?.(partition);
    return partition;
  }

  /** How many records there were, or why they don't count. */
  private async replayInto(
    machine: Machine,
    index: number,
    leadership: Leadership,
  ): Promise<number | { readonly errorCode: ErrorCode }> {
    let recordCount = 0;
    const errorCode = await this.environment.log.replay(index, {
      record(record, producer) {
        machine.replay(record, producer);
        recordCount++;
      },
      marker(marker) {
        machine.replayMarker(marker);
        recordCount++;
      },
    });
    if (errorCode !== ErrorCode.NONE) return { errorCode: coordinatorError(errorCode) };
    return isSame(leadership, this.leadership(index)) ? recordCount : { errorCode: ErrorCode.NOT_COORDINATOR };
  }

  /** Null when this broker doesn't lead the partition. */
  private leadership(index: number): Leadership | null {
    const topicId = this.environment.internalTopicId();
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

export function failed(errorCode: ErrorCode): { readonly errorCode: Exclude<ErrorCode, 0>; readonly value: null } {
  if (errorCode === ErrorCode.NONE) throw new Error("no error is no failure");
  return { errorCode, value: null };
}
