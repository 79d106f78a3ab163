import { atLeast, type ConfigDefinition, none, oneOf, YES, yesUpTo } from "./config-definition.ts";
import { row } from "./config-row.ts";
import { CONSUMER_GROUP_BROKER_CONFIGS } from "./consumer-group-configs.ts";
import { SHARE_BROKER_CONFIGS } from "./share-configs.ts";
import { STREAMS_GROUP_BROKER_CONFIGS } from "./streams-configs.ts";
import { TOPIC_CONFIGS } from "./topic-configs.ts";

const BY_TOPIC_CONFIG = none("the default of a topic config: as that one");
const BOUND_IN_CODE = none("fixed: the default is a constant of the code");
const SAYS_HOW = none("it only says how the broker was started");

/** The broker configs that supply the defaults of topic configs under the same unit: as the topic config itself. */
function defaultsOfTopics(): ConfigDefinition[] {
  const rows: ConfigDefinition[] = [];
  for (const topicConfig of TOPIC_CONFIGS) {
    if (topicConfig.synonyms?.length !== 1) continue;
    rows.push({
      name: topicConfig.synonyms[0].name,
      type: topicConfig.type,
      defaultValue: topicConfig.defaultValue,
      check: topicConfig.check,
      dynamic: true,
      effect: topicConfig.effect.kind === "yes" ? topicConfig.effect : BY_TOPIC_CONFIG,
      documentation: `Default of the topic config ${topicConfig.name}.`,
    });
  }
  return rows;
}

/** The same for topic configs that have several, in several units. */
const DEFAULTS_IN_SEVERAL_UNITS: readonly ConfigDefinition[] = [
  row("log.flush.interval.ms", "LONG", null, { dynamic: true, effect: BY_TOPIC_CONFIG, doc: "Default of flush.ms." }),
  row("log.flush.scheduler.interval.ms", "LONG", "9223372036854775807", {
    effect: BY_TOPIC_CONFIG,
    doc: "Default of flush.ms where log.flush.interval.ms is not set.",
  }),
  row("log.retention.ms", "LONG", null, {
    check: atLeast(-1),
    dynamic: true,
    doc: "Default of retention.ms.",
  }),
  row("log.retention.minutes", "INT", null, {
    doc: "Default of retention.ms in minutes, where log.retention.ms is not set.",
  }),
  row("log.retention.hours", "INT", "168", {
    doc: "Default of retention.ms in hours, where neither of the other two is set.",
  }),
  row("log.roll.ms", "LONG", null, {
    check: atLeast(1),
    dynamic: true,
    doc: "Default of segment.ms.",
  }),
  row("log.roll.hours", "INT", "168", {
    check: atLeast(1),
    doc: "Default of segment.ms in hours, where log.roll.ms is not set.",
  }),
  row("log.roll.jitter.ms", "LONG", null, {
    check: atLeast(0),
    dynamic: true,
    doc: "Default of segment.jitter.ms.",
  }),
  row("log.roll.jitter.hours", "INT", "0", {
    check: atLeast(0),
    doc: "Default of segment.jitter.ms in hours, where log.roll.jitter.ms is not set.",
  }),
];

const TOPICS: readonly ConfigDefinition[] = [
  row("auto.create.topics.enable", "BOOLEAN", "true", {
    effect: YES,
    doc: "Whether asking for the metadata of an unknown topic creates it.",
  }),
  row("default.replication.factor", "INT", "1", {
    check: atLeast(1),
    effect: YES,
    doc: "Replication factor of topics that are created without one.",
  }),
  row("delete.topic.enable", "BOOLEAN", "true", { effect: YES, doc: "Whether topics can be deleted." }),
  row("max.request.partition.size.limit", "INT", "2000", {
    check: atLeast(1),
    effect: YES,
    doc: "The most partitions in one answer of DescribeTopicPartitions.",
  }),
  row("num.partitions", "INT", "1", {
    check: atLeast(1),
    effect: YES,
    doc: "Partitions of topics that are created without a number of them.",
  }),
];

