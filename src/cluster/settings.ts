import type { ClusterImage, TopicImage } from "#ports/controller.ts";
import { listOf, longOf } from "./config-definition.ts";
import { resolveBrokerConfig, resolveTopicConfig } from "./resolve-config.ts";

/** The broker configs that decide something, typed. Made once per image. */
export interface BrokerSettings {
  readonly autoCreateTopicsEnable: boolean;
  readonly deleteTopicEnable: boolean;
  readonly numPartitions: number;
  readonly defaultReplicationFactor: number;
  readonly maxRequestPartitionSizeLimit: number;
  readonly logCleanerBackoffMs: number;
  readonly logRetentionCheckIntervalMs: number;
  /** The shape of `#group/limits.ts` GroupConfig. */
  readonly group: {
    readonly minSessionTimeoutMs: number;
    readonly maxSessionTimeoutMs: number;
    readonly initialRebalanceDelayMs: number;
    readonly maxSize: number;
    readonly offsetMetadataMaxBytes: number;
    readonly offsetsRetentionMs: number;
    readonly offsetsRetentionCheckIntervalMs: number;
    readonly consumer: {
      readonly sessionTimeoutMs: number;
      readonly heartbeatIntervalMs: number;
      readonly assignmentIntervalMs: number;
      readonly maxSize: number;
      readonly assignors: readonly string[];
      readonly migrationPolicy: "bidirectional" | "upgrade" | "downgrade" | "disabled";
      readonly regexRefreshIntervalMs: number;
    };
  };
  /** The shape of `#transaction/limits.ts` TransactionConfig. */
  readonly transaction: {
    readonly maxTimeoutMs: number;
    readonly transactionalIdExpirationMs: number;
    readonly expirationCheckIntervalMs: number;
  };
  readonly share: {
    readonly updatesPerSnapshot: number;
    readonly maxSessions: number;
  };
}

const MINUTE_MS = 60_000;

export function brokerSettings(image: ClusterImage, brokerId: number): BrokerSettings {
  const text = (name: string) => resolveBrokerConfig(image, brokerId, name).value as string;
  const number = (name: string) => longOf(text(name));
  const flag = (name: string) => text(name) === "true";
  return {
    autoCreateTopicsEnable: flag("auto.create.topics.enable"),
    deleteTopicEnable: flag("delete.topic.enable"),
    numPartitions: number("num.partitions"),
    defaultReplicationFactor: number("default.replication.factor"),
    maxRequestPartitionSizeLimit: number("max.request.partition.size.limit"),
    logCleanerBackoffMs: number("log.cleaner.backoff.ms"),
    logRetentionCheckIntervalMs: number("log.retention.check.interval.ms"),
    group: {
      minSessionTimeoutMs: number("group.min.session.timeout.ms"),
      maxSessionTimeoutMs: number("group.max.session.timeout.ms"),
      initialRebalanceDelayMs: number("group.initial.rebalance.delay.ms"),
      maxSize: number("group.max.size"),
      offsetMetadataMaxBytes: number("offset.metadata.max.bytes"),
      offsetsRetentionMs: number("offsets.retention.minutes") * MINUTE_MS,
      offsetsRetentionCheckIntervalMs: number("offsets.retention.check.interval.ms"),
      consumer: {
        sessionTimeoutMs: number("group.consumer.session.timeout.ms"),
        heartbeatIntervalMs: number("group.consumer.heartbeat.interval.ms"),
        assignmentIntervalMs: number("group.consumer.assignment.interval.ms"),
        maxSize: number("group.consumer.max.size"),
        assignors: listOf(text("group.consumer.assignors")),
        migrationPolicy: text(
          "group.consumer.migration.policy",
        ) as BrokerSettings["group"]["consumer"]["migrationPolicy"],
        regexRefreshIntervalMs: number("group.consumer.regex.refresh.interval.ms"),
      },
    },
    transaction: {
      maxTimeoutMs: number("transaction.max.timeout.ms"),
      transactionalIdExpirationMs: number("transactional.id.expiration.ms"),
      expirationCheckIntervalMs: number("transaction.remove.expired.transaction.cleanup.interval.ms"),
    },
    share: {
      updatesPerSnapshot: number("share.coordinator.snapshot.update.records.per.snapshot"),
      maxSessions: number("group.share.max.share.sessions"),
    },
  };
}

