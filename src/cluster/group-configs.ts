import type { ConfigValues } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { atLeast, type ConfigDefinition, longOf, none, oneOf, parseConfigValue, yesUpTo } from "./config-definition.ts";
import { row } from "./config-row.ts";
import { parseDurationMs } from "./duration.ts";
import { quoted } from "./limits.ts";
import { failure } from "./outcome.ts";
import type { CheckedConfigs } from "./validate-configs.ts";

const DURATION_PREFIX = "by_duration:";

/** As in Kafka 4.4, whose only assignor of tasks doesn't look at tags. */
export const RACK_AWARE_TAGS_EFFECT = yesUpTo("members that lack a tag are told so, but the assignor looks at no tags");

/** Where a group has none, the broker's holds, under the same name behind `group.`. */
function ofBroker(...[name, type, defaultValue, rest]: Parameters<typeof row>): ConfigDefinition {
  return row(name, type, defaultValue, { ...rest, synonyms: [{ name: `group.${name}` }] });
}

function offsetReset(canonical: string): string | null {
  if (canonical === "earliest" || canonical === "latest") return null;
  const isDuration = canonical.startsWith(DURATION_PREFIX);
  if (isDuration && parseDurationMs(canonical.slice(DURATION_PREFIX.length)) !== null) return null;
  return "is neither earliest nor latest nor by_duration: with a duration such as P1DT2H";
}

function deadLetterTopic(canonical: string): string | null {
  return canonical.startsWith("__") ? "begins as the names of internal topics do" : null;
}

/** The configs of single groups, those of Apache Kafka 4.4, in the order of their names. */
export const GROUP_CONFIGS: readonly ConfigDefinition[] = [
  ofBroker("consumer.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    doc: "How long after an assignment the next one is computed at the earliest.",
  }),
  ofBroker("consumer.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    doc: "How often members of a consumer group send heartbeats.",
  }),
  ofBroker("consumer.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    doc: "After how long without a heartbeat a member of a consumer group is gone.",
  }),
  row("errors.deadletterqueue.copy.record.enable", "BOOLEAN", "false", {
    doc: "Whether the dead-letter queue gets the record itself, or only headers that say which one it was.",
  }),
  row("errors.deadletterqueue.topic.name", "STRING", "", {
    check: deadLetterTopic,
    doc: "The topic that gets the records that nobody could process; nothing for none.",
  }),
  ofBroker("share.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    doc: "How long after an assignment the next one is computed at the earliest.",
  }),
  row("share.auto.offset.reset", "STRING", "latest", {
    check: offsetReset,
    doc: "Where a share group begins in a partition that it hasn't seen: earliest, latest, or by_duration:<duration>.",
  }),
  ofBroker("share.delivery.count.limit", "INT", "5", {
    check: atLeast(2),
    doc: "How often a record is delivered at most.",
  }),
  ofBroker("share.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    doc: "How often members of a share group send heartbeats.",
  }),
  row("share.isolation.level", "STRING", "read_uncommitted", {
    check: oneOf("read_committed", "read_uncommitted"),
    doc: "Whether records of aborted and of open transactions are delivered.",
  }),
  ofBroker("share.partition.max.record.locks", "INT", "2000", {
    check: atLeast(100),
    doc: "How many records of one partition may be in flight.",
  }),
  ofBroker("share.record.lock.duration.ms", "INT", "30000", {
    check: atLeast(1_000),
    doc: "How long a member holds the records that it has acquired.",
  }),
  row("share.renew.acknowledge.enable", "BOOLEAN", "true", {
    doc: "Whether a member may go on holding what it has acquired.",
  }),
  ofBroker("share.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    doc: "After how long without a heartbeat a member of a share group is gone.",
  }),
  ofBroker("streams.assignment.interval.ms", "INT", "1000", {
    check: atLeast(0),
    doc: "How long after an assignment the next one is computed at the earliest.",
  }),
  row("streams.assignor.name", "STRING", "sticky", {
    check: oneOf("sticky"),
    synonyms: [{ name: "group.streams.assignors" }],
    effect: none("there is one assignor"),
    doc: "The task assignor.",
  }),
  ofBroker("streams.heartbeat.interval.ms", "INT", "5000", {
    check: atLeast(1),
    doc: "How often members of a streams group send heartbeats.",
  }),
  ofBroker("streams.initial.rebalance.delay.ms", "INT", "3000", {
    check: atLeast(0),
    doc: "How long an empty group waits for more members before its first assignment.",
  }),
  ofBroker("streams.num.standby.replicas", "INT", "0", {
    check: atLeast(0),
    doc: "How many standby replicas a task has.",
  }),
  ofBroker("streams.rack.aware.assignment.tags", "LIST", "", {
    effect: RACK_AWARE_TAGS_EFFECT,
    doc: "Client tags over which standby replicas are spread.",
  }),
  ofBroker("streams.session.timeout.ms", "INT", "45000", {
    check: atLeast(1),
    doc: "After how long without a heartbeat a member of a streams group is gone.",
  }),
];

