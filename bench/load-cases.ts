/** The cases that put load on a running broker. Each run has a topic of its own, deleted afterwards. */
import { Admin } from "@platformatic/kafka";
import type { LoadClient, LoadJob, Throughput } from "./load-client.ts";
import type { Measured, Sample } from "./measure.ts";

export interface LoadCase {
  readonly group: "produce" | "fetch" | "latency";
  readonly name: string;
  /** At half the throughput that the slowest target reached on default settings. */
  readonly paced?: boolean;
  readonly job: Omit<LoadJob, "bootstrap" | "topic">;
}

const KB = 1024;
/** Of the paced case, where no target's throughput was measured: half of what a broker that syncs each 16 KB may reach. */
const PACE_UNKNOWN_BYTES = 4_000_000;
const PACED_SECONDS = 6;

/** The slowest target's throughput in this case sets the pace of the paced one. */
const PACE_SETTER = "1 KB, 1 partition, default settings";

export const LOAD_CASES: readonly LoadCase[] = [
  produceCase(PACE_SETTER, { partitions: 1, records: 40_000, valueBytes: KB, batching: "default" }),
  produceCase("1 KB, 6 partitions, default settings", {
    partitions: 6,
    records: 40_000,
    valueBytes: KB,
    batching: "default",
  }),
  produceCase("1 KB, 1 partition, 256 KB batches", {
    partitions: 1,
    records: 120_000,
    valueBytes: KB,
    batching: "medium",
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
  // What Kedge's broker keeps in memory of what was written last is 32 MB; Kafka has what the page cache has.
  fetchCase("1 KB, 1 partition, the last 24 MB", {
    partitions: 1,
    records: 24_000,
    valueBytes: KB,
    batching: "large",
    passes: 10,
  }),
  fetchCase("1 KB, 6 partitions, the last 24 MB", {
    partitions: 6,
    records: 24_000,
    valueBytes: KB,
    batching: "large",
    passes: 10,
  }),
  fetchCase("1 KB, 6 partitions, 120 MB just written", {
    partitions: 6,
    records: 120_000,
    valueBytes: KB,
    batching: "large",
    passes: 2,
  }),
  {
    group: "latency",
    name: "one 1 KB record at a time, acknowledged",
    job: { partitions: 1, records: 2_000, valueBytes: KB, batching: "none" },
  },
  {
    group: "latency",
    name: "1 KB records at half load, acknowledged",
    paced: true,
    job: { partitions: 1, records: 0, valueBytes: KB, batching: "default" },
  },
];

function produceCase(name: string, job: LoadCase["job"]): LoadCase {
  return { group: "produce", name: `produce ${name}`, job };
}

function fetchCase(name: string, job: LoadCase["job"]): LoadCase {
  return { group: "fetch", name: `fetch ${name}`, job };
}

/** The pace that the figures so far lead to, in records a second. */
export function halfLoad(measured: readonly Measured[]): number {
  const reached = measured.filter(({ name }) => name === `produce ${PACE_SETTER}`).map(({ median }) => median * 1e6);
  return Math.round((reached.length === 0 ? PACE_UNKNOWN_BYTES : Math.min(...reached) / 2) / KB);
}

let topics = 0;

/** Runs one case once; `pace` is in records a second. */
export async function runLoadCase(
  bootstrap: string,
  client: LoadClient,
  one: LoadCase,
  pace: number,
): Promise<Sample[]> {
  topics += 1;
  const topic = `bench-${process.pid}-${topics}`;
  const admin = new Admin({ clientId: "kedge-bench", bootstrapBrokers: [bootstrap] });
  await admin.createTopics({ topics: [topic], partitions: one.job.partitions, replicas: 1 });
  await untilLed(admin, topic, one.job.partitions);
  try {
    return await measure(client, one, { ...one.job, bootstrap, topic }, pace);
  } finally {
    await admin.deleteTopics({ topics: [topic] });
    await admin.close();
  }
}

async function measure(client: LoadClient, one: LoadCase, job: LoadJob, pace: number): Promise<Sample[]> {
  if (one.group === "produce") return throughput(one.name, await client.produce(job));
  if (one.group === "fetch") {
    await client.produce(job);
    return throughput(one.name, await client.fetch(job));
  }
  const { p50Ms, p99Ms } = one.paced
    ? await atPace(client, { ...job, records: pace * PACED_SECONDS }, pace)
    : await client.latency(job);
  return [
    { name: `${one.name}, p50`, unit: "ms", value: p50Ms },
    { name: `${one.name}, p99`, unit: "ms", value: p99Ms },
  ];
}

async function atPace(client: LoadClient, job: LoadJob, pace: number) {
  if (client.paced === undefined) return { p50Ms: Number.NaN, p99Ms: Number.NaN };
  return await client.paced(job, pace);
}

function throughput(name: string, { bytes, seconds }: Throughput): Sample[] {
  return [{ name, unit: "MB/s", value: bytes / 1e6 / seconds }];
}

/** Kafka answers CreateTopics before the broker leads every new partition; ListOffsets tells when it does. */
async function untilLed(admin: Admin, name: string, count: number): Promise<void> {
  const partitions = Array.from({ length: count }, (_, partitionIndex) => ({ partitionIndex, timestamp: -1n }));
  await admin.listOffsets({ topics: [{ name, partitions }] });
}
