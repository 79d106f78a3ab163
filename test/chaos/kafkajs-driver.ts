/** kafkajs as a client of a chaos run: `node kafkajs-driver.ts '<ClientJob as JSON>'`. */
import { createInterface } from "node:readline";
import type { ClientJob } from "./client-job.ts";
import { HistoryFile } from "./history-file.ts";
import { runMember } from "./kafkajs-members.ts";
import { probe } from "./kafkajs-probe.ts";
import { runProducer } from "./kafkajs-producers.ts";
import { readAll } from "./kafkajs-reader.ts";

const job = JSON.parse(process.argv[2] as string) as ClientJob;
const history = new HistoryFile(job.history);

if (job.mode === "read") {
  await readAll(job, history);
} else {
  const producing = new AbortController();
  const consuming = new AbortController();
  const producers = [
    runProducer(
      job,
      history,
      { name: "kafkajs-idempotent", idempotent: true, acks: -1, retries: 1_000 },
      producing.signal,
    ),
    runProducer(job, history, { name: "kafkajs-plain", idempotent: false, acks: -1, retries: 1_000 }, producing.signal),
    runProducer(job, history, { name: "kafkajs-once", idempotent: false, acks: 1, retries: 0 }, producing.signal),
  ];
  const members = job.groups.flatMap(({ group, members: count }) =>
    Array.from({ length: count }, (_, index) => runMember(job, history, { group, index }, consuming.signal)),
  );
  const probing = probe(job, history, consuming.signal);
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "finish") {
      producing.abort();
      await Promise.all(producers);
      console.log("finished");
    } else if (line === "end") {
      consuming.abort();
      break;
    }
  }
  await Promise.all([...members, probing]);
}
await history.close();
process.exit(0);
