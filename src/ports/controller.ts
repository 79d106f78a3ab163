import type { Uuid } from "#bytes/uuid.ts";
import type { ErrorCode } from "#protocol/errors.ts";

/**
 * The whole of the cluster's metadata at one moment. Plain immutable data: it crosses object boundaries by structured
 * clone, and the receiving side builds its look-up maps (`#cluster/view.ts`).
 */
export interface ClusterImage {
  /** Random, chosen once when the cluster is born. */
  readonly clusterId: Uuid;
  /** Grows by one with every committed change; a broker keeps the image with the highest version that it has seen. */
  readonly version: number;
  /** The broker that clients are told to be the controller (any broker forwards to the cluster object). -1 = none. */
  readonly controllerId: number;
  /** Ascending by id. */
  readonly brokers: readonly BrokerImage[];
  /** Ascending by name. */
  readonly topics: readonly TopicImage[];
  /** What the operator set where the cluster is started (`KEDGE_CONFIGS`); holds for every broker. */
  readonly staticBrokerConfigs: ConfigValues;
  /** Dynamic broker configs that hold for every broker. */
  readonly defaultBrokerConfigs: ConfigValues;
  /** Dynamic broker configs of single brokers, by broker id. */
  readonly brokerConfigs: Readonly<Record<number, ConfigValues>>;
  /** What was set for single groups, by group id. */
  readonly groupConfigs: Readonly<Record<string, ConfigValues>>;
}

export interface BrokerImage {
  readonly id: number;
  /** The advertised address. */
  readonly host: string;
  readonly port: number;
  readonly rack: string | null;
}

export interface TopicImage {
  readonly topicId: Uuid;
  readonly name: string;
  readonly isInternal: boolean;
  /** Only what was set on the topic; defaults come from `#cluster/topic-configs.ts`. */
  readonly configs: ConfigValues;
  /** Index i holds partition i. */
  readonly partitions: readonly PartitionImage[];
}

