import type { ClientJob } from "./client-job.ts";
import type { HistoryFile } from "./history-file.ts";
import { kafkaOf } from "./kafkajs-client.ts";
import { ask } from "./kafkajs-probe.ts";
import { idOf } from "./record-value.ts";

const RETRIES = 20;
const READ_TIMEOUT_MS = 180_000;

/** Reads the whole topic from its start to the end that the broker names, and asks what the groups have committed. */
export async function readAll(job: ClientJob, history: HistoryFile): Promise<void> {
  const kafka = kafkaOf(job.bootstrap, "kafkajs-reader", RETRIES);
  const admin = kafka.admin();
  await admin.connect();
  const invokedMs = Date.now();
  await ask(admin, job, history);
  const ends = new Map(
    (await admin.fetchTopicOffsets(job.topic)).map(({ partition, high }) => [partition, Number(high)]),
  );
  const left = new Set([...ends].filter(([, end]) => end > 0).map(([partition]) => partition));
  const consumer = kafka.consumer({ groupId: `reader-${Date.now()}`, allowAutoTopicCreation: false });
  await consumer.connect();
  await consumer.subscribe({ topic: job.topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => reject(new Error(`could not read partitions ${[...left]} to ${[...ends]}`)),
      READ_TIMEOUT_MS,
    );
    const done = () => {
      clearTimeout(timer);
      resolve();
    };
    if (left.size === 0) return done();
    consumer.on("consumer.crash", ({ payload }) => payload.restart || reject(payload.error));
    const run = consumer.run({
      autoCommit: false,
      eachBatch: async ({ batch }) => {
        const { topic, partition } = batch;
        const records = batch.messages.map(({ offset, value }) => ({ offset: Number(offset), id: idOf(value) }));
        history.add({
          type: "fetch",
          client: "kafkajs-reader",
          group: null,
          topic,
          partition,
          invokedMs,
          completedMs: Date.now(),
          offset: Number((batch as unknown as { fetchedOffset: string }).fetchedOffset),
          errorCode: 0,
          highWatermark: Number(batch.highWatermark),
          logStartOffset: -1,
          nextOffset: Number(batch.lastOffset()) + 1,
          minBytes: 1,
          records,
        });
        if (Number(batch.lastOffset()) + 1 >= (ends.get(partition) as number)) left.delete(partition);
        if (left.size === 0) done();
      },
    });
    run.catch(reject);
  }).finally(() => consumer.disconnect());
  await admin.disconnect();
}
