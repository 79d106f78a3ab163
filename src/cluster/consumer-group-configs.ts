import { allOf, atLeast, type ConfigDefinition, oneOf } from "./config-definition.ts";
import { row } from "./config-row.ts";

const MILLISECONDS = atLeast(1);

/** The broker configs of consumer groups (KIP-848). A group's own configs come before them, within their bounds. */
export const CONSUMER_GROUP_BROKER_CONFIGS: readonly ConfigDefinition[] = [
  row("group.consumer.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    dynamic: true,
    doc: "How long a target assignment stands at least before another one is made.",
  }),
  row("group.consumer.assignors", "LIST", "uniform,range", {
    check: allOf("uniform", "range"),
    doc: "The server-side assignors; the first is for groups whose members name none.",
  }),
  row("group.consumer.heartbeat.interval.ms", "INT", "5000", {
    check: MILLISECONDS,
    doc: "How often members of a consumer group send heartbeats.",
  }),
  row("group.consumer.max.assignment.interval.ms", "INT", "15000", {
    check: atLeast(0),
    doc: "The longest consumer.assignment.interval.ms of a group.",
  }),
  row("group.consumer.max.heartbeat.interval.ms", "INT", "15000", {
    check: MILLISECONDS,
    doc: "The longest consumer.heartbeat.interval.ms of a group.",
  }),
  row("group.consumer.max.session.timeout.ms", "INT", "60000", {
    check: MILLISECONDS,
    doc: "The longest consumer.session.timeout.ms of a group.",
  }),
  row("group.consumer.max.size", "INT", "10000", {
    check: atLeast(1),
    doc: "The most members of a consumer group. Kafka's default is 2147483647.",
  }),
  row("group.consumer.migration.policy", "STRING", "bidirectional", {
    check: oneOf("bidirectional", "upgrade", "downgrade", "disabled"),
    doc: "Which way a group with members may change between the classic and the consumer protocol.",
  }),
  row("group.consumer.min.assignment.interval.ms", "INT", "0", {
    check: atLeast(0),
    doc: "The shortest consumer.assignment.interval.ms of a group.",
  }),
  row("group.consumer.min.heartbeat.interval.ms", "INT", "5000", {
    check: MILLISECONDS,
    doc: "The shortest consumer.heartbeat.interval.ms of a group.",
  }),
  row("group.consumer.min.session.timeout.ms", "INT", "45000", {
    check: MILLISECONDS,
    doc: "The shortest consumer.session.timeout.ms of a group.",
  }),
  row("group.consumer.regex.refresh.interval.ms", "INT", "600000", {
    check: atLeast(10_000),
    doc: "How often the topics that match the members' expressions are worked out again, whatever happens.",
  }),
  row("group.consumer.session.timeout.ms", "INT", "45000", {
    check: MILLISECONDS,
    doc: "After how long without a heartbeat a member of a consumer group is gone.",
  }),
];
