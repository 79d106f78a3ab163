import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { failed, type Outcome } from "#client/outcome.ts";
import { openProducer } from "#client/producer/producer.ts";
import { createWasmKernels } from "#kernels/wasm.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { BrokerTransport } from "#worker/listener/broker-transport.ts";
import { runtimeClock, runtimeRandom, runtimeTimers } from "#worker/objects/runtime-ports.ts";
import kernelsModule from "../../build/kernels.wasm";

/** The client where edge functions use it: inside workerd, over RPC to the broker's own object. */

function edgeClient(): Client {
  const ports = { clock: runtimeClock, timers: runtimeTimers, random: runtimeRandom, codecs: zlibCodecs };
  const kernels = createWasmKernels(kernelsModule);
  return new Client({ ...ports, kernels, transport: new BrokerTransport(env, [1]) }, { clientId: "edge" });
}

function valueOf<T>(outcome: Outcome<T>): T {
  if (failed(outcome)) throw new Error(`error ${outcome.errorCode}: ${outcome.message}`);
  return outcome.value;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

describe("the client in workerd", () => {
  it.each(["all", "1", "0"])(
    "writes records with acks=%s, and a group's member reads and commits them",
    async (acks) => {
      const client = edgeClient();
      const topic = `edge-${acks}`;
      const producer = valueOf(openProducer(client, { acks, "compression.type": "lz4" }));
      const sent = Array.from({ length: 100 }, (_, index) =>
        producer.send({ topic, value: encoder.encode(`${index}`) }),
      );
      for (const outcome of await Promise.all(sent)) valueOf(outcome);
      await producer.close();
      const options = {
        "group.id": `edge-${acks}`,
        "auto.offset.reset": "earliest",
        "heartbeat.interval.ms": 500,
        "session.timeout.ms": 6_000,
      };
      const consumer = valueOf(openConsumer(client, options));
      valueOf(consumer.subscribe({ topics: [topic] }));
      const values: string[] = [];
      while (values.length < 100) {
        for (const { value } of valueOf(await consumer.poll(100))) values.push(decoder.decode(value ?? undefined));
      }
      expect(values.map(Number).toSorted((one, other) => one - other)).toEqual(
        Array.from({ length: 100 }, (_, index) => index),
      );
      valueOf(await consumer.commitSync());
      const committed = valueOf(await consumer.committed(consumer.assignment()));
      expect([...committed.values()].reduce((sum, { offset }) => sum + offset, 0)).toBe(100);
      await consumer.close();
    },
  );
});
