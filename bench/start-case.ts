/** Start on existing data: time until it serves, until the first record is acknowledged after that, and memory when idle. */
import { Producer } from "@platformatic/kafka";
import type { Sample } from "./measure.ts";
import type { Restartable } from "./targets.ts";

const IDLE_MS = 3000;

/** The first start makes the data and is not measured. */
export async function firstStart(target: Restartable): Promise<void> {
  const running = await target.start();
  await acknowledge(running.kafka);
  await running.stop();
}

export async function runStartCase(target: Restartable): Promise<Sample[]> {
  const running = await target.start();
  const startedAt = performance.now();
  await acknowledge(running.kafka);
  const firstAckMs = performance.now() - startedAt;
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const megabytes = (running.residentBytes?.() ?? Number.NaN) / 1e6;
  await running.stop();
  return [
    { name: "second start until it serves", unit: "ms", value: running.readyMs },
    { name: "first record acknowledged after that (connecting included)", unit: "ms", value: firstAckMs },
    { name: "idle memory of the process tree", unit: "MB", value: megabytes },
  ];
}

async function acknowledge(kafka: string): Promise<void> {
  const producer = new Producer({
    clientId: "kedge-bench",
    bootstrapBrokers: [kafka],
    acks: -1,
    autocreateTopics: true,
  });
  await producer.send({ messages: [{ topic: "bench-start", value: Buffer.from("first") }] });
  await producer.close();
}
