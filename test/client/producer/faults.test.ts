import { describe, expect, it } from "vitest";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed } from "#client/outcome.ts";
import { openProducer, type Producer } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { seeded } from "../../clients/records.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

const PARTITIONS = 3;
const RECORDS = 120;

/** What each partition holds, in order, as an application reads it. */
async function stored(at: CoreClient, topic: string): Promise<string[][]> {
  const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest" }));
  const all = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  valueOf(consumer.assign(all));
  const ends = valueOf(await at.run(consumer.endOffsets(all)));
  const values: string[][] = all.map(() => []);
  const isDone = () =>
    all.every(({ partition }) => values[partition].length >= (ends.get(`${topic}/${partition}`)?.offset ?? 0));
  while (!isDone()) {
    for (const { partition, value } of valueOf(await at.run(consumer.poll(100)))) {
      values[partition].push(Buffer.from(value ?? []).toString());
    }
  }
  await at.run(consumer.close());
  return values;
}

/** Sends numbered records in small batches, with pauses, so that many requests are under way. */
async function sendAll(at: CoreClient, producer: Producer): Promise<number[][]> {
  const sent: number[][] = Array.from({ length: PARTITIONS }, () => []);
  const deliveries = [];
  for (let index = 0; index < RECORDS; index++) {
    const partition = index % PARTITIONS;
    deliveries.push(producer.send({ topic: "t", partition, value: Buffer.from(`${index}`) }));
    sent[partition].push(index);
    if (index % 7 === 0) await at.cluster.time.advance(10);
  }
  const outcomes = await at.run(Promise.all(deliveries));
  expect(outcomes.filter(failed), "every record was delivered in the end").toEqual([]);
  return sent;
}

/** Loses requests and answers, and delays some, by the seed. Metadata and producer ids, too. */
function breakNetwork(at: CoreClient, seed: number): void {
  const random = seeded(seed);
  const trouble = async () => {
    const drawn = random();
    if (drawn < 0.12) throw new Error("lost");
    if (drawn < 0.3) await new Promise<void>((resolve) => at.cluster.time.set(resolve, Math.floor(random() * 200)));
  };
  at.transport.before = trouble;
  at.transport.after = trouble;
}

describe("an idempotent producer", () => {
  it.each(Array.from({ length: 12 }, (_, seed) => seed + 1))(
    "loses nothing and doubles nothing on a bad network (seed %i)",
    async (seed) => {
      const at = await coreClient([1, 2]);
      await createTopics(at, ["t"], PARTITIONS);
      breakNetwork(at, seed);
      const producer = valueOf(openProducer(at.client, { "batch.size": 200, "linger.ms": 0 }));
      const sent = await sendAll(at, producer);
      await at.run(producer.close());
      at.transport.before = () => undefined;
      at.transport.after = () => undefined;
      expect(await stored(at, "t")).toEqual(sent.map((own) => own.map(String)));
      expect(at.transport.count(ApiKey.Produce)).toBeGreaterThan(5);
    },
  );

  it.each([1, 2, 3, 4])("goes on through restarts of its brokers (seed %i)", async (seed) => {
    const at = await coreClient([1, 2]);
    await createTopics(at, ["t"], PARTITIONS);
    const random = seeded(seed);
    at.transport.after = async ({ apiKey, brokerId, count }) => {
      if (apiKey !== ApiKey.Produce || count % 6 !== seed % 6) return;
      await at.cluster.crash(brokerId);
      at.transport.cut();
      if (random() < 0.5) throw new Error("lost");
    };
    const producer = valueOf(openProducer(at.client, { "batch.size": 200, "linger.ms": 0 }));
    const sent = await sendAll(at, producer);
    await at.run(producer.close());
    at.transport.after = () => undefined;
    expect(await stored(at, "t")).toEqual(sent.map((own) => own.map(String)));
  });

  it("would double records without its sequences: this is what the tests above can see", async () => {
    const at = await coreClient([1, 2]);
    await createTopics(at, ["t"], PARTITIONS);
    at.transport.after = ({ apiKey, count }) => {
      if (apiKey === ApiKey.Produce && count % 3 === 0) throw new Error("lost");
    };
    const producer = valueOf(
      openProducer(at.client, { "batch.size": 200, "linger.ms": 0, "enable.idempotence": false }),
    );
    await sendAll(at, producer);
    await at.run(producer.close());
    at.transport.after = () => undefined;
    const values = await stored(at, "t");
    expect(values.flat().length).toBeGreaterThan(RECORDS);
  });

  it("says that a record wasn't delivered when its time is over, and goes on with the next ones", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], PARTITIONS);
    const options = { "delivery.timeout.ms": 2_000, "request.timeout.ms": 500, "linger.ms": 0 };
    const producer = valueOf(openProducer(at.client, options));
    const first = producer.send({ topic: "t", partition: 0, value: Buffer.from("first") });
    expect(valueOf(await at.run(first))).toMatchObject({ offset: 0 });
    at.transport.before = ({ apiKey }) => (apiKey === ApiKey.Produce ? new Promise(() => undefined) : undefined);
    const lost = await at.run(producer.send({ topic: "t", partition: 0, value: Buffer.from("lost") }));
    expect(failed(lost)).toBe(true);
    at.transport.before = () => undefined;
    const third = await at.run(producer.send({ topic: "t", partition: 0, value: Buffer.from("third") }));
    expect(valueOf(third)).toMatchObject({ offset: 1 });
    await at.run(producer.close());
    expect((await stored(at, "t"))[0]).toEqual(["first", "third"]);
  });
});
