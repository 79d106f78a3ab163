import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { CreateTopicOutcome, NewTopic, Outcome, PartitionImage, TopicImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  MAX_PARTITIONS_PER_BROKER,
  MAX_PARTITIONS_PER_REQUEST,
  quoted,
  RESERVED_PARTITIONS_PER_INTERNAL_TOPIC,
} from "./limits.ts";
import { DONE, failure, isFailure, repeated } from "./outcome.ts";
import { addReplicas, newPartition, placedRound, roundCounts } from "./placement.ts";
import { brokerSettings } from "./settings.ts";
import { type ClusterRecord, type ClusterState, type Decision, imageOf } from "./state.ts";
import {
  CLUSTER_METADATA_TOPIC,
  collisionKey,
  INTERNAL_TOPIC_COUNT,
  isInternalTopic,
  topicNameProblem,
} from "./topic-names.ts";
import { checkTopicConfigs, isTieringEnabled } from "./validate-configs.ts";

export interface CreateTopicsArguments {
  /** The broker that asks: its configs supply the defaults. */
  readonly brokerId: number;
  readonly validateOnly: boolean;
  /** A fresh random id per topic. */
  readonly topicIds: readonly Uuid[];
}

interface Defaults {
  readonly numPartitions: number;
  readonly replicationFactor: number;
}

/** What this request has taken so far: topics see those created before them in the same request. */
interface Pending {
  readonly names: Map<string, string>;
  readonly replicaCounts: Map<number, number>;
  partitions: number;
}

export function decideCreateTopics(
  state: ClusterState,
  topics: readonly NewTopic[],
  args: CreateTopicsArguments,
): Decision<CreateTopicOutcome> {
  const settings = brokerSettings(imageOf(state), args.brokerId);
  const defaults = { numPartitions: settings.numPartitions, replicationFactor: settings.defaultReplicationFactor };
  const duplicates = repeated(topics.map((topic) => topic.name));
  const pending: Pending = { names: new Map(), replicaCounts: new Map(state.replicaCounts), partitions: 0 };
  const created: (TopicImage | Outcome)[] = topics.map((topic, i) => {
    if (duplicates.has(topic.name))
      return failure(ErrorCode.INVALID_REQUEST, "The topic is named twice in the request.");
    return createTopic(state, topic, args.topicIds[i], { defaults, pending });
  });
  if (pending.partitions > MAX_PARTITIONS_PER_REQUEST) {
    const refusal = tooMany();
    return {
      outcomes: topics.map((topic, i) => failed(topic, "name" in created[i] ? refusal : (created[i] as Outcome))),
      records: [],
    };
  }
  const records = created.flatMap((one): ClusterRecord[] => ("name" in one ? [{ kind: "topic", topic: one }] : []));
  return {
    outcomes: created.map((one, i) => ("name" in one ? succeeded(one, args.validateOnly) : failed(topics[i], one))),
    records: args.validateOnly ? [] : records,
  };
}

/** As in Kafka, one topic that is too large makes the whole request fail. */
function tooMany(): Outcome {
  return failure(
    ErrorCode.POLICY_VIOLATION,
    `A request may create at most ${MAX_PARTITIONS_PER_REQUEST} topics and partitions.`,
  );
}

function succeeded(topic: TopicImage, validateOnly: boolean): CreateTopicOutcome {
  return {
    ...DONE,
    name: topic.name,
    topicId: validateOnly ? ZERO_UUID : topic.topicId,
    numPartitions: topic.partitions.length,
    replicationFactor: topic.partitions[0].replicas.length,
    configs: topic.configs,
  };
}

function failed(topic: NewTopic, outcome: Outcome): CreateTopicOutcome {
  return { ...outcome, name: topic.name, topicId: ZERO_UUID, numPartitions: -1, replicationFactor: -1, configs: {} };
}

