import { describe, expect, it } from "vitest";
import { deleteRecords } from "#client/admin-topics.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed } from "#client/outcome.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { seeded } from "../../clients/records.ts";
import { type CoreClient, coreClient, createTopics } from "../../doubles/core-client.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { read, T0, text, writeNumbers } from "./setup.ts";

async function withNumbers(count: number, partitions = 1): Promise<CoreClient> {
  const at = await coreClient([1, 2]);
  await createTopics(at, ["t"], partitions);
  await writeNumbers(at, count, { partitions });
  return at;
}

function numbers(from: number, end: number): string[] {
  return Array.from({ length: end - from }, (_, index) => `${from + index}`);
}

describe("a consumer with partitions of its own choice", () => {
  it("gives out at most max.poll.records, in order, and knows where it is", async () => {
    const at = await withNumbers(25);
    const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest", "max.poll.records": 10 }));
    valueOf(consumer.assign([T0]));
    const sizes = [];
    while (valueOf(await at.run(consumer.position(T0))) < 25)
      sizes.push(valueOf(await at.run(consumer.poll(100))).length);
    expect(sizes.filter((size) => size > 0)).toEqual([10, 10, 5]);
    expect(consumer.currentLag(T0)).toBe(0);
    await at.run(consumer.close());
  });

  it("waits no longer than it was told, and not at all for what is there", async () => {
    const at = await withNumbers(1);
    const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest" }));
    valueOf(consumer.assign([T0]));
    await read(at, consumer, 1);
    const before = at.cluster.time.nowMs();
    expect(valueOf(await at.run(consumer.poll(300)))).toEqual([]);
    expect(at.cluster.time.nowMs() - before).toBe(300);
    const waiting = consumer.poll(10_000);
    consumer.wakeup();
    expect(valueOf(await at.run(waiting))).toEqual([]);
    expect(await consumer.poll(0)).toMatchObject({ errorCode: 0 });
    const pending = consumer.poll(100);
    expect(await consumer.poll(100)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    await at.run(pending);
    await at.run(consumer.close());
    expect(failed(await consumer.poll(0))).toBe(true);
  });

  it("seeks, also while a fetch for the old place is on its way, and to the beginning and the end", async () => {
    const at = await withNumbers(20);
    const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest", "max.poll.records": 5 }));
    valueOf(consumer.assign([T0]));
    expect(await read(at, consumer, 5)).toEqual(numbers(0, 5));
    valueOf(consumer.seek(T0, 15));
    expect(await read(at, consumer, 5)).toEqual(numbers(15, 20));
    valueOf(consumer.seekToBeginning([T0]));
    expect(await read(at, consumer, 5)).toEqual(numbers(0, 5));
    valueOf(consumer.seekToEnd());
    expect(valueOf(await at.run(consumer.position(T0)))).toBe(20);
    expect(consumer.seek(T0, -1)).toMatchObject({ errorCode: ErrorCode.INVALID_REQUEST });
    expect(consumer.seek({ topic: "t", partition: 9 }, 0)).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    await at.run(consumer.close());
  });

  it("gives out nothing of a paused partition, and all of it later", async () => {
    const at = await withNumbers(20, 2);
    const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest" }));
    valueOf(consumer.assign([T0, { topic: "t", partition: 1 }]));
    valueOf(consumer.pause([T0]));
    expect(await read(at, consumer, 10)).toEqual(numbers(0, 20).filter((_, index) => index % 2 === 1));
    expect(valueOf(await at.run(consumer.poll(500)))).toEqual([]);
    expect(consumer.paused()).toEqual([T0]);
    valueOf(consumer.resume([T0]));
    expect(await read(at, consumer, 10)).toEqual(numbers(0, 20).filter((_, index) => index % 2 === 0));
    await at.run(consumer.close());
  });

  it("begins by auto.offset.reset, and again where its offset is gone", async () => {
    const at = await withNumbers(10);
    const start = async (policy: string) => {
      const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": policy }));
      valueOf(consumer.assign([T0]));
      return consumer;
    };
    const latest = await start("latest");
    expect(valueOf(await at.run(latest.position(T0)))).toBe(10);
    const recent = await start("by_duration:PT1H");
    expect(valueOf(await at.run(recent.position(T0)))).toBe(0);
    const none = await start("none");
    expect(await at.run(none.poll(1_000))).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    valueOf(none.seek(T0, 4));
    expect(await read(at, none, 6)).toEqual(numbers(4, 10));
    valueOf(await at.run(deleteRecords(at.client, [{ ...T0, beforeOffset: 7 }])));
    valueOf(none.seek(T0, 5));
    expect(await at.run(none.poll(1_000))).toMatchObject({ errorCode: ErrorCode.OFFSET_OUT_OF_RANGE });
    const earliest = await start("earliest");
    valueOf(earliest.seek(T0, 99));
    expect(await read(at, earliest, 3)).toEqual(numbers(7, 10));
    for (const consumer of [latest, recent, none, earliest]) await at.run(consumer.close());
  });

  it("finds offsets by time, and of beginning and end", async () => {
    const at = await withNumbers(6);
    const consumer = valueOf(openConsumer(at.client));
    const at0 = async (timestamp: number) =>
      valueOf(await at.run(consumer.offsetsForTimes([{ ...T0, timestamp }]))).get("t/0")?.offset;
    expect(await at0(0)).toBe(0);
    expect(await at0(at.cluster.time.nowMs() + 1_000_000)).toBe(-1);
    expect(valueOf(await at.run(consumer.beginningOffsets([T0]))).get("t/0")?.offset).toBe(0);
    expect(valueOf(await at.run(consumer.endOffsets([T0]))).get("t/0")?.offset).toBe(6);
    await at.run(consumer.close());
  });

  it.each(Array.from({ length: 8 }, (_, seed) => seed + 1))(
    "reads each record once and in order on a bad network (seed %i)",
    async (seed) => {
      const at = await withNumbers(60, 3);
      const random = seeded(seed);
      const trouble = async () => {
        const drawn = random();
        if (drawn < 0.15) throw new Error("lost");
        if (drawn < 0.4) await new Promise<void>((resolve) => at.cluster.time.set(resolve, Math.floor(random() * 300)));
      };
      at.transport.before = trouble;
      at.transport.after = trouble;
      const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest", "max.poll.records": 7 }));
      valueOf(consumer.assign([0, 1, 2].map((partition) => ({ topic: "t", partition }))));
      const seen: string[][] = [[], [], []];
      for (let isWritten = false; seen.flat().length < 120; ) {
        for (const record of valueOf(await at.run(consumer.poll(100)))) seen[record.partition].push(text(record));
        if (isWritten || seen.flat().length < 60) continue;
        isWritten = true;
        await writeNumbers(at, 60, { partitions: 3, from: 60 });
      }
      expect(seen).toEqual(
        [0, 1, 2].map((partition) => numbers(0, 120).filter((one) => Number(one) % 3 === partition)),
      );
      await at.run(consumer.close());
    },
  );
});
