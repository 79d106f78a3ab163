/** What our own client can do beyond what all clients are asked for: transactions in both versions, all assignors, KIP-848. */
import { deepStrictEqual, ok } from "node:assert";
import { createTopic } from "#client/admin.ts";
import { describeConsumerGroup, groupOffsets, listGroups } from "#client/admin-groups.ts";
import { deleteRecords } from "#client/admin-topics.ts";
import type { Client } from "#client/client.ts";
import { type Consumer, openConsumer } from "#client/consumer/consumer.ts";
import type { ConsumerOptions } from "#client/consumer/settings.ts";
import { failed } from "#client/outcome.ts";
import { openProducer, type Producer } from "#client/producer/producer.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { tcpClient, valueOf } from "../../doubles/tcp-client.ts";
import { withoutFeatures } from "./without-features.ts";

const POLL_MS = 100;
const SETTLE_TIMEOUT_MS = 40_000;

export interface FeatureRun {
  readonly bootstrap: string;
  readonly prefix: string;
}

export const KEDGE_FEATURES: Readonly<Record<string, (run: FeatureRun) => Promise<void>>> = {
  transactions: (run) => transactions(run, "v2"),
  "transactions-v1": (run) => transactions(run, "v1"),
  assignors,
  "consumer-group": consumerGroup,
  administration,
};

async function transactions({ bootstrap, prefix }: FeatureRun, version: "v1" | "v2"): Promise<void> {
  const { client, close } = version === "v1" ? withoutFeatures(bootstrap) : tcpClient(bootstrap);
  const topic = `${prefix}-txn-${version}`;
  const input = `${prefix}-txn-in-${version}`;
  const groupId = `${prefix}-txn-group-${version}`;
  await createAll(client, [topic, input]);
  const source = valueOf(openProducer(client));
  for (let index = 0; index < 30; index++) void source.send({ topic: input, value: Buffer.from(`${index}`) });
  await source.close();
  const options = { "transactional.id": `${prefix}-${version}` };
  const producer = valueOf(openProducer(client, options));
  valueOf(await producer.initTransactions());
  await commitsAndAborts(producer, topic);
  await copies(client, producer, { input, topic, groupId });
  const successor = valueOf(openProducer(client, options));
  valueOf(await successor.initTransactions());
  await isFenced(producer, topic);
  valueOf(successor.beginTransaction());
  void successor.send({ topic, value: Buffer.from("successor") });
  valueOf(await successor.commitTransaction());
  const values = await readAll(client, topic);
  const expected = [
    "a0",
    "a1",
    "a2",
    "c0",
    "c1",
    "c2",
    ...Array.from({ length: 30 }, (_, index) => `copy ${index}`),
    "successor",
  ];
  deepStrictEqual(values.toSorted(), expected.toSorted(), "what read_committed sees");
  const committed = valueOf(await groupOffsets(client, groupId));
  const total = [...committed.values()].reduce((sum, { offset }) => sum + offset, 0);
  deepStrictEqual(total, 30, "offsets that were committed with the transactions");
  await producer.close();
  await successor.close();
  close();
}

async function commitsAndAborts(producer: Producer, topic: string): Promise<void> {
  for (const name of ["a", "b", "c"]) {
    valueOf(producer.beginTransaction());
    const sent = [0, 1, 2].map((index) =>
      producer.send({ topic, key: Buffer.from(`${index}`), value: Buffer.from(`${name}${index}`) }),
    );
    if (name === "b") {
      // Half of it is in the log already when it is aborted.
      await sent[0];
      valueOf(await producer.abortTransaction());
    } else valueOf(await producer.commitTransaction());
    await Promise.all(sent);
  }
  // A transaction with nothing in it ends, too.
  valueOf(producer.beginTransaction());
  valueOf(await producer.commitTransaction());
  valueOf(producer.beginTransaction());
  valueOf(await producer.abortTransaction());
}

/** Consume, process, produce: records and offsets of each round are committed together; every third round is aborted and done again. */
async function copies(
  client: Client,
  producer: Producer,
  at: { input: string; topic: string; groupId: string },
): Promise<void> {
  const consumer = member(client, at.groupId, { "isolation.level": "read_committed", "max.poll.records": 7 });
  valueOf(consumer.subscribe({ topics: [at.input] }));
  let copied = 0;
  let rounds = 0;
  while (copied < 30) {
    const records = valueOf(await consumer.poll(POLL_MS));
    if (records.length === 0) continue;
    valueOf(producer.beginTransaction());
    for (const { value } of records)
      void producer.send({ topic: at.topic, value: Buffer.from(`copy ${Buffer.from(value ?? [])}`) });
    const next = new Map(
      records.map(({ topic, partition, offset }) => [partition, { topic, partition, offset: offset + 1 }]),
    );
    valueOf(await producer.sendOffsetsToTransaction([...next.values()], consumer.groupMetadata()));
    if (rounds++ % 3 === 1) {
      valueOf(await producer.abortTransaction());
      for (const [partition] of next) {
        const first = records.find((record) => record.partition === partition);
        valueOf(consumer.seek({ topic: at.input, partition }, first?.offset ?? 0));
      }
      continue;
    }
    valueOf(await producer.commitTransaction());
    copied += records.length;
  }
  await consumer.close();
}

async function isFenced(zombie: Producer, topic: string): Promise<void> {
  valueOf(zombie.beginTransaction());
  const sent = await zombie.send({ topic, value: Buffer.from("zombie") });
  ok(failed(sent), "a fenced producer writes nothing");
  const committed = await zombie.commitTransaction();
  ok(failed(committed), "a fenced producer commits nothing");
  const aborted = await zombie.abortTransaction();
  deepStrictEqual(aborted.errorCode, ErrorCode.PRODUCER_FENCED, "it is told why");
}

