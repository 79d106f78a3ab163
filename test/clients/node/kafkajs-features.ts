/** What kafkajs alone of the stock Node clients can do: transactions (of old clients: kafkajs adds its partitions itself). */
import { deepStrictEqual, rejects } from "node:assert";
import kafkajs, { type Kafka, type Producer, type Transaction } from "kafkajs";

const READ_TIMEOUT_MS = 30_000;
const RETRY_MS = 50;

export interface FeatureRun {
  readonly bootstrap: string;
  /** Begins every topic, group and transactional id. */
  readonly prefix: string;
}

async function transactions({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const { Kafka, logLevel } = kafkajs;
  const kafka = new Kafka({ clientId: "kedge-kafkajs", brokers: [bootstrap], logLevel: logLevel.NOTHING });
  const topic = `${prefix}-transactions`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: 3 }] });
  const producers: Producer[] = [];
  const newProducer = async (): Promise<Producer> => {
    const producer = kafka.producer({ transactionalId: topic, maxInFlightRequests: 1, idempotent: true });
    producers.push(producer);
    await producer.connect();
    return producer;
  };
  try {
    const producer = await newProducer();
    await inTransaction(producer, (transaction) => send(transaction, topic, ["a0", "a1", "a2"]), true);
    await inTransaction(producer, (transaction) => send(transaction, topic, ["b0", "b1", "b2"]), false);
    const consumed = (offset: string) => ({
      consumerGroupId: topic,
      topics: [{ topic, partitions: [{ partition: 0, offset }] }],
    });
    await inTransaction(producer, (transaction) => transaction.sendOffsets(consumed("9")), false);
    const copy = async (transaction: Transaction) => {
      await send(transaction, topic, ["c0"]);
      await transaction.sendOffsets(consumed("7"));
    };
    await inTransaction(producer, copy, true);
    await settled(async () => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: topic, topics: [topic] });
      deepStrictEqual(partitions.find(({ partition }) => partition === 0)?.offset, "7");
    });

    const open = await producer.transaction();
    await send(open, topic, ["zombie"]);
    const successor = await newProducer();
    await inTransaction(successor, (transaction) => send(transaction, topic, ["d0"]), true);
    await rejects(open.commit(), "a fenced producer can't commit");
    const committed = ["a0", "a1", "a2", "c0", "d0"];
    deepStrictEqual(await read(kafka, topic, { committedOnly: true, count: committed.length }), committed);
    const all = [...committed, "b0", "b1", "b2", "zombie"].toSorted();
    deepStrictEqual(await read(kafka, topic, { committedOnly: false, count: all.length }), all);
  } finally {
    await Promise.allSettled([...producers, admin].map((client) => client.disconnect()));
  }
}

/** kafkajs gives up where the markers of the transaction before are still being written. */
async function inTransaction(
  producer: Producer,
  work: (transaction: Transaction) => Promise<unknown>,
  isCommit: boolean,
): Promise<void> {
  const transaction = await settled(() => producer.transaction());
  await work(transaction);
  if (isCommit) await transaction.commit();
  else await transaction.abort();
}

async function send(transaction: Transaction, topic: string, values: readonly string[]): Promise<void> {
  const messages = values.map((value, partition) => ({ value, partition }));
  await transaction.send({ topic, messages, acks: -1 });
}

/** What is read until so many values came and no more come, sorted. */
async function read(kafka: Kafka, topic: string, how: { committedOnly: boolean; count: number }): Promise<string[]> {
  const groupId = `${topic}-${how.committedOnly ? "committed" : "all"}`;
  const consumer = kafka.consumer({ groupId, readUncommitted: !how.committedOnly, maxWaitTimeInMs: 100 });
  const values: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => void values.push(message.value?.toString() ?? "") });
  await settled(async () => deepStrictEqual(values.length >= how.count, true, `read ${values}`));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await consumer.disconnect();
  return values.toSorted();
}

async function settled<T>(work: () => Promise<T>): Promise<T> {
  const deadline = Date.now() + READ_TIMEOUT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

export const KAFKAJS_FEATURES: Readonly<Record<string, (run: FeatureRun) => Promise<void>>> = { transactions };
