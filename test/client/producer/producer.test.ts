import { describe, expect, it } from "vitest";
import { createTopic } from "#client/admin.ts";
import { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed } from "#client/outcome.ts";
import { openProducer } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { Brokers } from "../../doubles/brokers.ts";
import { coreClient, createTopics } from "../../doubles/core-client.ts";
import { ManualTime, settle } from "../../doubles/manual-time.ts";
import { compression, noRandom, utf8 } from "../../doubles/rest-cluster.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { world } from "./setup.ts";

const T0 = { topic: "t", partition: 0 };

describe("a producer", () => {
  it("sends records together that come within linger.ms, and at once when it is flushed", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const producer = valueOf(openProducer(at.client, { "linger.ms": 50 }));
    await at.run(producer.send({ ...T0, value: utf8("first") }).then(() => undefined));
    const before = at.transport.count(ApiKey.Produce);
    const sent = ["a", "b", "c"].map((value) => producer.send({ ...T0, value: utf8(value) }));
    await at.cluster.time.advance(40);
    expect(at.transport.count(ApiKey.Produce)).toBe(before);
    await at.cluster.time.advance(20);
    expect((await at.run(Promise.all(sent))).map((one) => valueOf(one).offset)).toEqual([1, 2, 3]);
    expect(at.transport.count(ApiKey.Produce)).toBe(before + 1);
    const nowMs = at.cluster.time.nowMs();
    void producer.send({ ...T0, value: utf8("d") });
    await producer.flush();
    expect(at.cluster.time.nowMs()).toBe(nowMs);
    await at.run(producer.close());
  });

  it("keeps keys, headers and timestamps, in each codec", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const record = {
      ...T0,
      key: utf8("k"),
      value: utf8("v".repeat(500)),
      timestampMs: 1_699_999_999_000,
      headers: [{ key: "h", value: null }],
    };
    for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
      const producer = valueOf(openProducer(at.client, { "compression.type": codec }));
      valueOf(await at.run(producer.send(record)));
      await at.run(producer.close());
    }
    const consumer = valueOf(openConsumer(at.client, { "auto.offset.reset": "earliest" }));
    consumer.assign([T0]);
    const read = [];
    while (read.length < 5) read.push(...valueOf(await at.run(consumer.poll(100))));
    for (const [offset, one] of read.entries()) expect(one).toMatchObject({ ...record, offset, leaderEpoch: 0 });
    await at.run(consumer.close());
  });

  it("waits for memory, and for it only", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const producer = valueOf(
      openProducer(at.client, { "buffer.memory": 1_000, "batch.size": 400, "linger.ms": 10_000 }),
    );
    const sent = Array.from({ length: 40 }, (_, index) =>
      producer.send({ ...T0, value: utf8(`${index}`.padEnd(70, "x")) }),
    );
    expect(producer.bufferedBytes).toBeLessThanOrEqual(1_000);
    const room = at.run(producer.room());
    const outcomes = await at.run(Promise.all([...sent, producer.flush()]).then((all) => all.slice(0, 40)));
    await room;
    expect(outcomes.map((one) => (one ? valueOf(one).offset : -1))).toEqual(
      Array.from({ length: 40 }, (_, index) => index),
    );
    expect(producer.bufferedBytes).toBe(0);
    await at.run(producer.close());
  });

  it("cuts a batch that its topic finds too large", async () => {
    const at = await coreClient();
    valueOf(
      await at.run(createTopic(at.client, { name: "t", partitionCount: 1, configs: { "max.message.bytes": "400" } })),
    );
    const producer = valueOf(openProducer(at.client, { "batch.size": 4_000, "linger.ms": 20 }));
    const sent = Array.from({ length: 20 }, (_, index) =>
      producer.send({ ...T0, value: utf8(`${index}`.padEnd(80, "x")) }),
    );
    const outcomes = await at.run(Promise.all(sent));
    expect(outcomes.map((one) => valueOf(one).offset)).toEqual(Array.from({ length: 20 }, (_, index) => index));
    const alone = await at.run(producer.send({ ...T0, value: utf8("x".repeat(900)) }));
    expect(alone).toMatchObject({ errorCode: ErrorCode.MESSAGE_TOO_LARGE });
    expect(valueOf(await at.run(producer.send({ ...T0, value: utf8("after") })))).toMatchObject({ offset: 20 });
    await at.run(producer.close());
  });

  it("refuses what can't be sent", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const producer = valueOf(openProducer(at.client, { "max.block.ms": 500, "max.request.size": 200 }));
    const outcomes = await at.run(
      Promise.all([
        producer.send({ topic: "not legal", value: null }),
        producer.send({ topic: "t", partition: 1, value: null }),
        producer.send({ ...T0, value: utf8("x".repeat(300)) }),
        producer.send({ ...T0, value: null, timestampMs: -1 }),
      ]),
    );
    expect(outcomes.map(({ errorCode }) => errorCode)).toEqual([
      ErrorCode.INVALID_TOPIC_EXCEPTION,
      ErrorCode.REQUEST_TIMED_OUT,
      ErrorCode.MESSAGE_TOO_LARGE,
      ErrorCode.INVALID_TIMESTAMP,
    ]);
    await at.run(producer.close());
    expect(failed(await producer.send({ ...T0, value: null }))).toBe(true);
    expect(at.cluster.time.pending, "timers left behind").toBeLessThanOrEqual(3);
  });

  it("tells records that wait for memory, too, that it gets no producer id", async () => {
    const { brokers, producer } = await world(2, { "transactional.id": null, "buffer.memory": 150 });
    const gate = Promise.withResolvers<void>();
    brokers.on(ApiKey.InitProducerId, () =>
      gate.promise.then(() => ({ errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED })),
    );
    const codes: number[] = [];
    for (let count = 0; count < 4; count++) {
      void producer.send({ ...T0, value: utf8("x".repeat(50)) }).then(({ errorCode }) => codes.push(errorCode));
    }
    await settle();
    gate.resolve();
    for (let round = 0; round < 5; round++) await settle();
    expect(codes).toEqual(Array.from({ length: 4 }, () => ErrorCode.CLUSTER_AUTHORIZATION_FAILED));
    expect(producer.bufferedBytes).toBe(0);
    await producer.close();
  });

  it("asks for no answer with acks=0, where the transport can do that, and waits for none where it can't", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const producer = valueOf(openProducer(at.client, { acks: 0 }));
    expect(valueOf(await at.run(producer.send({ ...T0, value: utf8("a") })))).toMatchObject({
      partition: 0,
      offset: -1,
    });
    await at.run(producer.close());
  });
});

