import { describe, expect, it } from "vitest";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed } from "#client/outcome.ts";
import { openProducer, type Producer } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { seeded } from "../../clients/records.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

const PARTITIONS = 2;

async function committed(at: CoreClient, topic: string): Promise<string[]> {
  const consumer = valueOf(
    openConsumer(at.client, { "auto.offset.reset": "earliest", "isolation.level": "read_committed" }),
  );
  const all = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  valueOf(consumer.assign(all));
  const ends = valueOf(await at.run(consumer.endOffsets(all)));
  const values: string[] = [];
  const position = async (partition: number) => valueOf(await at.run(consumer.position({ topic, partition })));
  for (const { partition } of all) {
    while ((await position(partition)) < (ends.get(`${topic}/${partition}`)?.offset ?? 0)) {
      for (const { value } of valueOf(await at.run(consumer.poll(100))))
        values.push(Buffer.from(value ?? []).toString());
    }
  }
  await at.run(consumer.close());
  return values;
}

function write(producer: Producer, name: string, count = 4) {
  return Array.from({ length: count }, (_, index) =>
    producer.send({ topic: "t", partition: index % PARTITIONS, value: Buffer.from(`${name}${index}`) }),
  );
}

async function open(at: CoreClient, transactionalId = "x"): Promise<Producer> {
  const producer = valueOf(openProducer(at.client, { "transactional.id": transactionalId, "linger.ms": 0 }));
  valueOf(await at.run(producer.initTransactions()));
  return producer;
}

describe("a transactional producer", () => {
  it("commits, aborts, and shows only what was committed", async () => {
    const at = await coreClient([1, 2]);
    await createTopics(at, ["t"], PARTITIONS);
    const producer = await open(at);
    for (const name of ["a", "b", "c"]) {
      valueOf(producer.beginTransaction());
      const sent = write(producer, name);
      if (name === "b") await at.run(sent[0]);
      valueOf(await at.run(name === "b" ? producer.abortTransaction() : producer.commitTransaction()));
      await at.run(Promise.all(sent));
    }
    await at.run(producer.close());
    expect((await committed(at, "t")).toSorted()).toEqual(["a0", "a1", "a2", "a3", "c0", "c1", "c2", "c3"]);
  });

  it("says what can't be done in which state", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], PARTITIONS);
    const producer = valueOf(openProducer(at.client, { "transactional.id": "x" }));
    expect(producer.beginTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(await at.run(producer.initTransactions()));
    expect(await producer.initTransactions()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    expect(await producer.send({ topic: "t", value: null })).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(producer.beginTransaction());
    expect(producer.beginTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(await at.run(producer.commitTransaction()));
    await at.run(producer.close());
  });

  it("is fenced for good by the next one with its id", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], PARTITIONS);
    const zombie = await open(at);
    valueOf(zombie.beginTransaction());
    await at.run(Promise.all(write(zombie, "lost")));
    const successor = await open(at);
    expect(failed(await at.run(zombie.commitTransaction()))).toBe(true);
    expect(await at.run(zombie.abortTransaction())).toMatchObject({ errorCode: ErrorCode.PRODUCER_FENCED });
    valueOf(successor.beginTransaction());
    write(successor, "kept", 2);
    valueOf(await at.run(successor.commitTransaction()));
    await at.run(Promise.all([zombie.close(), successor.close()]));
    expect((await committed(at, "t")).toSorted()).toEqual(["kept0", "kept1"]);
  });

  it.each(Array.from({ length: 10 }, (_, seed) => seed + 1))(
    "commits each transaction whole, or not at all, on a bad network (seed %i)",
    async (seed) => {
      const at = await coreClient([1, 2]);
      await createTopics(at, ["t"], PARTITIONS);
      const random = seeded(seed);
      const trouble = async () => {
        const drawn = random();
        if (drawn < 0.08) throw new Error("lost");
        if (drawn < 0.2) await new Promise<void>((resolve) => at.cluster.time.set(resolve, Math.floor(random() * 150)));
      };
      at.transport.before = trouble;
      at.transport.after = trouble;
      const producer = await open(at);
      const expected: string[] = [];
      for (let round = 0; round < 12; round++) {
        valueOf(producer.beginTransaction());
        const sent = write(producer, `${round}-`);
        const isCommitted = random() < 0.7;
        if (!isCommitted && random() < 0.5) await at.run(sent[1]);
        valueOf(await at.run(isCommitted ? producer.commitTransaction() : producer.abortTransaction()));
        if (isCommitted) expected.push(...(await at.run(Promise.all(sent))).map((_, index) => `${round}-${index}`));
      }
      at.transport.before = () => undefined;
      at.transport.after = () => undefined;
      await at.run(producer.close());
      expect((await committed(at, "t")).toSorted()).toEqual(expected.toSorted());
      expect(at.transport.count(ApiKey.EndTxn)).toBeGreaterThan(5);
    },
  );
});