function createTopic(
  state: ClusterState,
  topic: NewTopic,
  topicId: Uuid,
  request: { readonly defaults: Defaults; readonly pending: Pending },
): TopicImage | Outcome {
  const { pending } = request;
  const nameOutcome = checkName(state, topic.name, pending);
  if (isFailure(nameOutcome)) return nameOutcome;
  const unset = topic.configs.find((config) => config.value === null);
  if (unset !== undefined) {
    return failure(ErrorCode.INVALID_CONFIG, `The config ${quoted(unset.name)} has no value.`);
  }
  const configs = checkTopicConfigs(
    Object.fromEntries(topic.configs.map(({ name, value }) => [name, value as string])),
    { tiering: isTieringEnabled(state) },
  );
  if (!configs.ok) return configs.outcome;
  const replicas = topic.assignments.length > 0 ? assigned(state, topic, pending) : placed(state, topic, request);
  if (!Array.isArray(replicas)) return replicas;
  pending.partitions += 1 + replicas.length;
  pending.names.set(collisionKey(topic.name), topic.name);
  const partitions = replicas.map((brokerIds, index): PartitionImage => newPartition(index, brokerIds));
  return { topicId, name: topic.name, isInternal: isInternalTopic(topic.name), configs: configs.configs, partitions };
}

function checkName(state: ClusterState, name: string, pending: Pending): Outcome {
  if (name === CLUSTER_METADATA_TOPIC) {
    return failure(
      ErrorCode.INVALID_REQUEST,
      `${CLUSTER_METADATA_TOPIC} is the controller's own and can't be created.`,
    );
  }
  if (state.topics.has(name)) return failure(ErrorCode.TOPIC_ALREADY_EXISTS, `Topic ${quoted(name)} exists already.`);
  const problem = topicNameProblem(name);
  if (problem !== null) return failure(ErrorCode.INVALID_TOPIC_EXCEPTION, problem);
  const key = collisionKey(name);
  const other = state.collisions.get(key) ?? pending.names.get(key);
  if (other === undefined) return DONE;
  return failure(
    ErrorCode.INVALID_TOPIC_EXCEPTION,
    `Topic '${name}' collides with the topic '${other}': '.' and '_' count as one.`,
  );
}

/** The replicas of each partition as the request assigns them. */
function assigned(state: ClusterState, topic: NewTopic, pending: Pending): number[][] | Outcome {
  if (topic.replicationFactor !== -1) {
    return failure(ErrorCode.INVALID_REQUEST, "With an assignment by hand the replication factor must be -1.");
  }
  if (topic.numPartitions !== -1) {
    return failure(ErrorCode.INVALID_REQUEST, "With an assignment by hand the number of partitions must be -1.");
  }
  const byPartition = new Map<number, number[]>();
  const factor = topic.assignments[0].brokerIds.length;
  for (const { partitionIndex, brokerIds } of topic.assignments) {
    if (byPartition.has(partitionIndex)) {
      return failure(ErrorCode.INVALID_REPLICA_ASSIGNMENT, `Partition ${partitionIndex} is assigned twice.`);
    }
    const outcome = checkAssignment(state, brokerIds, factor);
    if (isFailure(outcome)) return outcome;
    byPartition.set(partitionIndex, [...brokerIds]);
  }
  const replicas: number[][] = [];
  for (let i = 0; i < byPartition.size; i++) {
    const brokerIds = byPartition.get(i);
    if (brokerIds === undefined) {
      return failure(ErrorCode.INVALID_REPLICA_ASSIGNMENT, "Partitions must be numbered from 0 on, without gaps.");
    }
    replicas.push(brokerIds);
  }
  const added = new Map<number, number>();
  addReplicas(added, replicas);
  const full = claim(pending.replicaCounts, added, reservedFor(topic.name, added));
  return isFailure(full) ? full : replicas;
}

