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
  /** The shape of `#group/limits.ts` GroupConfig. */
  readonly group: {
    readonly minSessionTimeoutMs: number;
    readonly maxSessionTimeoutMs: number;
    readonly initialRebalanceDelayMs: number;
    readonly maxSize: number;
    readonly offsetMetadataMaxBytes: number;
    readonly offsetsRetentionMs: number;
    readonly offsetsRetentionCheckIntervalMs: number;
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
    group: {
      minSessionTimeoutMs: number("group.min.session.timeout.ms"),
      maxSessionTimeoutMs: number("group.max.session.timeout.ms"),
      initialRebalanceDelayMs: number("group.initial.rebalance.delay.ms"),
      maxSize: number("group.max.size"),
      offsetMetadataMaxBytes: number("offset.metadata.max.bytes"),
      offsetsRetentionMs: number("offsets.retention.minutes") * MINUTE_MS,
      offsetsRetentionCheckIntervalMs: number("offsets.retention.check.interval.ms"),
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
  readonly deleteRetentionMs: number;
}

/** What holds for a topic's partitions on one broker. */
export function topicLogConfig(
  image: ClusterImage,
  brokerId: number,
  topic: Pick<TopicImage, "configs">,
): TopicLogConfig {
  const text = (name: string) => resolveTopicConfig(image, brokerId, topic.configs, name).value as string;
  const number = (name: string) => longOf(text(name));
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
    deleteRetentionMs: number("delete.retention.ms"),
  };
}
