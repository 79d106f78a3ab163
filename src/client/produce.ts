import { ErrorCode, errorMessage } from "#protocol/errors.ts";
import { buildBatch } from "#records/builder.ts";
import type { NewRecord } from "#records/record.ts";
import { produceApi } from "./apis.ts";
import { estimatedBytes } from "./batches.ts";
import type { Client } from "./client.ts";
import type { TopicView } from "./metadata.ts";
import { failed, type Outcome, success } from "./outcome.ts";
import { Partitioner } from "./partitioner.ts";
import { isStaleMetadata, MAX_ATTEMPTS, mayProduceAgain } from "./retry.ts";

/**
 * How large a batch may grow: under the default `max.message.bytes` of a topic (1,048,588). A record that is larger by
 * itself goes alone, and the broker says whether its topic takes it.
 */
export const MAX_BATCH_BYTES = 900_000;

/** How long the leader may wait for its in-sync replicas. */
const PRODUCE_TIMEOUT_MS = 15_000;
const ACKS_ALL = -1;

export interface ProducerRecord extends NewRecord {
  /** Null leaves the choice to the partitioner. */
  readonly partition: number | null;
}

/** Where a record went, or why it didn't. */
export interface RecordResult {
  /** -1 when no partition could be chosen. */
  readonly partition: number;
  /** -1 unless the record was appended. */
  readonly offset: number;
  readonly errorCode: ErrorCode;
  readonly message: string | null;
}

/** Records of one partition that go out together. */
interface Batch {
  readonly partition: number;
  /** Places of the records in the caller's list, ascending. */
  readonly indexes: readonly number[];
  attempts: number;
}

interface BatchResult {
  readonly errorCode: ErrorCode;
  readonly message: string | null;
  readonly baseOffset: number;
  readonly recordMessages: ReadonlyMap<number, string>;
}

/**
 * Appends records to a topic with acks=all and says for each, in order, what became of it. Within a partition the records
 * keep their order. A failure of the whole: the topic doesn't exist and isn't created, or no broker answers.
 *
 * There is no producer id behind it, so what may have been appended is never sent again: after a lost answer the records
 * carry NETWORK_EXCEPTION or REQUEST_TIMED_OUT, and the caller decides.
 */
export async function produce(
  client: Client,
  topicName: string,
  records: readonly ProducerRecord[],
): Promise<Outcome<readonly RecordResult[]>> {
  const topic = await topicFor(client, topicName, records);
  if (failed(topic)) return topic;
  return success(await new Production(client, topic.value, records).run());
}

/** The topic, looked at anew when a record names a partition that the cached one doesn't have. */
async function topicFor(client: Client, name: string, records: readonly ProducerRecord[]): Promise<Outcome<TopicView>> {
  const topic = await client.topic(name, { mayCreate: true });
  if (failed(topic)) return topic;
  const partitionCount = topic.value.partitions.length;
  const isTooSmall = records.some((record) => record.partition !== null && record.partition >= partitionCount);
  return isTooSmall ? client.topic(name, { mayCreate: true, isFresh: true }) : topic;
}

/** One call of `produce`: at most one batch of each partition is on its way, so that order holds. */
class Production {
  private readonly client: Client;
  private topic: TopicView;
  private readonly records: readonly ProducerRecord[];
  private readonly results: RecordResult[];
  private readonly queues = new Map<number, Batch[]>();

  constructor(client: Client, topic: TopicView, records: readonly ProducerRecord[]) {
    this.client = client;
    this.topic = topic;
    this.records = records;
    this.results = new Array(records.length);
  }

  async run(): Promise<readonly RecordResult[]> {
    this.plan(this.records.keys(), 0);
    for (let failedRounds = 0; this.queues.size > 0; ) {
      const heads = [...this.queues.values()].map((queue) => queue[0]);
      const leaders = Map.groupBy(heads, (batch) => this.topic.partitions[batch.partition]?.leaderId ?? -1);
      const again = await Promise.all([...leaders].map(([leaderId, batches]) => this.send(leaderId, batches)));
      if (!again.some((isAgain) => isAgain)) {
        failedRounds = 0;
        continue;
      }
      await this.client.backOff(++failedRounds);
      await this.refresh();
    }
    return this.results;
  }

  /** Looks at the topic again. What still waits is planned anew when it is another one now, or has more partitions. */
  private async refresh(): Promise<void> {
    const fresh = await this.client.topic(this.topic.name, { isFresh: true, mayCreate: true });
    if (failed(fresh)) return;
    const isSame =
      fresh.value.topicId === this.topic.topicId && fresh.value.partitions.length === this.topic.partitions.length;
    this.topic = fresh.value;
    if (isSame) return;
    const waiting = [...this.queues.values()].flat();
    const attempts = Math.max(...waiting.map((batch) => batch.attempts));
    this.queues.clear();
    this.plan(
      waiting.flatMap(({ indexes }) => indexes).sort((one, other) => one - other),
      attempts,
    );
  }

