/** Runs one Node client's scenarios as test/clients/README.md describes: `main.ts kafkajs|kedge|platformatic own|interop`. */
import { readFileSync } from "node:fs";
import type { WireRecord } from "../records.ts";
import { kafkajsClient } from "./kafkajs.ts";
import { KAFKAJS_FEATURES } from "./kafkajs-features.ts";
import { kedgeClient } from "./kedge.ts";
import { KEDGE_FEATURES } from "./kedge-features.ts";
import { platformaticClient } from "./platformatic.ts";
import { readWrittenByOther, runScenario, scenariosOf } from "./scenarios.ts";

const CLIENTS = { kafkajs: kafkajsClient, kedge: kedgeClient, platformatic: platformaticClient };

const FEATURES: Readonly<Record<string, typeof KAFKAJS_FEATURES>> = {
  kafkajs: KAFKAJS_FEATURES,
  kedge: KEDGE_FEATURES,
};

const [name, phase] = process.argv.slice(2);
const env = (key: string): string => process.env[key] ?? "";
const client = CLIENTS[name as keyof typeof CLIENTS](env("BOOTSTRAP"));
const records = JSON.parse(readFileSync(env("RECORDS"), "utf8")) as WireRecord[];
const run = { client, prefix: env("PREFIX"), records };
const only = process.env.ONLY;

async function report(scenario: string, work: () => Promise<void>): Promise<void> {
  if (only !== undefined && scenario !== only) return;
  const startedAt = performance.now();
  let error: string | undefined;
  try {
    await work();
  } catch (thrown) {
    error = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
  }
  const ms = Math.round(performance.now() - startedAt);
  console.log(JSON.stringify({ scenario, ok: error === undefined, ms, error }));
}

if (phase === "own") {
  for (const scenario of scenariosOf(client)) await report(scenario, () => runScenario(scenario, run));
  const features = FEATURES[name] ?? {};
  const at = { bootstrap: env("BOOTSTRAP"), prefix: env("PREFIX") };
  for (const [scenario, work] of Object.entries(features)) await report(scenario, () => work(at));
} else {
  for (const topic of env("TOPICS").split(",").filter(Boolean))
    await report(topic, () => readWrittenByOther(run, topic));
}
await client.close();
// kafkajs leaves timers behind after disconnect; everything is reported by now.
process.exit(0);
