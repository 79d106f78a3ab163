/**
 * Produce, 3–13 (advertised from 0, see below): appends record batches to the partitions that this broker leads.
 *
 * Every answer comes after the commit of what was appended, for acks=1 as for acks=all: there is nothing in between
 * that would be faster and still durable. acks=0 gets no answer, and a closed connection where there was an error,
 * since the client has no other way to hear of it. A repeated batch of an idempotent producer is answered with its first offset.
 *
 * A batch that begins a transaction in a partition waits for the transaction's coordinator (KIP-890): from version 12 on the partition is
 * added to the transaction, before that the coordinator must know it; 11 is the first version that is told TRANSACTION_ABORTABLE where it
 * doesn't, others hear INVALID_TXN_STATE.
 *
 * Departure from Kafka: a compressed batch is opened only where its topic demands it; a batch of more than 8 MB is refused whatever
 * max.message.bytes says; records that are null are refused; a partition has at most 4,096 open transactions (NOT_ENOUGH_REPLICAS, which clients retry), and remembers
 * at most 8,192 producers, a broker 50,000.
 *
 * librdkafka compresses only for brokers whose Produce range begins at 0; Kafka 4 advertises that, too, and like it
 * serves versions from 3 on.
 */
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import type { Draft } from "#protocol/schema.ts";
import { type Answer, CLOSE_CONNECTION, handler, NO_RESPONSE, type RequestContext } from "../handler.ts";
import { currentLeader, nodeEndpoints } from "../leader-hints.ts";
import {
  type Admissions,
  admissionKey,
  NO_ADMISSIONS,
  ProduceAdmission,
  type TransactionalBatch,
  transactionalHeader,
} from "../transaction/produce.ts";

const FIRST_VERSION_BY_TOPIC_ID = 13;
const NO_OFFSET = -1;

type TopicAnswer = NonNullable<Draft<ProduceResponse>["responses"]>[number];
type PartitionAnswer = NonNullable<TopicAnswer["partitionResponses"]>[number];
type PartitionData = ProduceRequest["topicData"][number]["partitionData"][number];

export const produce = handler({
  request: ProduceRequest,
  response: ProduceResponse,
  min: 3,
  max: 13,
  advertisedMin: 0,
  handle(context, request) {
    const { batches, headerCount, isOneProducer } = transactionalBatches(context, request);
    if (headerCount === 0) return answer(context, request, append(context, request, NO_ADMISSIONS));
    // Without authorisation for the id there is none, and without an id there is none to authorise.
    if (request.transactionalId === null) {
      return answer(context, request, refuseAll(request, ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED));
    }
    if (!isOneProducer) return answer(context, request, refuseAll(request, ErrorCode.INVALID_PRODUCER_ID_MAPPING));
    if (batches.length === 0) return answer(context, request, append(context, request, NO_ADMISSIONS));
    return inTransaction(context, request, request.transactionalId, batches);
  },
});

/** The batches that may begin a transaction in a partition, of topics that exist. */
function transactionalBatches(context: RequestContext, { topicData }: ProduceRequest) {
  const batches: TransactionalBatch[] = [];
  const producers = new Set<string>();
  for (const data of topicData) {
    for (const { index, records } of data.partitionData) {
      const header = transactionalHeader(records);
      if (header === null) continue;
      const topic = topicOf(context, data);
      const { producerId, producerEpoch, baseSequence } = header;
      producers.add(`${producerId} ${producerEpoch}`);
      if (topic !== undefined) batches.push({ topic, partitionIndex: index, producerId, producerEpoch, baseSequence });
    }
  }
  return { batches, headerCount: producers.size, isOneProducer: producers.size === 1 };
}

/** Appends at once where the transaction has begun, or when the coordinator has answered; always in the order of the producer's requests. */
function inTransaction(
  context: RequestContext,
  request: ProduceRequest,
  transactionalId: string,
  batches: readonly TransactionalBatch[],
): Answer<ProduceResponse> | Promise<Answer<ProduceResponse>> {
  const { verification } = context.broker;
  const { producerId } = batches[0];
  const admission = new ProduceAdmission(context, transactionalId);
  const isFirst = !verification.isBusy(producerId);
  if (isFirst) {
    admission.begin(batches);
    admission.askAtOnce();
    if (!admission.mustAsk) return answer(context, request, append(context, request, admission.admissions));
  }
  // The request lies in the connection's buffer, which others use meanwhile.
  const owned = ownRequest(request);
  const appended = verification.inOrder(producerId, async () => {
    if (!isFirst) admission.begin(batches);
    if (admission.mustAsk) await admission.untilSettled();
    admission.askAtOnce();
    if (admission.mustAsk) await admission.ask();
    return append(context, owned, admission.admissions);
  });
  return appended.then((responses) => answer(context, owned, responses));
}