const GROUPS: readonly ConfigDefinition[] = [
  row("group.coordinator.rebalance.protocols", "LIST", "classic,consumer,streams", {
    effect: none("every protocol that is there can be used"),
    doc: "Which group protocols the coordinator speaks.",
  }),
  row("group.initial.rebalance.delay.ms", "INT", "0", {
    check: atLeast(0),
    effect: YES,
    doc: "How long an empty group waits for more members before its first generation. Kafka's default is 3000.",
  }),
  row("group.max.session.timeout.ms", "INT", "1800000", {
    check: atLeast(1),
    effect: YES,
    doc: "The longest session timeout that a member may ask for.",
  }),
  row("group.max.size", "INT", "10000", {
    check: atLeast(1),
    effect: YES,
    doc: "The most members of a group. Kafka's default is 2147483647.",
  }),
  row("group.min.session.timeout.ms", "INT", "6000", {
    check: atLeast(1),
    effect: YES,
    doc: "The shortest session timeout that a member may ask for.",
  }),
  row("offset.metadata.max.bytes", "INT", "4096", {
    check: atLeast(0),
    effect: YES,
    doc: "The longest metadata that may go with a committed offset.",
  }),
  row("offsets.retention.check.interval.ms", "LONG", "600000", {
    check: atLeast(1),
    effect: YES,
    doc: "How often committed offsets are looked over for expired ones.",
  }),
  row("offsets.retention.minutes", "INT", "10080", {
    check: atLeast(1),
    effect: YES,
    doc: "How long the offsets of a group without members are kept.",
  }),
  row("offsets.topic.compression.codec", "INT", "0", {
    effect: none("the coordinator writes uncompressed batches"),
    doc: "Codec of the batches that the group coordinator writes.",
  }),
  row("offsets.topic.num.partitions", "INT", "50", {
    check: atLeast(1),
    effect: YES,
    doc: "Partitions of __consumer_offsets, when it is created.",
  }),
  row("offsets.topic.replication.factor", "SHORT", "1", {
    check: atLeast(1),
    effect: YES,
    doc: "Replication factor of __consumer_offsets, when it is created. Kafka's default is 3.",
  }),
  row("offsets.topic.segment.bytes", "INT", "4194304", {
    check: atLeast(1),
    effect: YES,
    doc: "segment.bytes of __consumer_offsets, when it is created. Kafka's default is 104857600; here a coordinator loads often.",
  }),
];

const TRANSACTIONS_AND_PRODUCERS: readonly ConfigDefinition[] = [
  row("producer.id.expiration.ms", "INT", "86400000", {
    check: atLeast(1),
    dynamic: true,
    effect: YES,
    doc: "How long the last sequences of a silent producer are remembered.",
  }),
  row("transaction.abort.timed.out.transaction.cleanup.interval.ms", "INT", "10000", {
    check: atLeast(1),
    effect: none("a transaction is aborted when its time is over, without a search"),
    doc: "How often Kafka looks for transactions whose time is over.",
  }),
  row("transaction.max.timeout.ms", "INT", "900000", {
    check: atLeast(1),
    effect: YES,
    doc: "The longest timeout that a transactional producer may ask for.",
  }),
  row("transaction.partition.verification.enable", "BOOLEAN", "true", {
    dynamic: true,
    effect: YES,
    doc: "Whether the leader asks the coordinator before an old client's batch begins a transaction in a partition.",
  }),
  row("transaction.remove.expired.transaction.cleanup.interval.ms", "INT", "3600000", {
    check: atLeast(1),
    effect: YES,
    doc: "How often the coordinator looks for transactional ids that nobody uses any more.",
  }),
  row("transaction.state.log.min.isr", "INT", "1", {
    check: atLeast(1),
    effect: YES,
    doc: "min.insync.replicas of __transaction_state, when it is created. Kafka's default is 2.",
  }),
  row("transaction.state.log.num.partitions", "INT", "50", {
    check: atLeast(1),
    effect: YES,
    doc: "Partitions of __transaction_state, when it is created.",
  }),
  row("transaction.state.log.replication.factor", "SHORT", "1", {
    check: atLeast(1),
    effect: YES,
    doc: "Replication factor of __transaction_state, when it is created. Kafka's default is 3.",
  }),
  row("transaction.state.log.segment.bytes", "INT", "4194304", {
    check: atLeast(1),
    effect: YES,
    doc: "segment.bytes of __transaction_state, when it is created. Kafka's default is 104857600; here a coordinator loads often.",
  }),
  row("transaction.two.phase.commit.enable", "BOOLEAN", "false", {
    check: oneOf("false"),
    effect: none("there is no two-phase commit: InitProducerId with enable2Pc is refused"),
    doc: "Whether transactions may take part in two-phase commit (KIP-939).",
  }),
  row("transactional.id.expiration.ms", "INT", "604800000", {
    check: atLeast(1),
    effect: YES,
    doc: "How long an unused transactional id is remembered.",
  }),
];

