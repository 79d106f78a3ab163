/**
 * `npm run bench`: how fast a Kedge is, driven by a stock client, as a table in a few minutes. `-- kernels|produce|fetch|latency|start`
 * measures one group; `--peer` puts Apache Kafka 4.4 beside it (as it comes, and with an fsync before each acknowledgement);
 * `--peer HOST:PORT` or `--bootstrap HOST:PORT` (repeatable) any other broker; `--no-kedge` leaves Kedge out. `--json` prints one object a
 * figure, `--markdown` the table alone; `groups` has ten thousand members send heartbeats, `rebalance` times members that come and go,
 * `tail` puts a broker with a thousand topics of which ten are used beside one with these ten, `tiered` is the case of `fetch` whose data lies
 * in the object store, `big --gigabytes 5` loads, restarts and reads a large topic, with `--tiered` from there; `--rounds N` and
 * `--client java|librdkafka|platformatic` say how.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { runBigCase } from "#bench/big-case.ts";
import { runGroupCase } from "#bench/group-case.ts";
import { javaClient } from "#bench/java.ts";
import { judge, toGoalTable } from "#bench/kernels/goals.ts";
import { FULL_RUN, measureKernels, toTables } from "#bench/kernels/run.ts";
import { halfLoad, LOAD_CASES, runLoadCase } from "#bench/load-cases.ts";
import type { LoadClient } from "#bench/load-client.ts";
import { inRounds, type Measured } from "#bench/measure.ts";
import { platformaticClient } from "#bench/platformatic.ts";
import { rdkafkaClient } from "#bench/rdkafka.ts";
import { runRebalanceCase } from "#bench/rebalance-case.ts";
import { circumstances, footer, toJson, toRatioTable, toTable } from "#bench/report.ts";
import { firstStart, runStartCase } from "#bench/start-case.ts";
import { runTailCase } from "#bench/tail-case.ts";
import { apacheKafka, byAddress, kedge, type Restartable, type Target } from "#bench/targets.ts";
import { runTieredCase, TIERED_BROKER } from "#bench/tiered-case.ts";

const GROUPS = ["produce", "fetch", "latency", "start", "kernels"];
/** Only when asked for by name: it takes minutes and as much disk as it says. */
const BIG = "big";
/** The same: ten thousand members of groups that do nothing but beat. */
const MEMBERS = "groups";
const REBALANCE = "rebalance";
/** A thousand topics of which ten are used. */
const TAIL = "tail";
/** Of `fetch` the case alone that reads what has left the broker's store. */
const TIERED = "tiered";
const BY_NAME = [BIG, MEMBERS, REBALANCE, TAIL, TIERED];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    peer: { type: "boolean", default: false },
    "no-kedge": { type: "boolean", default: false },
    bootstrap: { type: "string", multiple: true, default: [] },
    rounds: { type: "string" },
    client: { type: "string" },
    gigabytes: { type: "string", default: "5" },
    tiered: { type: "boolean", default: false },
  },
});
/** `--peer HOST:PORT` measures that broker instead of starting one. */
const addresses = positionals.filter((word) => /^\S+:\d+$/.test(word));
const names = positionals.filter((word) => !addresses.includes(word));
const unknown = names.filter((group) => ![...GROUPS, ...BY_NAME].includes(group));
if (unknown.length > 0)
  throw new Error(`no such group: ${unknown.join(", ")}; there are ${[...GROUPS, ...BY_NAME].join(", ")}`);
const groups = names.length > 0 ? names : GROUPS;
const rounds = Number(values.rounds ?? 5);
/** Each has many groups and lasts for as long as a session. */
const rebalanceRounds = Number(values.rounds ?? 2);
const say = values.json || values.markdown ? (_text: string) => {} : (text: string) => console.error(text);

/** Kafka's own client where there is one, as its users have it. */
function chooseClient(): LoadClient {
  if (values.client === "platformatic") return platformaticClient();
  const makers = { java: javaClient, librdkafka: rdkafkaClient };
  const wanted =
    values.client === undefined ? [javaClient, rdkafkaClient] : [makers[values.client as keyof typeof makers]];
  for (const make of wanted) {
    const made = make?.() ?? `no such client: ${values.client}`;
    if (typeof made !== "string") return made;
    if (values.client !== undefined) throw new Error(made);
    say(made);
  }
  say("using @platformatic/kafka, which is slower than the broker");
  return platformaticClient();
}

