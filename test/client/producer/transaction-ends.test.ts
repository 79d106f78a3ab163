import { describe, expect, it } from "vitest";
import type { OutgoingRecord, Producer } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceRequest } from "#protocol/messages/00-produce.ts";
import type { AddPartitionsToTxnRequest } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { settle } from "../../doubles/manual-time.ts";
import { utf8 } from "../../doubles/rest-cluster.ts";
import type { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { produced, RECORD, world } from "./setup.ts";

/** Longer than a timer that fires by itself. */
const MAX_BLOCK_MS = 5_000;

/** A transaction with one record, whose write isn't answered before `release`. */
async function written(options: { "max.block.ms"?: number } = {}) {
  const at = await world(2, options);
  const gate = Promise.withResolvers<void>();
  at.brokers.on(ApiKey.Produce, (body: ProduceRequest) => gate.promise.then(() => produced(body, 0)));
  valueOf(await at.producer.initTransactions());
  valueOf(at.producer.beginTransaction());
  const sent = at.producer.send(RECORD);
  await settle();
  return { ...at, sent, release: () => gate.resolve() };
}

function ends(brokers: ScriptedBrokers): boolean[] {
  return brokers.bodies<{ committed: boolean }>(ApiKey.EndTxn).map(({ committed }) => committed);
}

/** The outcome's code, or "pending". */
async function now(work: Promise<{ errorCode: number }>): Promise<number | "pending"> {
  return await Promise.race([work.then(({ errorCode }) => errorCode), settle().then(() => "pending" as const)]);
}

async function begun(producer: Producer): Promise<void> {
  valueOf(await producer.initTransactions());
  valueOf(producer.beginTransaction());
}

describe("closing", () => {
  it("waits for a commit that is under way, also behind max.block.ms", async () => {
    const { brokers, producer, time, sent, release } = await written({ "max.block.ms": MAX_BLOCK_MS });
    const commit = producer.commitTransaction();
    await time.advance(MAX_BLOCK_MS);
    expect(await commit).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    const close = producer.close(20_000);
    await time.advance(10_000);
    release();
    await close;
    expect(valueOf(await sent)).toMatchObject({ offset: 5 });
    expect(ends(brokers)).toEqual([true]);
  });

  it.each([0, 100])("commits nothing of a transaction whose records it gave up after %i ms", async (timeoutMs) => {
    const { brokers, producer, sent } = await written();
    const commit = producer.commitTransaction();
    await producer.close(timeoutMs);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    expect(await commit).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    await settle();
    expect(ends(brokers)).toEqual([]);
  });

  it("commits nothing of a transaction whose records all waited to be taken", async () => {
    const { brokers, producer } = await world(2);
    await begun(producer);
    const sent = producer.send({ ...RECORD, partition: 1 });
    const commit = producer.commitTransaction();
    await producer.close(100);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    expect(await commit).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    expect(ends(brokers)).toEqual([]);
  });

  it("asks no more for an end that got no answer in time", async () => {
    const { brokers, producer, release } = await written();
    release();
    brokers.on(ApiKey.EndTxn, () => Promise.reject(new Error("lost")));
    const commit = producer.commitTransaction();
    while (ends(brokers).length === 0) await settle();
    await producer.close(0);
    expect((await commit).errorCode).not.toBe(ErrorCode.NONE);
    expect(ends(brokers)).toEqual([true]);
  });

  it("aborts a transaction whose commit fails meanwhile, once for all that close", async () => {
    const { brokers, producer, release } = await written();
    brokers.on(ApiKey.Produce, (body) => produced(body, ErrorCode.INVALID_RECORD));
    const broken = producer.send({ ...RECORD, value: utf8("bad") });
    const commit = producer.commitTransaction();
    const closes = [producer.close(20_000), producer.close(20_000)];
    await settle();
    release();
    await Promise.all(closes);
    expect(await broken).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
    expect(await commit).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
    expect(ends(brokers)).toEqual([false]);
  });
});

describe("a record that can't be taken", () => {
  it.each<[string, OutgoingRecord, keyof typeof ErrorCode, (keyof typeof ErrorCode)?]>([
    ["is too large", { ...RECORD, value: utf8("x".repeat(300)) }, "MESSAGE_TOO_LARGE"],
    ["has a topic that can't be", { ...RECORD, topic: "not legal" }, "INVALID_TOPIC_EXCEPTION"],
    ["has a partition that can't be", { ...RECORD, partition: -1 }, "UNKNOWN_TOPIC_OR_PARTITION"],
    ["has a partition that doesn't come", { ...RECORD, partition: 1 }, "REQUEST_TIMED_OUT", "TRANSACTION_ABORTABLE"],
  ])("breaks its transaction: it %s", async (_, record, name, told = name) => {
    for (const isKnown of [false, true]) {
      const { brokers, producer, time } = await world(2, { "max.request.size": 200, "max.block.ms": MAX_BLOCK_MS });
      await begun(producer);
      if (isKnown) {
        valueOf(await producer.send(RECORD));
        await producer.partitionsFor(record.topic);
      }
      const sent = [producer.send(record), producer.send(record)];
      await time.advance(MAX_BLOCK_MS);
      for (const one of sent) expect(await now(one)).toBe(ErrorCode[name]);
      expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode[told] });
      expect(ends(brokers)).toEqual([]);
      valueOf(await producer.abortTransaction());
      valueOf(producer.beginTransaction());
      valueOf(await producer.send(RECORD));
      valueOf(await producer.commitTransaction());
      expect(ends(brokers).at(-1)).toBe(true);
      await producer.close();
    }
  });

  it("fails a commit that waits for it, which needn't be asked for again", async () => {
    const { brokers, producer, time } = await world(2, { "max.block.ms": MAX_BLOCK_MS });
    await begun(producer);
    const sent = producer.send({ ...RECORD, partition: 1 });
    await time.advance(MAX_BLOCK_MS - 2_000);
    const commit = producer.commitTransaction();
    await time.advance(2_000);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    expect(await commit).toMatchObject({ errorCode: ErrorCode.TRANSACTION_ABORTABLE });
    valueOf(await producer.abortTransaction());
    await producer.close();
    expect(ends(brokers)).toEqual([]);
  });

  it("doesn't make the producer useless when it was given up by an abort", async () => {
    const { producer } = await world(2);
    await begun(producer);
    const sent = producer.send({ ...RECORD, partition: 1 });
    valueOf(await producer.abortTransaction());
    expect(await sent).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(producer.beginTransaction());
    await producer.close();
  });
});

