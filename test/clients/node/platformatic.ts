/** @platformatic/kafka 2.12: all five codecs, JavaScript only. */
import {
  Admin,
  ConfigResourceTypes,
  Consumer,
  ListOffsetTimestamps,
  type Message,
  Producer,
  type ProducerOptions,
} from "@platformatic/kafka";
import type { WireRecord } from "../records.ts";
import {
  type ClientUnderTest,
  FETCH_WAIT_MS,
  type GroupMember,
  type ProduceHow,
  type ReadRecord,
  type TopicShape,
} from "./client.ts";

const READ_TIMEOUT_MS = 30_000;

export function platformaticClient(bootstrap: string): ClientUnderTest {
  const base = { clientId: "kedge-platformatic", bootstrapBrokers: [bootstrap] };
  const admin = new Admin(base);
  let reads = 0;

  async function describeTopic(topic: string): Promise<TopicShape> {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    const partitions = metadata.topics.get(topic)?.partitions ?? [];
    return { partitions: partitions.length, led: partitions.filter((partition) => partition.leader >= 0).length };
  }

  async function topicConfig(topic: string, name: string): Promise<string | null> {
    const resources = [{ resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [name] }];
    const described = await admin.describeConfigs({ resources });
    return described[0].configs.find((config) => config.name === name)?.value ?? null;
  }

  async function produce(topic: string, records: readonly WireRecord[], how: ProduceHow): Promise<void> {
    const options: ProducerOptions<Buffer, Buffer, Buffer, Buffer> = { ...base, idempotent: how.idempotent, acks: -1 };
    const producer = new Producer({ ...options, compression: how.codec });
    for (let from = 0; from < records.length; from += how.chunk) {
      await producer.send({
        messages: records.slice(from, from + how.chunk).map((record) => toMessage(topic, record)),
      });
    }
    await producer.close();
  }

  async function read(topic: string, count: number): Promise<ReadRecord[]> {
    reads += 1;
    const groupId = `${topic}-reader-${process.pid}-${reads}`;
    const consumer = new Consumer({ ...base, groupId, maxWaitTime: FETCH_WAIT_MS });
    const records: ReadRecord[] = [];
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
    const timer = setTimeout(() => stream.destroy(new Error(`read ${records.length} of ${count}`)), READ_TIMEOUT_MS);
    for await (const message of stream) {
      records.push(fromMessage(message));
      if (records.length >= count) break;
    }
    clearTimeout(timer);
    await consumer.close(true);
    return records;
  }

  return {
    name: "platformatic",
    codecs: ["none", "gzip", "snappy", "lz4", "zstd"],
    describeTopic,
    topicConfig,
    produce,
    read,
    join: (groupId, topic) => {
      const group = { groupId, sessionTimeout: 6000, heartbeatInterval: 300, maxWaitTime: FETCH_WAIT_MS };
      return join(new Consumer({ ...base, ...group }), topic);
    },
    async createTopic(topic, partitions, configs = {}) {
      const entries = Object.entries(configs).map(([name, value]) => ({ name, value }));
      await admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: entries });
    },
    deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
    listTopics: () => admin.listTopics(),
    growTopic: (topic, count) => admin.createPartitions({ topics: [{ name: topic, count, assignments: null }] }),
    async offsets(topic, at) {
      const special = { latest: ListOffsetTimestamps.LATEST, earliest: ListOffsetTimestamps.EARLIEST };
      const timestamp = typeof at === "number" ? BigInt(at) : BigInt(special[at]);
      const { partitions } = await describeTopic(topic);
      const asked = Array.from({ length: partitions }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
      const listed = await admin.listOffsets({ topics: [{ name: topic, partitions: asked }] });
      const found = listed[0].partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex);
      return found.map((partition) => Number(partition.offset));
    },
    close: () => admin.close(),
  };
}

async function join(consumer: Consumer, topic: string): Promise<GroupMember> {
  const seen: string[] = [];
  const next = new Map<number, { offset: number; leaderEpoch: number }>();
  let closed = false;
  const stream = await consumer.consume({
    topics: [topic],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: false,
  });
  stream.on("data", (message) => {
    seen.push(`${message.partition}/${message.offset}`);
    next.set(message.partition, { offset: Number(message.offset) + 1, leaderEpoch: message.leaderEpoch });
  });
  const assignment = (): number[] => {
    const held = consumer.assignments?.find((assigned) => assigned.topic === topic)?.partitions ?? [];
    return held.toSorted();
  };
  return {
    seen,
    assignment,
    async commit() {
      const held = [...next].filter(([partition]) => assignment().includes(partition));
      const offsets = held.map(([partition, at]) => {
        return { topic, partition, offset: BigInt(at.offset), leaderEpoch: at.leaderEpoch };
      });
      await consumer.commit({ offsets });
    },
    async close() {
      if (closed) return;
      closed = true;
      await consumer.close(true);
    },
  };
}

function toMessage(topic: string, record: WireRecord) {
  return {
    topic,
    partition: record.partition,
    timestamp: BigInt(record.timestampMs),
    key: bytes(record.key),
    value: bytes(record.value),
    headers: new Map(record.headers.map(([name, value]) => [Buffer.from(name), Buffer.from(value, "base64")])),
  };
}

function fromMessage(message: Message<Buffer, Buffer, Buffer, Buffer>): ReadRecord {
  return {
    partition: message.partition,
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key?.toString("base64") ?? null,
    value: message.value?.toString("base64") ?? null,
    headers: [...message.headers].map(([name, value]) => [name.toString(), value.toString("base64")]),
  };
}

function bytes(text: string | null): Buffer | undefined {
  return text === null ? undefined : Buffer.from(text, "base64");
}
