import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { EPOCH_MS } from "../broker-host.ts";
import type { Process } from "../process.ts";
import type { ProducerSpec } from "../workload.ts";
import type { ClientWorld } from "./client.ts";
import { SimClient, topicKey } from "./client.ts";
import { ClientConnection, ignoreLost, LostError } from "./connection.ts";
import { type Batch, Lane, type LaneSession } from "./lane.ts";

const PRODUCE = { request: ProduceRequest, response: ProduceResponse };
const INIT = { request: InitProducerIdRequest, response: InitProducerIdResponse };
const INIT_VERSION = 4;
const FIRST_VERSION_BY_TOPIC_ID = 13;
const LATE_SHARE = 0.1;
const SHORTEST_DELAY_MS = 20;
const LONGEST_DELAY_MS = 3_000;

/** A producer as the stock ones are: batches by partition, pipelined, tried again until their time is over. */
export class Producer extends SimClient {
  readonly spec: ProducerSpec;
  readonly #lanes = new Map<string, Lane>();
  readonly #sending = new Set<number>();
  readonly #skewMs: number;
  #isStopped = false;
  #batches = 0;
  #producerId = -1;
  #epoch = 0;
  #isRenewing = false;

  constructor(process: Process, world: ClientWorld, spec: ProducerSpec) {
    super(process, world);
    this.spec = spec;
    this.#skewMs = process.random.between(-1_000, 1_000);
  }

  /** No new batches from now on. */
  stop(): void {
    this.#isStopped = true;
  }

  get isIdle(): boolean {
    return [...this.#lanes.values()].every((lane) => lane.queue.length === 0);
  }

  async run(): Promise<void> {
    const { random } = this.process;
    await this.process.sleep(this.spec.startMs);
    if (this.spec.idempotent) await this.#renew();
    for (let failures = 0; !this.#isStopped; ) {
      await this.refresh(this.spec.topics);
      if (this.topics.size > 0) break;
      await this.backOff(failures++);
    }
    while (!this.#isStopped) {
      await this.process.sleep(random.exponential(this.spec.meanGapMs));
      if (this.#isStopped) return;
      for (let count = random.between(1, 3); count > 0; count--) this.#enqueue();
      this.#pump();
      if (random.chance(0.02)) await this.refresh(this.spec.topics);
    }
  }

  /** What is still open when the history is closed. */
  abandon(): void {
    for (const lane of this.#lanes.values()) {
      for (const batch of lane.queue) if (batch.attempts > 0) this.#finish(lane, batch, "unknown", 0);
      lane.queue.length = 0;
    }
  }

  async #renew(): Promise<void> {
    if (this.#isRenewing) return;
    if (this.spec.bumpsEpoch === true && this.#producerId >= 0) {
      this.#epoch += 1;
      return this.#beginSessions();
    }
    this.#isRenewing = true;
    this.#producerId = -1;
    const answer = await this.persist(async () => {
      const connection = await this.connection(this.process.random.pick(this.world.brokerIds));
      const invokedMs = this.nowMs;
      const response = await connection.call(INIT, INIT_VERSION, {
        transactionalId: null,
        transactionTimeoutMs: 60_000,
      });
      return response.errorCode === ErrorCode.NONE ? { ...response, invokedMs } : null;
    });
    const { producerId, producerEpoch, invokedMs } = answer;
    this.world.record({
      type: "producer-id",
      client: this.name,
      invokedMs,
      completedMs: this.nowMs,
      producerId,
      producerEpoch,
    });
    this.#producerId = producerId;
    this.#isRenewing = false;
    this.#beginSessions();
  }

  get #session(): LaneSession {
    const name = this.spec.idempotent ? `${this.name}/${this.#producerId}` : this.name;
    return { name, producerId: this.#producerId, producerEpoch: this.#epoch };
  }

  #beginSessions(): void {
    for (const lane of this.#lanes.values()) lane.beginSession(this.#session);
    this.#pump();
  }

  #enqueue(): void {
    const { random } = this.process;
    const topic = this.topics.get(random.pick(this.spec.topics));
    if (topic === undefined) return;
    const partition = random.below(topic.leaders.length);
    const key = `${topicKey(topic)}/${partition}`;
    let lane = this.#lanes.get(key);
    if (lane === undefined) {
      lane = new Lane({ topic: topicKey(topic), name: topic.name, topicId: topic.topicId, partition }, this.spec);
      lane.beginSession(this.#session);
      this.#lanes.set(key, lane);
    }
    const count = random.between(1, this.spec.maxRecords);
    const ids = Array.from({ length: count }, (_, i) => `${this.name}.${this.#batches}.${i}`);
    this.#batches += 1;
    const isLarge = random.chance(0.03);
    const sizeInBytes = isLarge ? 6_000 : random.between(10, this.spec.valueBytes);
    lane.enqueue(ids, {
      sizeInBytes,
      timestampMs: Math.floor(EPOCH_MS + (this.spec.goesBack === true ? -this.nowMs : this.nowMs) + this.#skewMs),
      createdMs: this.nowMs,
      ...this.#keysFor(ids),
    });
  }

  #keysFor(ids: readonly string[]): { keys?: readonly string[]; tombstones?: readonly boolean[] } {
    const { keys = 0, tombstoneShare = 0 } = this.spec;
    if (keys === 0) return {};
    const { random } = this.process;
    const picked = ids.map(() => ({ key: `k${random.below(keys)}`, isTombstone: random.chance(tombstoneShare) }));
    return { keys: picked.map(({ key }) => key), tombstones: picked.map(({ isTombstone }) => isTombstone) };
  }

  #leaderOf(lane: Lane): number | undefined {
    const topic = this.topics.get(lane.at.name);
    return topic?.topicId === lane.at.topicId ? topic.leaders[lane.at.partition] : undefined;
  }

  /** Mostly the leader. */
  #targetOf(lane: Lane): number | undefined {
    const { random } = this.process;
    if (lane.mayStray && this.spec.strayShare > 0 && random.chance(this.spec.strayShare)) {
      lane.strayTo = random.pick(this.world.brokerIds);
    }
    return lane.strayTo ?? this.#leaderOf(lane);
  }

