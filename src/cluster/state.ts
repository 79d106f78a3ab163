import type { Uuid } from "#bytes/uuid.ts";
import type { BrokerImage, ClusterImage, ConfigValues, TopicImage } from "#ports/controller.ts";
import { collisionKey } from "./topic-names.ts";

/**
 * The controller's state: a replay of records and nothing else. Each record is the whole of the thing that it is about, so
 * that only the newest record of a thing need be stored.
 */
export interface ClusterState {
  clusterId: Uuid | null;
  version: number;
  brokers: Map<number, BrokerImage>;
  topics: Map<string, TopicImage>;
  topicNames: Map<Uuid, string>;
  /** Name of the topic that holds a collision key. */
  collisions: Map<string, string>;
  /** Replicas by broker. */
  replicaCounts: Map<number, number>;
  staticBrokerConfigs: ConfigValues;
  defaultBrokerConfigs: ConfigValues;
  brokerConfigs: Map<number, ConfigValues>;
  groupConfigs: Map<string, ConfigValues>;
  nextProducerId: number;
}

export type ClusterRecord =
  | { readonly kind: "cluster"; readonly clusterId: Uuid }
  | { readonly kind: "brokers"; readonly brokers: readonly BrokerImage[] }
  | { readonly kind: "topic"; readonly topic: TopicImage }
  | { readonly kind: "topic-deleted"; readonly topicId: Uuid }
  | { readonly kind: "static-configs"; readonly configs: ConfigValues }
  /** Of all brokers when `brokerId` is null. */
  | { readonly kind: "broker-configs"; readonly brokerId: number | null; readonly configs: ConfigValues }
  | { readonly kind: "group-configs"; readonly groupId: string; readonly configs: ConfigValues }
  | { readonly kind: "producer-ids"; readonly nextProducerId: number }
  | { readonly kind: "version"; readonly version: number };

/** What a command comes to: one outcome per item, and the records to store before anyone hears of it. */
export interface Decision<Out> {
  readonly outcomes: readonly Out[];
  readonly records: readonly ClusterRecord[];
}

export function emptyState(): ClusterState {
  return {
    clusterId: null,
    version: 0,
    brokers: new Map(),
    topics: new Map(),
    topicNames: new Map(),
    collisions: new Map(),
    replicaCounts: new Map(),
    staticBrokerConfigs: {},
    defaultBrokerConfigs: {},
    brokerConfigs: new Map(),
    groupConfigs: new Map(),
    nextProducerId: 0,
  };
}

/** Applies one record. Replaying what is stored, in any order of unrelated things, gives the state back. */
export function replay(state: ClusterState, record: ClusterRecord): void {
  switch (record.kind) {
    case "cluster":
      state.clusterId = record.clusterId;
      break;
    case "brokers":
      state.brokers = new Map([...record.brokers].sort((a, b) => a.id - b.id).map((broker) => [broker.id, broker]));
      break;
    case "topic":
      removeTopic(state, record.topic.topicId);
      addTopic(state, record.topic);
      break;
    case "topic-deleted":
      removeTopic(state, record.topicId);
      break;
    case "static-configs":
      state.staticBrokerConfigs = record.configs;
      break;
    case "broker-configs":
      if (record.brokerId === null) state.defaultBrokerConfigs = record.configs;
      else if (Object.keys(record.configs).length === 0) state.brokerConfigs.delete(record.brokerId);
      else state.brokerConfigs.set(record.brokerId, record.configs);
      break;
    case "group-configs":
      if (Object.keys(record.configs).length === 0) state.groupConfigs.delete(record.groupId);
      else state.groupConfigs.set(record.groupId, record.configs);
      break;
    case "producer-ids":
      state.nextProducerId = record.nextProducerId;
      break;
    case "version":
      state.version = record.version;
      break;
  }
}

function addTopic(state: ClusterState, topic: TopicImage): void {
  state.topics.set(topic.name, topic);
  state.topicNames.set(topic.topicId, topic.name);
  state.collisions.set(collisionKey(topic.name), topic.name);
  countReplicas(state, topic, 1);
}

function removeTopic(state: ClusterState, topicId: Uuid): void {
  const name = state.topicNames.get(topicId);
  const topic = name === undefined ? undefined : state.topics.get(name);
  if (topic === undefined) return;
  state.topics.delete(topic.name);
  state.topicNames.delete(topicId);
  state.collisions.delete(collisionKey(topic.name));
  countReplicas(state, topic, -1);
}

function countReplicas(state: ClusterState, topic: TopicImage, step: 1 | -1): void {
  for (const partition of topic.partitions) {
    for (const brokerId of partition.replicas) {
      state.replicaCounts.set(brokerId, (state.replicaCounts.get(brokerId) ?? 0) + step);
    }
  }
}

/** @throws Error before the cluster is born (`decideBoot`). */
export function imageOf(state: ClusterState): ClusterImage {
  if (state.clusterId === null) throw new Error("the cluster has no id yet");
  const brokers = [...state.brokers.values()];
  return {
    clusterId: state.clusterId,
    version: state.version,
    controllerId: brokers.length === 0 ? -1 : brokers[0].id,
    brokers,
    topics: [...state.topics.values()].sort((a, b) => (a.name < b.name ? -1 : 1)),
    staticBrokerConfigs: state.staticBrokerConfigs,
    defaultBrokerConfigs: state.defaultBrokerConfigs,
    brokerConfigs: Object.fromEntries(state.brokerConfigs),
    groupConfigs: Object.fromEntries(state.groupConfigs),
  };
}
