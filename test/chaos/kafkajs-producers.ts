import { setTimeout as pause } from "node:timers/promises";
import { CompressionTypes, type Producer, type ProducerBatch } from "kafkajs";
import type { ProduceEvent } from "../checker/history.ts";
import { seeded } from "../clients/records.ts";
import type { ClientJob } from "./client-job.ts";
import type { HistoryFile } from "./history-file.ts";
import { insist, kafkaOf } from "./kafkajs-client.ts";
import { recordId, valueOf } from "./record-value.ts";

interface How {
  readonly name: string;
  readonly idempotent: boolean;
  readonly acks: -1 | 1;
  readonly retries: number;
}

const PRODUCERS = 3;
const MOST_PER_BATCH = 8;
const ERROR_PAUSE_MS = 300;
/** Error codes after which a record certainly isn't in the log. */
const REFUSALS = new Set([10, 87]);

/** Sends batches of changing size to one partition after the other, each when the one before has ended. */
export async function runProducer(job: ClientJob, history: HistoryFile, how: How, signal: AbortSignal): Promise<void> {
  const random = seeded(job.seed + how.name.length);
  const kafka = kafkaOf(job.bootstrap, how.name, how.retries);
  const producer = kafka.producer({
    idempotent: how.idempotent,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
  });
  await insist(() => producer.connect(), signal);
  const batchGapMs = (1000 * PRODUCERS * (MOST_PER_BATCH / 2)) / job.recordsPerS;
  let number = 0;
  for (let order = 0; !signal.aborted; order++) {
    const ids = Array.from({ length: 1 + Math.floor(random() * MOST_PER_BATCH) }, () => recordId(how.name, number++));
    const partition = Math.floor(random() * job.partitions);
    const batch = {
      topic: job.topic,
      acks: how.acks,
      compression: order % 3 === 0 ? CompressionTypes.GZIP : CompressionTypes.None,
      messages: ids.map((id) => ({ partition, key: id, value: valueOf(id) })),
    };
    const event = await send(producer, batch, how);
    history.add({ ...event, client: how.name, topic: job.topic, partition, session: how.name, order, ids });
    await pause(event.outcome === "acknowledged" ? random() * 2 * batchGapMs : ERROR_PAUSE_MS);
  }
  await producer.disconnect().catch(() => {});
}

type Sent = Omit<ProduceEvent, "client" | "topic" | "partition" | "session" | "order" | "ids">;

async function send(
  producer: Producer,
  batch: { topic: string; acks: number } & NonNullable<ProducerBatch["topicMessages"]>[number],
  how: How,
): Promise<Sent> {
  const invokedMs = Date.now();
  const attempts = how.retries > 0 ? 2 : 1;
  const common = {
    type: "produce",
    acks: how.acks,
    idempotent: how.idempotent,
    ordered: true,
    attempts,
    invokedMs,
  } as const;
  try {
    const [answer] = await producer.send(batch);
    const baseOffset = Number(answer?.baseOffset ?? -1);
    return { ...common, completedMs: Date.now(), outcome: "acknowledged", baseOffset, errorCode: 0 };
  } catch (error) {
    const errorCode = codeOf(error);
    const outcome = REFUSALS.has(errorCode) ? "refused" : "unknown";
    return { ...common, completedMs: outcome === "refused" ? Date.now() : null, outcome, baseOffset: -1, errorCode };
  }
}

/** Kafka's error code; -1 where no broker said anything. */
function codeOf(error: unknown): number {
  for (let at = error; at instanceof Error; at = at.cause)
    if ("code" in at && typeof at.code === "number") return at.code;
  return -1;
}
