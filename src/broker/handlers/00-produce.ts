/**
 * Produce, 3–13 (advertised from 0, see below): appends record batches to the partitions that this broker leads.
 *
 * Every answer comes after the commit of what was appended, for acks=1 as for acks=all: there is nothing in between
 * that would be faster and still durable. acks=0 gets no answer, and a closed connection where there was an error,
 * since the client has no other way to hear of it. A repeated batch of an idempotent producer is answered with its first offset.
 *
 * librdkafka compresses only for brokers whose Produce range begins at 0; Kafka 4 advertises that, too, and like it
 * serves versions from 3 on. Departure from Kafka: transactional batches are refused with INVALID_TXN_STATE until
 * transactions are there; they are not advertised.
 */
import type { TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import type { Draft } from "#protocol/schema.ts";
import { CLOSE_CONNECTION, handler, NO_RESPONSE, type RequestContext } from "../handler.ts";
import { currentLeader, nodeEndpoints } from "../leader-hints.ts";

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
    const responses = request.topicData.map((topic) => appendToTopic(context, request.acks, topic));
    if (request.acks === 0) return hasError(responses) ? CLOSE_CONNECTION : NO_RESPONSE;
    const response = { responses, nodeEndpoints: nodeEndpoints(context.broker, leadersNamed(responses)) };
    return context.broker.committed().then(() => response);
  },
});

function appendToTopic(context: RequestContext, acks: number, data: ProduceRequest["topicData"][number]): TopicAnswer {
  const { broker } = context;
  const byId = context.apiVersion >= FIRST_VERSION_BY_TOPIC_ID;
  const topic = byId ? broker.cluster.topicById(data.topicId) : broker.cluster.topicByName(data.name);
  const partitionResponses = data.partitionData.map((partition): PartitionAnswer => {
    if (topic === undefined) {
      return refused(partition, byId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    }
    if (acks < -1 || acks > 1) return refused(partition, ErrorCode.INVALID_REQUIRED_ACKS);
    if (topic.isInternal) return refused(partition, ErrorCode.INVALID_TOPIC_EXCEPTION);
    return appendToPartition(context, topic, acks, partition);
  });
  return { name: data.name, topicId: data.topicId, partitionResponses };
}

function appendToPartition(
  { broker, apiVersion, nowMs }: RequestContext,
  topic: TopicImage,
  acks: number,
  data: PartitionData,
): PartitionAnswer {
  const log = broker.lead(topic, data.index);
  if (typeof log === "number") {
    return { ...refused(data, log), currentLeader: currentLeader(log, topic.partitions[data.index]) };
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
  });
  if (outcome.kind === "refused") {
    return {
      ...refused(data, outcome.errorCode),
      logStartOffset: log.logStartOffset,
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
