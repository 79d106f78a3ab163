/**
 * `npm run test:clients`: every stock client of test/clients against a Kedge started for it, or with `--bootstrap HOST:PORT`
 * against another broker, or with `--peer` against an Apache Kafka started for it. What the scenarios are: test/clients/README.md.
 */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { startApacheKafka } from "#bench/peer/apache-kafka.ts";
import {
  BUILD,
  COMMON_SCENARIOS,
  installStreams,
  LANGUAGES,
  type Language,
  missingTools,
} from "#test/clients/languages.ts";
import { makeRecords, type WireRecord } from "#test/clients/records.ts";
import { type TestBroker, testBroker } from "#test/e2e/broker.ts";
import { KCAT_CODECS, kcatRead, kcatRoundTrip, missingForKcat } from "#test/e2e/kcat.ts";
import { applicationConfigs, streamsRun } from "#test/streams/run.ts";
import { wordCountRun } from "#test/streams/word-count.ts";

const CLIENT_TIMEOUT_MS = 300_000;
/** The broker may be somebody else's: only instances are killed and paused. `npm run streams` kills brokers, too. */
const STREAMS_RUN = {
  seed: 1,
  instanceKills: 2,
  brokerKills: 0,
  pauses: 1,
  instances: 2,
  gapMs: 9_000,
  recordsPerS: 150,
  broker: null,
};
const KNOWN_FAILURES = path.join(import.meta.dirname, "../test/clients/known-failures.txt");

const { values: options } = parseArgs({
  options: {
    bootstrap: { type: "string" },
    peer: { type: "boolean", default: false },
    client: { type: "string", multiple: true },
    only: { type: "string" },
  },
});

interface Result {
  readonly client: string;
  readonly scenario: string;
  readonly ok: boolean;
  readonly ms: number;
  readonly error?: string;
}

interface Suite {
  readonly bootstrap: string;
  readonly run: string;
  readonly records: readonly WireRecord[];
  readonly recordsFile: string;
  readonly results: Result[];
}

const known = new Set(
  readFileSync(KNOWN_FAILURES, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#")),
);
let skipped = 0;

async function main(): Promise<void> {
  mkdirSync(BUILD, { recursive: true });
  const records = makeRecords(Date.now());
  const recordsFile = path.join(BUILD, "records.json");
  writeFileSync(recordsFile, JSON.stringify(records));
  const clients = prepare();
  const broker = await openBroker();
  console.log(`broker ${broker.kafka}`);
  const suite: Suite = {
    bootstrap: broker.kafka,
    run: `m${Date.now().toString(36)}`,
    records,
    recordsFile,
    results: [],
  };
  try {
    for (const { language, command } of clients) await runOwn(suite, language, command);
    const kcat = wanted("kcat") && !skip("kcat", missingForKcat());
    if (kcat) await runKcatOwn(suite);
    await runStreams(suite);
    if (options.only === undefined || options.only.startsWith("reads-")) {
      for (const { language, command } of clients) await runInterop(suite, language, command);
      if (kcat) await runKcatInterop(suite);
    }
  } finally {
    await broker.stop();
  }
  summarise(suite.results);
}

async function openBroker(): Promise<TestBroker> {
  if (options.bootstrap !== undefined) return { kafka: options.bootstrap, stop: async () => {} };
  return options.peer ? await startApacheKafka({ heap: "512m" }) : await testBroker();
}

function wanted(client: string): boolean {
  return options.client === undefined || options.client.includes(client);
}

function skip(client: string, reason: string | null): boolean {
  if (reason === null) return false;
  skipped += 1;
  console.log(`skip ${client}: ${reason}`);
  return true;
}

function prepare(): { language: Language; command: string[] }[] {
  const clients = [];
  for (const language of LANGUAGES.filter((one) => wanted(one.name))) {
    const missing = missingTools(language);
    if (skip(language.name, missing.length > 0 ? `${missing.join(", ")} not installed` : null)) continue;
    console.log(`prepare ${language.name}`);
    clients.push({ language, command: language.install() });
  }
  return clients;
}

async function runOwn(suite: Suite, language: Language, command: readonly string[]): Promise<void> {
  const codecs = language.codecs.map((codec) => `codec-${codec}`);
  const every = [...codecs, ...COMMON_SCENARIOS, ...(language.features ?? [])];
  const expected = every.filter((scenario) => options.only === undefined || options.only === scenario);
  if (expected.length === 0) return;
  await runProgram(
    suite,
    language.name,
    [...command, "own"],
    new Map(expected.map((scenario) => [scenario, scenario])),
  );
}

async function runInterop(suite: Suite, language: Language, command: readonly string[]): Promise<void> {
  const topics = readable(suite, language.name, language.codecs);
  if (topics.size > 0) await runProgram(suite, language.name, [...command, "interop"], topics);
}

/** Topics that other clients wrote whole in codecs that this one reads → the name of the scenario. */
function readable(suite: Suite, client: string, codecs: readonly string[]): Map<string, string> {
  const topics = new Map<string, string>();
  for (const { client: writer, scenario, ok } of suite.results) {
    const codec = scenario.replace("codec-", "");
    // kcat writes records of its own, which it alone can check.
    if (!ok || writer === client || writer === "kcat" || !codecs.includes(codec)) continue;
    const name = `reads-${writer}-${codec}`;
    if (options.only === undefined || options.only === name) topics.set(`${suite.run}-${writer}-${scenario}`, name);
  }
  return topics;
}

/** Runs one client program; `expected` maps what it reports to the name that is shown and counted. */
async function runProgram(
  suite: Suite,
  client: string,
  command: readonly string[],
  expected: ReadonlyMap<string, string>,
): Promise<void> {
  const env = {
    ...process.env,
    BOOTSTRAP: suite.bootstrap,
    PREFIX: `${suite.run}-${client}`,
    RECORDS: suite.recordsFile,
    TOPICS: [...expected.keys()].join(","),
    ...(options.only === undefined || options.only.startsWith("reads-") ? {} : { ONLY: options.only }),
  };
  const child = spawn(command[0], command.slice(1), { env, timeout: CLIENT_TIMEOUT_MS, killSignal: "SIGKILL" });
  const missing = new Map(expected);
  let complaint = "";
  let rest = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-4000);
  });
  child.stdout.on("data", (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines.filter((text) => text.startsWith("{"))) {
      const report = JSON.parse(line) as { scenario: string; ok: boolean; ms: number; error?: string };
      const scenario = missing.get(report.scenario);
      if (scenario === undefined) throw new Error(`${client} reported ${report.scenario}, which was not asked for`);
      missing.delete(report.scenario);
      record(suite, { ...report, client, scenario });
    }
  });
  const ended = await new Promise((resolve) => child.once("close", (code, signal) => resolve(code ?? signal)));
  for (const scenario of missing.values()) {
    record(suite, { client, scenario, ok: false, ms: 0, error: `not reported; ended with ${ended}: ${complaint}` });
  }
}

