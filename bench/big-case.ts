/** A topic larger than memory: loaded, restarted, read from its start; memory of the process tree all the while. */
import type { LoadClient } from "./load-client.ts";
import type { Sample } from "./measure.ts";
import type { Restartable, Target } from "./targets.ts";

const VALUE_BYTES = 1024;
const POLL_MS = 200;
const TOPIC = "bench-big";
/** One run of the client, which keeps its values in memory. */
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

export async function runBigCase(kedge: Restartable, client: LoadClient, gigabytes: number): Promise<Sample[]> {
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
  let seconds = 0;
  for (let left = records; left > 0; left -= RECORDS_A_RUN) {
    seconds += (await client.produce({ ...job, records: Math.min(left, RECORDS_A_RUN) })).seconds;
  }
  samples.push({ name: `load ${gigabytes} GB`, unit: "MB/s", value: (gigabytes * 1e3) / seconds });
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
