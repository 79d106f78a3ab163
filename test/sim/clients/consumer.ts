import { ErrorCode } from "#protocol/errors.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import type { Process } from "../process.ts";
import type { ConsumerSpec } from "../workload.ts";
import { type ClientWorld, SimClient, topicKey } from "./client.ts";
import { ignoreLost, LostError } from "./connection.ts";
import { Coordinator, hasMoved } from "./coordinator.ts";
import { Fetcher, type Position } from "./fetcher.ts";

const HEARTBEAT = { request: ConsumerGroupHeartbeatRequest, response: ConsumerGroupHeartbeatResponse };
const HEARTBEAT_VERSION = 1;
const COMMIT_VERSION = 9;
const JOIN_EPOCH = 0;
const LEAVE_EPOCH = -1;
const STATIC_LEAVE_EPOCH = -2;
const LONGEST_CALLBACK_MS = 4_000;

/** A partition in the history's words and in the protocol's. */
interface Named {
  readonly topicId: string;
  readonly name: string;
  readonly partition: number;
}

const keyOf = ({ topicId, partition }: Pick<Named, "topicId" | "partition">) => `${topicId} ${partition}`;

/** A consumer of KIP-848: one kind of heartbeat for all; it gives back what it is told to, and only then takes what is new. */
export class Consumer extends SimClient {
  readonly spec: ConsumerSpec;
  readonly #coordinator: Coordinator;
  readonly #fetcher: Fetcher;
  #memberId: string;
  #epoch = JOIN_EPOCH;
  #topics: readonly string[];
  /** What the coordinator wants it to have, and what it has. */
  #wanted: ReadonlyMap<string, Named> = new Map();
  readonly #owned = new Map<string, Position>();
  /** Everything has to be said in the next heartbeat: it joins, or nobody knows whether the last one came. */
  #mustSayAll = true;
  #mustReport = true;
  #isReconciling = false;
  #isLeaving = false;

  constructor(process: Process, world: ClientWorld, spec: ConsumerSpec) {
    super(process, world);
    this.spec = spec;
    this.#topics = spec.topics;
    this.#memberId = process.random.uuid();
    this.#coordinator = new Coordinator(this, spec.group);
    this.#fetcher = new Fetcher(this, spec.fetch, spec.group);
  }

  async run(): Promise<void> {
    this.process.spawn(() => this.#commitAlways());
    this.process.spawn(() => this.#narrow());
    while (!this.#isLeaving) {
      await this.#beat();
      await this.process.sleep(this.spec.heartbeatMs);
    }
  }

  async #narrow(): Promise<void> {
    if (this.spec.narrowsAtMs === 0) return;
    await this.process.sleep(this.spec.narrowsAtMs);
    this.#topics = this.spec.topics.slice(0, 1);
    this.#mustSayAll = true;
  }

  /** Commits, says goodbye and ends. */
  async leave(): Promise<void> {
    this.#isLeaving = true;
    this.#fetcher.close();
    await this.#commit([...this.#owned.values()]);
    this.#owned.clear();
    const memberEpoch = this.spec.instanceId === null ? LEAVE_EPOCH : STATIC_LEAVE_EPOCH;
    await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, { ...this.#identity, memberEpoch }).catch(ignoreLost);
    this.process.kill();
  }

  get #identity() {
    const { group, instanceId } = this.spec;
    return { groupId: group, memberId: this.#memberId, memberEpoch: this.#epoch, instanceId };
  }

  /** What it has, as a heartbeat says it. */
  #report() {
    const byTopic = Map.groupBy(this.#owned.values(), ({ topicId }) => topicId);
    return [...byTopic].map(([topicId, own]) => ({ topicId, partitions: own.map(({ partition }) => partition) }));
  }

  async #beat(): Promise<void> {
    const isWhole = this.#mustSayAll;
    const invokedMs = this.nowMs;
    const epoch = this.#epoch;
    const owned = [...this.#owned.values()];
    const { rebalanceTimeoutMs, assignor } = this.spec;
    const draft = {
      ...this.#identity,
      rebalanceTimeoutMs: isWhole ? rebalanceTimeoutMs : -1,
      subscribedTopicNames: isWhole ? this.#topics : null,
      serverAssignor: isWhole ? assignor : null,
      topicPartitions: isWhole || this.#mustReport ? this.#report() : null,
    };
    this.#mustReport = false;
    this.#mustSayAll = false;
    try {
      const answer = await this.#coordinator.call(HEARTBEAT, HEARTBEAT_VERSION, draft);
      if (this.#isLeaving) return;
      if (answer.errorCode !== ErrorCode.NONE) {
        this.#mustSayAll = true;
        return await this.#onError(answer.errorCode);
      }
      const completedMs = this.nowMs;
      // Names come from metadata, and the history goes by them.
      if (this.#hasStrangers(answer)) await this.refresh(this.spec.topics);
      if (!this.#isLeaving) this.#take(answer, { invokedMs, completedMs, epoch, owned });
    } catch (error) {
      ignoreLost(error);
      this.#mustSayAll = true;
    }
  }

  #hasStrangers({ assignment }: ConsumerGroupHeartbeatResponse): boolean {
    const known = new Set([...this.topics.values()].map(({ topicId }) => topicId));
    return assignment?.topicPartitions.some(({ topicId }) => !known.has(topicId)) === true;
  }

  #take(
    { memberEpoch, assignment }: ConsumerGroupHeartbeatResponse,
    sent: { invokedMs: number; completedMs: number; epoch: number; owned: readonly Position[] },
  ): void {
    const assigned = assignment === null ? null : this.#namesOf(assignment.topicPartitions);
    const { group, instanceId } = this.spec;
    this.world.record({
      type: "heartbeat",
      client: this.name,
      group,
      memberId: this.#memberId,
      instanceId,
      epoch: sent.epoch,
      nextEpoch: memberEpoch,
      owned: sent.owned.map(inHistory),
      assigned: assigned?.map(inHistory) ?? null,
      invokedMs: sent.invokedMs,
      completedMs: sent.completedMs,
    });
    this.#epoch = memberEpoch;
    if (assigned !== null) this.#wanted = new Map(assigned.map((one) => [keyOf(one), one]));
    if (!this.#isReconciling) this.process.spawn(() => this.#reconcile());
  }

  /** Names of topics come from metadata, which may not know a new one yet: those are taken up later. */
  #namesOf(topics: readonly { topicId: string; partitions: readonly number[] }[]): Named[] {
    const names = new Map([...this.topics.values()].map(({ topicId, name }) => [topicId, name]));
    return topics.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => ({ topicId, partition, name: names.get(topicId) ?? "" })),
    );
  }

  async #onError(errorCode: number): Promise<void> {
    if (hasMoved(errorCode)) this.#coordinator.forget();
    switch (errorCode) {
      case ErrorCode.UNKNOWN_MEMBER_ID:
      case ErrorCode.FENCED_MEMBER_EPOCH:
        return this.#abandon();
      case ErrorCode.FENCED_INSTANCE_ID:
        this.#isLeaving = true;
        this.#fetcher.close();
        return this.process.kill();
      default:
        return this.backOff(1);
    }
  }

