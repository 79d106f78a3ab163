import { atLeast, type ConfigDefinition, none, oneOf } from "./config-definition.ts";
import { BOUND, row } from "./config-row.ts";
import { RACK_AWARE_TAGS_EFFECT } from "./group-configs.ts";

/** The broker configs of streams groups (KIP-1071). A group's own configs come before them, within their bounds. */
export const STREAMS_GROUP_BROKER_CONFIGS: readonly ConfigDefinition[] = [
  row("group.streams.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    dynamic: true,
    doc: "How long after an assignment a streams group computes the next one at the earliest.",
  }),
  row("group.streams.assignors", "LIST", "sticky", {
    check: oneOf("sticky"),
    effect: none("there is one assignor"),
    doc: "The task assignors of streams groups.",
  }),
  row("group.streams.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    doc: "How often members of a streams group send heartbeats.",
  }),
  row("group.streams.initial.rebalance.delay.ms", "INT", "3000", {
    check: atLeast(0),
    doc: "How long an empty streams group waits for more members before its first assignment.",
  }),
  row("group.streams.max.assignment.interval.ms", "INT", "15000", {
    check: atLeast(0),
    effect: BOUND,
    doc: "The most that streams.assignment.interval.ms may be.",
  }),
  row("group.streams.max.heartbeat.interval.ms", "INT", "15000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The most that streams.heartbeat.interval.ms may be.",
  }),
  row("group.streams.max.session.timeout.ms", "INT", "60000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The most that streams.session.timeout.ms may be.",
  }),
  row("group.streams.max.size", "INT", "10000", {
    check: atLeast(1),
    doc: "The most members of a streams group. Kafka's default is 2147483647.",
  }),
  row("group.streams.max.standby.replicas", "INT", "2", {
    check: atLeast(0),
    effect: BOUND,
    doc: "The most that streams.num.standby.replicas may be.",
  }),
  row("group.streams.min.assignment.interval.ms", "INT", "0", {
    check: atLeast(0),
    effect: BOUND,
    doc: "The least that streams.assignment.interval.ms may be.",
  }),
  row("group.streams.min.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The least that streams.heartbeat.interval.ms may be.",
  }),
  row("group.streams.min.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    effect: BOUND,
    doc: "The least that streams.session.timeout.ms may be.",
  }),
  row("group.streams.num.standby.replicas", "INT", "0", {
    check: atLeast(0),
    doc: "How many standby tasks a stateful task of a streams group has.",
  }),
  row("group.streams.rack.aware.assignment.tags", "LIST", "", {
    effect: RACK_AWARE_TAGS_EFFECT,
    doc: "Client tags over which standby tasks are spread.",
  }),
  row("group.streams.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    doc: "After how long without a heartbeat a member of a streams group is gone.",
  }),
];
