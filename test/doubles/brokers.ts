import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { Timers } from "#ports/timers.ts";
import type { Transport } from "#ports/transport.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { decodeRequestHeader, writeResponseHeader } from "#protocol/header.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DescribeConfigsRequest, DescribeConfigsResponse } from "#protocol/messages/32-describe-configs.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { lastOffsetOf, readBatchHeader, stampBatch } from "#records/batch.ts";
import { readBatches } from "#records/reader.ts";

interface StoredPartition {
  leaderId: number;
  logStartOffset: number;
  logEndOffset: number;
  batches: Uint8Array[];
}

interface StoredTopic {
  readonly topicId: string;
  readonly partitions: StoredPartition[];
}

/** One request as a broker saw it. */
export interface SeenRequest {
  readonly brokerId: number | null;
  readonly apiKey: number;
  readonly body: unknown;
}

export interface BrokersOptions {
  readonly timers: Timers;
  readonly brokerIds?: readonly number[];
  /** How many partitions a topic gets that is created by asking for it; 0 turns that off. */
  readonly autoCreate?: number;
}

const TOPIC_ID_LENGTH = 22;

/**
 * A cluster in memory behind a transport. It speaks real frames by the message tables, holds real batches, parks fetches,
 * and answers as told where a test wants an error. What it leaves out: validation, epochs, groups.
 */
export class Brokers implements Transport {
  readonly seen: SeenRequest[] = [];
  readonly topics = new Map<string, StoredTopic>();
  /** Called before a request is carried out; an answer takes the place of the broker's own, a throw loses the connection. */
  intercept: (request: SeenRequest) => Draft<unknown> | undefined = () => undefined;
  /** Called after a request was carried out; a throw loses its answer. */
  beforeAnswer: (request: SeenRequest) => void = () => {};
  private readonly options: BrokersOptions;
  private created = 0;
  private parked: (() => void)[] = [];

  constructor(options: BrokersOptions) {
    this.options = options;
  }

  addTopic(name: string, partitionCount: number): StoredTopic {
    const brokerIds = this.options.brokerIds ?? [1];
    const partitions = Array.from({ length: partitionCount }, (_, index) => ({
      leaderId: brokerIds[index % brokerIds.length],
      logStartOffset: 0,
      logEndOffset: 0,
      batches: [],
    }));
    const topic = { topicId: `${++this.created}`.padEnd(TOPIC_ID_LENGTH, "A"), partitions };
    this.topics.set(name, topic);
    return topic;
  }

  partition(name: string, index: number): StoredPartition {
    const partition = this.topics.get(name)?.partitions[index];
    if (partition === undefined) throw new Error(`the test has no partition ${index} of ${name}`);
    return partition;
  }

  /** Appends a batch as a producer would have. */
  append(name: string, index: number, batch: Uint8Array): number {
    const partition = this.partition(name, index);
    const stored = batch.slice();
    const baseOffset = partition.logEndOffset;
    stampBatch(stored, 0, baseOffset, 0);
    partition.logEndOffset = lastOffsetOf(readBatchHeader(stored, 0)) + 1;
    partition.batches.push(stored);
    for (const wake of this.parked.splice(0)) wake();
    return baseOffset;
  }

  requests(apiKey: number): SeenRequest[] {
    return this.seen.filter((request) => request.apiKey === apiKey);
  }

  async exchange(brokerId: number | null, frame: Uint8Array): Promise<Uint8Array> {
    await Promise.resolve();
    const reader = new Reader(frame);
    const header = decodeRequestHeader(reader);
    const api = this.apis[header.apiKey];
    if (api === undefined) throw new MalformedMessageError(`API ${header.apiKey}`);
    const body = api.request.decode(reader, header.apiVersion);
    if (reader.remaining > 0) throw new MalformedMessageError("bytes remain");
    const request = { brokerId, apiKey: header.apiKey, body };
    this.seen.push(request);
    const draft = this.intercept(request) ?? (await api.handle(body, brokerId));
    this.beforeAnswer(request);
    const writer = new Writer();
    writeResponseHeader(writer, header.apiKey, header.apiVersion, header.correlationId);
    api.response.encode(writer, draft, header.apiVersion);
    return writer.finish().slice();
  }

  private readonly apis: Readonly<Record<number, FakeApi>> = {
    0: fakeApi(ProduceRequest, ProduceResponse, (body, brokerId) => this.produce(body, brokerId)),
    1: fakeApi(FetchRequest, FetchResponse, (body, brokerId) => this.fetch(body, brokerId)),
    2: fakeApi(ListOffsetsRequest, ListOffsetsResponse, (body, brokerId) => this.listOffsets(body, brokerId)),
    3: fakeApi(MetadataRequest, MetadataResponse, (body) => this.metadata(body)),
    18: fakeApi(ApiVersionsRequest, ApiVersionsResponse, () => ({})),
    19: fakeApi(CreateTopicsRequest, CreateTopicsResponse, (body) => {
      const topics = body.topics.map(({ name, numPartitions }) => {
        if (this.topics.has(name))
          return { name, errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage: "there is one" };
        this.addTopic(name, numPartitions);
        return { name };
      });
      return { topics };
    }),
    32: fakeApi(DescribeConfigsRequest, DescribeConfigsResponse, (body) => ({
      results: body.resources.map(({ resourceType, resourceName }) => ({
        resourceType,
        resourceName,
        configs: [{ name: "cleanup.policy", value: "delete" }],
      })),
    })),
  };

