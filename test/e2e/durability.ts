/**
 * The durability storm: producers write without pause, the broker's processes are killed at a random moment and started again on the
 * same data, the producers that survive finish, and then the whole log is read and held against what was acknowledged.
 */
import { Admin, Consumer, ListOffsetTimestamps } from "@platformatic/kafka";
import { PartitionLedger, type StormRecord, toStormRecord } from "./storm-ledger.ts";
import {
  librdkafkaProducers,
  type ProducerPlan,
  plainProducer,
  type StormProducer,
  survivingProducer,
} from "./storm-producers.ts";

const PARTITIONS = 4;
const EARLIEST_KILL_MS = 400;
const KILL_WINDOW_MS = 1600;
const AFTER_RESTART_MS = 400;
const READ_TIMEOUT_MS = 60_000;
const READ_BYTES = 4_194_304;

export interface StormBroker {
  readonly kafka: string;
  /** Kills every process of the broker at once and waits until they are gone. */
  kill9(): Promise<unknown>;
  stop(): Promise<unknown>;
}

export interface StormOptions {
  readonly rounds: number;
  /** 0..1, from a seeded generator. */
  readonly random: () => number;
  /** Starts the broker on the same data each time; `port` 0 means any. */
  readonly start: (port: number) => Promise<StormBroker>;
  /** A Python with confluent-kafka, for librdkafka producers. */
  readonly python?: string;
  readonly report?: (round: RoundReport) => void;
}

export interface RoundReport {
  readonly round: number;
  readonly killedAfterMs: number;
  readonly restartMs: number;
  /** Records in all partitions, acknowledged ones among them, over all rounds so far. */
  readonly records: number;
  readonly acknowledged: number;
  readonly repeated: number;
  readonly faults: readonly string[];
}

export async function storm(options: StormOptions): Promise<RoundReport[]> {
  const topic = "storm";
  const ledgers = Array.from({ length: PARTITIONS }, () => new PartitionLedger());
  const reports: RoundReport[] = [];
  let broker = await options.start(0);
  const port = Number(broker.kafka.split(":").at(-1));
  await createTopic(broker.kafka, topic);
  for (let round = 1; round <= options.rounds; round++) {
    const plan = (name: string): ProducerPlan => ({
      kafka: broker.kafka,
      topic,
      partitions: PARTITIONS,
      name: `${name}-${round}`,
      acknowledged: (partition, offset, key) => ledgers[partition].acknowledge(offset, key),
    });
    const plain = [plainProducer(plan("plain-a")), plainProducer(plan("plain-b")), plainProducer(plan("plain-c"))];
    const surviving = [survivingProducer(plan("idempotent-js-a")), survivingProducer(plan("idempotent-js-b"))];
    if (options.python !== undefined) surviving.push(librdkafkaProducers(plan("idempotent-rd"), options.python));

    const killedAfterMs = Math.round(EARLIEST_KILL_MS + options.random() * KILL_WINDOW_MS);
    await pause(killedAfterMs);
    await broker.kill9();
    const startedAt = performance.now();
    broker = await options.start(port);
    const restartMs = Math.round(performance.now() - startedAt);
    await pause(AFTER_RESTART_MS);
    const faults = await endAll([...plain, ...surviving]);

    const report = { round, killedAfterMs, restartMs, ...(await check(broker.kafka, topic, ledgers, faults)) };
    reports.push(report);
    options.report?.(report);
  }
  await broker.stop();
  return reports;
}

async function endAll(producers: readonly StormProducer[]): Promise<string[]> {
  const ended = await Promise.allSettled(producers.map((producer) => producer.end()));
  return ended.filter((one) => one.status === "rejected").map((one) => `a surviving producer gave up: ${one.reason}`);
}

async function check(kafka: string, topic: string, ledgers: readonly PartitionLedger[], before: readonly string[]) {
  const partitions = await readAll(kafka, topic);
  const verdicts = ledgers.map((ledger, partition) => ledger.check(partitions[partition]));
  const sum = (pick: (verdict: (typeof verdicts)[number]) => number): number =>
    verdicts.reduce((all, one) => all + pick(one), 0);
  return {
    records: sum((verdict) => verdict.records),
    acknowledged: sum((verdict) => verdict.acknowledged),
    repeated: sum((verdict) => verdict.repeated),
    faults: [
      ...before,
      ...verdicts.flatMap((verdict, partition) => verdict.faults.map((fault) => `${partition}: ${fault}`)),
    ],
  };
}

async function createTopic(kafka: string, topic: string): Promise<void> {
  const admin = new Admin({ clientId: "storm-admin", bootstrapBrokers: [kafka] });
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  await endOffsets(admin, topic);
  await admin.close();
}

async function endOffsets(admin: Admin, topic: string): Promise<number[]> {
  const timestamp = BigInt(ListOffsetTimestamps.LATEST);
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({ partitionIndex, timestamp }));
  const [listed] = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
  return listed.partitions.toSorted((a, b) => a.partitionIndex - b.partitionIndex).map((one) => Number(one.offset));
}

/** The whole topic, partition by partition, up to the end that the broker names before the read begins. */
async function readAll(kafka: string, topic: string): Promise<StormRecord[][]> {
  const admin = new Admin({ clientId: "storm-admin", bootstrapBrokers: [kafka] });
  const ends = await endOffsets(admin, topic);
  await admin.close();
  const partitions: StormRecord[][] = ends.map(() => []);
  const complete = (): boolean => partitions.every((records, partition) => records.length >= ends[partition]);
  const consumer = new Consumer({
    clientId: "storm-reader",
    bootstrapBrokers: [kafka],
    groupId: `storm-reader-${Date.now()}`,
    maxBytes: READ_BYTES,
    maxWaitTime: 100,
  });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  const timer = setTimeout(
    () => stream.destroy(new Error(`read ${partitions.map((p) => p.length)} of ${ends}`)),
    READ_TIMEOUT_MS,
  );
  for await (const message of stream) {
    partitions[message.partition].push(toStormRecord(Number(message.offset), message.key.toString(), message.value));
    if (complete()) break;
  }
  clearTimeout(timer);
  await consumer.close(true);
  return partitions;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