async function assignors({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const { client, close } = tcpClient(bootstrap);
  const topic = `${prefix}-assignors`;
  await createAll(client, [topic], 6);
  for (const strategy of ["range", "roundrobin", "sticky", "cooperative-sticky"]) {
    const groupId = `${prefix}-${strategy}`;
    await rebalances(client, topic, () => member(client, groupId, { "partition.assignment.strategy": strategy }));
  }
  close();
}

async function consumerGroup({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const { client, close } = tcpClient(bootstrap);
  const topic = `${prefix}-848`;
  await createAll(client, [topic], 6);
  const groupId = `${prefix}-848`;
  const make = () => member(client, groupId, { "group.protocol": "consumer" });
  await rebalances(client, topic, make);
  const consumer = make();
  valueOf(consumer.subscribe({ regex: `${topic}.*` }));
  const polling = poll(consumer);
  await settle(() => deepStrictEqual(consumer.assignment().length, 6, "a regular expression finds the topic"));
  const described = valueOf(await describeConsumerGroup(client, groupId));
  deepStrictEqual(described.members.length, 1, "members of the group");
  await polling.stop();
  close();
}

/** Two members share, and the one that stays takes over; nothing is read twice when offsets are committed on the way. */
async function rebalances(client: Client, topic: string, make: () => Consumer): Promise<void> {
  const seen: string[] = [];
  const join = () => {
    const consumer = make();
    valueOf(consumer.subscribe({ topics: [topic] }));
    return { consumer, ...poll(consumer, seen) };
  };
  const first = join();
  await settle(() => deepStrictEqual(first.consumer.assignment().length, 6, "a lone member holds all"));
  const before = valueOf(await first.consumer.endOffsets(first.consumer.assignment()));
  const second = join();
  await settle(() =>
    deepStrictEqual(
      [first, second].map(({ consumer }) => consumer.assignment().length),
      [3, 3],
      "two share",
    ),
  );
  const producer = valueOf(openProducer(client));
  for (let index = 0; index < 60; index++)
    void producer.send({ topic, partition: index % 6, value: Buffer.from(`${index}`) });
  await producer.close();
  const expected = [...before.values()].reduce((sum, { offset }) => sum + offset, 60);
  await settle(() => deepStrictEqual(seen.length, expected, "all was read"));
  await first.stop();
  await settle(() => deepStrictEqual(second.consumer.assignment().length, 6, "the one that stays takes over"));
  await second.stop();
  deepStrictEqual(new Set(seen).size, seen.length, "nothing was read twice");
}

async function administration({ bootstrap, prefix }: FeatureRun): Promise<void> {
  const { client, close } = tcpClient(bootstrap);
  const topic = `${prefix}-administration`;
  await createAll(client, [topic], 1);
  const producer = valueOf(openProducer(client));
  await Promise.all([0, 1, 2, 3].map((index) => producer.send({ topic, value: Buffer.from(`${index}`) })));
  const deleted = valueOf(await deleteRecords(client, [{ topic, partition: 0, beforeOffset: 3 }]));
  deepStrictEqual(deleted.get(`${topic}/0`), 3);
  deepStrictEqual(await readAll(client, topic), ["3"]);
  const names = valueOf(await listGroups(client)).map(({ groupId }) => groupId);
  deepStrictEqual(names.includes(`${topic}-reader`), false, "a reader without a group leaves none");
  await producer.close();
  close();
}

function member(client: Client, groupId: string, options: ConsumerOptions): Consumer {
  const isClassic = options["group.protocol"] !== "consumer";
  const beats = isClassic ? { "heartbeat.interval.ms": 300, "session.timeout.ms": 10_000 } : {};
  return valueOf(openConsumer(client, { "group.id": groupId, "auto.offset.reset": "earliest", ...beats, ...options }));
}

function poll(consumer: Consumer, seen: string[] = []): { stop(): Promise<void> } {
  let isStopped = false;
  const running = (async () => {
    while (!isStopped) {
      for (const { topic, partition, offset } of valueOf(await consumer.poll(POLL_MS)))
        seen.push(`${topic}/${partition}/${offset}`);
    }
  })();
  return {
    async stop() {
      isStopped = true;
      await running;
      await consumer.close();
    },
  };
}

/** All that read_committed sees, from the beginning to what is the end now. */
async function readAll(client: Client, topic: string): Promise<string[]> {
  const consumer = valueOf(
    openConsumer(client, { "auto.offset.reset": "earliest", "isolation.level": "read_committed" }),
  );
  const { partitions } = valueOf(await consumer.partitionsFor(topic));
  const all = partitions.map(({ partitionIndex: partition }) => ({ topic, partition }));
  valueOf(consumer.assign(all));
  const ends = valueOf(await consumer.endOffsets(all));
  const values: string[] = [];
  const isBehind = async () => {
    for (const one of all) {
      const position = valueOf(await consumer.position(one));
      if (position < (ends.get(`${topic}/${one.partition}`)?.offset ?? 0)) return true;
    }
    return false;
  };
  while (await isBehind()) {
    for (const { value } of valueOf(await consumer.poll(POLL_MS))) values.push(Buffer.from(value ?? []).toString());
  }
  await consumer.close();
  return values;
}

async function createAll(client: Client, topics: readonly string[], partitionCount = 3): Promise<void> {
  for (const name of topics) valueOf(await createTopic(client, { name, partitionCount }));
  await settle(async () => {
    for (const name of topics) valueOf(await client.topic(name, { isFresh: true }));
  });
}

async function settle(check: () => void | Promise<void>): Promise<void> {
  const deadline = Date.now() + SETTLE_TIMEOUT_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}