  private metadata(body: MetadataRequest): Draft<MetadataResponse> {
    const names = body.topics?.map(({ name }) => name ?? "") ?? [...this.topics.keys()];
    const brokers = (this.options.brokerIds ?? [1]).map((nodeId) => ({
      nodeId,
      host: "127.0.0.1",
      port: 9091 + nodeId,
    }));
    const topics = names.map((name) => {
      const isLegal = /^[a-zA-Z0-9._-]{1,249}$/.test(name);
      if (isLegal && !this.topics.has(name) && body.allowAutoTopicCreation && this.options.autoCreate) {
        this.addTopic(name, this.options.autoCreate);
      }
      const topic = this.topics.get(name);
      if (topic === undefined) {
        return { name, errorCode: isLegal ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION };
      }
      const partitions = topic.partitions.map(({ leaderId }, partitionIndex) => ({
        partitionIndex,
        leaderId,
        replicaNodes: [leaderId],
        isrNodes: [leaderId],
      }));
      const isInternal = name === "__consumer_offsets" || name === "__transaction_state";
      return { name, topicId: topic.topicId, isInternal, partitions };
    });
    return { brokers, clusterId: "cluster", controllerId: 1, topics };
  }

  private produce(body: ProduceRequest, brokerId: number | null): Draft<ProduceResponse> {
    const responses = body.topicData.map(({ topicId, partitionData }) => ({
      topicId,
      partitionResponses: partitionData.map(({ index, records }) => {
        const name = this.nameOf(topicId);
        if (name === undefined) return { index, errorCode: ErrorCode.UNKNOWN_TOPIC_ID };
        const errorCode = this.leadershipError(name, index, brokerId);
        if (errorCode !== ErrorCode.NONE) return { index, errorCode };
        if (records === null || [...readBatches(records)].length !== 1)
          return { index, errorCode: ErrorCode.INVALID_RECORD };
        return { index, baseOffset: this.append(name, index, records) };
      }),
    }));
    return { responses };
  }

  private async fetch(body: FetchRequest, brokerId: number | null): Promise<Draft<FetchResponse>> {
    const first = this.fetchOnce(body, brokerId);
    if (first.isReady || body.maxWaitMs === 0) return first.response;
    await new Promise<void>((resolve) => {
      const timer = this.options.timers.set(resolve, body.maxWaitMs);
      this.parked.push(() => {
        timer.cancel();
        resolve();
      });
    });
    return this.fetchOnce(body, brokerId).response;
  }

  private fetchOnce(body: FetchRequest, brokerId: number | null): { isReady: boolean; response: Draft<FetchResponse> } {
    let isReady = body.minBytes === 0;
    const responses = body.topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partition, fetchOffset, partitionMaxBytes }) => {
        const topic = this.nameOf(topicId) ?? "";
        const errorCode = topic === "" ? ErrorCode.UNKNOWN_TOPIC_ID : this.leadershipError(topic, partition, brokerId);
        if (errorCode !== ErrorCode.NONE) {
          isReady = true;
          return { partitionIndex: partition, errorCode };
        }
        const { logStartOffset, logEndOffset, batches } = this.partition(topic, partition);
        if (fetchOffset < logStartOffset || fetchOffset > logEndOffset) {
          isReady = true;
          return { partitionIndex: partition, errorCode: ErrorCode.OFFSET_OUT_OF_RANGE, highWatermark: -1 };
        }
        const records = cut(batches, fetchOffset, partitionMaxBytes);
        if (records.length > 0) isReady = true;
        return { partitionIndex: partition, highWatermark: logEndOffset, logStartOffset, records };
      }),
    }));
    return { isReady, response: { responses } };
  }

  private listOffsets(body: ListOffsetsRequest, brokerId: number | null): Draft<ListOffsetsResponse> {
    const topics = body.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex, timestamp }) => {
        const errorCode = this.leadershipError(name, partitionIndex, brokerId);
        if (errorCode !== ErrorCode.NONE) return { partitionIndex, errorCode };
        const { logStartOffset, logEndOffset } = this.partition(name, partitionIndex);
        return { partitionIndex, offset: timestamp === -2 ? logStartOffset : logEndOffset };
      }),
    }));
    return { topics };
  }

  private nameOf(topicId: string): string | undefined {
    return [...this.topics].find(([, topic]) => topic.topicId === topicId)?.[0];
  }

  private leadershipError(name: string, index: number, brokerId: number | null): ErrorCode {
    const partition = this.topics.get(name)?.partitions[index];
    if (partition === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION;
    return partition.leaderId === brokerId ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER;
  }
}

/** Whole batches from the one that holds `fetchOffset` on; the last may be cut off, as brokers do, but never the first. */
function cut(batches: readonly Uint8Array[], fetchOffset: number, maxBytes: number): Uint8Array[] {
  const from = batches.findIndex((batch) => lastOffsetOf(readBatchHeader(batch, 0)) >= fetchOffset);
  if (from < 0) return [];
  const taken: Uint8Array[] = [];
  let left = maxBytes;
  for (const batch of batches.slice(from)) {
    taken.push(taken.length === 0 ? batch : batch.subarray(0, Math.max(left, 0)));
    left -= batch.length;
    if (left <= 0) break;
  }
  return taken;
}

interface FakeApi {
  readonly request: Message<unknown>;
  readonly response: Message<unknown>;
  handle(body: unknown, brokerId: number | null): Draft<unknown> | Promise<Draft<unknown>>;
}

/** Types are checked where an API is listed, and erased here. */
function fakeApi<Q, S>(
  request: Message<Q>,
  response: Message<S>,
  handle: (body: Q, brokerId: number | null) => Draft<S> | Promise<Draft<S>>,
): FakeApi {
  return { request, response, handle } as unknown as FakeApi;
}
