/**
 * DescribeTopicPartitions, 0: topics and their partitions in pages (KIP-966), in the order of their names.
 *
 * An answer holds at most `max.request.partition.size.limit` partitions, or fewer if the client says so, and a cursor to go on
 * from. With an empty list of topics all are meant. A cursor whose topic isn't in the list, or whose partition is negative, is
 * INVALID_REQUEST; the answer has no field of its own for that, so the topics that were asked for carry it, as in Kafka.
 */
import { ZERO_UUID } from "#bytes/uuid.ts";
import { isInternalTopic, topicNameProblem } from "#cluster/topic-names.ts";
import type { PartitionImage, TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from "#protocol/messages/75-describe-topic-partitions.ts";
import { NOT_ASKED, topicOperations } from "../authorized-operations.ts";
import type { Broker } from "../broker.ts";
import { handler, type RequestContext } from "../handler.ts";

type Topic = DescribeTopicPartitionsResponse["topics"][number];
type Cursor = NonNullable<DescribeTopicPartitionsResponse["nextCursor"]>;

export const describeTopicPartitions = handler({
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
  min: 0,
  max: 0,
  async handle(context, request) {
    const { broker } = context;
    const { cursor } = request;
    const isAllTopics = request.topics.length === 0;
    const asked = [...new Set(request.topics.map((topic) => topic.name))];
    const isWrong =
      cursor !== null && (cursor.partitionIndex < 0 || (!isAllTopics && !asked.includes(cursor.topicName)));
    if (isWrong)
      return {
        topics: asked.map((name) => ({
          ...missing(context, name, ErrorCode.INVALID_REQUEST),
          topicAuthorizedOperations: NOT_ASKED,
        })),
      };
    if (!isAllTopics && asked.some((name) => broker.cluster.topicByName(name) === undefined)) {
      await broker.controller.refresh();
    }
    const known = isAllTopics ? broker.cluster.image.topics.map((topic) => topic.name) : asked;
    const names = known.filter((name) => name >= (cursor?.topicName ?? "")).sort();
    const { maxRequestPartitionSizeLimit } = broker.settings;
    const limit = Math.max(1, Math.min(maxRequestPartitionSizeLimit, request.responsePartitionLimit));
    return page(context, { names, limit, cursor });
  },
});

function page(
  context: RequestContext,
  wanted: { readonly names: readonly string[]; readonly limit: number; readonly cursor: Cursor | null },
): { topics: Topic[]; nextCursor: Cursor | null } {
  const { names, cursor } = wanted;
  const topics: Topic[] = [];
  let remaining = wanted.limit;
  for (const name of names) {
    const topic = context.broker.cluster.topicByName(name);
    if (remaining === 0) return { topics, nextCursor: { topicName: name, partitionIndex: 0 } };
    if (topic === undefined) {
      const isLegal = topicNameProblem(name) === null;
      topics.push(
        missing(context, name, isLegal ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : ErrorCode.INVALID_TOPIC_EXCEPTION),
      );
      continue;
    }
    const from = name === cursor?.topicName ? cursor.partitionIndex : 0;
    const end = Math.min(topic.partitions.length, from + remaining);
    topics.push(describe(context, topic, topic.partitions.slice(from, end)));
    if (end < topic.partitions.length) return { topics, nextCursor: { topicName: name, partitionIndex: end } };
    remaining -= Math.max(0, end - from);
  }
  return { topics, nextCursor: null };
}

function missing(context: RequestContext, name: string, errorCode: ErrorCode): Topic {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: topicOperations(context, name),
  };
}

function describe(context: RequestContext, topic: TopicImage, partitions: readonly PartitionImage[]): Topic {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: partitions.map((partition) => describePartition(context.broker, partition)),
    topicAuthorizedOperations: topicOperations(context, topic.name),
  };
}

function describePartition(broker: Broker, partition: PartitionImage): Topic["partitions"][number] {
  const isRegistered = (id: number) => broker.cluster.broker(id) !== undefined;
  return {
    errorCode: ErrorCode.NONE,
    partitionIndex: partition.partitionIndex,
    leaderId: isRegistered(partition.leaderId) ? partition.leaderId : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes: [...partition.replicas],
    isrNodes: [...partition.isr],
    eligibleLeaderReplicas: [],
    lastKnownElr: [],
    offlineReplicas: partition.replicas.filter((id) => !isRegistered(id)),
  };
}
