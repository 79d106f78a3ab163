import { type Consumer, openConsumer } from "#client/consumer/consumer.ts";
import type { RebalanceListener } from "#client/consumer/membership.ts";
import type { ConsumerOptions } from "#client/consumer/settings.ts";
import { openProducer } from "#client/producer/producer.ts";
import type { TopicPartition } from "#client/topic-partition.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

export const T0 = { topic: "t", partition: 0 };

export async function withTopic(partitions = 4): Promise<CoreClient> {
  const at = await coreClient();
  await createTopics(at, ["t"], partitions);
  return at;
}

/** Writes `0`, `1`, … in turn to the partitions of a topic, from `from` on. */
export async function writeNumbers(
  at: CoreClient,
  count: number,
  { topic = "t", partitions = 1, from = 0 } = {},
): Promise<void> {
  const producer = valueOf(openProducer(at.client, { "linger.ms": 0 }));
  const sent = Array.from({ length: count }, (_, index) =>
    producer.send({ topic, partition: index % partitions, value: Buffer.from(`${from + index}`) }),
  );
  for (const outcome of await at.run(Promise.all(sent))) valueOf(outcome);
  await at.run(producer.close());
}

export function text({ value }: { readonly value: Uint8Array | null }): string {
  return Buffer.from(value ?? []).toString();
}

/** Polls until so many records came. */
export async function read(at: CoreClient, consumer: Consumer, count: number): Promise<string[]> {
  const values: string[] = [];
  while (values.length < count) values.push(...valueOf(await at.run(consumer.poll(100))).map(text));
  return values;
}

/** No member may be silent for longer. */
export const SESSION_MS = 6_000;
const BEATS = { "heartbeat.interval.ms": 1_000, "session.timeout.ms": SESSION_MS };

export function pass(at: CoreClient, byMs: number): Promise<void> {
  const { time } = at.cluster;
  const untilMs = time.nowMs() + byMs;
  return at.until(() => time.nowMs() >= untilMs);
}

/** A member that polls when the test does. */
export function quiet(at: CoreClient, options: ConsumerOptions = {}, listener: RebalanceListener = {}): Consumer {
  const beats = options["group.protocol"] === "consumer" ? {} : BEATS;
  const all = { "group.id": "g", "auto.offset.reset": "earliest", ...beats, ...options };
  const consumer = valueOf(openConsumer(at.client, all));
  valueOf(consumer.subscribe({ topics: ["t"] }, listener));
  return consumer;
}

export async function pollUntil(at: CoreClient, consumer: Consumer, condition: () => boolean): Promise<void> {
  while (!condition()) valueOf(await at.run(consumer.poll(100)));
}

/** A member that polls by itself, and notes what happens to it. */
export interface Member {
  readonly consumer: Consumer;
  /** `+t/0` assigned, `-t/0` revoked, `!t/0` lost. */
  readonly log: string[];
  readonly seen: string[];
  /** Partitions that it holds, ascending. */
  held(): number[];
  /** Stops polling, and does no more. */
  freeze(): Promise<void>;
  resume(): void;
  stop(): Promise<void>;
}

export function join(at: CoreClient, options: ConsumerOptions, topics: readonly string[] = ["t"]): Member {
  const isClassic = options["group.protocol"] !== "consumer";
  const beats = isClassic ? { "heartbeat.interval.ms": 100, "session.timeout.ms": 6_000 } : {};
  const consumer = valueOf(
    openConsumer(at.client, { "group.id": "g", "auto.offset.reset": "earliest", ...beats, ...options }),
  );
  const log: string[] = [];
  const note = (sign: string) => (partitions: readonly TopicPartition[]) => {
    for (const { topic, partition } of partitions) log.push(`${sign}${topic}/${partition}`);
  };
  const listener: RebalanceListener = {
    onPartitionsAssigned: note("+"),
    onPartitionsRevoked: note("-"),
    onPartitionsLost: note("!"),
  };
  valueOf(consumer.subscribe({ topics }, listener));
  const seen: string[] = [];
  let isPolling = false;
  let polling: Promise<void> = Promise.resolve();
  const resume = () => {
    isPolling = true;
    polling = (async () => {
      while (isPolling) seen.push(...valueOf(await consumer.poll(50)).map(text));
    })();
  };
  const freeze = async () => {
    isPolling = false;
    await at.run(polling);
  };
  resume();
  return {
    consumer,
    log,
    seen,
    freeze,
    resume,
    held: () =>
      consumer
        .assignment()
        .map(({ partition }) => partition)
        .toSorted(),
    async stop() {
      await freeze();
      await at.run(consumer.close());
    },
  };
}