export interface PartitionImage {
  readonly partitionIndex: number;
  /** -1 = no leader. */
  readonly leaderId: number;
  readonly leaderEpoch: number;
  readonly partitionEpoch: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** Config values by Kafka's dotted name, as the text that was set. */
export type ConfigValues = Readonly<Record<string, string>>;

/** How one item of a request went: an outcome is a value, never an exception. */
export interface Outcome {
  readonly errorCode: ErrorCode;
  /** A sentence for people; null when `errorCode` is NONE or there is nothing to add. */
  readonly errorMessage: string | null;
}

export interface NewTopic {
  readonly name: string;
  /** -1 = the broker's `num.partitions`, or as many as `assignments` has. */
  readonly numPartitions: number;
  /** -1 = the broker's `default.replication.factor`, or what `assignments` says. */
  readonly replicationFactor: number;
  readonly assignments: readonly { readonly partitionIndex: number; readonly brokerIds: readonly number[] }[];
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface CreateTopicOutcome extends Outcome {
  readonly name: string;
  /** The zero UUID when the topic was not created (also with `validateOnly`). */
  readonly topicId: Uuid;
  /** -1 when there was an error. */
  readonly numPartitions: number;
  /** -1 when there was an error. */
  readonly replicationFactor: number;
  /** What the topic has (or would have) set. */
  readonly configs: ConfigValues;
}

/** A topic by name, or by id when `name` is null. */
export interface TopicReference {
  readonly name: string | null;
  readonly topicId: Uuid;
}

export interface DeleteTopicOutcome extends Outcome {
  readonly name: string | null;
  readonly topicId: Uuid;
}

export interface MorePartitions {
  readonly name: string;
  /** The total wanted, not the increment. */
  readonly count: number;
  /** One list of brokers per added partition, or null: the controller chooses. */
  readonly assignments: readonly { readonly brokerIds: readonly number[] }[] | null;
}

export interface CreatePartitionsOutcome extends Outcome {
  readonly name: string;
}

/** Kafka's ConfigResource.Type codes. */
export const ConfigResourceType = {
  UNKNOWN: 0,
  TOPIC: 2,
  BROKER: 4,
  BROKER_LOGGER: 8,
  CLIENT_METRICS: 16,
  GROUP: 32,
} as const;

/** Kafka's AlterConfigOp.OpType codes. */
export const ConfigOperation = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const;

export interface ConfigResource {
  readonly resourceType: number;
  /** The topic's name, the broker's id in decimal, or "" for all brokers. */
  readonly resourceName: string;
}

/** IncrementalAlterConfigs: only the named configs change. */
export interface ConfigAlteration extends ConfigResource {
  readonly configs: readonly {
    readonly name: string;
    readonly configOperation: number;
    readonly value: string | null;
  }[];
}

/** AlterConfigs: what isn't named falls back to its default. */
export interface ConfigReplacement extends ConfigResource {
  readonly configs: readonly { readonly name: string; readonly value: string | null }[];
}

export interface AlterConfigsOutcome extends ConfigResource, Outcome {}

export interface ProducerIdBlock {
  readonly firstProducerId: number;
  readonly count: number;
}

/**
 * The controller as a broker sees it. Every call is one exchange, whatever the number of its items, and answers one
 * outcome per item in the order of the items. When a call resolves, its change is durable and the calling broker
 * has adopted an image that contains it; other brokers learn it soon after (or by `refresh`).
 */
export interface Controller {
  /** The newest image, adopted by the calling broker too: what a broker asks for when it meets an unknown topic. */
  refresh(): Promise<ClusterImage>;
  createTopics(topics: readonly NewTopic[], options?: WriteOptions): Promise<readonly CreateTopicOutcome[]>;
  deleteTopics(topics: readonly TopicReference[]): Promise<readonly DeleteTopicOutcome[]>;
  createPartitions(
    topics: readonly MorePartitions[],
    options?: WriteOptions,
  ): Promise<readonly CreatePartitionsOutcome[]>;
  alterConfigs(resources: readonly ConfigAlteration[], options?: WriteOptions): Promise<readonly AlterConfigsOutcome[]>;
  replaceConfigs(
    resources: readonly ConfigReplacement[],
    options?: WriteOptions,
  ): Promise<readonly AlterConfigsOutcome[]>;
  /** A block of producer ids that no other broker gets: `[firstProducerId, firstProducerId + count)`. */
  allocateProducerIds(): Promise<ProducerIdBlock>;
}

export interface WriteOptions {
  readonly validateOnly?: boolean;
}

/** The same controller as an object far away: what goes over the wire between broker object and cluster object. */
export interface ControllerRpc {
  /** Null when there is nothing newer than `sinceVersion`. */
  image(sinceVersion: number): Promise<ClusterImage | null>;
  createTopics(call: ControllerCall<NewTopic>): Promise<ControllerAnswer<CreateTopicOutcome>>;
  deleteTopics(call: ControllerCall<TopicReference>): Promise<ControllerAnswer<DeleteTopicOutcome>>;
  createPartitions(call: ControllerCall<MorePartitions>): Promise<ControllerAnswer<CreatePartitionsOutcome>>;
  alterConfigs(call: ControllerCall<ConfigAlteration>): Promise<ControllerAnswer<AlterConfigsOutcome>>;
  replaceConfigs(call: ControllerCall<ConfigReplacement>): Promise<ControllerAnswer<AlterConfigsOutcome>>;
  allocateProducerIds(brokerId: number): Promise<ProducerIdBlock>;
}

export interface ControllerCall<Item> {
  /** Who asks: it gets the new image with the answer, all others by a push. */
  readonly brokerId: number;
  /** The version of the image that the asking broker has; -1 = none. */
  readonly imageVersion: number;
  readonly validateOnly: boolean;
  readonly items: readonly Item[];
}

export interface ControllerAnswer<Out> {
  readonly outcomes: readonly Out[];
  /** The newest image when it is newer than the asker's. */
  readonly image: ClusterImage | null;
}