async function runKcatOwn(suite: Suite): Promise<void> {
  for (const codec of KCAT_CODECS) {
    const topic = `${suite.run}-kcat-codec-${codec}`;
    await measure(suite, `codec-${codec}`, "kcat", () => kcatRoundTrip(suite.bootstrap, topic, codec));
  }
}

async function runKcatInterop(suite: Suite): Promise<void> {
  for (const [topic, scenario] of readable(suite, "kcat", KCAT_CODECS)) {
    await measure(suite, scenario, "kcat", () => kcatRead(suite.bootstrap, topic, suite.records));
  }
}

/** Kafka Streams is more than a client: an application of its own, which test/streams judges. */
async function runStreams(suite: Suite): Promise<void> {
  const java = LANGUAGES.find(({ name }) => name === "java") as Language;
  const missing = missingTools(java);
  if (!wanted("streams") || skip("streams", missing.length > 0 ? `${missing.join(", ")} not installed` : null)) return;
  await measure(suite, "exactly-once", "streams", async () => {
    const { problems } = await streamsRun({
      ...STREAMS_RUN,
      classPath: installStreams(),
      dir: path.join(BUILD, "streams-run"),
      bootstrap: suite.bootstrap,
      prefix: `${suite.run}-streams-`,
      configs: applicationConfigs("classic"),
      say: () => {},
    });
    if (problems.length > 0) throw new Error(problems.join("\n"));
  });
  await measure(suite, "streams-group", "streams", () =>
    wordCountRun({
      classPath: installStreams(),
      dir: path.join(BUILD, "streams-group"),
      bootstrap: suite.bootstrap,
      prefix: `${suite.run}-streams-group-`,
    }),
  );
}

async function measure(suite: Suite, scenario: string, client: string, work: () => Promise<void>): Promise<void> {
  if (options.only !== undefined && options.only !== scenario) return;
  const startedAt = performance.now();
  let error: string | undefined;
  await work().catch((thrown: Error) => {
    error = thrown.message;
  });
  record(suite, {
    client,
    scenario,
    ok: error === undefined,
    ms: Math.round(performance.now() - startedAt),
    error,
  });
}

function record(suite: Suite, result: Result): void {
  suite.results.push(result);
  const expected = known.has(`${result.client} ${result.scenario}`);
  const verdict = result.ok ? (expected ? "UNEXPECTED PASS" : "ok") : expected ? "known failure" : "FAILED";
  console.log(`${verdict.padEnd(6)} ${result.client.padEnd(16)} ${result.scenario.padEnd(32)} ${result.ms} ms`);
  if (verdict === "FAILED") console.log(indent(result.error ?? "no error was reported"));
}

function indent(text: string): string {
  return text.slice(0, 4000).replaceAll(/^/gm, "       | ");
}

/** A known failure that fails is neither passed nor failed: it is counted with what was skipped. */
function summarise(results: readonly Result[]): void {
  const isKnown = (result: Result): boolean => known.has(`${result.client} ${result.scenario}`);
  const passed = results.filter((result) => result.ok && !isKnown(result)).length;
  const failed = results.filter((result) => result.ok === isKnown(result)).length;
  const expected = results.length - passed - failed;
  if (results.length === 0) throw new Error("no scenario ran");
  console.log(`${passed} passed, ${failed} failed, ${skipped + expected} skipped`);
  process.exitCode = failed === 0 ? 0 : 1;
}

await main();
// Clients of the tests may hold timers; all is reported by now.
process.exit();
