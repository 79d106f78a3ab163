import { describe, expect, it } from "vitest";
import { groupOffsets } from "#client/admin-groups.ts";
import { type Consumer, openConsumer } from "#client/consumer/consumer.ts";
import type { ConsumerRecord } from "#client/consumer/fetcher.ts";
import { failed } from "#client/outcome.ts";
import { openProducer, type Producer } from "#client/producer/producer.ts";
import { seeded } from "../clients/records.ts";
import { type CoreClient, coreClient, createTopics } from "../doubles/core-client.ts";
import { valueOf } from "../doubles/tcp-client.ts";
import { read, text, writeNumbers } from "./consumer/setup.ts";

const RECORDS = 60;
const PARTITIONS = 3;

function openCopier(at: CoreClient, protocol: string): { consumer: Consumer; producer: Producer } {
  const beats = protocol === "classic" ? { "heartbeat.interval.ms": 100, "session.timeout.ms": 6_000 } : {};
  const consumer = valueOf(
    openConsumer(at.client, {
      "group.id": "copy",
      "group.protocol": protocol,
      "enable.auto.commit": false,
      "auto.offset.reset": "earliest",
      "isolation.level": "read_committed",
      "max.poll.records": 5,
      ...beats,
    }),
  );
  valueOf(consumer.subscribe({ topics: ["in"] }));
  const producer = valueOf(openProducer(at.client, { "transactional.id": "copier", "linger.ms": 0 }));
  return { consumer, producer };
}

/** Copies what one poll gives, with its offsets, in one transaction. False when it failed, and this copier shall be given up. */
async function copyOnce(
  at: CoreClient,
  { consumer, producer }: { consumer: Consumer; producer: Producer },
): Promise<boolean> {
  const polled = await at.run(consumer.poll(200));
  if (failed(polled)) return false;
  if (polled.value.length === 0) return true;
  valueOf(producer.beginTransaction());
  for (const { partition, value } of polled.value) void producer.send({ topic: "out", partition, value });
  const sent = await at.run(producer.sendOffsetsToTransaction(nextOffsets(polled.value), consumer.groupMetadata()));
  const ended = failed(sent) ? sent : await at.run(producer.commitTransaction());
  if (failed(ended)) await at.run(producer.abortTransaction());
  return !failed(ended);
}

function nextOffsets(records: readonly ConsumerRecord[]) {
  const next = new Map(
    records.map(({ topic, partition, offset }) => [partition, { topic, partition, offset: offset + 1 }]),
  );
  return [...next.values()];
}

async function copied(at: CoreClient): Promise<number> {
  const offsets = valueOf(await at.run(groupOffsets(at.client, "copy")));
  return [...offsets.values()].reduce((sum, { offset }) => sum + offset, 0);
}

describe.each(["classic", "consumer"])("consume, process, produce in a group of the %s protocol", (protocol) => {
  it.each([1, 2, 3, 4])(
    "copies each record once, on a bad network and through lives of the copier (seed %i)",
    async (seed) => {
      const at = await coreClient([1, 2]);
      await createTopics(at, ["in", "out"], PARTITIONS);
      await writeNumbers(at, RECORDS, { topic: "in", partitions: PARTITIONS });
      const random = seeded(seed);
      const trouble = async () => {
        const drawn = random();
        if (drawn < 0.06) throw new Error("lost");
        if (drawn < 0.15)
          await new Promise<void>((resolve) => at.cluster.time.set(resolve, Math.floor(random() * 150)));
      };
      at.transport.before = trouble;
      at.transport.after = trouble;
      for (let life = 0; (await copied(at)) < RECORDS; life++) {
        expect(life).toBeLessThan(40);
        const copier = openCopier(at, protocol);
        valueOf(await at.run(copier.producer.initTransactions()));
        let isAlive = true;
        while (isAlive && (await copied(at)) < RECORDS) isAlive = (await copyOnce(at, copier)) && random() > 0.1;
        // It goes as a process does that is killed: the next one fences it, and waits for its place in the group.
        if (random() < 0.5) at.transport.cut();
        await at.run(Promise.all([copier.consumer.close(), copier.producer.close(0)]));
      }
      at.transport.before = () => undefined;
      at.transport.after = () => undefined;
      const reader = valueOf(
        openConsumer(at.client, { "auto.offset.reset": "earliest", "isolation.level": "read_committed" }),
      );
      valueOf(reader.assign(Array.from({ length: PARTITIONS }, (_, partition) => ({ topic: "out", partition }))));
      const values = await read(at, reader, RECORDS);
      values.push(...valueOf(await at.run(reader.poll(1_000))).map(text));
      expect(values.map(Number).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: RECORDS }, (_, index) => index),
      );
      await at.run(reader.close());
    },
  );
});
