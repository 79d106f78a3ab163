/** What holds for the share partitions of one group; group configs in Kafka's names, or the broker's `group.share.*`. */
export interface ShareSettings {
  /** `share.record.lock.duration.ms` */
  readonly recordLockDurationMs: number;
  /** `share.delivery.count.limit` */
  readonly deliveryCountLimit: number;
  /** `share.partition.max.record.locks` */
  readonly maxRecordLocks: number;
  /** `share.renew.acknowledge.enable` */
  readonly isRenewEnabled: boolean;
  /** Whether records that nobody could process go to a dead-letter queue before they are archived (KIP-1191). */
  readonly hasDeadLetterQueue: boolean;
}

export const DEFAULT_SHARE_SETTINGS: ShareSettings = {
  recordLockDurationMs: 30_000,
  deliveryCountLimit: 5,
  maxRecordLocks: 2_000,
  isRenewEnabled: true,
  hasDeadLetterQueue: false,
};

/** When a verb of a share partition is called, and what holds for its group then. */
export interface ShareMoment {
  readonly nowMs: number;
  readonly settings: ShareSettings;
}

/**
 * Records that one fetch of one share partition acquires at most. Whole batches are acquired beyond what was asked for, and a batch may hold
 * a million records, each of which may be acknowledged by itself; of a longer batch only so much is acquired at once.
 */
export const MAX_RECORDS_ACQUIRED_AT_ONCE = 20_000;

/**
 * Records that all share partitions of a broker may hold in flight together. A record takes some 100 bytes when its neighbours differ from it
 * in state, and next to nothing when they don't.
 */
export const MAX_IN_FLIGHT_RECORDS = 400_000;

/** What can be set about the share coordinator. */
export interface ShareCoordinatorConfig {
  /** `share.coordinator.snapshot.update.records.per.snapshot` */
  readonly updatesPerSnapshot: number;
}

export const DEFAULT_SHARE_COORDINATOR_CONFIG: ShareCoordinatorConfig = { updatesPerSnapshot: 500 };

/** Share partitions whose state one partition of `__share_group_state` may hold. */
export const MAX_SHARE_STATES_PER_PARTITION = 10_000;

/** State batches of one share partition: so many fit into one record with room to spare (`max.message.bytes` = 1048588). */
export const MAX_BATCHES_PER_SHARE_STATE = 40_000;

/** State batches that the share coordinators of a broker may hold together. */
export const MAX_STATE_BATCHES = 400_000;
