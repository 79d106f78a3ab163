/** Kafka's own Java client as load client: bench/compare/LoadDriver.java, built on first use beside the peer's jars. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Batching, LoadClient, LoadJob } from "./load-client.ts";
import { installApacheKafka, missingForApacheKafka } from "./peer/apache-kafka.ts";

const SOURCE = path.join(import.meta.dirname, "compare/LoadDriver.java");
const CLASSES = path.join(import.meta.dirname, "../build/bench/java");
/** A topic of 5 GB is read in one run. */
const RUN_TIMEOUT_MS = 600_000;

const SETTINGS: Record<Batching, readonly string[]> = {
  default: [],
  medium: ["batch.size=262144", "linger.ms=20"],
  large: ["batch.size=1000000", "linger.ms=100", "buffer.memory=67108864"],
  none: ["linger.ms=0"],
};
/** The client, or the reason why it can't be had here. */
export function javaClient(): LoadClient | string {
  const missing = missingForApacheKafka();
  if (missing !== null) return `Kafka's Java client can't be had: ${missing}`;
  const libs = installApacheKafka();
  const failed = build(libs);
  if (failed !== null) return failed;
  const version = /kafka-clients-(.+)\.jar/.exec(readdirSync(libs).join("\n"))?.[1] ?? "";
  const start = (mode: string, job: LoadJob, settings: readonly string[]) => run(libs, mode, job, settings);
  return {
    name: `kafka-clients ${version} (bench/compare/LoadDriver.java)`,
    produce: async (job) => JSON.parse(await start("produce", job, ["acks=all", ...SETTINGS[job.batching]])),
    paced: async (job, recordsPerSecond) =>
      JSON.parse(await start("paced", job, ["acks=all", `rate=${recordsPerSecond}`, ...SETTINGS[job.batching]])),
    latency: async (job) => JSON.parse(await start("latency", job, ["acks=all", ...SETTINGS[job.batching]])),
    fetch: async (job) => JSON.parse(await start("fetch", { ...job, valueBytes: job.passes ?? 1 }, [])),
  };
}

function build(libs: string): string | null {
  const built = path.join(CLASSES, "LoadDriver.class");
  if (existsSync(built) && statSync(built).mtimeMs > statSync(SOURCE).mtimeMs) return null;
  mkdirSync(CLASSES, { recursive: true });
  const { status, error, stderr } = spawnSync("javac", ["-cp", `${libs}/*`, "-d", CLASSES, SOURCE], {
    encoding: "utf8",
  });
  return status === 0 ? null : `the Java driver does not build: ${(error?.message ?? stderr).split("\n")[0]}`;
}

async function run(libs: string, mode: string, job: LoadJob, settings: readonly string[]): Promise<string> {
  const numbers = [job.partitions, job.records, job.valueBytes].map(String);
  const options = ["-Xms512m", "-Xmx512m", "-cp", `${CLASSES}:${libs}/*`, "LoadDriver", mode, job.bootstrap, job.topic];
  const { stdout } = await promisify(execFile)("java", [...options, ...numbers, ...settings], {
    timeout: RUN_TIMEOUT_MS,
  });
  return stdout;
}
