import { isControl, isTransactional } from "#records/batch.ts";
import { readMarker } from "#records/control-record.ts";
import { readBatches } from "#records/reader.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { batch } from "./records.ts";

const RETRIES = 200;
/** The coordinator isn't there yet, or is loading. */
const LATER: ReadonlySet<number> = new Set([14, 15, 16]);
/** The transaction before isn't done. */
const CONCURRENT = 51;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One transactional id, with the steps that a client takes; `word` stands for its producer id in the answers. */
export class Transactional {
  readonly session: Session;
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  private producers = 0;
  private readonly word: string;

  constructor(session: Session, word: string) {
    this.session = session;
    this.word = word;
    this.transactionalId = session.topic(word);
  }

  get identity() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  adopt(answer: { readonly producerId: number; readonly producerEpoch: number }): void {
    if (answer.producerId < 0) return;
    if (answer.producerId !== this.producerId) {
      this.producers += 1;
      this.session.call("producerId", answer.producerId, `producer ${this.producers} of ${this.word}`);
    }
    this.producerId = answer.producerId;
    this.producerEpoch = answer.producerEpoch;
  }

  /** Until the coordinator gives an id. */
  async init(version = 5, timeoutMs = 60_000): Promise<void> {
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      await this.session.tell(m.FindCoordinator, 3, { key: this.transactionalId, keyType: 1 });
      const answer = await this.session.tell(m.InitProducerId, version, {
        transactionalId: this.transactionalId,
        transactionTimeoutMs: timeoutMs,
      });
      if (!LATER.has(answer.errorCode) && answer.errorCode !== CONCURRENT) {
        this.adopt(answer);
        return;
      }
      await pause(25);
    }
  }

  additionOf(topic: string, partitions: readonly number[]) {
    return {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: this.session.topic(topic), partitions: [...partitions] }],
    };
  }

  /** Version 5 in the name of a leader. */
  additionByLeader(topic: string, partitions: readonly number[], verifyOnly = false) {
    const topics = [{ name: this.session.topic(topic), partitions: [...partitions] }];
    return { transactions: [{ ...this.identity, verifyOnly, topics }] };
  }

  async add(topic: string, partitions: readonly number[] = [0]): Promise<void> {
    await this.session.tell(m.AddPartitionsToTxn, 3, this.additionOf(topic, partitions));
  }

  async end(committed: boolean, version = 4): Promise<void> {
    const answer = await this.session.tell(m.EndTxn, version, { ...this.identity, committed });
    this.adopt(answer);
    await this.settled();
  }

  async settled(): Promise<void> {
    for (let attempt = 0; attempt < RETRIES; attempt++) {
      const { transactionStates } = await this.session.tell(m.DescribeTransactions, 0, {
        transactionalIds: [this.transactionalId],
      });
      if (!transactionStates[0].transactionState.startsWith("Prepare")) return;
      await pause(10);
    }
  }

  /** Notes the state, without its times. */
  async noteState(what: string): Promise<void> {
    const { transactionStates } = await this.session.tell(m.DescribeTransactions, 0, {
      transactionalIds: [this.transactionalId],
    });
    this.session.note(
      `${what}, state`,
      transactionStates.map((state) => ({
        ...state,
        topics: state.topics.map(({ topic, partitions }) => ({ topic, partitions: partitions.sort((a, b) => a - b) })),
        transactionStartTimeMs: state.transactionStartTimeMs > 0 ? "some time" : state.transactionStartTimeMs,
      })),
    );
  }

  recordsOf(value: string, baseSequence: number, options: { transactional?: boolean; producerEpoch?: number } = {}) {
    const { producerId, producerEpoch } = this;
    return batch([value], { producerId, producerEpoch, baseSequence, transactional: true, ...options });
  }

  produceDraft(topic: string, records: Uint8Array, options: { acks?: number; transactionalId?: string | null } = {}) {
    const { acks = -1, transactionalId = this.transactionalId } = options;
    return {
      transactionalId,
      acks,
      timeoutMs: 5_000,
      topicData: [{ name: this.session.topic(topic), partitionData: [{ index: 0, records }] }],
    };
  }
}

/** Notes what a consumer gets, as far as it doesn't depend on the clock. */
export async function noteFetch(
  session: Session,
  what: string,
  topic: string,
  isolationLevel: number,
  fetchOffset = 0,
) {
  const answer = await session.tell(m.Fetch, 11, {
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1 << 20,
    isolationLevel,
    sessionEpoch: -1,
    topics: [
      {
        topic: session.topic(topic),
        partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 1 << 20, currentLeaderEpoch: -1 }],
      },
    ],
  });
  const { records, ...partition } = answer.responses[0].partitions[0];
  const bytes = records ?? new Uint8Array(0);
  const batches = [...readBatches(bytes)].map(({ header, at }) => ({
    baseOffset: header.baseOffset,
    lastOffsetDelta: header.lastOffsetDelta,
    transactional: isTransactional(header.attributes),
    control: isControl(header.attributes),
    marker: readMarker(bytes, at),
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    baseSequence: header.baseSequence,
  }));
  session.note(what, { ...partition, batches });
}

export async function noteProducers(session: Session, what: string, topic: string) {
  const { topics } = await session.tell(m.DescribeProducers, 0, {
    topics: [{ name: session.topic(topic), partitionIndexes: [0] }],
  });
  const known = topics[0].partitions.map((partition) => ({
    ...partition,
    activeProducers: partition.activeProducers
      .map(({ lastTimestamp: _, ...producer }) => producer)
      .sort((one, other) => one.producerId - other.producerId),
  }));
  session.note(`${what}, producers`, known);
}
