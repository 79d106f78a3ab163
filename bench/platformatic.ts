/** @platformatic/kafka as load client: slower than the broker, but there wherever Node is. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { promisify } from "node:util";
import type { LoadClient, LoadJob } from "./load-client.ts";

const DRIVER = path.join(import.meta.dirname, "platformatic-driver.ts");
const MANIFEST = path.join(import.meta.dirname, "../node_modules/@platformatic/kafka/package.json");
const RUN_TIMEOUT_MS = 120_000;

export function platformaticClient(): LoadClient {
  const { version } = JSON.parse(readFileSync(MANIFEST, "utf8")) as { version: string };
  return {
    name: `@platformatic/kafka ${version}`,
    produce: (job) => run("produce", job),
    fetch: (job) => run("fetch", job),
    latency: (job) => run("latency", job),
  };
}

async function run<T>(mode: string, job: LoadJob): Promise<T> {
  const options = [DRIVER, mode, JSON.stringify(job)];
  const { stdout } = await promisify(execFile)(process.execPath, options, { timeout: RUN_TIMEOUT_MS });
  return JSON.parse(stdout) as T;
}
