/** Which way a group may change between the classic and the consumer protocol while it has members. */
export type MigrationPolicy = "bidirectional" | "upgrade" | "downgrade" | "disabled";

/** What can be set about consumer groups (KIP-848), under Kafka's names in lower camel. */
export interface ConsumerGroupConfig {
  /** `group.consumer.session.timeout.ms`, or a group's own `consumer.session.timeout.ms`. */
  readonly sessionTimeoutMs: number;
  /** `group.consumer.heartbeat.interval.ms`, or a group's own `consumer.heartbeat.interval.ms`. */
  readonly heartbeatIntervalMs: number;
  /** `group.consumer.assignment.interval.ms`, or a group's own: how long a target stands at least before another one is made. */
  readonly assignmentIntervalMs: number;
  /** `group.consumer.max.size`. Kafka's default is the largest int32; ours is a real limit, since members are held in memory. */
  readonly maxSize: number;
  /** `group.consumer.assignors`; the first is for groups whose members name none. */
  readonly assignors: readonly string[];
  /** `group.consumer.migration.policy` */
  readonly migrationPolicy: MigrationPolicy;
  /** `group.consumer.regex.refresh.interval.ms` */
  readonly regexRefreshIntervalMs: number;
}

export const DEFAULT_CONSUMER_GROUP_CONFIG: ConsumerGroupConfig = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  assignmentIntervalMs: 1_000,
  maxSize: 10_000,
  assignors: ["uniform", "range"],
  migrationPolicy: "bidirectional",
  regexRefreshIntervalMs: 600_000,
};

/** What can be set about classic groups, under Kafka's names in lower camel, and the limits on what clients may keep here. */
export interface GroupConfig {
  /** `group.min.session.timeout.ms` */
  readonly minSessionTimeoutMs: number;
  /** `group.max.session.timeout.ms` */
  readonly maxSessionTimeoutMs: number;
  /**
   * `group.initial.rebalance.delay.ms`: how long a group that was empty waits for more members before its first generation.
   * Kafka's default is 3000; ours is 0, the value that Kafka's own quickstart configuration sets: a lone consumer starts at once,
   * and a second one costs one rebalance more.
   */
  readonly initialRebalanceDelayMs: number;
  /** `group.max.size`. Kafka's default is the largest int32; ours is a real limit, since members are held in memory. */
  readonly maxSize: number;
  /** `offset.metadata.max.bytes`, counted as Kafka does in UTF-16 units. */
  readonly offsetMetadataMaxBytes: number;
  /** `offsets.retention.minutes`, in milliseconds. */
  readonly offsetsRetentionMs: number;
  /** `offsets.retention.check.interval.ms` */
  readonly offsetsRetentionCheckIntervalMs: number;
  readonly consumer: ConsumerGroupConfig;
}

export const DEFAULT_GROUP_CONFIG: GroupConfig = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 0,
  maxSize: 10_000,
  offsetMetadataMaxBytes: 4_096,
  offsetsRetentionMs: 10_080 * 60_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  consumer: DEFAULT_CONSUMER_GROUP_CONFIG,
};

/** How long a member that is new may stay parked in a join: it can't send heartbeats yet, so only this finds out that it is gone. */
export const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000;

/** Groups that one partition of `__consumer_offsets` may hold; a join or commit that would create one more gets POLICY_VIOLATION. */
export const MAX_GROUPS_PER_PARTITION = 10_000;

/** Assignment protocols that one member may offer. Clients offer one to five. */
export const MAX_PROTOCOLS_PER_MEMBER = 100;

/** The metadata of all protocols of one member together. A group whose metadata doesn't fit into a record can't become stable anyway. */
export const MAX_MEMBER_METADATA_BYTES = 1024 * 1024;

/**
 * What a member of a consumer group may say about itself, counted as it is held in memory: its record must fit into a batch of
 * `__consumer_offsets`. More gets INVALID_REQUEST.
 */
export const MAX_SUBSCRIPTION_BYTES = 600_000;

/**
 * What the members of all groups of a broker may hold together, their assignments included; a join beyond it gets GROUP_MAX_SIZE_REACHED.
 * Ten thousand members of small groups fit.
 */
export const MAX_MEMBER_BYTES = 20 * 1024 * 1024;

/** What a member is taken to hold besides its metadata, assignment and names: objects, table entries, a timer. */
export const MEMBER_OVERHEAD_BYTES = 512;

/**
 * What a topic and a partition are taken to hold in an assignment, ids and tables of owners included; what a member is to have and what it
 * has are two. Measured in Node: some 270 and 320 bytes for a topic with one partition, and 33 and 92 for one partition more.
 */
export const ASSIGNED_TOPIC_BYTES = 240;
export const ASSIGNED_PARTITION_BYTES = 48;

/** What a topic's name in a table is taken to hold besides its characters. */
export const TOPIC_NAME_OVERHEAD_BYTES = 48;

/**
 * What the committed offsets of all groups of a broker may hold together. A commit that would hold more gets POLICY_VIOLATION for each
 * partition that has no room; one that holds no more than what it takes the place of is always taken.
 */
export const MAX_OFFSET_BYTES = 32 * 1024 * 1024;

/**
 * What an offset is taken to hold besides its metadata: an object with its numbers, a table entry, the topic's id. Measured in Node: some
 * 130 bytes, and 350 after a load, when each offset has an id string of its own.
 */
export const OFFSET_OVERHEAD_BYTES = 256;

/** What a topic of a group is taken to hold besides names and offsets: the table of its partitions, an entry for it. */
export const OFFSET_TOPIC_OVERHEAD_BYTES = 256;

/**
 * Member ids that one group may have given out without having seen them come back: a client comes back with its id within a round trip.
 * One more gets GROUP_MAX_SIZE_REACHED.
 */
export const MAX_PENDING_MEMBERS_PER_GROUP = 1_000;

/** The same for all groups of a broker together. */
export const MAX_PENDING_MEMBERS = 10_000;

/** Member ids, instance ids, protocol names and the like are stored as strings with an int16 length. */
export const MAX_NAME_LENGTH = 10_000;

/** The largest value of a classic group's record, as Kafka has it: a batch of `__consumer_offsets` (`max.message.bytes` = 1048588). */
export const MAX_GROUP_RECORD_BYTES = 1_000_000;