function ownRequest(request: ProduceRequest): ProduceRequest {
  const topicData = request.topicData.map((topic) => ({
    ...topic,
    partitionData: topic.partitionData.map(({ index, records }) => ({ index, records: records?.slice() ?? null })),
  }));
  return { ...request, topicData };
}

function append(context: RequestContext, request: ProduceRequest, admissions: Admissions): TopicAnswer[] {
  return request.topicData.map((topic) => appendToTopic({ ...context, acks: request.acks, admissions }, topic));
}

function answer(
  { broker }: RequestContext,
  { acks }: ProduceRequest,
  responses: TopicAnswer[],
): Answer<ProduceResponse> | Promise<Answer<ProduceResponse>> {
  if (acks === 0) return hasError(responses) ? CLOSE_CONNECTION : NO_RESPONSE;
  const response = { responses, nodeEndpoints: nodeEndpoints(broker, leadersNamed(responses)) };
  return broker.committed().then(() => response);
}

function topicOf({ broker, apiVersion }: RequestContext, data: ProduceRequest["topicData"][number]) {
  const { cluster } = broker;
  return apiVersion >= FIRST_VERSION_BY_TOPIC_ID ? cluster.topicById(data.topicId) : cluster.topicByName(data.name);
}

interface Appending extends RequestContext {
  readonly acks: number;
  readonly admissions: Admissions;
}

function appendToTopic(appending: Appending, data: ProduceRequest["topicData"][number]): TopicAnswer {
  const { acks, apiVersion } = appending;
  const topic = topicOf(appending, data);
  const partitionResponses = data.partitionData.map((partition): PartitionAnswer => {
    if (topic === undefined) {
      const byId = apiVersion >= FIRST_VERSION_BY_TOPIC_ID;
      return refused(partition, byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
    if (acks < -1 || acks > 1) return refused(partition, ErrorCode.INVALID_REQUIRED_ACKS);
    if (topic.isInternal) return refused(partition, ErrorCode.INVALID_TOPIC_EXCEPTION);
    return appendToPartition(appending, topic, partition);
  });
  return { name: data.name, topicId: data.topicId, partitionResponses };
}

function appendToPartition(
  { broker, apiVersion, nowMs, acks, admissions }: Appending,
  topic: TopicImage,
  data: PartitionData,
): PartitionAnswer {
  const log = broker.lead(topic, data.index);
  if (typeof log === "number") {
    return { ...refused(data, log), currentLeader: currentLeader(log, topic.partitions[data.index]) };
  }
  const admission = admissions.get(admissionKey(topic, data.index));
  if (admission !== undefined && admission.errorCode !== ErrorCode.NONE) {
    return { ...refused(data, admission.errorCode), errorMessage: admission.errorMessage };
  }
  const config = broker.configOf(topic);
  const { isr, leaderEpoch } = topic.partitions[data.index];
  if (acks === -1 && isr.length < config.minInsyncReplicas) return refused(data, ErrorCode.NOT_ENOUGH_REPLICAS);
  const outcome = log.append(data.records ?? new Uint8Array(0), {
    leaderEpoch,
    config,
    nowMs,
    origin: "client",
    produceVersion: apiVersion,
    guard: admission?.guard,
  });
  if (outcome.kind === "refused") {
    return {
      ...refused(data, outcome.errorCode),
      logStartOffset: log.committedStartOffset,
      errorMessage: outcome.errorMessage,
      recordErrors: outcome.recordErrors.map(({ batchIndex, message }) => ({
        batchIndex,
        batchIndexErrorMessage: message,
      })),
    };
  }
  return {
    index: data.index,
    errorCode: ErrorCode.NONE,
    baseOffset: outcome.baseOffset,
    logAppendTimeMs: outcome.logAppendTimeMs,
    logStartOffset: outcome.logStartOffset,
  };
}

function refuseAll({ topicData }: ProduceRequest, errorCode: ErrorCode): TopicAnswer[] {
  return topicData.map(({ name, topicId, partitionData }) => ({
    name,
    topicId,
    partitionResponses: partitionData.map((partition) => refused(partition, errorCode)),
  }));
}

function refused({ index }: PartitionData, errorCode: ErrorCode): PartitionAnswer {
  return { index, errorCode, baseOffset: NO_OFFSET };
}

function hasError(responses: readonly TopicAnswer[]): boolean {
  return responses.some((topic) =>
    topic.partitionResponses?.some((partition) => partition.errorCode !== ErrorCode.NONE),
  );
}

function leadersNamed(responses: readonly TopicAnswer[]): (number | undefined)[] {
  return responses.flatMap(
    (topic) => topic.partitionResponses?.map((partition) => partition.currentLeader?.leaderId) ?? [],
  );
}
