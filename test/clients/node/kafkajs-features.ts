/** What kafkajs alone of the stock Node clients can do: transactions (of old clients: kafkajs adds its partitions itself). */
import { deepStrictEqual, rejects } from "node:assert";
import kafkajs, { type Admin, type EachBatchPayload, type Kafka, type Producer, type Transaction } from "kafkajs";

const READ_TIMEOUT_MS = 30_000;
const RETRY_MS = 50;
const PARTITIONS = 3;
const COPIED = 60;
const COPIED_AT_ONCE = 7;

export interface FeatureRun {
  readonly bootstrap: string;
  /** Begins every topic, group and transactional id. */
  readonly prefix: string;
}

function clientAt(bootstrap: string): Kafka {
  const { Kafka, logLevel } = kafkajs;
  return new Kafka({ clientId: "kedge-kafkajs", brokers: [bootstrap], logLevel: logLevel.NOTHING });
}

async function transactions({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const kafka = clientAt(bootstrap);
  const topic = `${prefix}-transactions`;
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: PARTITIONS }] });
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

/** A consumer's records are copied in transactions that hold its offsets; every third is aborted and done again. */
async function copyInTransactions({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const kafka = clientAt(bootstrap);
  const [from, to] = [`${prefix}-copy-from`, `${prefix}-copy-to`];
  const admin = kafka.admin();
  const source = kafka.producer();
  const producer = kafka.producer({ transactionalId: to, maxInFlightRequests: 1, idempotent: true });
  const consumer = kafka.consumer({ groupId: from, readUncommitted: false, maxWaitTimeInMs: 100 });
  try {
    await Promise.all([admin, source, producer, consumer].map((client) => client.connect()));
    await admin.createTopics({ topics: [from, to].map((topic) => ({ topic, numPartitions: PARTITIONS })) });
    const values = Array.from({ length: COPIED }, (_, index) => `r${100 + index}`);
    const messages = values.map((value, index) => ({ value, partition: index % PARTITIONS }));
    await source.send({ topic: from, messages, acks: -1 });
    await consumer.subscribe({ topic: from, fromBeginning: true });
    let rounds = 0;
    await consumer.run({
      autoCommit: false,
      eachBatchAutoResolve: false,
      eachBatch: async (payload) => copySome(producer, payload, { from, to, isCommit: ++rounds % 3 !== 0 }),
    });
    await settled(async () =>
      deepStrictEqual(await committedRecords(admin, from), COPIED, "offsets that were committed"),
    );
    deepStrictEqual(await read(kafka, to, { committedOnly: true, count: COPIED }), values);
  } finally {
    await consumer.disconnect();
    await Promise.allSettled([admin, source, producer].map((client) => client.disconnect()));
  }
}

/** The first few records of a batch. What isn't resolved is fetched again, and so what was aborted. */
async function copySome(
  producer: Producer,
  { batch, resolveOffset }: EachBatchPayload,
  { from, to, isCommit }: { from: string; to: string; isCommit: boolean },
): Promise<void> {
  const { partition } = batch;
  const some = batch.messages.slice(0, COPIED_AT_ONCE);
  const last = some.at(-1)?.offset ?? "-1";
  const copy = async (transaction: Transaction) => {
    const messages = some.map(({ value }) => ({ value, partition }));
    await transaction.send({ topic: to, messages, acks: -1 });
    const offset = `${Number(last) + 1}`;
    const topics = [{ topic: from, partitions: [{ partition, offset }] }];
    await transaction.sendOffsets({ consumerGroupId: from, topics });
  };
  await inTransaction(producer, copy, isCommit);
  if (isCommit) resolveOffset(last);
}

async function committedRecords(admin: Admin, group: string): Promise<number> {
  const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [group] });
  return partitions.reduce((sum, { offset }) => sum + Math.max(0, Number(offset)), 0);
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

export const KAFKAJS_FEATURES: Readonly<Record<string, (run: FeatureRun) => Promise<void>>> = {
  transactions,
  "copy-in-transactions": copyInTransactions,
};
