/** kafkajs 2.2. It brings gzip; zstd is plugged in from node:zlib, the way its documentation tells. */
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import kafkajs, { type Consumer, type EachBatchPayload, type IHeaders } from "kafkajs";
import type { WireRecord } from "../records.ts";
import {
  type ClientUnderTest,
  type Codec,
  FETCH_WAIT_MS,
  type GroupMember,
  type ProduceHow,
  type ReadRecord,
  type TopicShape,
} from "./client.ts";

const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = kafkajs;

CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async (encoder: { buffer: Buffer }) => zstdCompressSync(encoder.buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});

const CODEC: Record<Codec, number> = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 };
const READ_TIMEOUT_MS = 30_000;

export function kafkajsClient(bootstrap: string): ClientUnderTest {
  const kafka = new Kafka({ clientId: "kedge-kafkajs", brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const connected = admin.connect();
  let reads = 0;

  async function describeTopic(topic: string): Promise<TopicShape> {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const { partitions } = topics[0];
    return { partitions: partitions.length, led: partitions.filter((partition) => partition.leader >= 0).length };
  }

  async function topicConfig(topic: string, name: string): Promise<string | null> {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name: topic, configNames: [name] }];
    const described = await admin.describeConfigs({ resources, includeSynonyms: false });
    return described.resources[0].configEntries.find((entry) => entry.configName === name)?.configValue ?? null;
  }

  async function produce(topic: string, records: readonly WireRecord[], how: ProduceHow): Promise<void> {
    const producer = kafka.producer({ idempotent: how.idempotent });
    await producer.connect();
    for (let from = 0; from < records.length; from += how.chunk) {
      const messages = records.slice(from, from + how.chunk).map(toMessage);
      await producer.send({ topic, messages, acks: -1, compression: CODEC[how.codec] });
    }
    await producer.disconnect();
  }

  async function read(topic: string, count: number): Promise<ReadRecord[]> {
    reads += 1;
    const consumer = kafka.consumer({
      groupId: `${topic}-reader-${process.pid}-${reads}`,
      maxWaitTimeInMs: FETCH_WAIT_MS,
    });
    const records: ReadRecord[] = [];
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`read ${records.length} of ${count} records`)), READ_TIMEOUT_MS);
      const eachBatch = async ({ batch }: EachBatchPayload): Promise<void> => {
        for (const message of batch.messages) records.push(fromMessage(batch.partition, message));
        if (records.length >= count) {
          clearTimeout(timer);
          resolve();
        }
      };
      consumer.on("consumer.crash", ({ payload }) => {
        if (payload.restart) return;
        clearTimeout(timer);
        reject(payload.error);
      });
      consumer.run({ eachBatch }).catch(reject);
    }).finally(() => consumer.disconnect());
    return records;
  }

  return {
    name: "kafkajs",
    codecs: ["none", "gzip", "zstd"],
    describeTopic,
    topicConfig,
    produce,
    read,
    join: (groupId, topic) =>
      join(
        kafka.consumer({ groupId, sessionTimeout: 6000, heartbeatInterval: 300, maxWaitTimeInMs: FETCH_WAIT_MS }),
        topic,
      ),
    async createTopic(topic, partitions, configs = {}) {
      await connected;
      const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      const created = await admin.createTopics({ topics: [{ topic, numPartitions: partitions, configEntries }] });
      if (!created) throw new Error(`${topic} existed`);
    },
    async deleteTopic(topic) {
      await admin.deleteTopics({ topics: [topic] });
    },
    listTopics: () => admin.listTopics(),
    async growTopic(topic, partitions) {
      await admin.createPartitions({ topicPartitions: [{ topic, count: partitions }] });
    },
    async offsets(topic, at) {
      const found =
        typeof at === "number"
          ? await admin.fetchTopicOffsetsByTimestamp(topic, at)
          : await admin.fetchTopicOffsets(topic);
      const field = at === "earliest" ? "low" : "offset";
      return found
        .toSorted((a, b) => a.partition - b.partition)
        .map((partition) => Number((partition as { low?: string; offset: string })[field]));
    },
    close: () => admin.disconnect(),
  };
}

async function join(consumer: Consumer, topic: string): Promise<GroupMember> {
  const seen: string[] = [];
  const next = new Map<number, number>();
  let assigned: number[] = [];
  let closed = false;
  consumer.on("consumer.group_join", ({ payload }) => {
    assigned = (payload.memberAssignment[topic] ?? []).toSorted();
  });
  consumer.on("consumer.rebalancing", () => {
    assigned = [];
  });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      seen.push(`${partition}/${message.offset}`);
      next.set(partition, Number(message.offset) + 1);
    },
  });
  return {
    seen,
    assignment: () => assigned,
    async commit() {
      const held = [...next].filter(([partition]) => assigned.includes(partition));
      await consumer.commitOffsets(held.map(([partition, offset]) => ({ topic, partition, offset: `${offset}` })));
    },
    async close() {
      if (closed) return;
      closed = true;
      await consumer.disconnect();
    },
  };
}

function toMessage(record: WireRecord) {
  return {
    partition: record.partition,
    timestamp: `${record.timestampMs}`,
    key: bytes(record.key),
    value: bytes(record.value),
    headers: Object.fromEntries(record.headers.map(([name, value]) => [name, Buffer.from(value, "base64")])),
  };
}

interface Received {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: IHeaders;
}

function fromMessage(partition: number, message: Received): ReadRecord {
  return {
    partition,
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key?.toString("base64") ?? null,
    value: message.value?.toString("base64") ?? null,
    headers: Object.entries(message.headers ?? {}).map(([name, value]) => [name, (value as Buffer).toString("base64")]),
  };
}

function bytes(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text, "base64");
}
