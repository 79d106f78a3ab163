import type { ConfigValues, PartitionImage, TopicImage } from "#ports/controller.ts";
import type { ClusterRecord } from "./state.ts";
import { isInternalTopic } from "./topic-names.ts";

/** One row of the cluster's table. A null value removes the row. */
export interface StoredRow {
  readonly key: string;
  readonly value: string | null;
}

/** Partitions are stored as tuples: a topic of ten thousand of them stays far below the 2 MB of a row. */
type StoredPartition = [
  leaderId: number,
  leaderEpoch: number,
  partitionEpoch: number,
  replicas: number[],
  isr: number[],
];

interface StoredTopic {
  readonly name: string;
  readonly configs: ConfigValues;
  readonly partitions: readonly StoredPartition[];
}

/**
 * The row that a record becomes. Keys: `cluster`, `brokers`, `topic/<topicId>`, `static-configs`, `broker-configs/` (all
 * brokers), `broker-configs/<id>`, `group-configs/<groupId>`, `producer-ids`, `version`.
 */
export function rowOf(record: ClusterRecord): StoredRow {
  switch (record.kind) {
    case "cluster":
      return { key: "cluster", value: JSON.stringify(record.clusterId) };
    case "brokers":
      return { key: "brokers", value: JSON.stringify(record.brokers) };
    case "topic":
      return { key: `topic/${record.topic.topicId}`, value: JSON.stringify(packed(record.topic)) };
    case "topic-deleted":
      return { key: `topic/${record.topicId}`, value: null };
    case "static-configs":
      return { key: "static-configs", value: JSON.stringify(record.configs) };
    case "broker-configs": {
      const isEmpty = Object.keys(record.configs).length === 0;
      return { key: `broker-configs/${record.brokerId ?? ""}`, value: isEmpty ? null : JSON.stringify(record.configs) };
    }
    case "group-configs": {
      const isEmpty = Object.keys(record.configs).length === 0;
      return { key: `group-configs/${record.groupId}`, value: isEmpty ? null : JSON.stringify(record.configs) };
    }
    case "producer-ids":
      return { key: "producer-ids", value: JSON.stringify(record.nextProducerId) };
    case "version":
      return { key: "version", value: JSON.stringify(record.version) };
  }
}

/** @throws Error when the key is none of ours: the table belongs to the cluster object alone. */
export function recordOf(key: string, value: string): ClusterRecord {
  const parsed = JSON.parse(value);
  const [kind] = key.split("/", 1);
  // A group's id may hold slashes.
  const id = key.slice(kind.length + 1);
  switch (kind) {
    case "cluster":
      return { kind, clusterId: parsed };
    case "brokers":
      return { kind, brokers: parsed };
    case "topic":
      return { kind, topic: unpacked(id, parsed) };
    case "static-configs":
      return { kind, configs: parsed };
    case "broker-configs":
      return { kind, brokerId: id === "" ? null : Number(id), configs: parsed };
    case "group-configs":
      return { kind, groupId: id, configs: parsed };
    case "producer-ids":
      return { kind, nextProducerId: parsed };
    case "version":
      return { kind, version: parsed };
    default:
      throw new Error(`unknown row ${key} in the cluster's table`);
  }
}

function packed(topic: TopicImage): StoredTopic {
  return {
    name: topic.name,
    configs: topic.configs,
    partitions: topic.partitions.map((partition) => [
      partition.leaderId,
      partition.leaderEpoch,
      partition.partitionEpoch,
      [...partition.replicas],
      [...partition.isr],
    ]),
  };
}

function unpacked(topicId: string, stored: StoredTopic): TopicImage {
  const partitions = stored.partitions.map(
    ([leaderId, leaderEpoch, partitionEpoch, replicas, isr], partitionIndex): PartitionImage => ({
      partitionIndex,
      leaderId,
      leaderEpoch,
      partitionEpoch,
      replicas,
      isr,
    }),
  );
  return { topicId, name: stored.name, isInternal: isInternalTopic(stored.name), configs: stored.configs, partitions };
}
