/**
 * `npm run chaos`: stock clients against a real broker behind a proxy, while its process is killed, paused and restarted and the network
 * cuts, delays and forgets; then the checker on what the clients saw. `-- --minutes 30 --seed N --rate RECORDS_PER_SECOND --clients
 * java,librdkafka,kafkajs`; `--peer` puts Apache Kafka in Kedge's place. Ends with 1 on an anomaly.
 */
import { writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { apacheKafkaStarter, kedgeStarter } from "#test/chaos/brokers.ts";
import { type Library, librariesHere } from "#test/chaos/client-processes.ts";
import { chaos } from "#test/chaos/run.ts";
import { verdictOf } from "#test/chaos/verdict.ts";

const MEMBER_LIVES_MS = 40_000;

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "2" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    rate: { type: "string", default: "300" },
    clients: { type: "string" },
    peer: { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});
const libraries = (values.clients?.split(",") as Library[] | undefined) ?? librariesHere();
const subject = values.peer ? "apache-kafka" : "kedge";
const dir = path.join(import.meta.dirname, "../build/chaos", subject);
const startedAt = performance.now();
const seconds = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

console.log(
  `${subject}, seed ${values.seed}, ${values.minutes} min, ${values.rate} records/s from ${libraries.join(", ")}`,
);
const report = await chaos({
  seed: Number(values.seed),
  lastsMs: Number(values.minutes) * 60_000,
  libraries,
  recordsPerS: Number(values.rate),
  memberLivesMs: MEMBER_LIVES_MS,
  dir,
  brokerOf: values.peer ? apacheKafkaStarter : kedgeStarter,
  say: (line) => {
    if (values.verbose || !line.startsWith("{")) console.log(`${seconds()}  ${line}`);
  },
});
const verdict = verdictOf(report);
writeFileSync(path.join(dir, "verdict.md"), `${verdict.join("\n")}\n`);
for (const line of verdict) console.log(line);
const failed = report.anomalies.length + report.problems.length > 0;
console.log(
  failed
    ? `1 failed (${subject}, seed ${values.seed}; histories in ${path.relative(process.cwd(), dir)})`
    : `1 passed, 0 failed`,
);
process.exit(failed ? 1 : 0);