  #pump(): void {
    const leaders = new Set<number>();
    for (const lane of this.#lanes.values()) {
      if (!lane.canSend(this.#producerId)) continue;
      const leader = this.#targetOf(lane);
      if (leader !== undefined) leaders.add(leader);
      else if (!lane.isBackingOff) this.#retryLater(lane);
    }
    for (const leader of leaders) {
      if (this.#sending.has(leader)) continue;
      this.#sending.add(leader);
      this.process.spawn(() => this.#sendTo(leader));
    }
  }

  async #sendTo(leader: number): Promise<void> {
    try {
      const connection = await this.connection(leader);
      for (;;) {
        const lanes = [...this.#lanes.values()].filter(
          (lane) => (lane.strayTo ?? this.#leaderOf(lane)) === leader && lane.canSend(this.#producerId),
        );
        if (lanes.length === 0) break;
        const late = lanes.find((lane) => this.#mayBeLate(lane));
        if (late !== undefined) await this.#sendLate(leader, late);
        else this.#send(connection, lanes);
      }
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      for (const lane of this.#lanes.values()) {
        if ((lane.strayTo ?? this.#leaderOf(lane)) !== leader || !lane.canSend(this.#producerId)) continue;
        lane.strayTo = null;
        this.#retryLater(lane);
      }
    } finally {
      this.#sending.delete(leader);
    }
  }

  #mayBeLate(lane: Lane): boolean {
    return this.spec.bumpsEpoch === true && lane.isFresh && this.process.random.chance(LATE_SHARE);
  }

  /** The first batch of an epoch is held up on its way, its time is over before there is an answer, and the next epoch begins. */
  async #sendLate(leader: number, lane: Lane): Promise<void> {
    const { random } = this.process;
    const connection = await ClientConnection.open(this.process, this.world.network, leader);
    if (!lane.isFresh || !lane.canSend(this.#producerId)) return connection.close();
    const batch = lane.take(this.nowMs);
    const topicData = [{ name: lane.at.name, topicId: lane.at.topicId, partitionData: [partitionOf(lane, batch)] }];
    connection.holdUp(random.between(SHORTEST_DELAY_MS, LONGEST_DELAY_MS));
    const { acks, version } = this.spec;
    const answer = connection.call(PRODUCE, version, { acks, timeoutMs: LONGEST_DELAY_MS, topicData });
    this.process.spawn(() => answer.then(() => connection.close(), ignoreLost));
    batch.isUncertain = true;
    this.#giveUp(lane, batch, 0);
  }

  /** One request with the next batch of each lane. */
  #send(connection: ClientConnection, lanes: readonly Lane[]): void {
    const { acks, version, requestTimeoutMs } = this.spec;
    const sent = lanes.map((lane) => ({ lane, batch: lane.take(this.nowMs) }));
    const topicData = sent.map(({ lane, batch }) => ({
      name: lane.at.name,
      topicId: lane.at.topicId,
      partitionData: [partitionOf(lane, batch)],
    }));
    const draft = { acks, timeoutMs: requestTimeoutMs, topicData };
    if (acks === 0) {
      connection.send(ProduceRequest, version, draft);
      for (const { lane, batch } of sent) {
        batch.session = `${this.name}/connection ${connection.id}`;
        lane.settle(batch);
        this.#finish(lane, batch, "unknown", 0);
      }
      return;
    }
    connection.call(PRODUCE, version, draft, requestTimeoutMs).then(
      (response) => this.#onAnswer(sent, response),
      (error) => {
        if (!(error instanceof LostError)) return this.process.spawn(() => Promise.reject(error));
        for (const { lane, batch } of sent) this.#retry(lane, batch, true);
      },
    );
  }

  #onAnswer(sent: readonly { lane: Lane; batch: Batch }[], response: ProduceResponse): void {
    const byId = this.spec.version >= FIRST_VERSION_BY_TOPIC_ID;
    for (const { lane, batch } of sent) {
      const answer = response.responses
        .filter((topic) => (byId ? topic.topicId === lane.at.topicId : topic.name === lane.at.name))
        .flatMap((topic) => topic.partitionResponses)
        .find((partition) => partition.index === lane.at.partition);
      if (answer === undefined)
        throw new Error(`${this.name}: a Produce answer leaves out ${lane.at.topic}/${lane.at.partition}`);
      if (answer.errorCode === ErrorCode.NONE) {
        lane.settle(batch);
        this.#finish(lane, batch, "acknowledged", ErrorCode.NONE, answer.baseOffset);
      } else {
        this.#onError(lane, batch, answer.errorCode);
      }
    }
    this.#pump();
  }

  #onError(lane: Lane, batch: Batch, errorCode: number): void {
    const isHead = lane.queue[0] === batch;
    const isOutOfOrder = errorCode === ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER;
    if (isOutOfOrder && batch.isOrphan) return this.#giveUp(lane, batch, 0);
    // Behind a batch that has to be sent again, everything is out of order until that one is there.
    if (isRetriable(errorCode as ErrorCode) || (isOutOfOrder && !isHead)) return this.#retry(lane, batch, false);
    this.#giveUp(lane, batch, errorCode);
  }

  #retry(lane: Lane, batch: Batch, isUncertain: boolean): void {
    lane.returned(batch, isUncertain);
    this.#retryLater(lane);
  }

  /** After a pause, and after new metadata; what is too old by then is given up. */
  #retryLater(lane: Lane): void {
    if (lane.isBackingOff) return;
    lane.isBackingOff = true;
    this.process.spawn(async () => {
      await this.backOff(lane.failures++);
      await this.refresh(this.spec.topics);
      while (lane.mustDrain) await this.process.sleep(20);
      const old = lane.queue.filter(
        (batch) => !batch.isInFlight && this.nowMs - batch.createdMs > this.spec.deliveryTimeoutMs,
      );
      for (const batch of old) this.#giveUp(lane, batch, 0);
      lane.isBackingOff = false;
      this.#pump();
    });
  }

  /** The batch's fate is what it is. An idempotent producer begins anew: its sequence has a hole now. */
  #giveUp(lane: Lane, batch: Batch, errorCode: number): void {
    const wasSent = batch.attempts > 0;
    lane.settle(batch);
    if (!wasSent) return;
    this.#finish(lane, batch, batch.isUncertain ? "unknown" : "refused", errorCode);
    if (!this.spec.idempotent || batch.isOrphan) return;
    for (const other of lane.queue) if (other.attempts > 0) other.isOrphan = true;
    this.process.spawn(() => this.#renew());
  }

  #finish(
    lane: Lane,
    batch: Batch,
    outcome: "acknowledged" | "refused" | "unknown",
    errorCode: number,
    baseOffset = -1,
  ): void {
    const { acks, idempotent, maxInFlight } = this.spec;
    if (outcome === "acknowledged") {
      lane.failures = 0;
      lane.acknowledged(batch);
    }
    this.world.record({
      type: "produce",
      client: this.name,
      topic: lane.at.topic,
      partition: lane.at.partition,
      invokedMs: batch.invokedMs,
      completedMs: outcome === "unknown" ? null : this.nowMs,
      acks,
      idempotent,
      session: batch.session,
      ordered: idempotent || acks === 0 || maxInFlight === 1,
      order: batch.order,
      attempts: batch.attempts,
      ids: batch.ids,
      outcome,
      baseOffset,
      errorCode,
      timestampMs: batch.timestampMs - EPOCH_MS,
      sizeInBytes: batch.bytes?.length ?? 0,
      ...(batch.keys === undefined ? {} : { keys: batch.keys, tombstones: batch.tombstones }),
    });
  }
}

function partitionOf(lane: Lane, batch: Batch) {
  return { index: lane.at.partition, records: batch.bytes as Uint8Array };
}