describe("a commit that takes longer than max.block.ms", () => {
  it("is asked for again, and nothing else is done before", async () => {
    const { brokers, producer, time, release } = await written({ "max.block.ms": MAX_BLOCK_MS });
    const first = producer.commitTransaction();
    await time.advance(MAX_BLOCK_MS);
    expect(await first).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    release();
    while (ends(brokers).length === 0) await settle();
    await settle();
    const offsets = [{ topic: "t", partition: 0, offset: 1 }];
    for (const outcome of [
      producer.beginTransaction(),
      await producer.sendOffsetsToTransaction(offsets, { groupId: "g" }),
      await producer.abortTransaction(),
    ]) {
      expect(outcome).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    }
    valueOf(await producer.commitTransaction());
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(producer.beginTransaction());
    valueOf(await producer.abortTransaction());
    await producer.close();
    expect(ends(brokers)).toEqual([true]);
  });
});

describe("an abort", () => {
  it.each(["answered", "lost"])("waits for partitions that are being added, and ends them (V1, %s)", async (how) => {
    const { brokers, producer } = await world(1);
    const gate = Promise.withResolvers<void>();
    const answer = brokers.scripts.get(ApiKey.AddPartitionsToTxn);
    brokers.on(ApiKey.AddPartitionsToTxn, async (body, brokerId) => {
      await gate.promise;
      const { length } = brokers.bodies(ApiKey.AddPartitionsToTxn);
      if (how === "lost" && length === 1) throw new Error(how);
      return answer?.(body, brokerId) ?? {};
    });
    await begun(producer);
    const sent = producer.send(RECORD);
    await settle();
    expect(brokers.bodies<AddPartitionsToTxnRequest>(ApiKey.AddPartitionsToTxn)).toHaveLength(1);
    const abort = producer.abortTransaction();
    expect(await now(abort)).toBe("pending");
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    gate.resolve();
    valueOf(await abort);
    expect(ends(brokers)).toEqual([false]);
    await producer.close();
  });
});
