import { ErrorCode } from "#protocol/errors.ts";
import { Codec } from "#records/batch.ts";
import type { TopicView } from "../metadata.ts";
import { failed, failure, type Outcome, success } from "../outcome.ts";
import { custom, flag, int, oneOf, optionalText, readSettings, type Settings } from "../settings.ts";

/** Chooses partitions in place of the built-in ways. */
export interface CustomPartitioner {
  /** A partition of the topic, from 0 on. `key` and `value` are as they will be stored. */
  partition(topic: TopicView, key: Uint8Array | null, value: Uint8Array | null): number;
}

const INT64_LIMIT = Number.MAX_SAFE_INTEGER;
const INT32_LIMIT = 2_147_483_647;
/** What Kafka accepts as `max.in.flight.requests.per.connection` of an idempotent producer: brokers remember five batches. */
export const MAX_IDEMPOTENT_IN_FLIGHT = 5;

const acks = custom<0 | 1 | -1>(-1, "0, 1 or all", (given) => {
  const text = String(given);
  return text === "all" || text === "-1" ? -1 : text === "1" ? 1 : text === "0" ? 0 : undefined;
});

const partitioner = custom<CustomPartitioner | "RoundRobinPartitioner" | null>(
  null,
  "RoundRobinPartitioner or an object with a method partition",
  (given) => {
    if (given === null) return null;
    if (typeof given === "string") {
      return given === "RoundRobinPartitioner" || given.endsWith(".RoundRobinPartitioner")
        ? "RoundRobinPartitioner"
        : undefined;
    }
    return typeof given === "object" && "partition" in given && typeof given.partition === "function"
      ? (given as CustomPartitioner)
      : undefined;
  },
);

/** The producer's settings with Kafka 4.4's defaults. Times in milliseconds, sizes in bytes. */
export const PRODUCER_RULES = {
  acks,
  "batch.size": int(16_384, 0),
  "linger.ms": int(5, 0),
  "compression.type": oneOf<"none" | "gzip" | "snappy" | "lz4" | "zstd">("none", "gzip", "snappy", "lz4", "zstd"),
  "max.in.flight.requests.per.connection": int(5, 1),
  "enable.idempotence": flag(true),
  retries: int(2_147_483_647, 0),
  "retry.backoff.ms": int(100, 0),
  "retry.backoff.max.ms": int(1_000, 0),
  "request.timeout.ms": int(30_000, 0),
  "delivery.timeout.ms": int(120_000, 0),
  "max.block.ms": int(60_000, 0, INT64_LIMIT),
  "buffer.memory": int(32 * 1024 * 1024, 0, INT64_LIMIT),
  "max.request.size": int(1_048_576, 0),
  "metadata.max.age.ms": int(300_000, 0),
  "partitioner.class": partitioner,
  "partitioner.ignore.keys": flag(false),
  "transactional.id": optionalText(),
  "transaction.timeout.ms": int(60_000, 1),
};

export type ProducerSettings = Settings<typeof PRODUCER_RULES>;
export type ProducerOptions = { readonly [Name in keyof typeof PRODUCER_RULES]?: unknown };

export const CODECS: Readonly<Record<ProducerSettings["compression.type"], Codec>> = {
  none: Codec.NONE,
  gzip: Codec.GZIP,
  snappy: Codec.SNAPPY,
  lz4: Codec.LZ4,
  zstd: Codec.ZSTD,
};

/**
 * Reads and checks settings as Kafka's producer does: idempotence is on unless another setting forbids it, and it is an error
 * only where both were given; `delivery.timeout.ms` grows to what the others need unless it was given itself. INVALID_CONFIG names
 * the setting.
 */
export function producerSettings(options: ProducerOptions): Outcome<ProducerSettings> {
  const read = readSettings(PRODUCER_RULES, options);
  if (failed(read)) return read;
  const settings = read.value;
  const transactional = settings["transactional.id"] !== null;
  const conflict = idempotenceConflict(settings);
  const isAsked = options["enable.idempotence"] !== undefined || transactional;
  if (settings["enable.idempotence"] && conflict !== null) {
    if (isAsked) return failure(ErrorCode.INVALID_CONFIG, conflict);
    return checkTimes({ ...settings, "enable.idempotence": false }, options);
  }
  if (transactional && !settings["enable.idempotence"]) {
    return failure(ErrorCode.INVALID_CONFIG, "A transactional.id needs enable.idempotence.");
  }
  return checkTimes(settings, options);
}

function idempotenceConflict(settings: ProducerSettings): string | null {
  if (settings.acks !== -1) return "An idempotent producer needs acks=all.";
  if (settings.retries === 0) return "An idempotent producer needs retries.";
  if (settings["max.in.flight.requests.per.connection"] > MAX_IDEMPOTENT_IN_FLIGHT) {
    return `An idempotent producer has at most ${MAX_IDEMPOTENT_IN_FLIGHT} max.in.flight.requests.per.connection.`;
  }
  return null;
}

function checkTimes(settings: ProducerSettings, options: ProducerOptions): Outcome<ProducerSettings> {
  const leastMs = Math.min(settings["linger.ms"] + settings["request.timeout.ms"], INT32_LIMIT);
  if (settings["delivery.timeout.ms"] >= leastMs) return success(settings);
  if (options["delivery.timeout.ms"] !== undefined) {
    return failure(ErrorCode.INVALID_CONFIG, "delivery.timeout.ms is at least linger.ms + request.timeout.ms.");
  }
  return success({ ...settings, "delivery.timeout.ms": leastMs });
}
