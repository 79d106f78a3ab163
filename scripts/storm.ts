/**
 * `npm run storm`: 20 times, kill -9 during a produce storm, restart on the same data, read everything. Prints a line a round, a
 * verdict and the seed. `-- --rounds N --seed N`; `--peer` puts Apache Kafka in Kedge's place (flushing each message).
 */
import { mkdirSync, rmSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { LANGUAGES, missingTools, pythonVenv } from "#test/clients/languages.ts";
import { seeded } from "#test/clients/records.ts";
import { type RoundReport, type StormBroker, storm } from "#test/e2e/durability.ts";
import { startKedge } from "#test/e2e/kedge.ts";

const DATA = path.join(import.meta.dirname, "../build/storm");

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "20" },
    seed: { type: "string", default: `${Date.now() % 1_000_000}` },
    peer: { type: "boolean", default: false },
  },
});

function startBroker(port: number): Promise<StormBroker> {
  if (values.peer) return startApacheKafka({ port, dataDir: DATA, flushEachMessage: true, heap: "512m" });
  return startKedge({ dataDir: DATA, kafkaPort: port });
}

function printRound(report: RoundReport): void {
  const verdict = report.faults.length === 0 ? "whole" : "BROKEN";
  const cells = [
    report.round,
    report.killedAfterMs,
    report.restartMs,
    report.acknowledged,
    report.records,
    report.repeated,
  ];
  console.log(`| ${[...cells, verdict].join(" | ")} |`);
  for (const fault of report.faults) console.log(`  ${fault}`);
}

const python = LANGUAGES.filter(
  (language) => language.name === "confluent-python" && missingTools(language).length === 0,
);
const options = {
  rounds: Number(values.rounds),
  random: seeded(Number(values.seed)),
  start: startBroker,
  python: python.length > 0 ? pythonVenv() : undefined,
  report: printRound,
};
rmSync(DATA, { recursive: true, force: true });
mkdirSync(DATA, { recursive: true });
const producers =
  options.python === undefined
    ? "kafkajs, @platformatic/kafka (no python3 for librdkafka)"
    : "librdkafka, kafkajs, @platformatic/kafka";
console.log(`seed ${values.seed}; producers: ${producers}`);
console.log(
  "| round | killed after ms | back after ms | acknowledged so far | records so far | repeats by plain producers | log |",
);
console.log("|---|---|---|---|---|---|---|");
const reports = await storm(options);
const broken = reports.filter((report) => report.faults.length > 0).length;
console.log(
  broken === 0
    ? "Every acknowledged record is at its acknowledged offset, byte for byte; idempotent producers wrote each record once; no offset is missing."
    : `${broken} of ${reports.length} rounds lost or changed what was acknowledged (seed ${values.seed}).`,
);
console.log(`${reports.length - broken} passed, ${broken} failed`);
process.exit(broken === 0 ? 0 : 1);
