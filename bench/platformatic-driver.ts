/** One run of @platformatic/kafka in a process of its own: `platformatic-driver.ts produce|fetch|latency JOB-AS-JSON`. */
import { randomBytes } from "node:crypto";
import { Consumer, Producer } from "@platformatic/kafka";
import type { Batching, Latency, LoadJob, Throughput } from "./load-client.ts";

/**
 * Bytes of values in one send; the client has no batching of its own, so this is where it is decided. Small records take up to a
 * quarter more in a batch, and a broker takes 1 MB.
 */
const SEND_BYTES: Record<Batching, number> = { default: 65_536, medium: 200_000, large: 800_000, none: 0 };
const SENDS_UNDER_WAY = 5;
const FETCH_BYTES = 4_194_304;

const [mode, jobText] = process.argv.slice(2);
const job = JSON.parse(jobText) as LoadJob;
const base = { clientId: "kedge-bench", bootstrapBrokers: [job.bootstrap] };
const value = randomBytes(Math.max(job.valueBytes, 1));

function message(partition: number) {
  return { topic: job.topic, partition, value };
}

async function produce(): Promise<Throughput> {
  const producer = new Producer({ ...base, acks: -1 });
  await producer.send({ messages: Array.from({ length: job.partitions }, (_, partition) => message(partition)) });
  const perSend = Math.max(1, Math.floor(SEND_BYTES[job.batching] / job.valueBytes));
  let next = 0;
  let sends = 0;
  const sender = async (): Promise<void> => {
    while (next < job.records) {
      const count = Math.min(perSend, job.records - next);
      next += count;
      sends += 1;
      const partition = sends % job.partitions;
      await producer.send({ messages: Array.from({ length: count }, () => message(partition)) });
    }
  };
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: SENDS_UNDER_WAY }, sender));
  const seconds = (performance.now() - startedAt) / 1000;
  return { records: job.records, bytes: job.records * job.valueBytes, seconds };
}

async function fetch(): Promise<Throughput> {
  const groupId = `kedge-bench-${process.pid}`;
  const consumer = new Consumer({ ...base, groupId, maxBytes: FETCH_BYTES, maxWaitTime: 100, highWaterMark: 10_000 });
  const stream = await consumer.consume({ topics: [job.topic], mode: "earliest", autocommit: false });
  let records = 0;
  let bytes = 0;
  let startedAt = 0;
  for await (const received of stream) {
    if (records === 0) startedAt = performance.now();
    records += 1;
    bytes += received.value.length;
    if (records >= job.records) break;
  }
  return { records, bytes, seconds: (performance.now() - startedAt) / 1000 };
}

async function latency(): Promise<Latency> {
  const producer = new Producer({ ...base, acks: -1 });
  const took: number[] = [];
  const warmUp = Math.floor(job.records / 10) + 1;
  for (let index = -warmUp; index < job.records; index++) {
    const startedAt = performance.now();
    await producer.send({ messages: [message(0)] });
    if (index >= 0) took.push(performance.now() - startedAt);
  }
  took.sort((a, b) => a - b);
  const at = (part: number): number => took[Math.min(took.length - 1, Math.floor(took.length * part))];
  const meanMs = took.reduce((sum, one) => sum + one, 0) / took.length;
  return { records: took.length, meanMs, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
}

const modes = { produce, fetch, latency };
console.log(JSON.stringify(await modes[mode as keyof typeof modes]()));
// The measurement is printed; connections need no farewell.
process.exit(0);