  /** Chooses partitions and cuts each partition's records into batches. `attempts` is how often they failed before. */
  private plan(planned: Iterable<number>, attempts: number): void {
    const partitionCount = this.topic.partitions.length;
    const partitioner = new Partitioner(partitionCount, this.client.ports.random);
    const open = new Map<number, { indexes: number[]; sizeInBytes: number }>();
    for (const index of planned) {
      const record = this.records[index];
      const sizeInBytes = estimatedBytes(record);
      const partition = record.partition ?? partitioner.choose(record.key, sizeInBytes);
      if (partition < 0 || partition >= partitionCount) {
        this.results[index] = failedRecord(partition, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, null);
        continue;
      }
      const batch = open.get(partition);
      if (batch !== undefined && batch.sizeInBytes + sizeInBytes <= MAX_BATCH_BYTES) {
        batch.indexes.push(index);
        batch.sizeInBytes += sizeInBytes;
        continue;
      }
      const indexes = [index];
      open.set(partition, { indexes, sizeInBytes });
      const queue = this.queues.get(partition);
      if (queue === undefined) this.queues.set(partition, [{ partition, indexes, attempts }]);
      else queue.push({ partition, indexes, attempts });
    }
  }

  /** Sends one batch of each partition to their leader; true when one of them is to be sent again. */
  private async send(leaderId: number, batches: readonly Batch[]): Promise<boolean> {
    const results = leaderId < 0 ? null : await this.request(leaderId, batches);
    let isAgain = false;
    for (const batch of batches) {
      const result = results?.get(batch.partition) ?? noResult(leaderId);
      batch.attempts++;
      if (isStaleMetadata(result.errorCode)) this.client.forget(this.topic.name);
      if (mayProduceAgain(result.errorCode) && batch.attempts < MAX_ATTEMPTS) isAgain = true;
      else this.settle(batch, result);
    }
    return isAgain;
  }

  private async request(leaderId: number, batches: readonly Batch[]): Promise<ReadonlyMap<number, BatchResult>> {
    const { ports } = this.client;
    const partitionData = batches.map((batch) => ({
      index: batch.partition,
      records: buildBatch(
        ports,
        batch.indexes.map((index) => this.records[index]),
      ),
    }));
    const topicData = [{ topicId: this.topic.topicId, partitionData }];
    const draft = { acks: ACKS_ALL, timeoutMs: PRODUCE_TIMEOUT_MS, topicData };
    const answer = await this.client.call(leaderId, produceApi, draft, { waitMs: PRODUCE_TIMEOUT_MS });
    const results = new Map<number, BatchResult>();
    if (failed(answer)) {
      const { errorCode, message } = answer;
      for (const batch of batches) results.set(batch.partition, { ...noResult(leaderId), errorCode, message });
      return results;
    }
    for (const partition of answer.value.responses.flatMap((response) => response.partitionResponses)) {
      results.set(partition.index, {
        errorCode: partition.errorCode as ErrorCode,
        message: partition.errorMessage,
        baseOffset: partition.baseOffset,
        recordMessages: new Map(
          partition.recordErrors.map((error) => [error.batchIndex, error.batchIndexErrorMessage ?? ""]),
        ),
      });
    }
    return results;
  }

  /**
   * Notes what became of a batch. After an error that isn't about the batch itself, what waits behind it in the same
   * partition fails with it: it would otherwise overtake.
   */
  private settle(batch: Batch, result: BatchResult): void {
    const queue = this.queues.get(batch.partition);
    if (queue === undefined || queue[0] !== batch) throw new Error("a batch is settled at the head of its queue");
    const isUncertain =
      result.errorCode === ErrorCode.REQUEST_TIMED_OUT || result.errorCode === ErrorCode.NETWORK_EXCEPTION;
    const settled = isUncertain || mayProduceAgain(result.errorCode) ? queue.splice(0) : queue.splice(0, 1);
    if (queue.length === 0) this.queues.delete(batch.partition);
    for (const { indexes } of settled) {
      for (const [inBatch, index] of indexes.entries())
        this.results[index] = recordResult(batch.partition, inBatch, result);
    }
  }
}

function recordResult(partition: number, inBatch: number, result: BatchResult): RecordResult {
  if (result.errorCode !== ErrorCode.NONE) {
    return failedRecord(partition, result.errorCode, result.recordMessages.get(inBatch) || result.message);
  }
  return { partition, offset: result.baseOffset + inBatch, errorCode: ErrorCode.NONE, message: null };
}

function failedRecord(partition: number, errorCode: ErrorCode, message: string | null): RecordResult {
  return { partition, offset: -1, errorCode, message: message ?? errorMessage(errorCode) };
}

/** What stands for an answer that says nothing about a partition, or that was never asked for because it has no leader. */
function noResult(leaderId: number): BatchResult {
  const errorCode = leaderId < 0 ? ErrorCode.LEADER_NOT_AVAILABLE : ErrorCode.NETWORK_EXCEPTION;
  return { errorCode, message: null, baseOffset: -1, recordMessages: new Map() };
}
