import {
  allOf,
  atLeast,
  between,
  type ConfigDefinition,
  either,
  none,
  oneOf,
  type Synonym,
  throttledReplicas,
  YES,
  yesUpTo,
} from "./config-definition.ts";
import { row } from "./config-row.ts";

const LONG_MAX = "9223372036854775807";

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

const ONE_LEVEL = none(
  "where compression.type asks for another codec than the producer's, each codec has one fast level",
);
const NO_REPLICATION_YET = none("partitions have one replica so far");
const ALWAYS_DURABLE = none("every acknowledged record is durable already");

function from(...names: readonly string[]): readonly Synonym[] {
  return names.map((name) => ({ name }));
}

/** Every topic config of Apache Kafka 4.4, by name. Types, defaults and bounds are Kafka's. */
export const TOPIC_CONFIGS: readonly ConfigDefinition[] = [
  row("cleanup.policy", "LIST", "delete", {
    check: allOf("compact", "delete"),
    synonyms: from("log.cleanup.policy"),
    effect: YES,
    doc: "What happens to old records: delete drops them by age or size, compact keeps the last of each key.",
  }),
  row("compression.gzip.level", "INT", "-1", {
    check: either(-1, between(1, 9)),
    synonyms: from("compression.gzip.level"),
    effect: ONE_LEVEL,
    doc: "Level of gzip when the broker compresses; -1 is the codec's default.",
  }),
  row("compression.lz4.level", "INT", "9", {
    check: between(1, 17),
    synonyms: from("compression.lz4.level"),
    effect: ONE_LEVEL,
    doc: "Level of LZ4 when the broker compresses.",
  }),
  row("compression.type", "STRING", "producer", {
    check: oneOf("uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"),
    synonyms: from("compression.type"),
    effect: YES,
    doc: "Codec of the stored batches; producer keeps what the producer sent.",
  }),
  row("compression.zstd.level", "INT", "3", {
    check: between(-131_072, 22),
    synonyms: from("compression.zstd.level"),
    effect: ONE_LEVEL,
    doc: "Level of Zstandard when the broker compresses.",
  }),
  row("delete.retention.ms", "LONG", "86400000", {
    check: atLeast(0),
    synonyms: from("log.cleaner.delete.retention.ms"),
    effect: YES,
    doc: "How long a tombstone of a compacted topic stays readable.",
  }),
  row("errors.deadletterqueue.group.enable", "BOOLEAN", "false", {
    effect: YES,
    doc: "Whether share groups may use this topic as their dead letter queue.",
  }),
  row("file.delete.delay.ms", "LONG", "60000", {
    check: atLeast(0),
    synonyms: from("log.segment.delete.delay.ms"),
    effect: none("a removed segment leaves at once; readers that had begun are served"),
    doc: "How long the file of a removed segment stays on disk.",
  }),
  row("flush.messages", "LONG", LONG_MAX, {
    check: atLeast(1),
    synonyms: from("log.flush.interval.messages"),
    effect: ALWAYS_DURABLE,
    doc: "After how many records the log is forced to disk.",
  }),
  row("flush.ms", "LONG", LONG_MAX, {
    check: atLeast(0),
    synonyms: from("log.flush.interval.ms", "log.flush.scheduler.interval.ms"),
    effect: ALWAYS_DURABLE,
    doc: "After how many milliseconds the log is forced to disk.",
  }),
  row("follower.replication.throttled.replicas", "LIST", "", {
    check: throttledReplicas,
    effect: NO_REPLICATION_YET,
    doc: "Followers whose replication is throttled, as partition:broker pairs or *.",
  }),
  row("index.interval.bytes", "INT", "4096", {
    check: atLeast(0),
    synonyms: from("log.index.interval.bytes"),
    effect: yesUpTo("in the objects of tiered segments; rows have an index of every batch"),
    doc: "How many bytes of log lie between two entries of the offset index.",
  }),
  row("leader.replication.throttled.replicas", "LIST", "", {
    check: throttledReplicas,
    effect: NO_REPLICATION_YET,
    doc: "Leaders whose replication is throttled, as partition:broker pairs or *.",
  }),
  row("local.retention.bytes", "LONG", "-2", {
    check: atLeast(-2),
    synonyms: from("log.local.retention.bytes"),
    effect: yesUpTo("for topics with remote.storage.enable"),
    doc: "How many bytes stay local when the log is tiered; -2 takes retention.bytes.",
  }),
  row("local.retention.ms", "LONG", "-2", {
    check: atLeast(-2),
    synonyms: from("log.local.retention.ms"),
    effect: yesUpTo("for topics with remote.storage.enable"),
    doc: "How long records stay local when the log is tiered; -2 takes retention.ms.",
  }),
  row("max.compaction.lag.ms", "LONG", LONG_MAX, {
    check: atLeast(1),
    synonyms: from("log.cleaner.max.compaction.lag.ms"),
    effect: YES,
    doc: "The longest that a record waits until it may be compacted away.",
  }),
  row("max.decompressed.message.bytes", "INT", "2147483639", {
    check: between(1, 2_147_483_639),
    synonyms: from("max.decompressed.message.bytes"),
    effect: none("the broker's own bound on decompressed batches holds for every topic"),
    doc: "The most bytes that a batch may take when it is decompressed.",
  }),
  row("max.message.bytes", "INT", "1048588", {
    check: atLeast(0),
    synonyms: from("message.max.bytes"),
    effect: yesUpTo("batches above 8 MiB are refused whatever it says"),
    doc: "The largest record batch that the topic accepts, as it was sent, headers included.",
  }),
  row("message.timestamp.after.max.ms", "LONG", "3600000", {
    check: atLeast(0),
    synonyms: from("log.message.timestamp.after.max.ms"),
    effect: YES,
    doc: "How far a record's timestamp may lie after the broker's clock (CreateTime only).",
  }),
  row("message.timestamp.before.max.ms", "LONG", LONG_MAX, {
    check: atLeast(0),
    synonyms: from("log.message.timestamp.before.max.ms"),
    effect: YES,
    doc: "How far a record's timestamp may lie before the broker's clock (CreateTime only).",
  }),
  row("message.timestamp.type", "STRING", "CreateTime", {
    check: oneOf("CreateTime", "LogAppendTime"),
    synonyms: from("log.message.timestamp.type"),
    effect: YES,
    doc: "Whose time a record carries: its producer's or the broker's at the append.",
  }),
  row("min.cleanable.dirty.ratio", "DOUBLE", "0.5", {
    check: between(0, 1),
    synonyms: from("log.cleaner.min.cleanable.ratio"),
    effect: YES,
    doc: "Which share of the log must be uncompacted before it is compacted.",
  }),
  row("min.compaction.lag.ms", "LONG", "0", {
    check: atLeast(0),
    synonyms: from("log.cleaner.min.compaction.lag.ms"),
    effect: YES,
    doc: "The least that a record stays before it may be compacted away.",
  }),
  row("min.insync.replicas", "INT", "1", {
    check: atLeast(1),
    synonyms: from("min.insync.replicas"),
    effect: YES,
    doc: "How many in-sync replicas acks=all needs.",
  }),
  row("preallocate", "BOOLEAN", "false", {
    synonyms: from("log.preallocate"),
    effect: none("a log is rows of SQLite and objects, no files that grow"),
    doc: "Whether segment files are allocated in full beforehand.",
  }),
  row("remote.copy.lag.bytes", "LONG", "-1", {
    check: atLeast(-1),
    synonyms: from("log.remote.copy.lag.bytes"),
    effect: YES,
    doc: "How many bytes may wait for their copy to the remote tier.",
  }),
  row("remote.copy.lag.ms", "LONG", "0", {
    check: atLeast(-1),
    synonyms: from("log.remote.copy.lag.ms"),
    effect: YES,
    doc: "How long a segment waits for its copy to the remote tier.",
  }),
  row("remote.log.copy.disable", "BOOLEAN", "false", {
    effect: YES,
    doc: "Whether new segments are no longer copied to the remote tier.",
  }),
  row("remote.log.delete.on.disable", "BOOLEAN", "false", {
    effect: YES,
    doc: "Whether the remote tier is emptied when tiering is turned off.",
  }),
  row("remote.storage.enable", "BOOLEAN", "false", {
    effect: yesUpTo("where remote.log.storage.system.enable is set, as in Kafka"),
    doc: "Whether the topic's log is tiered to remote storage.",
  }),
  row("retention.bytes", "LONG", "-1", {
    synonyms: from("log.retention.bytes"),
    effect: YES,
    doc: "How large a partition may grow before its oldest records are dropped; -1 is without bound.",
  }),
  row("retention.ms", "LONG", "604800000", {
    check: atLeast(-1),
    synonyms: [
      { name: "log.retention.ms" },
      { name: "log.retention.minutes", factor: MINUTE_MS },
      { name: "log.retention.hours", factor: HOUR_MS },
    ],
    effect: YES,
    doc: "How long records are kept; -1 is for ever.",
  }),
  row("segment.bytes", "INT", "1073741824", {
    check: atLeast(1_048_576),
    synonyms: from("log.segment.bytes"),
    effect: YES,
    doc: "The size at which a new segment begins.",
  }),
  row("segment.index.bytes", "INT", "10485760", {
    check: atLeast(4),
    synonyms: from("log.index.size.max.bytes"),
    effect: YES,
    doc: "The largest index of a segment.",
  }),
  row("segment.jitter.ms", "LONG", "0", {
    check: atLeast(0),
    synonyms: [{ name: "log.roll.jitter.ms" }, { name: "log.roll.jitter.hours", factor: HOUR_MS }],
    effect: yesUpTo("the jitter of a segment follows from its place, not from chance"),
    doc: "The most that is randomly taken from segment.ms, so that segments do not all roll at once.",
  }),
  row("segment.ms", "LONG", "604800000", {
    check: atLeast(1),
    synonyms: [{ name: "log.roll.ms" }, { name: "log.roll.hours", factor: HOUR_MS }],
    effect: YES,
    doc: "The age at which a new segment begins.",
  }),
  row("unclean.leader.election.enable", "BOOLEAN", "false", {
    synonyms: from("unclean.leader.election.enable"),
    effect: NO_REPLICATION_YET,
    doc: "Whether a replica that is not in sync may become leader when no other is left.",
  }),
];

const BY_NAME = new Map(TOPIC_CONFIGS.map((definition) => [definition.name, definition]));

export function topicConfig(name: string): ConfigDefinition | undefined {
  return BY_NAME.get(name);
}
