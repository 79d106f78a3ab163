/** A Produce request of a few batches, and its answer. */
import type { BrokerAddress } from "#ports/transport.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceResponse } from "#protocol/messages/00-produce.ts";
import { buildBatch } from "#records/builder.ts";
import { produceApi, produceV1Api } from "../apis.ts";
import type { Client } from "../client.ts";
import { type Failure, failed, type Outcome, success } from "../outcome.ts";
import type { LeaderHint, TopicBook } from "../topic-book.ts";
import type { ProducerBatch } from "./batch.ts";
import { CODECS, type ProducerSettings } from "./settings.ts";

/** What the broker says about one batch. */
export interface BatchAnswer {
  readonly errorCode: ErrorCode;
  readonly message: string | null;
  readonly baseOffset: number;
  /** -1 where records keep their own timestamps. */
  readonly logAppendTimeMs: number;
  readonly logStartOffset: number;
  /** What it says about single records, by their place in the batch. */
  readonly recordMessages: ReadonlyMap<number, string>;
  readonly leader: LeaderHint | null;
  readonly endpoints: readonly BrokerAddress[];
}

export interface ProduceHow {
  readonly client: Client;
  readonly settings: ProducerSettings;
  readonly book: TopicBook;
  readonly lane: string;
  /** Name topics by id, and let the broker add partitions to the transaction; false for transactions V1. */
  readonly isV2: boolean;
}

const NO_MESSAGES: ReadonlyMap<number, string> = new Map();

/** Sends batches of different partitions that one broker leads. A failure is one of the whole request. */
export async function sendProduce(
  how: ProduceHow,
  leaderId: number,
  batches: readonly ProducerBatch[],
): Promise<Outcome<ReadonlyMap<ProducerBatch, BatchAnswer>>> {
  const { client, settings, lane } = how;
  const api = how.isV2 ? produceApi : produceV1Api;
  const timeoutMs = settings["request.timeout.ms"];
  const topicData = [...Map.groupBy(batches, ({ topic }) => topic)].map(([name, own]) => ({
    name,
    topicId: how.book.topic(name)?.topicId,
    partitionData: own.map((batch) => ({ index: batch.partition, records: bytesOf(how, batch) })),
  }));
  const draft = { transactionalId: settings["transactional.id"], acks: settings.acks, timeoutMs, topicData };
  if (settings.acks === 0) {
    const sent: Outcome<unknown> = client.posts
      ? await client.post(leaderId, api, draft, lane)
      : await client.call(leaderId, api, { ...draft, acks: 1 }, { lane, timeoutMs });
    return failed(sent) ? sent : success(new Map(batches.map((batch) => [batch, UNASKED])));
  }
  const names = new Map(batches.map(({ topic }) => [how.book.topic(topic)?.topicId, topic]));
  const answer = await client.call(leaderId, api, draft, { lane, timeoutMs });
  if (failed(answer)) return answer;
  return success(readAnswers(answer.value, batches, (topic) => (how.isV2 ? names.get(topic.topicId) : topic.name)));
}

/** What stands for the answer that acks=0 doesn't ask for. */
const UNASKED: BatchAnswer = {
  errorCode: ErrorCode.NONE,
  message: null,
  baseOffset: -1,
  logAppendTimeMs: -1,
  logStartOffset: -1,
  recordMessages: NO_MESSAGES,
  leader: null,
  endpoints: [],
};

/** What stands for an answer that never came. */
export function unanswered({ errorCode, message }: Failure): BatchAnswer {
  return { ...UNASKED, errorCode, message };
}

function bytesOf({ client, settings }: ProduceHow, batch: ProducerBatch): Uint8Array {
  batch.encoded ??= buildBatch(
    client.ports,
    batch.records.map(({ record }) => record),
    {
      codec: CODECS[settings["compression.type"]],
      transactional: settings["transactional.id"] !== null,
      ...batch.sequence,
    },
  );
  return batch.encoded;
}

function readAnswers(
  response: ProduceResponse,
  batches: readonly ProducerBatch[],
  nameOf: (topic: ProduceResponse["responses"][number]) => string | undefined,
): ReadonlyMap<ProducerBatch, BatchAnswer> {
  const answers = new Map<ProducerBatch, BatchAnswer>();
  const endpoints = response.nodeEndpoints.map(({ nodeId, host, port }) => ({ id: nodeId, host, port }));
  for (const topic of response.responses) {
    const name = nameOf(topic);
    for (const partition of topic.partitionResponses) {
      const batch = batches.find((one) => one.topic === name && one.partition === partition.index);
      if (batch === undefined) continue;
      const { recordErrors } = partition;
      answers.set(batch, {
        errorCode: partition.errorCode as ErrorCode,
        message: partition.errorMessage,
        baseOffset: partition.baseOffset,
        logAppendTimeMs: partition.logAppendTimeMs,
        logStartOffset: partition.logStartOffset,
        recordMessages: new Map(recordErrors.map((error) => [error.batchIndex, error.batchIndexErrorMessage ?? ""])),
        leader: partition.currentLeader,
        endpoints,
      });
    }
  }
  return answers;
}