describe("a producer whose partition moves", () => {
  it("follows the leader, by the hint in the answer or by asking, and loses nothing", async () => {
    for (const hints of [true, false]) {
      const time = new ManualTime();
      const brokers = new Brokers({ timers: time, brokerIds: [1, 2] });
      brokers.addTopic("t", 1);
      const client = new Client(
        { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
        { clientId: "test" },
      );
      const producer = valueOf(openProducer(client, { "enable.idempotence": false, "linger.ms": 0 }));
      valueOf(await producer.send({ ...T0, value: utf8("a") }));
      brokers.partition("t", 0).leaderId = 2;
      brokers.intercept = ({ apiKey, brokerId }) =>
        hints && apiKey === ApiKey.Produce && brokerId === 1
          ? {
              responses: [
                {
                  topicId: brokers.topics.get("t")?.topicId,
                  partitionResponses: [
                    {
                      index: 0,
                      errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER,
                      currentLeader: { leaderId: 2, leaderEpoch: 5 },
                    },
                  ],
                },
              ],
              nodeEndpoints: [{ nodeId: 2, host: "127.0.0.1", port: 9093 }],
            }
          : undefined;
      const asked = brokers.requests(ApiKey.Metadata).length;
      expect(valueOf(await producer.send({ ...T0, value: utf8("b") }))).toMatchObject({ offset: 1 });
      expect(brokers.requests(ApiKey.Metadata).length > asked).toBe(!hints);
      await producer.close();
    }
  });
});
