import { describe, expect, it } from "vitest";
import { consumerSettings } from "#client/consumer/settings.ts";
import { type ProducerOptions, producerSettings } from "#client/producer/settings.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

describe("producerSettings", () => {
  it("has Kafka's defaults", () => {
    expect(valueOf(producerSettings({}))).toMatchObject({
      acks: -1,
      "batch.size": 16_384,
      "linger.ms": 5,
      "enable.idempotence": true,
      "delivery.timeout.ms": 120_000,
      "max.in.flight.requests.per.connection": 5,
      "buffer.memory": 33_554_432,
    });
  });

  it("takes text as a properties file has it", () => {
    const settings = valueOf(
      producerSettings({ acks: "all", "linger.ms": "20", "enable.idempotence": "false", "compression.type": "LZ4" }),
    );
    expect(settings).toMatchObject({
      acks: -1,
      "linger.ms": 20,
      "enable.idempotence": false,
      "compression.type": "lz4",
    });
  });

  it.each<[ProducerOptions, RegExp]>([
    [{ "linger.ms": -1 }, /linger\.ms/],
    [{ "linger.ms": 1.5 }, /linger\.ms/],
    [{ acks: 2 }, /acks/],
    [{ "compression.type": "brotli" }, /compression\.type/],
    [{ lingerms: 1 } as ProducerOptions, /lingerms/],
    [{ toString: 1 } as unknown as ProducerOptions, /toString/],
    [{ "enable.idempotence": true, acks: 1 }, /acks/],
    [{ "enable.idempotence": true, "max.in.flight.requests.per.connection": 6 }, /max\.in\.flight/],
    [{ "enable.idempotence": true, retries: 0 }, /retries/],
    [{ "transactional.id": "x", "enable.idempotence": false }, /transactional\.id/],
    [{ "transactional.id": "x", acks: 1 }, /acks/],
    [{ "delivery.timeout.ms": 10_000 }, /delivery\.timeout\.ms/],
    [{ "delivery.timeout.ms": 120_000, "request.timeout.ms": 150_000 }, /delivery\.timeout\.ms/],
  ])("refuses %j", (options, message) => {
    const outcome = producerSettings(options);
    expect(outcome).toMatchObject({ errorCode: ErrorCode.INVALID_CONFIG, message: expect.stringMatching(message) });
  });

  it.each([
    [{ "request.timeout.ms": 150_000 }, 150_005],
    [{ "linger.ms": 100_000, acks: 1 }, 130_000],
    [{ "request.timeout.ms": 2_147_483_647 }, 2_147_483_647],
  ])("lets delivery.timeout.ms grow with %j", (options, deliveryTimeoutMs) => {
    expect(valueOf(producerSettings(options))["delivery.timeout.ms"]).toBe(deliveryTimeoutMs);
  });

  it("gives idempotence up where another setting forbids it and nobody asked for it", () => {
    expect(valueOf(producerSettings({ acks: 1 }))).toMatchObject({ "enable.idempotence": false });
    expect(valueOf(producerSettings({ acks: "0" }))).toMatchObject({ acks: 0, "enable.idempotence": false });
  });
});

describe("consumerSettings", () => {
  it("reads auto.offset.reset by duration", () => {
    const read = (text: string) => valueOf(consumerSettings({ "auto.offset.reset": text }))["auto.offset.reset"];
    expect(read("by_duration:P1DT2H3M4.5S")).toEqual({ kind: "duration", durationMs: 93_784_500 });
    expect(read("by_duration:PT15M")).toEqual({ kind: "duration", durationMs: 900_000 });
    expect(consumerSettings({ "auto.offset.reset": "by_duration:P" })).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
    });
    expect(consumerSettings({ "auto.offset.reset": "by_duration:-PT1S" })).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
    });
  });

  it("takes assignors by Kafka's class names, too", () => {
    const text = "org.apache.kafka.clients.consumer.CooperativeStickyAssignor,range";
    const { "partition.assignment.strategy": list } = valueOf(
      consumerSettings({ "partition.assignment.strategy": text }),
    );
    expect(list.map(({ name }) => name)).toEqual(["cooperative-sticky", "range"]);
  });

  it.each([
    [{ "partition.assignment.strategy": "fair" }, /partition\.assignment\.strategy/],
    [{ "group.protocol": "consumer", "session.timeout.ms": 10_000 }, /session\.timeout\.ms/],
    [{ "group.remote.assignor": "uniform" }, /group\.remote\.assignor/],
    [{ "heartbeat.interval.ms": 50_000 }, /heartbeat\.interval\.ms/],
    [{ "enable.auto.commit": true }, /enable\.auto\.commit/],
  ])("refuses %j", (options, message) => {
    expect(consumerSettings(options)).toMatchObject({
      errorCode: ErrorCode.INVALID_CONFIG,
      message: expect.stringMatching(message),
    });
  });
});
