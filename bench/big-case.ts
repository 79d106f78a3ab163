/** A topic larger than memory: loaded, restarted, read from its start; memory of the process tree all the while. */
import { Admin } from "@platformatic/kafka";
import type { LoadClient } from "./load-client.ts";
import type { Sample } from "./measure.ts";
import type { Restartable, Target } from "./targets.ts";
import { LATEST, offsetAt, RECORDS_A_SEGMENT, TIERED_TOPIC, untilTiered } from "./tiered-case.ts";

const VALUE_BYTES = 1024;
const POLL_MS = 200;
const TOPIC = "bench-big";
/** One run of the client, which keeps its values in memory and writes some more to warm up. */
const RECORDS_A_RUN = 500_000;

/** The largest resident size while something runs. */
class PeakMemory {
  peakBytes = 0;
  private readonly timer: NodeJS.Timeout;

  constructor(target: Target) {
    const look = () => {
      this.peakBytes = Math.max(this.peakBytes, target.residentBytes?.() ?? 0);
    };
    look();
    this.timer = setInterval(look, POLL_MS);
  }

  end(): number {
    clearInterval(this.timer);
    return this.peakBytes / 1e6;
  }
}

/** Tiered: once it is loaded all but its last segments leave the broker's store, and it is read back from the object store. */
export async function runBigCase(
  kedge: Restartable,
  client: LoadClient,
  { gigabytes, isTiered }: { readonly gigabytes: number; readonly isTiered: boolean },
): Promise<Sample[]> {
  const records = Math.ceil((gigabytes * 1e9) / VALUE_BYTES);
  const samples: Sample[] = [];
  const loading = await kedge.start();
  const job = {
    bootstrap: loading.kafka,
    topic: TOPIC,
    partitions: 1,
    valueBytes: VALUE_BYTES,
    batching: "large" as const,
  };
  const whileLoading = new PeakMemory(loading);
  const admin = new Admin({ clientId: "kedge-bench", bootstrapBrokers: [loading.kafka] });
  await admin.createTopics({ topics: [TOPIC], partitions: 1, replicas: 1, configs: isTiered ? [...TIERED_TOPIC] : [] });
  await admin.close();
  const loaded = { bytes: 0, seconds: 0 };
  for (let left = records; left > 0; left = records - (await offsetAt(job, LATEST))) {
    const { bytes, seconds } = await client.produce({ ...job, records: Math.min(left, RECORDS_A_RUN) });
    loaded.bytes += bytes;
    loaded.seconds += seconds;
  }
  samples.push({ name: `load ${gigabytes} GB`, unit: "MB/s", value: loaded.bytes / 1e6 / loaded.seconds });
  if (isTiered) await untilTiered(job, records - RECORDS_A_SEGMENT);
  samples.push({ name: "peak memory while it loads", unit: "MB", value: whileLoading.end() });
  await loading.stop();
  const reading = await kedge.start();
  samples.push({ name: "restart until it serves", unit: "ms", value: reading.readyMs });
  const whileReading = new PeakMemory(reading);
  const fetched = await client.fetch({ ...job, bootstrap: reading.kafka, records });
  samples.push({ name: "read it from its start", unit: "MB/s", value: fetched.bytes / 1e6 / fetched.seconds });
  samples.push({ name: "peak memory while it is read", unit: "MB", value: whileReading.end() });
  await reading.stop();
  return samples;
}
