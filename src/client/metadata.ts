import type { Uuid } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { MetadataResponse } from "#protocol/messages/03-metadata.ts";

/**
 * How long a topic is believed to be what it was. An outdated leader is found out by the first request, but added
 * partitions aren't: until then, keys would be spread over the old ones. Asking costs one exchange within the process.
 */
export const METADATA_MAX_AGE_MS = 5_000;

const MAX_CACHED_TOPICS = 1_000;

export interface TopicView {
  readonly name: string;
  readonly topicId: Uuid;
  readonly isInternal: boolean;
  /** Index i holds partition i. */
  readonly partitions: readonly PartitionView[];
}

export interface PartitionView {
  readonly partitionIndex: number;
  /** -1 = no leader. */
  readonly leaderId: number;
  /** -1 = unknown. */
  readonly leaderEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** One broker as a client may reach it. */
export interface BrokerView {
  readonly id: number;
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface ClusterView {
  readonly clusterId: string | null;
  readonly controllerId: number;
  readonly brokers: readonly BrokerView[];
}

type TopicResponse = MetadataResponse["topics"][number];

export function topicView(response: TopicResponse): TopicView {
  const partitions = response.partitions
    .map((partition) => ({
      partitionIndex: partition.partitionIndex,
      leaderId: partition.leaderId,
      leaderEpoch: partition.leaderEpoch,
      replicas: partition.replicaNodes,
      isr: partition.isrNodes,
    }))
    .sort((one, other) => one.partitionIndex - other.partitionIndex);
  return { name: response.name ?? "", topicId: response.topicId, isInternal: response.isInternal, partitions };
}

export function clusterView(response: MetadataResponse): ClusterView {
  const brokers = response.brokers.map((broker) => ({
    id: broker.nodeId,
    host: broker.host,
    port: broker.port,
    rack: broker.rack,
  }));
  return { clusterId: response.clusterId, controllerId: response.controllerId, brokers };
}

/** Does every partition have a leader? A topic that was just created may need a moment. */
export function hasLeaders(topic: TopicView): boolean {
  return topic.partitions.length > 0 && topic.partitions.every((partition) => partition.leaderId >= 0);
}

/** The error of one topic's metadata, NONE included. */
export function topicError(response: TopicResponse | undefined): ErrorCode {
  return response === undefined ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION : (response.errorCode as ErrorCode);
}

/** Topics as they were last seen. Plain data, which the requests of one Worker may share. */
export class MetadataCache {
  private readonly topics = new Map<string, { readonly topic: TopicView; readonly seenMs: number }>();

  get(name: string, nowMs: number): TopicView | null {
    const known = this.topics.get(name);
    if (known === undefined) return null;
    if (nowMs - known.seenMs < METADATA_MAX_AGE_MS) return known.topic;
    this.topics.delete(name);
    return null;
  }

  put(topic: TopicView, nowMs: number): void {
    this.topics.delete(topic.name);
    if (this.topics.size >= MAX_CACHED_TOPICS) {
      const oldest = this.topics.keys().next().value;
      if (oldest !== undefined) this.topics.delete(oldest);
    }
    this.topics.set(topic.name, { topic, seenMs: nowMs });
  }

  forget(name: string): void {
    this.topics.delete(name);
  }
}
