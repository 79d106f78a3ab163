/** Topics and their partitions (REST Proxy API v2), and the proxy's own root and health. */
import { topicConfigs } from "#client/admin.ts";
import type { PartitionView, TopicView } from "#client/metadata.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, listOffsets } from "#client/offsets.ts";
import { failed } from "#client/outcome.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { answer, metadataRoute, partitionOf, type RestApp, type RestContext } from "./context.ts";
import { JSON_TYPE } from "./media.ts";
import { kafkaProblem, type Problem, partitionNotFound, unknownTopicPartition } from "./problems.ts";

export function topicRoutes(app: RestApp): void {
  app.get(
    "/",
    metadataRoute(async () => ({ json: {} })),
  );
  app.post(
    "/",
    metadataRoute(async () => ({ json: {} })),
  );
  app.get("/health", health);
  app.get("/brokers", metadataRoute(brokers));
  app.get("/topics", metadataRoute(topics));
  app.get("/topics/:topic", metadataRoute(topic));
  app.get("/topics/:topic/partitions", metadataRoute(partitions));
  app.get("/topics/:topic/partitions/:partition", metadataRoute(partition));
  app.get("/topics/:topic/partitions/:partition/offsets", metadataRoute(offsets));
}

/** Ours: is a broker there and answering? */
async function health(c: RestContext): Promise<Response> {
  const cluster = await c.env.client.cluster([]);
  if (failed(cluster)) {
    const { errorCode, message } = kafkaProblem(cluster.errorCode, cluster.message);
    const reason = c.env.startFailure?.() ?? undefined;
    return answer(JSON.stringify({ status: "unavailable", error_code: errorCode, message, reason }), JSON_TYPE, 503);
  }
  const { clusterId, brokers } = cluster.value;
  return answer(
    JSON.stringify({ status: "ok", cluster_id: clusterId, brokers: brokers.map(({ id }) => id) }),
    JSON_TYPE,
  );
}

async function brokers(c: RestContext): Promise<{ json: unknown } | Problem> {
  const cluster = await c.env.client.cluster([]);
  if (failed(cluster)) return kafkaProblem(cluster.errorCode, cluster.message);
  return { json: { brokers: cluster.value.brokers.map(({ id }) => id) } };
}

async function topics(c: RestContext): Promise<{ json: unknown } | Problem> {
  const cluster = await c.env.client.cluster(null);
  if (failed(cluster)) return kafkaProblem(cluster.errorCode, cluster.message);
  return { json: cluster.value.topics.map(({ name }) => name).sort() };
}

async function topic(c: RestContext): Promise<{ json: unknown } | Problem> {
  const found = await existingTopic(c);
  if ("status" in found) return found;
  const configs = await topicConfigs(c.env.client, found.name);
  if (failed(configs)) return kafkaProblem(configs.errorCode, configs.message);
  return {
    json: {
      name: found.name,
      configs: Object.fromEntries(configs.value.map(({ name, value }) => [name, value])),
      partitions: found.partitions.map(partitionJson),
    },
  };
}

async function partitions(c: RestContext): Promise<{ json: unknown } | Problem> {
  const found = await existingTopic(c);
  return "status" in found ? found : { json: found.partitions.map(partitionJson) };
}

async function partition(c: RestContext): Promise<{ json: unknown } | Problem> {
  const found = await existingPartition(c);
  return "status" in found ? found : { json: partitionJson(found.partition) };
}

async function offsets(c: RestContext): Promise<{ json: unknown } | Problem> {
  const found = await existingPartition(c);
  if ("status" in found) return found;
  const { partitionIndex } = found.partition;
  const [earliest, latest] = await Promise.all(
    [EARLIEST_TIMESTAMP, LATEST_TIMESTAMP].map((question) =>
      listOffsets(c.env.client, found.topic.name, [partitionIndex], question),
    ),
  );
  if (failed(earliest)) return kafkaProblem(earliest.errorCode, earliest.message);
  if (failed(latest)) return kafkaProblem(latest.errorCode, latest.message);
  return {
    json: { beginning_offset: earliest.value.get(partitionIndex), end_offset: latest.value.get(partitionIndex) },
  };
}

async function existingTopic(c: RestContext): Promise<TopicView | Problem> {
  const found = await c.env.client.topic(c.req.param("topic") ?? "", { isFresh: true });
  if (!failed(found)) return found.value;
  const isUnknown =
    found.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION || found.errorCode === ErrorCode.INVALID_TOPIC_EXCEPTION;
  return isUnknown ? unknownTopicPartition : kafkaProblem(found.errorCode, found.message);
}

async function existingPartition(
  c: RestContext,
): Promise<{ readonly topic: TopicView; readonly partition: PartitionView } | Problem> {
  const found = await existingTopic(c);
  if ("status" in found) return found;
  const index = partitionOf(c.req.param("partition") ?? "");
  const partition = index === null ? undefined : found.partitions[index];
  return partition === undefined ? partitionNotFound : { topic: found, partition };
}

function partitionJson({ partitionIndex, leaderId, replicas, isr }: PartitionView): unknown {
  return {
    partition: partitionIndex,
    leader: leaderId,
    replicas: replicas.map((broker) => ({ broker, leader: broker === leaderId, in_sync: isr.includes(broker) })),
  };
}
