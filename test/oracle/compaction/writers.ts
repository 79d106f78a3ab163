/** Carries a plan's steps out on one broker. */
import { referenceKernels } from "#kernels/reference.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { EndTxnRequest, EndTxnResponse } from "#protocol/messages/26-end-txn.ts";
import { buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import type { Phase, Plan, Step, Writer } from "./plan.ts";

export const compression = { kernels: referenceKernels, codecs: zlibCodecs };

const AddPartitionsToTxn = [AddPartitionsToTxnRequest, AddPartitionsToTxnResponse] as const;
const EndTxn = [EndTxnRequest, EndTxnResponse] as const;
/** The last versions of clients that add partitions themselves. */
const V1 = { produce: 11, endTxn: 4 };
const ADD_PARTITIONS_VERSION = 3;
/** The first of clients with transactions V2. */
const V2 = { produce: 12, endTxn: 5 };
const PATIENCE_MS = 20_000;
const RETRY_MS = 10;
const NOT_YET = -1;

interface Producer {
  producerId: number;
  producerEpoch: number;
  readonly transactionalId: string | null;
  nextSequence: number;
  isInTransaction: boolean;
  lastBatch: Uint8Array | null;
}

/** What one broker answered that has to be the same on the other. */
export type Answers = string[];

export class Writers {
  readonly answers: Answers = [];
  private session: Session;
  private readonly topic: string;
  private versions = V1;
  private readonly producers = new Map<string, Producer>();

  constructor(session: Session, topic: string) {
    this.session = session;
    this.topic = topic;
  }

  /** The broker has been started again, at another address. */
  moveTo(session: Session): void {
    this.session = session;
  }

  /** In the order of their creation, so that the ids of two clusters can be told by the same numbers. */
  get producerIds(): number[] {
    return [...this.producers.values()].map(({ producerId }) => producerId);
  }

  async begin(plan: Plan): Promise<void> {
    this.versions = plan.transactionsV2 ? V2 : V1;
    for (let index = 0; index < plan.idempotentCount; index++) await this.begins({ kind: "idempotent", index });
    for (let index = 0; index < plan.transactionalCount; index++) await this.begins({ kind: "transactional", index });
  }

  private async begins(writer: Exclude<Writer, { kind: "plain" }>): Promise<void> {
    const transactionalId = writer.kind === "transactional" ? `${this.topic}-${writer.index}` : null;
    if (transactionalId !== null) {
      await this.patiently(() => this.session.tell(m.FindCoordinator, 3, { key: transactionalId, keyType: 1 }));
    }
    const { producerId, producerEpoch } = await this.patiently(() =>
      this.session.tell(m.InitProducerId, 3, { transactionalId, transactionTimeoutMs: 60_000 }),
    );
    const name = `${writer.kind} ${writer.index}`;
    const state = { nextSequence: 0, isInTransaction: false, lastBatch: null };
    this.producers.set(name, { producerId, producerEpoch, transactionalId, ...state });
  }

  async run(phase: Phase): Promise<void> {
    for (const step of phase.steps) await this.step(step);
    await new Promise((resolve) => setTimeout(resolve, phase.rollAfterMs));
    await this.produce(this.build(null, 0, [phase.rollRecord]), null);
  }

  /** What each producer sent last comes again: both must know it, however much of it was compacted away. */
  async repeatLast(): Promise<void> {
    for (const producer of this.producers.values()) {
      if (producer.transactionalId === null && producer.lastBatch !== null)
        await this.produce(producer.lastBatch, null);
    }
  }

  private async step(step: Step): Promise<void> {
    if (step.kind === "end")
      return this.end(this.producerOf({ kind: "transactional", index: step.index }), step.committed);
    const producer = step.writer.kind === "plain" ? null : this.producerOf(step.writer);
    if (producer?.transactionalId != null && !producer.isInTransaction) await this.beginTransaction(producer);
    const batch = this.build(producer, step.codec, step.records);
    await this.produce(batch, producer?.transactionalId ?? null);
    if (producer !== null && step.repeated) await this.produce(batch, producer.transactionalId);
    if (producer !== null) {
      producer.nextSequence += step.records.length;
      producer.lastBatch = batch;
    }
  }

  private producerOf(writer: Exclude<Writer, { kind: "plain" }>): Producer {
    const producer = this.producers.get(`${writer.kind} ${writer.index}`);
    if (producer === undefined) throw new Error("a plan names a producer that it doesn't have");
    return producer;
  }

  private build(
    producer: Producer | null,
    codec: Extract<Step, { kind: "produce" }>["codec"],
    records: readonly NewRecord[],
  ): Uint8Array {
    if (producer === null) return buildBatch(compression, records, { codec });
    const { producerId, producerEpoch, nextSequence, transactionalId } = producer;
    return buildBatch(compression, records, {
      codec,
      producerId,
      producerEpoch,
      baseSequence: nextSequence,
      transactional: transactionalId !== null,
    });
  }

  private async produce(records: Uint8Array, transactionalId: string | null): Promise<void> {
    const answer = await this.session.tell(m.Produce, this.versions.produce, {
      transactionalId,
      acks: -1,
      timeoutMs: 10_000,
      // A copy: what is sent again must be what was sent before.
      topicData: [{ name: this.topic, partitionData: [{ index: 0, records: records.slice() }] }],
    });
    const partition = answer.responses?.[0]?.partitionResponses[0];
    this.answers.push(`produce ${partition?.errorCode} at ${partition?.baseOffset}`);
  }

  private async beginTransaction(producer: Producer): Promise<void> {
    producer.isInTransaction = true;
    if (this.versions === V2) return;
    await this.patiently(async () => {
      const answer = await this.session.tell(AddPartitionsToTxn, ADD_PARTITIONS_VERSION, {
        v3AndBelowTransactionalId: producer.transactionalId as string,
        v3AndBelowProducerId: producer.producerId,
        v3AndBelowProducerEpoch: producer.producerEpoch,
        v3AndBelowTopics: [{ name: this.topic, partitions: [0] }],
      });
      const results = answer.resultsByTopicV3AndBelow[0].resultsByPartition;
      return { errorCode: results[0].partitionErrorCode };
    });
  }

  private async end(producer: Producer, committed: boolean): Promise<void> {
    const { producerId, producerEpoch, transactionalId } = producer;
    const markerOffset = await this.endOffset();
    const ended = await this.patiently(() =>
      this.session.tell(EndTxn, this.versions.endTxn, {
        transactionalId: transactionalId as string,
        producerId,
        producerEpoch,
        committed,
      }),
    );
    producer.isInTransaction = false;
    if (this.versions === V2) {
      if (ended.producerEpoch !== producerEpoch) producer.nextSequence = 0;
      producer.producerId = ended.producerId;
      producer.producerEpoch = ended.producerEpoch;
    }
    // The marker is written some time after the answer; what follows has to lie behind it in both logs.
    await this.patiently(async () => ({ errorCode: (await this.endOffset()) > markerOffset ? 0 : NOT_YET }));
  }

  private async endOffset(): Promise<number> {
    const partitions = [{ partitionIndex: 0, timestamp: -1 }];
    const { topics } = await this.session.tell(m.ListOffsets, 5, { topics: [{ name: this.topic, partitions }] });
    return topics[0].partitions[0].offset;
  }

  /** Coordinators load, and transactions end after their answer: for a while the answer is an error that asks to try again. */
  private async patiently<T extends { readonly errorCode: number }>(ask: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await ask();
      if (answer.errorCode === 0) return answer;
      if (!(Date.now() < deadline)) throw new Error(`refused with error ${answer.errorCode} again and again`);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}
