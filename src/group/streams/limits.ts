/** What can be set about streams groups, for one group. */
export interface StreamsGroupConfig {
  /** `streams.session.timeout.ms` */
  readonly sessionTimeoutMs: number;
  /** `streams.heartbeat.interval.ms` */
  readonly heartbeatIntervalMs: number;
  /** `streams.assignment.interval.ms`: how long a target stands at least before another one is made. */
  readonly assignmentIntervalMs: number;
  /** `streams.initial.rebalance.delay.ms`: how long a group that was empty waits for more members before its first target. */
  readonly initialRebalanceDelayMs: number;
  /** `streams.num.standby.replicas` */
  readonly standbyReplicas: number;
  /** `streams.rack.aware.assignment.tags`: client tags that every member should have. */
  readonly rackAwareTags: readonly string[];
  /** `group.streams.max.size`. Kafka's default is the largest int32; ours is a real limit, since members are held in memory. */
  readonly maxSize: number;
}

export const DEFAULT_STREAMS_GROUP_CONFIG: StreamsGroupConfig = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  assignmentIntervalMs: 1_000,
  initialRebalanceDelayMs: 3_000,
  standbyReplicas: 0,
  rackAwareTags: [],
  maxSize: 10_000,
};

/** How often clients are to say how far they have restored their tasks; a config that Kafka 4.4 keeps to itself. */
export const TASK_OFFSET_INTERVAL_MS = 60_000;

/** How far behind a restored task may be to count as caught up; a config that Kafka 4.4 keeps to itself. */
export const ACCEPTABLE_RECOVERY_LAG = 10_000;

/** What a topology may take in `__consumer_offsets`, where it is one record. More gets STREAMS_INVALID_TOPOLOGY. */
export const MAX_TOPOLOGY_BYTES = 600_000;

/**
 * The tasks of one group: what one member has of them, and has yet to give back, is one record. A topology with more gets
 * STREAMS_INVALID_TOPOLOGY. A broker has room for half as many partitions.
 */
export const MAX_TASKS_PER_GROUP = 20_000;

/**
 * How often a topology is gone through for the sizes of its repartition topics: once where whoever writes one comes before who reads it, else
 * as often as the longest chain that is told backwards has topics. A topology that needs more gets STREAMS_INVALID_TOPOLOGY.
 */
export const MAX_REPARTITION_PASSES = 100;

/** What a member may say about itself, counted as it is held in memory. More gets INVALID_REQUEST. */
export const MAX_STREAMS_MEMBER_BYTES = 100_000;

/** What a task is taken to hold in memory, wherever it is named: an entry in a table or two. */
export const TASK_BYTES = 48;
