/**
 * `npm run streams`: an exactly-once application of Java's Kafka Streams (joins, repartitions, a windowed count, an aggregate) in two instances,
 * while instances and the broker are killed and instances paused; then what came out must be exactly what the input makes. What runs and what is
 * checked: test/streams/README.md. `-- --kills 20 --pauses 3 --gap SECONDS --seed N --rate RECORDS_PER_SECOND --protocol classic|streams`; `--peer` puts
 * Apache Kafka in Kedge's place; `--guarantee at_least_once` must fail. Ends with 1 on a problem; the report is in build/streams/.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { installStreams, LANGUAGES, missingTools } from "#test/clients/languages.ts";
import { apacheKafkaAt, kedgeAt } from "#test/streams/brokers.ts";
import { applicationConfigs, streamsRun } from "#test/streams/run.ts";

const SHOWN_PROBLEMS = 20;

const { values } = parseArgs({
  options: {
    kills: { type: "string", default: "3" },
    "broker-kills": { type: "string" },
    pauses: { type: "string", default: "1" },
    gap: { type: "string", default: "18" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    rate: { type: "string", default: "150" },
    protocol: { type: "string", default: "classic" },
    guarantee: { type: "string", default: "exactly_once_v2" },
    peer: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

const java = LANGUAGES.find(({ name }) => name === "java");
const missing = java === undefined ? [] : missingTools(java);
if (missing.length > 0) {
  console.log(`0 passed, 0 failed, 1 skipped: ${missing.join(", ")} not installed`);
  process.exit(0);
}

const subject = values.peer ? "apache-kafka" : "kedge";
const dir = path.join(import.meta.dirname, "../build/streams", subject);
const place = await (values.peer ? apacheKafkaAt : kedgeAt)(path.join(dir, "data"));
const startedAt = performance.now();
const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
const report = await streamsRun({
  seed: Number(values.seed),
  instanceKills: Number(values.kills),
  brokerKills: Number(values["broker-kills"] ?? values.kills),
  pauses: Number(values.pauses),
  instances: 2,
  gapMs: Number(values.gap) * 1000,
  recordsPerS: Number(values.rate),
  classPath: installStreams(),
  dir,
  bootstrap: place.bootstrap,
  broker: place,
  prefix: "shop-",
  configs: applicationConfigs(values.protocol, values.guarantee),
  say: (line) => {
    if (values.verbose || !/ state /.test(line))
      console.log(`${new Date().toISOString().slice(11, 23)} ${seconds()}  ${line}`);
  },
});
const run = { subject, seed: Number(values.seed), protocol: values.protocol, ...report };
writeFileSync(path.join(dir, "report.json"), `${JSON.stringify(run, null, 1)}\n`);
const { problems, ...figures } = run;
console.log(JSON.stringify(figures, null, 1));
for (const problem of problems.slice(0, SHOWN_PROBLEMS)) console.log(`problem: ${problem}`);
if (problems.length > SHOWN_PROBLEMS)
  console.log(`… and ${problems.length - SHOWN_PROBLEMS} more: ${path.relative(process.cwd(), dir)}/report.json`);
console.log(problems.length === 0 ? "1 passed, 0 failed" : `0 passed, 1 failed (${subject}, seed ${values.seed})`);
process.exit(problems.length === 0 ? 0 : 1);