  /** What it had is somebody else's: it joins again. */
  #abandon(): void {
    this.#epoch = JOIN_EPOCH;
    this.#owned.clear();
    this.#wanted = new Map();
    this.#fetcher.positions.clear();
  }

  /** Gives back first, and says so at once; then takes, and says so, too. */
  async #reconcile(): Promise<void> {
    this.#isReconciling = true;
    try {
      const lost = [...this.#owned].filter(([key]) => !this.#wanted.has(key));
      if (lost.length > 0) await this.#giveBack(lost);
      const fresh = [...this.#wanted].filter(([key]) => !this.#owned.has(key)).map(([, named]) => named);
      if (fresh.length > 0) await this.#takeOver(fresh);
    } finally {
      this.#isReconciling = false;
    }
  }

  async #giveBack(lost: readonly (readonly [string, Position])[]): Promise<void> {
    const { random } = this.process;
    for (const [, position] of lost) this.#fetcher.positions.delete(position);
    await this.#commit(lost.map(([, position]) => position));
    // An application may take its time where it is told what it loses.
    if (random.chance(this.spec.slowShare)) await this.process.sleep(random.between(100, LONGEST_CALLBACK_MS));
    for (const [key, position] of lost) if (this.#owned.get(key) === position) this.#owned.delete(key);
    this.#mustReport = true;
    await this.#reportSoon();
  }

  async #takeOver(fresh: readonly Named[]): Promise<void> {
    if (fresh.some(({ name }) => name === "")) {
      await this.refresh(this.spec.topics);
      const names = this.#namesOf(fresh.map(({ topicId, partition }) => ({ topicId, partitions: [partition] })));
      this.#wanted = new Map([...this.#wanted, ...names.map((one) => [keyOf(one), one] as const)]);
    }
    const epoch = this.#epoch;
    const positions = fresh
      .flatMap((one) => this.#wanted.get(keyOf(one)) ?? [])
      .filter(({ name }) => name !== "")
      .map((one): Position => ({ ...one, offset: 0 }));
    if (positions.length === 0 || !(await this.#seek(positions))) return;
    // Meanwhile it may have been told otherwise.
    if (epoch === JOIN_EPOCH || this.#epoch === JOIN_EPOCH || this.#isLeaving) return;
    const taken = positions.filter(
      (position) => this.#wanted.has(keyOf(position)) && !this.#owned.has(keyOf(position)),
    );
    for (const position of taken) this.#owned.set(keyOf(position), position);
    this.#fetcher.add(taken);
    this.#mustReport = true;
    await this.#reportSoon();
  }

  /** A change of what it has isn't kept until the next beat. */
  async #reportSoon(): Promise<void> {
    await this.process.sleep(this.process.random.exponential(10));
  }

  async #seek(positions: readonly Position[]): Promise<boolean> {
    try {
      const committed = await this.#coordinator.committed(positions, true);
      if (typeof committed === "number") {
        if (hasMoved(committed)) this.#coordinator.forget();
        return false;
      }
      for (const [position, offset] of committed) position.offset = Math.max(offset, 0);
      return true;
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return false;
    }
  }

  async #commitAlways(): Promise<void> {
    while (!this.#isLeaving) {
      await this.process.sleep(this.spec.commitEveryMs);
      if (!this.#isLeaving) await this.#commit([...this.#owned.values()]);
    }
  }

  async #commit(positions: readonly Position[]): Promise<void> {
    if (positions.length === 0 || this.#epoch <= 0) return;
    const member = { memberId: this.#memberId, groupInstanceId: this.spec.instanceId, generation: this.#epoch };
    const errorCode = await this.#coordinator.commit(positions, member, COMMIT_VERSION);
    if (errorCode !== null && hasMoved(errorCode)) this.#coordinator.forget();
  }
}

function inHistory(one: Named) {
  return { topic: topicKey(one), partition: one.partition };
}
