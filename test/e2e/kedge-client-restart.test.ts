import { describe, expect, it } from "vitest";
import { createTopic } from "#client/admin.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { openProducer } from "#client/producer/producer.ts";
import { tcpClient, valueOf } from "../doubles/tcp-client.ts";
import { type Kedge, startKedge, temporaryDir } from "./kedge.ts";

const RESTARTS = 2;
const PER_LIFE = 400;
const PARTITIONS = 3;

/** Our own client at a broker that is killed in the middle: what was acknowledged is there once, and what wasn't comes again. */
describe("a producer and a group over TCP, while Kedge is killed and comes back", () => {
  it("lose nothing and double nothing", async () => {
    const dataDir = temporaryDir();
    let kedge: Kedge = await startKedge({ dataDir });
    const { client, close } = tcpClient(kedge.kafka);
    valueOf(await createTopic(client, { name: "t", partitionCount: PARTITIONS }));
    const producer = valueOf(openProducer(client, { "batch.size": 500, "linger.ms": 1 }));
    const consumer = valueOf(
      openConsumer(client, {
        "group.id": "g",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": false,
        "session.timeout.ms": 30_000,
        "heartbeat.interval.ms": 500,
      }),
    );
    valueOf(consumer.subscribe({ topics: ["t"] }));
    const seen: string[][] = Array.from({ length: PARTITIONS }, () => []);
    const total = PER_LIFE * (RESTARTS + 1);
    const reading = (async () => {
      while (seen.flat().length < total) {
        for (const { partition, value } of valueOf(await consumer.poll(200)))
          seen[partition].push(Buffer.from(value ?? []).toString());
      }
    })();
    const sent = [];
    for (let index = 0; index < total; index++) {
      sent.push(producer.send({ topic: "t", partition: index % PARTITIONS, value: Buffer.from(`${index}`) }));
      if (index % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
      if (index % PER_LIFE === PER_LIFE / 2 && index < PER_LIFE * RESTARTS) {
        await kedge.kill9();
        kedge = await startKedge({ dataDir, kafkaPort: kedge.kafkaPort });
      }
    }
    for (const outcome of await Promise.all(sent)) valueOf(outcome);
    await reading;
    const all = Array.from({ length: total }, (_, index) => `${index}`);
    expect(seen).toEqual(seen.map((_, partition) => all.filter((one) => Number(one) % PARTITIONS === partition)));
    valueOf(await consumer.commitSync());
    await consumer.close();
    await producer.close();
    close();
    await kedge.stop();
  });
});