const RETENTION: readonly ConfigDefinition[] = [
  row("log.retention.check.interval.ms", "LONG", "300000", {
    check: atLeast(1),
    effect: YES,
    doc: "How often logs in which something has changed are looked over for expired segments.",
  }),
  row("remote.log.storage.system.enable", "BOOLEAN", "false", {
    effect: yesUpTo("the broker uses its object store for what finds no room in its own store whatever it says"),
    doc: "Whether topics may ask for tiered storage (remote.storage.enable).",
  }),
];

const COMPACTION: readonly ConfigDefinition[] = [
  row("log.cleaner.backoff.ms", "LONG", "15000", {
    check: atLeast(0),
    dynamic: true,
    effect: YES,
    doc: "How long the broker waits before it looks again for a partition to compact.",
  }),
];

const BROKER: readonly ConfigDefinition[] = [
  row("advertised.listeners", "LIST", null, {
    effect: none("derived from KEDGE_BROKERS"),
    doc: "The addresses that clients are told.",
  }),
  row("broker.id", "INT", "-1", {
    effect: none("derived from KEDGE_BROKERS"),
    doc: "The broker's id; the older name.",
  }),
  row("broker.rack", "STRING", null, { effect: none("derived from KEDGE_BROKERS"), doc: "Where the broker stands." }),
  row("connections.max.idle.ms", "LONG", "600000", {
    effect: BOUND_IN_CODE,
    doc: "How long a connection may be silent before the broker closes it.",
  }),
  row("fetch.max.bytes", "INT", "8388608", {
    check: atLeast(1024),
    effect: BOUND_IN_CODE,
    doc: "The most bytes of records in one answer of Fetch. Kafka's default is 57671680.",
  }),
  row("listeners", "LIST", "PLAINTEXT://:9092", {
    effect: SAYS_HOW,
    doc: "The addresses on which the broker listens.",
  }),
  row("log.dirs", "LIST", null, { effect: none("a log is rows of SQLite"), doc: "Where the broker keeps its logs." }),
  row("max.connections", "INT", "2000", {
    check: atLeast(0),
    effect: BOUND_IN_CODE,
    doc: "The most connections of the broker. Kafka's default is 2147483647.",
  }),
  row("max.incremental.fetch.session.cache.slots", "INT", "1000", {
    check: atLeast(0),
    effect: BOUND_IN_CODE,
    doc: "The most fetch sessions that the broker keeps.",
  }),
  row("node.id", "INT", null, { effect: none("derived from KEDGE_BROKERS"), doc: "The broker's id." }),
  row("process.roles", "LIST", null, { effect: SAYS_HOW, doc: "What the node does in the cluster." }),
  row("security.inter.broker.protocol", "STRING", "PLAINTEXT", {
    check: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"),
    effect: none("brokers are objects and call each other directly"),
    doc: "The protocol between brokers.",
  }),
  row("socket.request.max.bytes", "INT", "33554432", {
    check: atLeast(1),
    effect: BOUND_IN_CODE,
    doc: "The largest request that the broker reads. Kafka's default is 104857600.",
  }),
];

/**
 * The broker configs of Apache Kafka 4.4 that have an effect here, supply a topic config's default, or are read by
 * common tools. Read-only ones are set where the cluster is started (`KEDGE_CONFIGS`), the dynamic ones also by clients.
 */
export const BROKER_CONFIGS: readonly ConfigDefinition[] = [
  ...defaultsOfTopics(),
  ...DEFAULTS_IN_SEVERAL_UNITS,
  ...TOPICS,
  ...GROUPS,
  ...CONSUMER_GROUP_BROKER_CONFIGS,
  ...SHARE_BROKER_CONFIGS,
  ...STREAMS_GROUP_BROKER_CONFIGS,
  ...TRANSACTIONS_AND_PRODUCERS,
  ...COMPACTION,
  ...RETENTION,
  ...BROKER,
].sort((a, b) => (a.name < b.name ? -1 : 1));

const BY_NAME = new Map(BROKER_CONFIGS.map((definition) => [definition.name, definition]));

export function brokerConfig(name: string): ConfigDefinition | undefined {
  return BY_NAME.get(name);
}
