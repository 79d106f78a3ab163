/** The cases that put load on a running broker. Each run has a topic of its own, deleted afterwards. */
import { Admin } from "@platformatic/kafka";
import type { LoadClient, LoadJob, Throughput } from "./load-client.ts";
import type { Sample } from "./measure.ts";

export interface LoadCase {
  readonly group: "produce" | "fetch" | "latency";
  readonly name: string;
  readonly job: Omit<LoadJob, "bootstrap" | "topic">;
}

const KB = 1024;

export const LOAD_CASES: readonly LoadCase[] = [
  produceCase("1 KB, 1 partition, default settings", {
    partitions: 1,
    records: 80_000,
    valueBytes: KB,
    batching: "default",
  }),
  produceCase("1 KB, 6 partitions, default settings", {
    partitions: 6,
    records: 80_000,
    valueBytes: KB,
    batching: "default",
  }),
  produceCase("1 KB, 1 partition, 1 MB batches", {
    partitions: 1,
    records: 120_000,
    valueBytes: KB,
    batching: "large",
  }),
  produceCase("1 KB, 6 partitions, 1 MB batches", {
    partitions: 6,
    records: 120_000,
    valueBytes: KB,
    batching: "large",
  }),
  produceCase("100 B, 1 partition, 1 MB batches", {
    partitions: 1,
    records: 400_000,
    valueBytes: 100,
    batching: "large",
  }),
  {
    group: "fetch",
    name: "fetch 1 KB, 6 partitions, just written",
    job: { partitions: 6, records: 120_000, valueBytes: KB, batching: "large" },
  },
  {
    group: "latency",
    name: "one 1 KB record at a time, acknowledged",
    job: { partitions: 1, records: 500, valueBytes: KB, batching: "none" },
  },
];

function produceCase(name: string, job: LoadCase["job"]): LoadCase {
  return { group: "produce", name: `produce ${name}`, job };
}

let topics = 0;

/** Runs one case once. */
export async function runLoadCase(bootstrap: string, client: LoadClient, one: LoadCase): Promise<Sample[]> {
  topics += 1;
  const topic = `bench-${process.pid}-${topics}`;
  const admin = new Admin({ clientId: "kedge-bench", bootstrapBrokers: [bootstrap] });
  await admin.createTopics({ topics: [topic], partitions: one.job.partitions, replicas: 1 });
  await untilLed(admin, topic, one.job.partitions);
  try {
    return await measure(client, one, { ...one.job, bootstrap, topic });
  } finally {
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
  }
}

async function measure(client: LoadClient, one: LoadCase, job: LoadJob): Promise<Sample[]> {
  if (one.group === "produce") return throughput(one.name, await client.produce(job));
  if (one.group === "fetch") {
    await client.produce(job);
    return throughput(one.name, await client.fetch(job));
  }
  const { p50Ms, p99Ms } = await client.latency(job);
  return [
    { name: `${one.name}, p50`, unit: "ms", value: p50Ms },
    { name: `${one.name}, p99`, unit: "ms", value: p99Ms },
  ];
}

function throughput(name: string, { bytes, seconds }: Throughput): Sample[] {
  return [{ name, unit: "MB/s", value: bytes / 1e6 / seconds }];
}

/** Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does. */
async function untilLed(admin: Admin, name: string, count: number): Promise<void> {
  const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
  await admin.listOffsets({ topics: [{ name, partitions }] });
}
