/** librdkafka as load client: bench/compare/driver.c, built on first use. */
import { execFile, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, statSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { Batching, LoadClient, LoadJob } from "./load-client.ts";

const SOURCE = path.join(import.meta.dirname, "compare/driver.c");
const DRIVER = path.join(import.meta.dirname, "../build/bench/rdkafka-driver");
/** A topic of 5 GB is read in one run. */
const RUN_TIMEOUT_MS = 600_000;

const SETTINGS: Record<Batching, readonly string[]> = {
  default: [],
  medium: ["batch.size=262144", "linger.ms=20", "batch.num.messages=100000"],
  large: ["batch.size=1000000", "linger.ms=100", "batch.num.messages=100000"],
  none: ["linger.ms=0"],
};
/** Enough read ahead that the broker, not the client's pause between two fetches, is measured. */
const FETCH_SETTINGS = [
  "fetch.message.max.bytes=4194304",
  "queued.max.messages.kbytes=262144",
  "queued.min.messages=1000000",
];

/** The client, or the reason why it can't be had here. */
export function rdkafkaClient(): LoadClient | string {
  const reason = build();
  if (reason !== null) return reason;
  const version = spawnSync(DRIVER, ["version"], { encoding: "utf8" }).stdout.trim();
  return {
    name: `librdkafka ${version} (bench/compare/driver.c)`,
    produce: (job) => run("produce", job, ["acks=all", ...SETTINGS[job.batching]]),
    fetch: (job) => run("fetch", job, FETCH_SETTINGS),
    latency: (job) => run("latency", job, ["acks=all", ...SETTINGS[job.batching]]),
  };
}

function build(): string | null {
  if (existsSync(DRIVER) && statSync(DRIVER).mtimeMs > statSync(SOURCE).mtimeMs) return null;
  mkdirSync(path.dirname(DRIVER), { recursive: true });
  const built = spawnSync("cc", ["-O2", "-o", DRIVER, SOURCE, "-lrdkafka"], { encoding: "utf8" });
  if (built.status === 0) return null;
  return `librdkafka's driver does not build (Debian: gcc librdkafka-dev): ${(built.error?.message ?? built.stderr).split("\n")[0]}`;
}

async function run<T>(mode: string, job: LoadJob, settings: readonly string[]): Promise<T> {
  const numbers = [job.partitions, job.records, job.valueBytes].map(String);
  const options = [mode, job.bootstrap, job.topic, ...numbers, ...settings];
  const { stdout } = await promisify(execFile)(DRIVER, options, { timeout: RUN_TIMEOUT_MS });
  return JSON.parse(stdout) as T;
}
