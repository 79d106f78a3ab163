import { ErrorCode, errorName } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from "#protocol/messages/25-add-offsets-to-txn.ts";
import { EndTxnRequest, EndTxnResponse } from "#protocol/messages/26-end-txn.ts";
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from "#protocol/messages/28-txn-offset-commit.ts";
import {
  DescribeTransactionsRequest,
  DescribeTransactionsResponse,
} from "#protocol/messages/65-describe-transactions.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { batchOf, type CoreCluster, compression, type TestClient } from "../../doubles/core-cluster.ts";

/** Versions of transactions V1 and V2. */
const VERSIONS = {
  v1: { produce: 11, endTxn: 4, txnOffsetCommit: 4 },
  v2: { produce: 12, endTxn: 5, txnOffsetCommit: 5 },
};
const READ_COMMITTED = 1;

/** A transactional producer by hand: it sends what a client would, and names every error. */
export class Producer {
  readonly transactionalId: string;
  producerId = -1;
  producerEpoch = -1;
  private readonly cluster: CoreCluster;
  private readonly versions: (typeof VERSIONS)["v1"];
  private readonly sequences = new Map<string, number>();
  private coordinator: TestClient | null = null;

  constructor(cluster: CoreCluster, transactionalId: string, generation: "v1" | "v2" = "v2") {
    this.cluster = cluster;
    this.transactionalId = transactionalId;
    this.versions = VERSIONS[generation];
  }

  private get identity() {
    const { transactionalId, producerId, producerEpoch } = this;
    return { transactionalId, producerId, producerEpoch };
  }

  /** A client of the coordinator of that key. */
  async coordinatorOf(key: string, keyType: number): Promise<TestClient> {
    const response = await this.cluster
      .connect([...this.cluster.brokers.keys()][0])
      .call(FindCoordinatorRequest, FindCoordinatorResponse, 4, { keyType, coordinatorKeys: [key] });
    if (response.coordinators[0].errorCode !== ErrorCode.NONE) throw new Error("no coordinator");
    return this.cluster.connect(response.coordinators[0].nodeId);
  }

  private async own(): Promise<TestClient> {
    this.coordinator ??= await this.coordinatorOf(this.transactionalId, 1);
    return this.coordinator;
  }

  /** After a broker was started anew. */
  reconnect(): void {
    this.coordinator = null;
  }

