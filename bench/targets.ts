/** The brokers that one run compares: a Kedge, Apache Kafka twice, and any others by address. */
import { mkdtempSync, rmSync } from "node:fs";
import path from "node:path";
import { startKedge } from "#test/e2e/kedge.ts";
import { cpuSeconds, residentBytes } from "#test/e2e/process-tree.ts";
import { installApacheKafka, missingForApacheKafka, startApacheKafka } from "./peer/apache-kafka.ts";

export interface Target {
  readonly name: string;
  readonly kafka: string;
  /** Resident memory of its process tree; missing where the process isn't ours. */
  residentBytes?(): number;
  /** What it has computed since its start. */
  cpuSeconds?(): number;
  stop(): Promise<unknown>;
}

/** A target that can be started again and again on the same data, for the start case. */
export interface Restartable {
  readonly name: string;
  /** Milliseconds from the start of the process until it serves. */
  start(): Promise<Target & { readonly readyMs: number }>;
}

const BUILD = path.join(import.meta.dirname, "../build/bench");
/** What Kafka's own start script gives a broker. */
const KAFKA_HEAP = "1g";

function dataDirectory(name: string): string {
  const directory = mkdtempSync(path.join(BUILD, `${name}-`));
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** `configs`: the broker's own, `name=value` with semicolons between them. */
export function kedge(configs?: string): Restartable {
  const dataDir = dataDirectory("kedge");
  const env = configs === undefined ? {} : { KEDGE_CONFIGS: configs };
  return {
    name: "Kedge",
    async start() {
      const running = await startKedge({ dataDir, env });
      return {
        name: "Kedge",
        kafka: running.kafka,
        readyMs: running.readyMs,
        residentBytes: () => residentBytes(running.launcherPid),
        cpuSeconds: () => cpuSeconds(running.launcherPid),
        stop: running.stop,
      };
    },
  };
}

/** Apache Kafka as it comes, and with an fsync before each acknowledgement, which is what Kedge always does. */
export function apacheKafka(flushEachMessage: boolean): Restartable | string {
  const missing = missingForApacheKafka();
  if (missing !== null) return `no Apache Kafka: ${missing}`;
  installApacheKafka();
  const name = flushEachMessage ? "Apache Kafka 4.4, flush.messages=1" : "Apache Kafka 4.4, defaults";
  const dataDir = dataDirectory("kafka");
  return {
    name,
    async start() {
      const running = await startApacheKafka({ dataDir, flushEachMessage, heap: KAFKA_HEAP });
      return {
        name,
        kafka: running.kafka,
        readyMs: running.readyMs,
        residentBytes: () => residentBytes(running.pid),
        cpuSeconds: () => cpuSeconds(running.pid),
        stop: running.stop,
      };
    },
  };
}

export function byAddress(kafka: string): Target {
  return { name: kafka, kafka, stop: async () => {} };
}
