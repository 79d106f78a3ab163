import type { Admin } from "kafkajs";
import type { ClientJob } from "./client-job.ts";
import type { HistoryFile } from "./history-file.ts";
import { insist, kafkaOf, pause } from "./kafkajs-client.ts";

const PROBE_PAUSE_MS = 700;

/** Asks again and again where the log ends and what the groups have committed, from beside. */
export async function probe(job: ClientJob, history: HistoryFile, signal: AbortSignal): Promise<void> {
  const admin = kafkaOf(job.bootstrap, "kafkajs-probe", 2).admin();
  await insist(() => admin.connect(), signal);
  while (!signal.aborted) {
    await ask(admin, job, history).catch(() => {});
    await pause(PROBE_PAUSE_MS, signal);
  }
  await admin.disconnect().catch(() => {});
}

/** Rejects where it got no answer. */
export async function ask(admin: Admin, job: ClientJob, history: HistoryFile): Promise<void> {
  const { topic } = job;
  let invokedMs = Date.now();
  const offsets = await admin.fetchTopicOffsets(topic);
  let completedMs = Date.now();
  const asked = { type: "offsets", client: "kafkajs-probe", topic } as const;
  for (const { partition, low, high } of offsets) {
    history.add({ ...asked, partition, which: "latest", offset: Number(high), invokedMs, completedMs });
    history.add({ ...asked, partition, which: "earliest", offset: Number(low), invokedMs, completedMs });
  }
  for (const { group } of job.groups) {
    invokedMs = Date.now();
    const committed = await admin.fetchOffsets({ groupId: group, topics: [topic] });
    completedMs = Date.now();
    for (const { partition, offset } of committed[0]?.partitions ?? []) {
      const times = { invokedMs, completedMs };
      history.add({
        type: "committed",
        client: "kafkajs-probe",
        group,
        topic,
        partition,
        offset: Number(offset),
        ...times,
      });
    }
  }
}
