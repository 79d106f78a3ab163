import { describe, expect, it } from "vitest";
import type { OutgoingRecord } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { settle } from "../../doubles/manual-time.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { produced, world } from "./setup.ts";

const LARGE: OutgoingRecord = { topic: "t", partition: 0, value: new Uint8Array(500) };
const SMALL: OutgoingRecord = { ...LARGE, value: new Uint8Array(1) };
/** Room for two large ones, and as many may wait. */
const LIMITS = { "buffer.memory": 1_500, "max.request.size": 1_200 };
const TOO_MUCH = { errorCode: ErrorCode.REQUEST_TIMED_OUT, message: "Too much waits already: await room()." };

/** A producer whose writes aren't answered before `release`. */
async function slow(options: object) {
  const at = await world(2, { ...LIMITS, ...options });
  const gate = Promise.withResolvers<void>();
  at.brokers.on(ApiKey.Produce, (body: ProduceRequest) => gate.promise.then(() => produced(body, 0)));
  valueOf(await at.producer.partitionsFor("t"));
  return { ...at, release: () => gate.resolve() };
}

describe("records that wait for memory", () => {
  it("are refused beyond buffer.memory, and the others delivered", async () => {
    const { producer, release } = await slow({ "transactional.id": null });
    const sent = Array.from({ length: 5 }, () => producer.send(LARGE));
    expect(await sent[4]).toMatchObject(TOO_MUCH);
    // A small one finds its place still, behind the others.
    sent.push(producer.send(SMALL));
    await settle();
    release();
    for (const [index, outcome] of (await Promise.all(sent)).entries()) if (index !== 4) valueOf(outcome);
    await producer.room();
    // What has gone makes room for more to wait.
    for (const outcome of await Promise.all(Array.from({ length: 4 }, () => producer.send(LARGE)))) valueOf(outcome);
    await producer.close();
  });

  it("make room for others when they have waited for too long", async () => {
    const { producer, time, release } = await slow({ "transactional.id": null, "max.block.ms": 5_000 });
    const sent = Array.from({ length: 4 }, () => producer.send(LARGE));
    await time.advance(5_000);
    const late = { errorCode: ErrorCode.REQUEST_TIMED_OUT, message: "No room for a record of t in max.block.ms." };
    expect(await Promise.all(sent.slice(2))).toMatchObject([late, late]);
    const more = [producer.send(LARGE), producer.send(LARGE)];
    await settle();
    release();
    for (const outcome of await Promise.all(more)) valueOf(outcome);
    await producer.close();
  });

  it("break their transaction when they are refused", async () => {
    const { producer, release } = await slow({});
    valueOf(await producer.initTransactions());
    valueOf(producer.beginTransaction());
    const sent = Array.from({ length: 5 }, () => producer.send(LARGE));
    expect(await sent[4]).toMatchObject(TOO_MUCH);
    release();
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.TRANSACTION_ABORTABLE });
    valueOf(await producer.abortTransaction());
    valueOf(producer.beginTransaction());
    await producer.close();
  });

  it("of a topic that isn't known are refused, too", async () => {
    const { brokers, producer } = await slow({ "transactional.id": null });
    brokers.on(ApiKey.Metadata, () => new Promise(() => undefined));
    const sent = Array.from({ length: 3 }, () => producer.send({ ...LARGE, topic: "u" }));
    expect(await sent[2]).toMatchObject(TOO_MUCH);
    await producer.close(0);
    expect(await sent[0]).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
  });
});
