import { atLeast, between, type ConfigDefinition, none, oneOf } from "./config-definition.ts";
import { BOUND, row } from "./config-row.ts";

/** The broker configs of share groups (KIP-932). */
export const SHARE_BROKER_CONFIGS: readonly ConfigDefinition[] = [
  row("errors.deadletterqueue.auto.create.topics.enable", "BOOLEAN", "false", {
    dynamic: true,
    doc: "Whether a share group's dead-letter queue is created when it isn't there.",
  }),
  row("errors.deadletterqueue.topic.name.prefix", "STRING", "dlq.", {
    dynamic: true,
    doc: "With what the names of dead-letter queues begin; nothing for any name.",
  }),
  row("group.share.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    dynamic: true,
    doc: "How long after an assignment a share group computes the next one at the earliest.",
  }),
  row("group.share.assignors", "LIST", "simple", {
    check: oneOf("simple"),
    effect: none("there is one assignor"),
    doc: "The assignor of share groups.",
  }),
  row("group.share.delivery.count.limit", "INT", "5", {
    check: between(2, 10),
    doc: "How often a record is delivered to a share group at most.",
  }),
  row("group.share.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    doc: "How often members of a share group send heartbeats.",
  }),
  row("group.share.max.assignment.interval.ms", "INT", "15000", {
    check: atLeast(0),
    effect: BOUND,
    doc: "The most that share.assignment.interval.ms may be.",
  }),
  row("group.share.max.delivery.count.limit", "INT", "10", {
    check: between(5, 25),
    effect: BOUND,
    doc: "The most that share.delivery.count.limit may be.",
  }),
  row("group.share.max.heartbeat.interval.ms", "INT", "15000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The most that share.heartbeat.interval.ms may be.",
  }),
  row("group.share.max.partition.max.record.locks", "INT", "4000", {
    check: between(2_000, 10_000),
    effect: BOUND,
    doc: "The most that share.partition.max.record.locks may be.",
  }),
  row("group.share.max.record.lock.duration.ms", "INT", "60000", {
    check: between(30_000, 3_600_000),
    effect: BOUND,
    doc: "The most that share.record.lock.duration.ms may be.",
  }),
  row("group.share.max.session.timeout.ms", "INT", "60000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The most that share.session.timeout.ms may be.",
  }),
  row("group.share.max.share.sessions", "INT", "2000", {
    check: atLeast(1),
    doc: "The most share sessions of the broker.",
  }),
  row("group.share.max.size", "INT", "200", { check: between(1, 1_000), doc: "The most members of a share group." }),
  row("group.share.min.assignment.interval.ms", "INT", "0", {
    check: atLeast(0),
    effect: BOUND,
    doc: "The least that share.assignment.interval.ms may be.",
  }),
  row("group.share.min.delivery.count.limit", "INT", "2", {
    check: between(2, 5),
    effect: BOUND,
    doc: "The least that share.delivery.count.limit may be.",
  }),
  row("group.share.min.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The least that share.heartbeat.interval.ms may be.",
  }),
  row("group.share.min.partition.max.record.locks", "INT", "100", {
    check: between(100, 2_000),
    effect: BOUND,
    doc: "The least that share.partition.max.record.locks may be.",
  }),
  row("group.share.min.record.lock.duration.ms", "INT", "15000", {
    check: between(1_000, 30_000),
    effect: BOUND,
    doc: "The least that share.record.lock.duration.ms may be.",
  }),
  row("group.share.min.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The least that share.session.timeout.ms may be.",
  }),
  row("group.share.partition.max.record.locks", "INT", "2000", {
    check: between(100, 10_000),
    doc: "How many records of one partition a share group may have in flight.",
  }),
  row("group.share.record.lock.duration.ms", "INT", "30000", {
    check: between(1_000, 3_600_000),
    doc: "How long a member holds the records that it has acquired.",
  }),
  row("group.share.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    doc: "After how long without a heartbeat a member of a share group is gone.",
  }),
  row("share.coordinator.append.linger.ms", "INT", "-1", {
    check: atLeast(-1),
    effect: none("what comes while a commit runs shares the next one"),
    doc: "How long the share coordinator waits for more before it writes.",
  }),
  row("share.coordinator.snapshot.update.records.per.snapshot", "INT", "500", {
    check: between(0, 500),
    doc: "After how many update records of a share partition the share coordinator writes a snapshot.",
  }),
  row("share.coordinator.state.topic.compression.codec", "INT", "0", {
    effect: none("the coordinator writes uncompressed batches"),
    doc: "Codec of the batches that the share coordinator writes.",
  }),
  row("share.coordinator.state.topic.min.isr", "SHORT", "1", {
    check: atLeast(1),
    doc: "min.insync.replicas of __share_group_state, when it is created. Kafka's default is 2.",
  }),
  row("share.coordinator.state.topic.num.partitions", "INT", "50", {
    check: atLeast(1),
    doc: "Partitions of __share_group_state, when it is created.",
  }),
  row("share.coordinator.state.topic.replication.factor", "SHORT", "1", {
    check: atLeast(1),
    doc: "Replication factor of __share_group_state, when it is created. Kafka's default is 3.",
  }),
  row("share.coordinator.state.topic.segment.bytes", "INT", "104857600", {
    check: atLeast(1),
    doc: "segment.bytes of __share_group_state, when it is created.",
  }),
];