function restartables(flushes: readonly boolean[], configs?: string): Restartable[] {
  const kafkas = values.peer && addresses.length === 0 ? flushes.map(apacheKafka) : [];
  const found = [...(values["no-kedge"] ? [] : [kedge(configs)]), ...kafkas];
  for (const missing of found.filter((one) => typeof one === "string")) say(missing);
  return found.filter((one) => typeof one !== "string");
}

async function measureStart(own: readonly Restartable[]): Promise<Measured[]> {
  say("start: second start on the same data");
  for (const target of own) await firstStart(target);
  return await inRounds(
    rounds,
    own.map((subject) => ({ name: subject.name, subject })),
    runStartCase,
  );
}

async function measureLoad(targets: readonly Target[], client: LoadClient): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const one of LOAD_CASES.filter((candidate) => groups.includes(candidate.group))) {
    const pace = halfLoad(measured);
    say(one.paced ? `${one.name}: ${pace} records/s` : one.name);
    const subjects = targets.map((subject) => ({ name: subject.name, subject }));
    // One run before it counts: compilers, page cache, the topic's first segment.
    for (const { subject } of subjects) await runLoadCase(subject.kafka, client, one, pace);
    measured.push(...(await inRounds(rounds, subjects, (target) => runLoadCase(target.kafka, client, one, pace))));
  }
  return measured;
}

async function main(): Promise<void> {
  mkdirSync(path.join(import.meta.dirname, "../build/bench"), { recursive: true });
  const client = chooseClient();
  const about = circumstances(client.name, rounds);
  const own = restartables([false, true]);
  const measured: Measured[] = [];
  if (groups.some((group) => ["produce", "fetch", "latency"].includes(group))) {
    const targets: Target[] = [];
    try {
      for (const target of own) targets.push(await target.start());
      targets.push(...[...addresses, ...values.bootstrap].map(byAddress));
      measured.push(...(await measureLoad(targets, client)));
    } finally {
      for (const target of targets) await target.stop();
    }
  }
  if (groups.includes("fetch") || groups.includes(TIERED)) {
    const targets: Target[] = [];
    try {
      for (const target of restartables([false], TIERED_BROKER)) targets.push(await target.start());
      targets.push(...[...addresses, ...values.bootstrap].map(byAddress));
      measured.push(...(await runTieredCase(targets, client, { rounds, say })));
    } finally {
      for (const target of targets) await target.stop();
    }
  }
  if (groups.includes("start")) measured.push(...(await measureStart(own)));
  if (groups.includes(MEMBERS)) {
    for (const target of own) {
      const running = await target.start();
      const subjects = [{ name: running.name, subject: running }];
      measured.push(...(await inRounds(1, subjects, runGroupCase).finally(() => running.stop())));
    }
  }
  const verdicts: string[] = [];
  if (groups.includes(REBALANCE)) {
    const targets: Target[] = [];
    try {
      for (const target of own) targets.push(await target.start());
      const found = await runRebalanceCase(targets, rebalanceRounds);
      measured.push(...found.measured);
      verdicts.push(...found.verdicts);
    } finally {
      for (const target of targets) await target.stop();
    }
  }
  if (groups.includes(TAIL)) measured.push(...(await runTailCase(() => kedge().start(), rounds)));
  if (groups.includes(BIG)) {
    const big = { gigabytes: Number(values.gigabytes), isTiered: values.tiered };
    const subjects = restartables([false], values.tiered ? TIERED_BROKER : undefined).map((subject) => ({
      name: subject.name,
      subject,
    }));
    measured.push(...(await inRounds(1, subjects, (one) => runBigCase(one, client, big))));
  }
  if (values.json) for (const one of measured) console.log(toJson(one, about));
  else if (measured.length > 0) {
    const tables = [toTable(measured), toRatioTable(measured)].filter((table) => table !== null);
    console.log([...tables, footer(about)].join("\n\n"));
  }
  if (!values.json && verdicts.length > 0) console.log(`\n${verdicts.join("\n")}`);
  if (groups.includes("kernels")) await reportKernels();
}

/** In workerd, in Node and natively, which takes more rounds than the brokers do: the figures are closer together. */
async function reportKernels(): Promise<void> {
  say("kernels");
  const run = { ...FULL_RUN, rounds: Math.max(FULL_RUN.rounds, rounds), say };
  const about = circumstances("none: kernels alone", run.rounds);
  const measured = await measureKernels(run);
  if (values.json) for (const one of measured) console.log(toJson(one, about));
  else console.log(`\n${toTables(measured)}\n\n${toGoalTable(judge(measured))}\n\n${footer(about)}`);
}

await main();
// Clients may hold timers; all is printed.
process.exit();
