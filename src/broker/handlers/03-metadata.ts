/**
 * Metadata, 0–13: brokers, topics, partitions and their leaders; creates topics that it is asked for.
 *
 * All topics: an empty list in version 0, null from version 1 on. Topics by id from version 12 on. An unknown topic is
 * created when the client and `auto.create.topics.enable` allow it. Departure from Kafka: the answer waits for the
 * creation and shows the new topic, where Kafka answers UNKNOWN_TOPIC_OR_PARTITION and lets the client ask again.
 */
import { ZERO_UUID } from "#bytes/uuid.ts";
import { autoCreatedTopic } from "#cluster/internal-topics.ts";
import { isInternalTopic, topicNameProblem } from "#cluster/topic-names.ts";
import type { PartitionImage, TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import type { Draft } from "#protocol/schema.ts";
import { clusterOperations, NOT_ASKED, topicOperations } from "../authorized-operations.ts";
import type { Broker } from "../broker.ts";
import { handler, type RequestContext } from "../handler.ts";

const FIRST_VERSION_WITH_TOPIC_IDS = 12;
const FIRST_VERSION_WITH_OPERATIONS = 8;
const LAST_VERSION_WITH_CLUSTER_OPERATIONS = 10;

type Topic = MetadataResponse["topics"][number];

export const metadata = handler({
  request: MetadataRequest,
  response: MetadataResponse,
  min: 0,
  max: 13,
  async handle(context, request) {
    const { broker, apiVersion } = context;
    broker.suspectImage();
    const asked = request.topics;
    const isAllTopics = asked === null || (asked.length === 0 && apiVersion === 0);
    if (!isAllTopics && isMeaningless(asked, apiVersion)) return refused(asked);
    const topics = isAllTopics
      ? broker.cluster.image.topics.map((topic) => describe(broker, topic, apiVersion))
      : answers(broker, asked, {
          apiVersion,
          failures: await prepare(broker, asked, request.allowAutoTopicCreation),
        });
    if (apiVersion >= FIRST_VERSION_WITH_OPERATIONS && request.includeTopicAuthorizedOperations) {
      for (const topic of topics)
        if (topic.name !== null) topic.topicAuthorizedOperations = topicOperations(context, topic.name);
    }
    const { image } = broker.cluster;
    return {
      brokers: image.brokers.map(({ id, host, port, rack }) => ({ nodeId: id, host, port, rack })),
      clusterId: image.clusterId,
      controllerId: image.controllerId,
      topics,
      clusterAuthorizedOperations: clusterOperationsIfAsked(context, request),
    };
  },
});

type AskedTopic = NonNullable<MetadataRequest["topics"]>[number];

/** Versions 10 and 11 have fields for topic ids that mean nothing yet; later ones want a name where no topic has an id. */
function isMeaningless(asked: readonly AskedTopic[], apiVersion: number): boolean {
  if (apiVersion < FIRST_VERSION_WITH_TOPIC_IDS) {
    return asked.some((topic) => topic.name === null || topic.topicId !== ZERO_UUID);
  }
  return idsOf(asked).length === 0 && asked.some((topic) => topic.name === null);
}

function refused(asked: readonly AskedTopic[]): Draft<MetadataResponse> {
  return {
    topics: asked.map(({ name, topicId }) => ({ errorCode: ErrorCode.INVALID_REQUEST, name: name ?? "", topicId })),
    errorCode: ErrorCode.INVALID_REQUEST,
  };
}

function clusterOperationsIfAsked(context: RequestContext, request: MetadataRequest): number {
  const isAsked =
    request.includeClusterAuthorizedOperations && context.apiVersion <= LAST_VERSION_WITH_CLUSTER_OPERATIONS;
  return isAsked ? clusterOperations(context) : NOT_ASKED;
}

/** Kafka goes by ids as soon as one topic has one, and then doesn't look at names. */
function idsOf(asked: readonly AskedTopic[]): string[] {
  return [...new Set(asked.map((topic) => topic.topicId).filter((id) => id !== ZERO_UUID))];
}

function namesOf(asked: readonly AskedTopic[]): string[] {
  return [...new Set(asked.flatMap((topic) => (topic.name === null ? [] : [topic.name])))];
}

/**
 * Creates what is missing, or asks the controller whether another broker's client has. What could not be created comes back
 * with why: Kafka would let the client ask for it again and again.
 */
async function prepare(
  broker: Broker,
  asked: readonly AskedTopic[],
  allowAutoTopicCreation: boolean,
): Promise<ReadonlyMap<string, ErrorCode>> {
  const ids = idsOf(asked);
  const isUnknown = (name: string) => topicNameProblem(name) === null && broker.cluster.topicByName(name) === undefined;
  const unknown = ids.length > 0 ? [] : namesOf(asked).filter(isUnknown);
  if (unknown.length > 0 && allowAutoTopicCreation && broker.settings.autoCreateTopicsEnable) {
    const { image } = broker.cluster;
    const topics = unknown.map((name) => autoCreatedTopic(image, broker.brokerId, name));
    const outcomes = await broker.controller.createTopics(topics);
    // Somebody else was faster: the topic is there, which is all that was wanted.
    const failures = outcomes.filter(({ errorCode }) => errorCode !== ErrorCode.TOPIC_ALREADY_EXISTS);
    if (failures.length < outcomes.length && unknown.some(isUnknown)) await broker.controller.refresh();
    return new Map(failures.map(({ name, errorCode }) => [name, errorCode]));
  }
  const isAnyUnknown = unknown.length > 0 || ids.some((id) => broker.cluster.topicById(id) === undefined);
  if (isAnyUnknown) await broker.controller.refresh();
  return new Map();
}

function answers(
  broker: Broker,
  asked: readonly AskedTopic[],
  request: { readonly apiVersion: number; readonly failures: ReadonlyMap<string, ErrorCode> },
): Topic[] {
  const { apiVersion, failures } = request;
  const ids = idsOf(asked);
  if (ids.length > 0) {
    return ids.map((topicId) => {
      const topic = broker.cluster.topicById(topicId);
      if (topic === undefined) return missing(null, ErrorCode.UNKNOWN_TOPIC_ID, topicId);
      return describe(broker, topic, apiVersion);
    });
  }
  return namesOf(asked).map((name) => {
    const topic = broker.cluster.topicByName(name);
    if (topic !== undefined) return describe(broker, topic, apiVersion);
    if (topicNameProblem(name) !== null) return missing(name, ErrorCode.INVALID_TOPIC_EXCEPTION, ZERO_UUID);
    return missing(name, failures.get(name) || ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, ZERO_UUID);
  });
}

function missing(name: string | null, errorCode: ErrorCode, topicId: string): Topic {
  const isInternal = name !== null && isInternalTopic(name);
  return { errorCode, name, topicId, isInternal, partitions: [], topicAuthorizedOperations: NOT_ASKED };
}

function describe(broker: Broker, topic: TopicImage, apiVersion: number): Topic {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.topicId,
    isInternal: topic.isInternal,
    partitions: topic.partitions.map((partition) => describePartition(broker, partition, apiVersion)),
    topicAuthorizedOperations: NOT_ASKED,
  };
}

function describePartition(broker: Broker, partition: PartitionImage, apiVersion: number): Topic["partitions"][number] {
  const isRegistered = (id: number) => broker.cluster.broker(id) !== undefined;
  // Version 0 has no list of brokers that are gone: it leaves them out and says so by an error.
  const shown = (ids: readonly number[]) => (apiVersion === 0 ? ids.filter(isRegistered) : [...ids]);
  const replicaNodes = shown(partition.replicas);
  const isrNodes = shown(partition.isr);
  const hasLeader = isRegistered(partition.leaderId);
  const isWhole = replicaNodes.length === partition.replicas.length && isrNodes.length === partition.isr.length;
  return {
    errorCode: hasLeader
      ? isWhole
        ? ErrorCode.NONE
        : ErrorCode.REPLICA_NOT_AVAILABLE
      : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex: partition.partitionIndex,
    leaderId: hasLeader ? partition.leaderId : -1,
    leaderEpoch: partition.leaderEpoch,
    replicaNodes,
    isrNodes,
    offlineReplicas: partition.replicas.filter((id) => !isRegistered(id)),
  };
}
