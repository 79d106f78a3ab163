/** What can be set about share groups, for one group. */
export interface ShareGroupConfig {
  /** `share.session.timeout.ms` */
  readonly sessionTimeoutMs: number;
  /** `share.heartbeat.interval.ms` */
  readonly heartbeatIntervalMs: number;
  /** `share.assignment.interval.ms` */
  readonly assignmentIntervalMs: number;
  /** `group.share.max.size` */
  readonly maxSize: number;
}

export const DEFAULT_SHARE_GROUP_CONFIG: ShareGroupConfig = {
  sessionTimeoutMs: 45_000,
  heartbeatIntervalMs: 5_000,
  assignmentIntervalMs: 1_000,
  maxSize: 200,
};

/** After how long the state of a partition is to be initialised again when nothing was heard of the first try. */
export const INITIALIZE_RETRY_MS = 30_000;

/** Topics that one member may subscribe to; one more gets INVALID_REQUEST. */
export const MAX_SUBSCRIBED_TOPICS = 10_000;

/** Partitions that one group shares at most: which they are stands in one record. Topics beyond it aren't shared. */
export const MAX_SHARED_PARTITIONS = 100_000;