const BY_NAME = new Map(GROUP_CONFIGS.map((definition) => [definition.name, definition]));

export function groupConfig(name: string): ConfigDefinition | undefined {
  return BY_NAME.get(name);
}

/** Where a group begins in a partition of which nothing is stored: null for the end of the log, else how long ago; Infinity for its start. */
export function offsetResetAgeMs(canonical: string): number | null {
  if (canonical === "latest") return null;
  if (canonical === "earliest") return Number.POSITIVE_INFINITY;
  return parseDurationMs(canonical.slice(DURATION_PREFIX.length));
}

interface Bounds {
  readonly least: number;
  readonly most: number;
}

/** The brokers' bounds of what a group may say, and Kafka's defaults of them. */
function boundsOf(name: string, brokerValue: (name: string) => string | undefined): Bounds | null {
  const stem = /^(consumer|share|streams)\.(.+)$/.exec(name);
  if (stem === null) return null;
  const [, kind, what] = stem;
  const isReplicas = what === "num.standby.replicas";
  const least = brokerValue(`group.${kind}.min.${what}`);
  const most = brokerValue(isReplicas ? "group.streams.max.standby.replicas" : `group.${kind}.max.${what}`);
  if (least === undefined && most === undefined) return null;
  return { least: longOf(least ?? "0"), most: longOf(most ?? "2147483647") };
}

/** Checks the whole set of a group's configs. `brokerValue` tells a config that holds for all brokers, if there is such a one. */
export function checkGroupConfigs(
  configs: ConfigValues,
  brokerValue: (name: string) => string | undefined,
): CheckedConfigs {
  const checked: Record<string, string> = {};
  for (const name of Object.keys(configs).sort()) {
    const definition = groupConfig(name);
    if (definition === undefined) return invalid(`There is no group config ${quoted(name)}.`);
    const parsed = parseConfigValue(definition, configs[name]);
    if (!parsed.ok) return invalid(parsed.problem);
    const bounds = boundsOf(name, brokerValue);
    const value = longOf(parsed.value);
    if (bounds !== null && (value < bounds.least || value > bounds.most)) {
      return invalid(`${name} must be between ${bounds.least} and ${bounds.most}.`);
    }
    checked[name] = parsed.value;
  }
  const effective = (name: string) =>
    longOf(checked[name] ?? brokerValue(`group.${name}`) ?? (groupConfig(name)?.defaultValue as string));
  for (const kind of ["consumer", "share", "streams"]) {
    const [session, heartbeat] = [`${kind}.session.timeout.ms`, `${kind}.heartbeat.interval.ms`];
    if (checked[session] === undefined && checked[heartbeat] === undefined) continue;
    if (effective(session) <= effective(heartbeat)) return invalid(`${session} must be greater than ${heartbeat}.`);
  }
  return { ok: true, configs: checked };
}

function invalid(message: string): CheckedConfigs {
  return { ok: false, outcome: failure(ErrorCode.INVALID_CONFIG, message) };
}
