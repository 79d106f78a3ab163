/**
 * Fetch of data that has left the broker's own store. Kedge's sealed segments lie in its object store (for `npm start` a folder beside SQLite);
 * beside it a broker without remote storage reads as much from its log: Kafka's release has no store of its own for it.
 */
import { Admin } from "@platformatic/kafka";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import type { LoadClient, LoadJob } from "./load-client.ts";
import { inRounds, type Measured } from "./measure.ts";
import type { Target } from "./targets.ts";

/** Segments go to the object store when they are full, and their rows leave SQLite as soon as they are safe there. */
export const TIERED_TOPIC = [
  { name: "remote.storage.enable", value: "true" },
  { name: "segment.bytes", value: String(32 << 20) },
  { name: "local.retention.bytes", value: "1" },
] as const;
/** Logs are looked over at once, not every five minutes. */
export const TIERED_BROKER = "remote.log.storage.system.enable=true;log.retention.check.interval.ms=1000";
const LOCAL_TOPIC = TIERED_TOPIC.filter(({ name }) => name === "segment.bytes");

const TOPIC = "bench-tiered";
const NAME = "fetch 1 KB, 1 partition, 295 MB tiered (of Kafka: from its local log)";
/** What is read: less than what is written, whose last segment stays where it is. */
const RECORDS = 288_000;
export const RECORDS_A_SEGMENT = 32_768;
const WRITTEN_RECORDS = RECORDS + RECORDS_A_SEGMENT;
const PASSES = 2;
/** A copy on disk counts once the page cache must have been written: a minute and a half. */
const TIERED_TIMEOUT_MS = 240_000;
const POLL_MS = 2_000;
export const LATEST = -1;
const EARLIEST_LOCAL = -4;
/** The first version that knows of the local log's start (KIP-405). */
const LIST_OFFSETS_VERSION = 8;

export async function runTieredCase(
  targets: readonly Target[],
  client: LoadClient,
  { rounds, say }: { readonly rounds: number; say(text: string): void },
): Promise<Measured[]> {
  const job = { topic: TOPIC, partitions: 1, valueBytes: 1024, batching: "large" as const, records: RECORDS };
  for (const { name, kafka } of targets) {
    const configs = isTiering(name) ? TIERED_TOPIC : LOCAL_TOPIC;
    const admin = new Admin({ clientId: "kedge-bench", bootstrapBrokers: [kafka] });
    await admin.createTopics({ topics: [TOPIC], partitions: 1, replicas: 1, configs: [...configs] });
    await admin.close();
    for (let end = 0; end < WRITTEN_RECORDS; end = await offsetAt({ ...job, bootstrap: kafka }, LATEST)) {
      await client.produce({ ...job, bootstrap: kafka, records: 100_000 });
    }
  }
  say("waiting until its segments have left Kedge's store");
  for (const { name, kafka } of targets) if (isTiering(name)) await untilTiered({ ...job, bootstrap: kafka }, RECORDS);
  const subjects = targets.map((subject) => ({ name: subject.name, subject }));
  return await inRounds(rounds, subjects, async ({ kafka }) => {
    const { bytes, seconds } = await client.fetch({ ...job, bootstrap: kafka, passes: PASSES });
    return [{ name: NAME, unit: "MB/s", value: bytes / 1e6 / seconds }];
  });
}

function isTiering(name: string): boolean {
  return name === "Kedge";
}

type Place = Pick<LoadJob, "bootstrap" | "topic">;

/** Waits until the records before `offset` have left the broker's own store. */
export async function untilTiered(place: Place, offset: number): Promise<void> {
  const deadline = performance.now() + TIERED_TIMEOUT_MS;
  while ((await offsetAt(place, EARLIEST_LOCAL)) < offset) {
    if (performance.now() > deadline) throw new Error("the segments don't leave the broker's store");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Of the topic's first partition. */
export async function offsetAt({ bootstrap, topic }: Place, timestamp: number): Promise<number> {
  const client = await WireClient.connect(bootstrap);
  const answer = await client.call(ListOffsetsRequest, ListOffsetsResponse, LIST_OFFSETS_VERSION, {
    replicaId: -1,
    topics: [{ name: topic, partitions: [{ partitionIndex: 0, timestamp }] }],
  });
  client.close();
  const partition = answer === "closed" ? undefined : answer.topics[0]?.partitions[0];
  if (partition?.errorCode !== 0) throw new Error(`list offsets: error ${partition?.errorCode}`);
  return partition.offset;
}
