/** Our own client (`src/client`), over TCP. */
import { createTopic, topicConfigs } from "#client/admin.ts";
import { alterTopicConfigs, deleteTopic, growTopic } from "#client/admin-topics.ts";
import type { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import type { ConsumerRecord } from "#client/consumer/fetcher.ts";
import { failed } from "#client/outcome.ts";
import { openProducer } from "#client/producer/producer.ts";
import { tcpClient, valueOf } from "../../doubles/tcp-client.ts";
import type { WireRecord } from "../records.ts";
import { type ClientUnderTest, FETCH_WAIT_MS, type GroupMember, type ProduceHow, type ReadRecord } from "./client.ts";

const READ_TIMEOUT_MS = 30_000;
const POLL_MS = 100;
const QUESTIONS = { latest: -1, earliest: -2 };

export function kedgeClient(bootstrap: string): ClientUnderTest {
  const { client, close } = tcpClient(bootstrap);

  async function produce(topic: string, records: readonly WireRecord[], how: ProduceHow): Promise<void> {
    const options = { "compression.type": how.codec, "enable.idempotence": how.idempotent };
    const producer = valueOf(openProducer(client, options));
    for (let from = 0; from < records.length; from += how.chunk) {
      const sent = records.slice(from, from + how.chunk).map((record) => producer.send(toRecord(topic, record)));
      for (const outcome of await Promise.all(sent)) valueOf(outcome);
    }
    await producer.close();
  }

  async function read(topic: string, count: number): Promise<ReadRecord[]> {
    const consumer = valueOf(openConsumer(client, { "auto.offset.reset": "earliest" }));
    const { partitions } = valueOf(await consumer.partitionsFor(topic));
    valueOf(consumer.assign(partitions.map(({ partitionIndex: partition }) => ({ topic, partition }))));
    const records: ReadRecord[] = [];
    const deadline = Date.now() + READ_TIMEOUT_MS;
    while (records.length < count) {
      if (Date.now() > deadline) throw new Error(`read ${records.length} of ${count}`);
      records.push(...valueOf(await consumer.poll(POLL_MS)).map(fromRecord));
    }
    await consumer.close();
    return records;
  }

  return {
    name: "kedge",
    codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
    produce,
    read,
    join: async (groupId, topic) => join(client, groupId, topic),
    async createTopic(topic, partitions, configs = {}) {
      const { "retention.ms": later, ...others } = configs;
      valueOf(await createTopic(client, { name: topic, partitionCount: partitions, configs: others }));
      // Set later on, so that altering is asked for, too.
      if (later !== undefined) valueOf(await alterTopicConfigs(client, topic, { "retention.ms": later }));
    },
    deleteTopic: async (topic) => valueOf(await deleteTopic(client, topic)),
    listTopics: async () => valueOf(await client.cluster(null)).topics.map(({ name }) => name),
    async describeTopic(topic) {
      const outcome = await client.topic(topic, { isFresh: true });
      const partitions = failed(outcome) ? [] : outcome.value.partitions;
      return { partitions: partitions.length, led: partitions.filter(({ leaderId }) => leaderId >= 0).length };
    },
    async topicConfig(topic, name) {
      const configs = valueOf(await topicConfigs(client, topic));
      return configs.find((config) => config.name === name)?.value ?? null;
    },
    growTopic: async (topic, count) => valueOf(await growTopic(client, topic, count)),
    async offsets(topic, at) {
      const consumer = valueOf(openConsumer(client));
      const { partitions } = valueOf(await client.topic(topic, { isFresh: true }));
      const timestamp = typeof at === "number" ? at : QUESTIONS[at];
      const asked = partitions.map(({ partitionIndex: partition }) => ({ topic, partition, timestamp }));
      const answers = valueOf(await consumer.offsetsForTimes(asked));
      await consumer.close();
      return asked.map(({ partition }) => answers.get(`${topic}/${partition}`)?.offset ?? Number.NaN);
    },
    close: async () => close(),
  };
}

function join(client: Client, groupId: string, topic: string): GroupMember {
  const consumer = valueOf(
    openConsumer(client, {
      "group.id": groupId,
      "auto.offset.reset": "earliest",
      "enable.auto.commit": false,
      "session.timeout.ms": 6_000,
      "heartbeat.interval.ms": 300,
      "fetch.max.wait.ms": FETCH_WAIT_MS,
    }),
  );
  valueOf(consumer.subscribe({ topics: [topic] }));
  const seen: string[] = [];
  let isClosed = false;
  const polling = (async () => {
    while (!isClosed) {
      for (const { partition, offset } of valueOf(await consumer.poll(POLL_MS))) seen.push(`${partition}/${offset}`);
    }
  })();
  // Whoever closes hears of it.
  polling.catch(() => undefined);
  return {
    seen,
    assignment: () =>
      consumer
        .assignment()
        .map(({ partition }) => partition)
        .toSorted(),
    commit: async () => valueOf(await consumer.commitSync()),
    async close() {
      if (isClosed) return;
      isClosed = true;
      await polling;
      await consumer.close();
    },
  };
}

function toRecord(topic: string, { partition, timestampMs, key, value, headers }: WireRecord) {
  return {
    topic,
    partition,
    timestampMs,
    key: bytes(key),
    value: bytes(value),
    headers: headers.map(([name, text]) => ({ key: name, value: bytes(text) })),
  };
}

function fromRecord({ partition, offset, timestampMs, key, value, headers }: ConsumerRecord): ReadRecord {
  return {
    partition,
    offset,
    timestampMs,
    key: text(key),
    value: text(value),
    headers: headers.map((header) => [header.key, text(header.value) ?? ""]),
  };
}

function bytes(base64: string | null): Uint8Array | null {
  return base64 === null ? null : Buffer.from(base64, "base64");
}

function text(value: Uint8Array | null): string | null {
  return value === null ? null : Buffer.from(value).toString("base64");
}