/** One partition's brokers as a client chose them. */
export function checkAssignment(state: ClusterState, brokerIds: readonly number[], factor: number): Outcome {
  const refuse = (message: string) => failure(ErrorCode.INVALID_REPLICA_ASSIGNMENT, message);
  if (brokerIds.length === 0) return refuse("An assignment has an empty list of replicas.");
  const seen = new Set<number>();
  for (const brokerId of brokerIds) {
    if (!state.brokers.has(brokerId)) return refuse(`An assignment names broker ${brokerId}, which is not registered.`);
    if (seen.has(brokerId)) return refuse(`An assignment names broker ${brokerId} more than once.`);
    seen.add(brokerId);
  }
  if (brokerIds.length === factor) return DONE;
  return refuse(`An assignment has ${brokerIds.length} replicas where the other partitions have ${factor}.`);
}

/** The replicas of each partition as the controller places them. */
function placed(
  state: ClusterState,
  topic: NewTopic,
  request: { readonly defaults: Defaults; readonly pending: Pending },
): number[][] | Outcome {
  const { defaults, pending } = request;
  if (topic.replicationFactor < -1 || topic.replicationFactor === 0) {
    return failure(
      ErrorCode.INVALID_REPLICATION_FACTOR,
      "The replication factor must be above 0, or -1 for the default.",
    );
  }
  if (topic.numPartitions < -1 || topic.numPartitions === 0) {
    return failure(ErrorCode.INVALID_PARTITIONS, "The number of partitions must be above 0, or -1 for the default.");
  }
  const numPartitions = topic.numPartitions === -1 ? defaults.numPartitions : topic.numPartitions;
  const factor = topic.replicationFactor === -1 ? defaults.replicationFactor : topic.replicationFactor;
  const brokerIds = [...state.brokers.keys()];
  if (factor > brokerIds.length) return tooFewBrokers(factor, brokerIds.length);
  if (numPartitions > MAX_PARTITIONS_PER_REQUEST) pending.partitions += numPartitions;
  // The whole request has failed: nothing more is placed for it.
  if (pending.partitions > MAX_PARTITIONS_PER_REQUEST) return tooMany();
  // Each topic begins one broker further on, so that topics of one partition spread too.
  const start = state.topics.size + pending.names.size;
  const round = { brokerIds, replicationFactor: factor, start, numPartitions };
  const added = roundCounts(round);
  const full = claim(pending.replicaCounts, added, reservedFor(topic.name, added));
  return isFailure(full) ? full : placedRound(round);
}

export function tooFewBrokers(factor: number, brokerCount: number): Outcome {
  return failure(
    ErrorCode.INVALID_REPLICATION_FACTOR,
    `A replication factor of ${factor} needs as many brokers; ${brokerCount} ${brokerCount === 1 ? "is" : "are"} registered.`,
  );
}

/** How far beyond what ordinary topics may take a new topic with so many replicas on each broker may go. */
function reservedFor(name: string, added: ReadonlyMap<number, number>): number {
  if (!isInternalTopic(name)) return 0;
  const isUsual = [...added.values()].every((count) => count <= RESERVED_PARTITIONS_PER_INTERNAL_TOPIC);
  return isUsual ? INTERNAL_TOPIC_COUNT * RESERVED_PARTITIONS_PER_INTERNAL_TOPIC : 0;
}

/** Takes so many places on each broker, or says that one is full (and takes none). */
export function claim(replicaCounts: Map<number, number>, added: ReadonlyMap<number, number>, reserved = 0): Outcome {
  for (const [brokerId, count] of added) {
    if (count > 0 && (replicaCounts.get(brokerId) ?? 0) + count > MAX_PARTITIONS_PER_BROKER + reserved) {
      return failure(
        ErrorCode.POLICY_VIOLATION,
        `Broker ${brokerId} may hold at most ${MAX_PARTITIONS_PER_BROKER} partitions.`,
      );
    }
  }
  for (const [brokerId, count] of added) replicaCounts.set(brokerId, (replicaCounts.get(brokerId) ?? 0) + count);
  return DONE;
}
