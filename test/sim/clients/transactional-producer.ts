import { ErrorCode, isRetriable } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from "#protocol/messages/25-add-offsets-to-txn.ts";
import { EndTxnRequest, EndTxnResponse } from "#protocol/messages/26-end-txn.ts";
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "#protocol/messages/28-txn-offset-commit.ts";
import { buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import type { Pending, ProduceEvent } from "../../checker/history.ts";
import { EPOCH_MS } from "../broker-host.ts";
import type { CopierSpec } from "../workload.ts";
import { type SimClient, topicKey } from "./client.ts";
import { ClientConnection, ignoreLost, LostError } from "./connection.ts";
import { Coordinator, hasMoved, type Membership, TRANSACTION } from "./coordinator.ts";
import type { Position } from "./fetcher.ts";
import { compression, keyedRecord, valueOf } from "./values.ts";

const PRODUCE = { request: ProduceRequest, response: ProduceResponse };
const INIT = { request: InitProducerIdRequest, response: InitProducerIdResponse };
const ADD_PARTITIONS = { request: AddPartitionsToTxnRequest, response: AddPartitionsToTxnResponse };
const ADD_OFFSETS = { request: AddOffsetsToTxnRequest, response: AddOffsetsToTxnResponse };
const COMMIT = { request: TxnOffsetCommitRequest, response: TxnOffsetCommitResponse };
const END = { request: EndTxnRequest, response: EndTxnResponse };
const INIT_VERSION = 4;
const MAX_TRIES = 8;
const VALUE_BYTES = 40;
const SHORTEST_DELAY_MS = 20;
const LONGEST_DELAY_MS = 3_000;
/** Versions of before and with transactions V2. */
const V1 = { produce: 9, addPartitions: 3, addOffsets: 3, commit: 3, end: 4 };
const V2 = { produce: 12, addPartitions: 3, addOffsets: 3, commit: 5, end: 5 };

export interface Original {
  readonly name: string;
  readonly position: Position;
}

/** A record that is no copy, but has a key, or deletes it. */
export interface Keyed {
  readonly key: string;
  readonly isTombstone: boolean;
}

function described(part: readonly (Original | Keyed)[]): Pick<ProduceEvent, "copies" | "keys" | "tombstones"> {
  const keyed = part.filter((one) => "key" in one);
  if (keyed.length === 0) return { copies: part.map((one) => (one as Original).name) };
  return { keys: keyed.map(({ key }) => key), tombstones: keyed.map(({ isTombstone }) => isTombstone) };
}

function recordOf(id: string, timestampMs: number, what: Original | Keyed): NewRecord {
  if (!("key" in what)) return { timestampMs, key: null, value: valueOf(id, VALUE_BYTES), headers: [] };
  return keyedRecord(id, what.key, { timestampMs, sizeInBytes: what.isTombstone ? null : VALUE_BYTES });
}

function groupMetadata({ memberId, generation, groupInstanceId }: Membership) {
  return { memberId, generationIdOrMemberEpoch: generation, groupInstanceId };
}

/** The producer has to begin anew: nobody knows what has come of what it did, or a newer one has taken its id. */
export class Interrupted extends Error {}

/** What it needs to know of whoever uses it. */
type TransactionSpec = Pick<CopierSpec, "transactionalId" | "group" | "to" | "isV2" | "transactionTimeoutMs">;

/** The producer of one transactional id, as stock ones are: an epoch at a time, one transaction after the other. */
export class TransactionalProducer {
  readonly spec: TransactionSpec;
  readonly #client: SimClient;
  readonly #coordinator: Coordinator;
  readonly #sequences = new Map<number, number>();
  #producerId = -1;
  #epoch = -1;
  #batches = 0;

  constructor(client: SimClient, spec: TransactionSpec) {
    this.#client = client;
    this.spec = spec;
    this.#coordinator = new Coordinator(client, spec.transactionalId, TRANSACTION);
  }

  /** A new epoch, which ends whatever was open. False when a newer producer has the id. */
  async begin(): Promise<boolean> {
    for (let failures = 0; ; failures++) {
      const { errorCode, producerId, producerEpoch, invokedMs } = await this.#init();
      if (errorCode === ErrorCode.NONE) {
        const completedMs = this.#client.nowMs;
        this.#client.world.record({
          type: "producer-id",
          client: this.#client.name,
          invokedMs,
          completedMs,
          producerId,
          producerEpoch,
        });
        this.#producerId = producerId;
        this.#epoch = producerEpoch;
        this.#sequences.clear();
        return true;
      }
      if (hasMoved(errorCode)) this.#coordinator.forget();
      else if (!isRetriable(errorCode as ErrorCode)) return false;
      await this.#client.backOff(failures);
    }
  }

  async #init(): Promise<InitProducerIdResponse & { readonly invokedMs: number }> {
    const { transactionalId, transactionTimeoutMs } = this.spec;
    const draft = { transactionalId, transactionTimeoutMs, producerId: this.#producerId, producerEpoch: this.#epoch };
    return this.#client.persist(async () => {
      const invokedMs = this.#client.nowMs;
      return { ...(await this.#coordinator.call(INIT, INIT_VERSION, draft)), invokedMs };
    });
  }

  get #identity() {
    return {
      transactionalId: this.spec.transactionalId,
      producerId: this.#producerId,
      producerEpoch: this.#epoch,
    };
  }

  /** Tries until there is an answer that isn't "later". Throws Interrupted on any other error, and when it takes too long. */
  async #insist(coordinator: Coordinator, attempt: () => Promise<number>): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      try {
        const errorCode = await attempt();
        if (errorCode === ErrorCode.NONE) return;
        if (hasMoved(errorCode)) coordinator.forget();
        else if (!isRetriable(errorCode as ErrorCode)) throw new Interrupted(`error ${errorCode}`);
      } catch (error) {
        if (!(error instanceof LostError)) throw error;
      }
      await this.#client.backOff(tries);
    }
    throw new Interrupted("it takes too long");
  }

  addPartitions(partitions: readonly number[]): Promise<void> {
    const { transactionalId, producerId, producerEpoch } = this.#identity;
    return this.#insist(this.#coordinator, async () => {
      const answer = await this.#coordinator.call(ADD_PARTITIONS, V1.addPartitions, {
        v3AndBelowTransactionalId: transactionalId,
        v3AndBelowProducerId: producerId,
        v3AndBelowProducerEpoch: producerEpoch,
        v3AndBelowTopics: [{ name: this.spec.to, partitions }],
      });
      const errors = answer.resultsByTopicV3AndBelow.flatMap((topic) => topic.resultsByPartition);
      return errors.find((one) => one.partitionErrorCode !== ErrorCode.NONE)?.partitionErrorCode ?? ErrorCode.NONE;
    });
  }

  /** With a membership the group refuses them when it has ended meanwhile. */
  async commitOffsets(
    groupCoordinator: Coordinator,
    positions: readonly Position[],
    membership: Membership | null = null,
  ): Promise<void> {
    const { isV2, group } = this.spec;
    const versions = this.#versions;
    if (!isV2) {
      await this.#insist(this.#coordinator, async () => {
        const draft = { ...this.#identity, groupId: group };
        return (await this.#coordinator.call(ADD_OFFSETS, versions.addOffsets, draft)).errorCode;
      });
    }
    const topics = positions.map(({ name, topicId, partition, offset }) => ({
      name,
      topicId,
      partitions: [{ partitionIndex: partition, committedOffset: offset, committedMetadata: "" }],
    }));
    await this.#insist(groupCoordinator, async () => {
      const member = membership === null ? {} : groupMetadata(membership);
      const draft = { ...this.#identity, ...member, groupId: group, topics };
      const answer = await groupCoordinator.call(COMMIT, versions.commit, draft);
      const errors = answer.topics.flatMap((topic) => topic.partitions).map((partition) => partition.errorCode);
      return errors.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE;
    });
  }

  end(committed: boolean): Promise<void> {
    const versions = this.#versions;
    return this.#insist(this.#coordinator, async () => {
      const answer = await this.#coordinator.call(END, versions.end, { ...this.#identity, committed });
      if (answer.errorCode === ErrorCode.NONE && this.spec.isV2) this.#take(answer);
      return answer.errorCode;
    });
  }

  #take({ producerId, producerEpoch }: EndTxnResponse): void {
    if (producerId < 0) return;
    this.#producerId = producerId;
    this.#epoch = producerEpoch;
    this.#sequences.clear();
  }

  /** One batch for one partition, tried again until it is there. */
  async produce(partition: number, part: readonly (Original | Keyed)[], transaction: string): Promise<void> {
    const { event, records } = this.#batch(partition, part, transaction);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const isDone = await this.#send(event, records);
      if (isDone) return;
      await this.#client.backOff(tries);
      await this.#client.refresh([this.spec.to]);
    }
    throw new Interrupted("a batch takes too long");
  }

  /** The same, but the batch is held up on its way, and nobody waits for it: the schedule that KIP-890 is about. */
  async produceLate(partition: number, part: readonly Original[], transaction: string): Promise<void> {
    const leader = this.#client.topics.get(this.spec.to)?.leaders[partition];
    if (leader === undefined) throw new Interrupted("the topic isn't there");
    const { process, world } = this.#client;
    try {
      const connection = await ClientConnection.open(process, world.network, leader);
      const { event, records } = this.#batch(partition, part, transaction);
      event.attempts = 1;
      connection.holdUp(process.random.between(SHORTEST_DELAY_MS, LONGEST_DELAY_MS));
      const answer = connection.call(PRODUCE, this.#versions.produce, this.#produceDraft(partition, records));
      // Whatever is answered comes too late to matter.
      process.spawn(() => answer.then(() => connection.close(), ignoreLost));
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
    }
  }

  #batch(partition: number, part: readonly (Original | Keyed)[], transaction: string) {
    const topic = this.#client.topics.get(this.spec.to);
    if (topic === undefined) throw new Interrupted("the topic isn't there");
    const order = this.#batches++;
    const ids = part.map((_, index) => `${this.#client.name}.${order}.${index}`);
    const baseSequence = this.#sequences.get(partition) ?? 0;
    this.#sequences.set(partition, baseSequence + ids.length);
    const event: Pending<ProduceEvent> = {
      type: "produce",
      client: this.#client.name,
      topic: topicKey(topic),
      partition,
      invokedMs: this.#client.nowMs,
      completedMs: null,
      acks: -1,
      idempotent: true,
      session: `${this.#client.name}/${this.#producerId}/${this.#epoch}`,
      ordered: true,
      order,
      attempts: 0,
      ids,
      outcome: "unknown",
      baseOffset: -1,
      errorCode: 0,
      transaction,
      ...described(part),
    };
    this.#client.world.record(event);
    const timestampMs = EPOCH_MS + Math.floor(this.#client.nowMs);
    event.timestampMs = timestampMs - EPOCH_MS;
    const records = buildBatch(
      compression,
      ids.map((id, index) => recordOf(id, timestampMs, part[index])),
      { producerId: this.#producerId, producerEpoch: this.#epoch, baseSequence, transactional: true },
    );
    return { event, records };
  }

  get #versions() {
    return this.spec.isV2 ? V2 : V1;
  }

  #produceDraft(index: number, records: Uint8Array) {
    const topicData = [{ name: this.spec.to, partitionData: [{ index, records }] }];
    return { transactionalId: this.spec.transactionalId, acks: -1, timeoutMs: 5_000, topicData };
  }

  /** True when it is acknowledged. Throws Interrupted when it is refused. */
  async #send(event: Pending<ProduceEvent>, records: Uint8Array): Promise<boolean> {
    const leader = this.#client.topics.get(this.spec.to)?.leaders[event.partition];
    if (leader === undefined) return false;
    try {
      const connection = await this.#client.connection(leader);
      event.attempts += 1;
      const answer = await connection.call(
        PRODUCE,
        this.#versions.produce,
        this.#produceDraft(event.partition, records),
      );
      const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
      event.errorCode = errorCode;
      if (errorCode === ErrorCode.NONE) {
        event.outcome = "acknowledged";
        event.baseOffset = baseOffset;
        event.completedMs = this.#client.nowMs;
        return true;
      }
      if (isRetriable(errorCode as ErrorCode)) return false;
      if (event.attempts === 1) event.outcome = "refused";
      throw new Interrupted(`error ${errorCode}`);
    } catch (error) {
      if (!(error instanceof LostError)) throw error;
      return false;
    }
  }
}