  async init(options: { timeoutMs?: number; resume?: boolean } = {}): Promise<string> {
    const { timeoutMs = 60_000, resume = false } = options;
    const answer = await (await this.own()).call(InitProducerIdRequest, InitProducerIdResponse, 5, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: timeoutMs,
      ...(resume ? { producerId: this.producerId, producerEpoch: this.producerEpoch } : {}),
    });
    if (answer.errorCode === ErrorCode.NONE) this.adopt(answer);
    return nameOf(answer.errorCode);
  }

  private adopt({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    this.producerId = producerId;
    this.producerEpoch = producerEpoch;
    this.sequences.clear();
  }

  async add(topic: string, partitions: readonly number[]): Promise<string> {
    const answer = await (await this.own()).call(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse, 3, {
      v3AndBelowTransactionalId: this.transactionalId,
      v3AndBelowProducerId: this.producerId,
      v3AndBelowProducerEpoch: this.producerEpoch,
      v3AndBelowTopics: [{ name: topic, partitions: [...partitions] }],
    });
    return nameOf(answer.resultsByTopicV3AndBelow[0].resultsByPartition[0].partitionErrorCode);
  }

  /** The offset, or the error's name. */
  async send(topic: string, value: string, index = 0): Promise<number | string> {
    const key = `${topic} ${index}`;
    const baseSequence = this.sequences.get(key) ?? 0;
    const client = this.leaderOf(topic, index);
    const draft = {
      transactionalId: this.transactionalId,
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: topic,
          partitionData: [
            { index, records: batchOf([value], { ...this.identity, baseSequence, transactional: true }) },
          ],
        },
      ],
    };
    const answer = await client.call(ProduceRequest, ProduceResponse, this.versions.produce, draft);
    const { errorCode, baseOffset } = answer.responses[0].partitionResponses[0];
    if (errorCode !== ErrorCode.NONE) return nameOf(errorCode);
    this.sequences.set(key, baseSequence + 1);
    return baseOffset;
  }

  private leaderOf(topic: string, index: number): TestClient {
    const broker = [...this.cluster.brokers.values()][0];
    const leaderId = broker.cluster.partition(topic, index)?.leaderId;
    if (leaderId === undefined) throw new Error(`the test has no partition ${index} of ${topic}`);
    return this.cluster.connect(leaderId);
  }

  async addOffsets(groupId: string): Promise<string> {
    const answer = await (await this.own()).call(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, 3, {
      ...this.identity,
      groupId,
    });
    return nameOf(answer.errorCode);
  }

  async commitOffset(groupId: string, topic: string, offset: number): Promise<string> {
    const client = await this.coordinatorOf(groupId, 0);
    const answer = await client.call(TxnOffsetCommitRequest, TxnOffsetCommitResponse, this.versions.txnOffsetCommit, {
      ...this.identity,
      groupId,
      topics: [{ name: topic, partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: "" }] }],
    });
    return nameOf(answer.topics[0].partitions[0].errorCode);
  }

  /** A stable offset of the group, or the error's name. */
  async committedOffset(groupId: string, topic: string): Promise<number | string> {
    const client = await this.coordinatorOf(groupId, 0);
    const answer = await client.call(OffsetFetchRequest, OffsetFetchResponse, 8, {
      groups: [{ groupId, topics: [{ name: topic, partitionIndexes: [0] }] }],
      requireStable: true,
    });
    const { errorCode, committedOffset } = answer.groups[0].topics[0].partitions[0];
    return errorCode === ErrorCode.NONE ? committedOffset : nameOf(errorCode);
  }

  async end(isCommit: boolean): Promise<string> {
    const answer = await (await this.own()).call(EndTxnRequest, EndTxnResponse, this.versions.endTxn, {
      ...this.identity,
      committed: isCommit,
    });
    if (answer.errorCode === ErrorCode.NONE && answer.producerId !== -1) this.adopt(answer);
    return nameOf(answer.errorCode);
  }

  async state(): Promise<string> {
    const answer = await (await this.own()).call(DescribeTransactionsRequest, DescribeTransactionsResponse, 0, {
      transactionalIds: [this.transactionalId],
    });
    const { errorCode, transactionState } = answer.transactionStates[0];
    return errorCode === ErrorCode.NONE ? transactionState : nameOf(errorCode);
  }

  /** Until the markers of its last transaction are written. */
  async settled(): Promise<void> {
    for (let left = 100; left > 0; left--) {
      if (!(await this.state()).startsWith("Prepare")) return;
      await this.cluster.time.advance(20);
    }
    throw new Error("the transaction doesn't end");
  }

  /** What a consumer with read_committed makes of a partition. */
  async readCommitted(topic: string, index = 0, fromOffset = 0): Promise<string[]> {
    const answer = await this.leaderOf(topic, index).call(FetchRequest, FetchResponse, 12, {
      maxWaitMs: 0,
      minBytes: 1,
      maxBytes: 1 << 20,
      isolationLevel: READ_COMMITTED,
      topics: [{ topic, partitions: [{ partition: index, fetchOffset: fromOffset, partitionMaxBytes: 1 << 20 }] }],
    });
    const { records, abortedTransactions } = answer.responses[0].partitions[0];
    return committedValues(records ?? new Uint8Array(0), abortedTransactions ?? []);
  }

  async latestStable(topic: string, index = 0): Promise<number> {
    const answer = await this.leaderOf(topic, index).call(ListOffsetsRequest, ListOffsetsResponse, 5, {
      replicaId: -1,
      isolationLevel: READ_COMMITTED,
      topics: [{ name: topic, partitions: [{ partitionIndex: index, timestamp: -1 }] }],
    });
    return answer.topics[0].partitions[0].offset;
  }
}

function nameOf(errorCode: number): string {
  return errorName(errorCode as ErrorCode) ?? String(errorCode);
}

/** The way of Kafka's consumers: from its first offset on, a producer's batches are aborted until its marker comes. */
export function committedValues(
  records: Uint8Array,
  abortedTransactions: readonly { readonly producerId: number; readonly firstOffset: number }[],
): string[] {
  const values: string[] = [];
  const toCome = [...abortedTransactions].sort((one, other) => one.firstOffset - other.firstOffset);
  const aborted = new Set<number>();
  for (const { header, at, control } of readBatches(records)) {
    const lastOffset = header.baseOffset + header.lastOffsetDelta;
    while (toCome.length > 0 && toCome[0].firstOffset <= lastOffset) aborted.add(toCome.shift()?.producerId ?? -1);
    if (control) {
      aborted.delete(header.producerId);
      continue;
    }
    const isTransactional = (header.attributes & 0x10) !== 0;
    if (isTransactional && aborted.has(header.producerId)) continue;
    for (const { value } of readRecords(compression, records, at)) values.push(Buffer.from(value ?? []).toString());
  }
  return values;
}
