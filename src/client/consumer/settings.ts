import { ErrorCode } from "#protocol/errors.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP } from "../offsets.ts";
import { failed, failure, type Outcome } from "../outcome.ts";
import { custom, flag, int, oneOf, optionalText, readSettings, type Settings } from "../settings.ts";
import { ASSIGNORS } from "./assignors/all.ts";
import type { Assignor } from "./assignors/assignor.ts";

/** Where a partition without a usable position begins (`auto.offset.reset`, KIP-1106). */
export type OffsetReset =
  | { readonly kind: "timestamp"; readonly timestamp: number }
  /** So long before now. */
  | { readonly kind: "duration"; readonly durationMs: number }
  | { readonly kind: "none" };

export const EARLIEST: OffsetReset = { kind: "timestamp", timestamp: EARLIEST_TIMESTAMP };
export const LATEST: OffsetReset = { kind: "timestamp", timestamp: LATEST_TIMESTAMP };

const DURATION = /^by_duration:P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/i;

const offsetReset = custom<OffsetReset>(LATEST, "earliest, latest, none or by_duration:<ISO 8601>", (given) => {
  if (typeof given !== "string") return undefined;
  const word = given.toLowerCase();
  if (word === "earliest") return EARLIEST;
  if (word === "latest") return LATEST;
  if (word === "none") return { kind: "none" };
  const match = DURATION.exec(given);
  if (match === null || match.slice(1).every((part) => part === undefined)) return undefined;
  const [days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0));
  return { kind: "duration", durationMs: Math.round((((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000) };
});

/** Names as in `partition.assignment.strategy`: a class of Kafka, the short name of one, or an assignor of one's own. */
const strategies = custom<readonly Assignor[]>(
  [ASSIGNORS.range, ASSIGNORS["cooperative-sticky"]],
  "a list of range, roundrobin, sticky, cooperative-sticky or assignors",
  (given) => {
    const list: unknown[] = typeof given === "string" ? given.split(",") : Array.isArray(given) ? given : [];
    const found = list.map((one) => (typeof one === "string" ? assignorNamed(one.trim()) : (one as Assignor)));
    const isLegal = found.length > 0 && found.every((one) => one !== undefined && typeof one.assign === "function");
    return isLegal ? (found as Assignor[]) : undefined;
  },
);

function assignorNamed(name: string): Assignor | undefined {
  const plain = (text: string) =>
    text
      .replace(/^.*\./, "")
      .replace(/assignor$/i, "")
      .replaceAll("-", "")
      .toLowerCase();
  return Object.values(ASSIGNORS).find((assignor) => plain(assignor.name) === plain(name));
}

/** The consumer's settings with Kafka 4.4's defaults. Times in milliseconds, sizes in bytes. */
export const CONSUMER_RULES = {
  "group.id": optionalText(),
  "group.instance.id": optionalText(),
  "group.protocol": oneOf<"classic" | "consumer">("classic", "consumer"),
  "group.remote.assignor": optionalText(),
  "partition.assignment.strategy": strategies,
  "client.rack": optionalText(),
  "enable.auto.commit": flag(true),
  "auto.commit.interval.ms": int(5_000, 0),
  "auto.offset.reset": offsetReset,
  "isolation.level": oneOf<"read_uncommitted" | "read_committed">("read_uncommitted", "read_committed"),
  "fetch.min.bytes": int(1, 0),
  "fetch.max.wait.ms": int(500, 0),
  "fetch.max.bytes": int(50 * 1024 * 1024, 0),
  "max.partition.fetch.bytes": int(1024 * 1024, 0),
  "max.poll.records": int(500, 1),
  "max.poll.interval.ms": int(300_000, 1),
  "session.timeout.ms": int(45_000, 1),
  "heartbeat.interval.ms": int(3_000, 1),
  "check.crcs": flag(true),
  "allow.auto.create.topics": flag(true),
  "exclude.internal.topics": flag(true),
  "metadata.max.age.ms": int(300_000, 0),
  "request.timeout.ms": int(30_000, 0),
  "default.api.timeout.ms": int(60_000, 0),
  "retry.backoff.ms": int(100, 0),
  "retry.backoff.max.ms": int(1_000, 0),
};

export type ConsumerSettings = Settings<typeof CONSUMER_RULES>;
export type ConsumerOptions = { readonly [Name in keyof typeof CONSUMER_RULES]?: unknown };

/** Settings of the classic protocol, which mean nothing to the other one and may not be given with it. */
const CLASSIC_ONLY = ["partition.assignment.strategy", "session.timeout.ms", "heartbeat.interval.ms"] as const;

/** INVALID_CONFIG names the setting that is wrong. */
export function consumerSettings(options: ConsumerOptions): Outcome<ConsumerSettings> {
  const read = readSettings(CONSUMER_RULES, options);
  if (failed(read)) return read;
  const settings = read.value;
  const invalid = (message: string) => failure(ErrorCode.INVALID_CONFIG, message);
  if (settings["group.id"] === null && options["enable.auto.commit"] !== undefined && settings["enable.auto.commit"]) {
    return invalid("enable.auto.commit needs a group.id.");
  }
  if (settings["group.protocol"] === "consumer") {
    const given = CLASSIC_ONLY.find((name) => options[name] !== undefined);
    if (given !== undefined) return invalid(`${given} isn't a setting of group.protocol=consumer.`);
  } else if (settings["group.remote.assignor"] !== null) {
    return invalid("group.remote.assignor needs group.protocol=consumer.");
  } else if (settings["heartbeat.interval.ms"] >= settings["session.timeout.ms"]) {
    return invalid("heartbeat.interval.ms is less than session.timeout.ms.");
  }
  return read;
}
