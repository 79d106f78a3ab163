/** The producers of a durability storm: kafkajs and @platformatic/kafka in this process, librdkafka in a Python one. */
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { Producer } from "@platformatic/kafka";
import kafkajs from "kafkajs";
import { keyOf, valueOf } from "./storm-ledger.ts";

export interface StormProducer {
  /** Ends it. Survivors finish what is under way first; the others are cut off. Rejects where a survivor could not finish. */
  end(): Promise<void>;
}

export type Acknowledged = (partition: number, offset: number, key: string) => void;

export interface ProducerPlan {
  readonly kafka: string;
  readonly topic: string;
  readonly partitions: number;
  readonly name: string;
  readonly acknowledged: Acknowledged;
}

const MAX_BATCH = 40;
const RETRY_PAUSE_MS = 100;
const RETRIES = 300;

/** Not idempotent: it lives until the broker dies. */
export function plainProducer(plan: ProducerPlan): StormProducer {
  const producer = new Producer({ clientId: plan.name, bootstrapBrokers: [plan.kafka], acks: -1, retries: 0 });
  let ended = false;
  const send = async (partition: number, keys: string[]): Promise<void> => {
    const messages = keys.map((key) => ({ topic: plan.topic, partition, key: Buffer.from(key), value: valueOf(key) }));
    const { offsets } = await producer.send({ messages });
    const base = Number(offsets?.[0].offset);
    for (const [index, key] of keys.entries()) plan.acknowledged(partition, base + index, key);
  };
  const done = loop(plan, () => ended, send).catch(() => {});
  return {
    async end() {
      ended = true;
      await producer.close(true).catch(() => {});
      await done;
    },
  };
}

/** Idempotent kafkajs: it outlives the broker's death and sends again what was not answered. */
export function survivingProducer(plan: ProducerPlan): StormProducer {
  const retry = { retries: RETRIES, initialRetryTime: RETRY_PAUSE_MS, maxRetryTime: RETRY_PAUSE_MS, factor: 0 };
  const kafka = new kafkajs.Kafka({
    clientId: plan.name,
    brokers: [plan.kafka],
    logLevel: kafkajs.logLevel.NOTHING,
    retry,
  });
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 });
  let ended = false;
  const send = async (partition: number, keys: string[]): Promise<void> => {
    const messages = keys.map((key) => ({ partition, key, value: valueOf(key) }));
    const sent = await producer.send({ topic: plan.topic, messages, acks: -1 });
    const base = Number(sent[0].baseOffset);
    for (const [index, key] of keys.entries()) plan.acknowledged(partition, base + index, key);
  };
  const done = producer.connect().then(() => loop(plan, () => ended, send));
  // A failure is for whoever ends it; until then it must not count as unhandled.
  done.catch(() => {});
  return {
    async end() {
      ended = true;
      await done.finally(() => producer.disconnect());
    },
  };
}

/** Sends batches of changing size to one partition after the other, each when the one before was answered. */
async function loop(
  plan: ProducerPlan,
  ended: () => boolean,
  send: (partition: number, keys: string[]) => Promise<void>,
): Promise<void> {
  let number = 0;
  for (let round = 0; !ended(); round++) {
    const size = 1 + (round % MAX_BATCH);
    const keys = Array.from({ length: size }, (_, index) => keyOf(plan.name, number + index));
    number += size;
    await send(round % plan.partitions, keys);
  }
}

/** Two idempotent librdkafka producers with many requests under way; they outlive the broker's death, too. */
export function librdkafkaProducers(plan: ProducerPlan, python: string): StormProducer {
  const script = path.join(import.meta.dirname, "../clients/python/storm.py");
  const child = spawn(python, [script, plan.kafka, plan.topic, `${plan.partitions}`, plan.name]);
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [partition, offset, key] = line.split(" ");
    plan.acknowledged(Number(partition), Number(offset), key);
  });
  const done = new Promise<void>((resolve, reject) => {
    child.once("close", (code) => {
      if (code === 0 && complaint === "") resolve();
      else reject(new Error(`librdkafka producers ended with ${code}: ${complaint}`));
    });
  });
  done.catch(() => {});
  return {
    end() {
      child.stdin.end("end\n");
      return done;
    },
  };
}