/** The topic configs that a log acts on, typed. LONG values beyond the safe integers are the last safe integer. */
export interface TopicLogConfig {
  readonly maxMessageBytes: number;
  readonly timestampType: "CreateTime" | "LogAppendTime";
  readonly timestampBeforeMaxMs: number;
  readonly timestampAfterMaxMs: number;
  /** `cleanup.policy` holds compact: records need keys. */
  readonly compacted: boolean;
  /** `cleanup.policy` holds delete. */
  readonly deletes: boolean;
  readonly compressionType: string;
  readonly minInsyncReplicas: number;
  /** -1 = without bound. */
  readonly retentionMs: number;
  /** -1 = without bound. */
  readonly retentionBytes: number;
  readonly segmentBytes: number;
  readonly segmentMs: number;
  readonly segmentJitterMs: number;
  readonly segmentIndexBytes: number;
  readonly indexIntervalBytes: number;
  readonly deleteRetentionMs: number;
  /** The broker's `producer.id.expiration.ms`. */
  readonly producerIdExpirationMs: number;
  /** The broker's `transaction.partition.verification.enable`. */
  readonly verifiesTransactions: boolean;
  readonly minCleanableDirtyRatio: number;
  readonly minCompactionLagMs: number;
  readonly maxCompactionLagMs: number;
  readonly fileDeleteDelayMs: number;
  readonly remoteStorageEnable: boolean;
  readonly remoteLogCopyDisable: boolean;
  readonly remoteLogDeleteOnDisable: boolean;
  /** -1 = a segment may wait for as much as it likes to stay local. */
  readonly remoteCopyLagMs: number;
  readonly remoteCopyLagBytes: number;
  /** -2 = as `retentionMs`. */
  readonly localRetentionMs: number;
  readonly localRetentionBytes: number;
}

/** What holds for a topic's partitions on one broker. */
export function topicLogConfig(
  image: ClusterImage,
  brokerId: number,
  topic: Pick<TopicImage, "configs">,
): TopicLogConfig {
  const text = (name: string) => resolveTopicConfig(image, brokerId, topic.configs, name).value as string;
  const number = (name: string) => longOf(text(name));
  const brokerText = (name: string) => resolveBrokerConfig(image, brokerId, name).value as string;
  const policies = listOf(text("cleanup.policy"));
  return {
    maxMessageBytes: number("max.message.bytes"),
    timestampType: text("message.timestamp.type") === "LogAppendTime" ? "LogAppendTime" : "CreateTime",
    timestampBeforeMaxMs: number("message.timestamp.before.max.ms"),
    timestampAfterMaxMs: number("message.timestamp.after.max.ms"),
    compacted: policies.includes("compact"),
    deletes: policies.includes("delete"),
    compressionType: text("compression.type"),
    minInsyncReplicas: number("min.insync.replicas"),
    retentionMs: number("retention.ms"),
    retentionBytes: number("retention.bytes"),
    segmentBytes: number("segment.bytes"),
    segmentMs: number("segment.ms"),
    segmentJitterMs: number("segment.jitter.ms"),
    segmentIndexBytes: number("segment.index.bytes"),
    indexIntervalBytes: number("index.interval.bytes"),
    deleteRetentionMs: number("delete.retention.ms"),
    producerIdExpirationMs: longOf(brokerText("producer.id.expiration.ms")),
    verifiesTransactions: brokerText("transaction.partition.verification.enable") === "true",
    minCleanableDirtyRatio: Number(text("min.cleanable.dirty.ratio")),
    minCompactionLagMs: number("min.compaction.lag.ms"),
    maxCompactionLagMs: number("max.compaction.lag.ms"),
    fileDeleteDelayMs: number("file.delete.delay.ms"),
    remoteStorageEnable: text("remote.storage.enable") === "true",
    remoteLogCopyDisable: text("remote.log.copy.disable") === "true",
    remoteLogDeleteOnDisable: text("remote.log.delete.on.disable") === "true",
    remoteCopyLagMs: number("remote.copy.lag.ms"),
    remoteCopyLagBytes: number("remote.copy.lag.bytes"),
    localRetentionMs: number("local.retention.ms"),
    localRetentionBytes: number("local.retention.bytes"),
  };
}
