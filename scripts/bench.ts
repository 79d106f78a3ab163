/**
 * `npm run bench`: how fast a Kedge is, driven by a stock client, as a table in a few minutes. `-- kernels|produce|fetch|latency|start`
 * measures one group; `--peer` puts Apache Kafka 4.4 beside it (as it comes, and with an fsync before each acknowledgement);
 * `--bootstrap HOST:PORT` (repeatable) any other broker; `--no-kedge` leaves Kedge out. `--json` prints one object a
 * figure, `--markdown` the table alone; `groups` has ten thousand members send heartbeats, `rebalance` times members that come and go,
 * `big --gigabytes 5` loads, restarts and reads a large topic; `--rounds N` and `--client librdkafka|platformatic` say how.
 */
import { mkdirSync } from "node:fs";
import path from "node:path";
import { parseArgs } from "node:util";
import { runBigCase } from "#bench/big-case.ts";
import { runGroupCase } from "#bench/group-case.ts";
import { judge, toGoalTable } from "#bench/kernels/goals.ts";
import { FULL_RUN, measureKernels, toTables } from "#bench/kernels/run.ts";
import { LOAD_CASES, runLoadCase } from "#bench/load-cases.ts";
import type { LoadClient } from "#bench/load-client.ts";
import { inRounds, type Measured } from "#bench/measure.ts";
import { platformaticClient } from "#bench/platformatic.ts";
import { rdkafkaClient } from "#bench/rdkafka.ts";
import { runRebalanceCase } from "#bench/rebalance-case.ts";
import { circumstances, footer, toJson, toTable } from "#bench/report.ts";
import { firstStart, runStartCase } from "#bench/start-case.ts";
import { apacheKafka, byAddress, kedge, type Restartable, type Target } from "#bench/targets.ts";

const GROUPS = ["produce", "fetch", "latency", "start", "kernels"];
/** Only when asked for by name: it takes minutes and as much disk as it says. */
const BIG = "big";
/** The same: ten thousand members of groups that do nothing but beat. */
const MEMBERS = "groups";
const REBALANCE = "rebalance";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    peer: { type: "boolean", default: false },
    "no-kedge": { type: "boolean", default: false },
    bootstrap: { type: "string", multiple: true, default: [] },
    rounds: { type: "string", default: "5" },
    client: { type: "string" },
    gigabytes: { type: "string", default: "5" },
  },
});
const unknown = positionals.filter((group) => ![...GROUPS, BIG, MEMBERS, REBALANCE].includes(group));
if (unknown.length > 0)
  throw new Error(`no such group: ${unknown.join(", ")}; there are ${[...GROUPS, BIG, MEMBERS, REBALANCE].join(", ")}`);
const groups = positionals.length > 0 ? positionals : GROUPS;
const rounds = Number(values.rounds);
const say = values.json || values.markdown ? (_text: string) => {} : (text: string) => console.error(text);

function chooseClient(): LoadClient {
  if (values.client === "platformatic") return platformaticClient();
  const native = rdkafkaClient();
  if (typeof native !== "string") return native;
  if (values.client === "librdkafka") throw new Error(native);
  say(`${native}; using @platformatic/kafka, which is slower than the broker`);
  return platformaticClient();
}

function restartables(): Restartable[] {
  const kafkas = values.peer ? [apacheKafka(false), apacheKafka(true)] : [];
  const found = [...(values["no-kedge"] ? [] : [kedge()]), ...kafkas];
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
    say(one.name);
    const subjects = targets.map((subject) => ({ name: subject.name, subject }));
    // One run before it counts: compilers, page cache, the topic's first segment.
    for (const { subject } of subjects) await runLoadCase(subject.kafka, client, one);
    measured.push(...(await inRounds(rounds, subjects, (target) => runLoadCase(target.kafka, client, one))));
  }
  return measured;
}

async function main(): Promise<void> {
  mkdirSync(path.join(import.meta.dirname, "../build/bench"), { recursive: true });
  const client = chooseClient();
  const about = circumstances(client.name, rounds);
  const own = restartables();
  const measured: Measured[] = [];
  if (groups.some((group) => ["produce", "fetch", "latency"].includes(group))) {
    const targets: Target[] = [];
    try {
      for (const target of own) targets.push(await target.start());
      targets.push(...values.bootstrap.map(byAddress));
      measured.push(...(await measureLoad(targets, client)));
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
  if (groups.includes(REBALANCE)) {
    const targets: Target[] = [];
    try {
      for (const target of own) targets.push(await target.start());
      const subjects = targets.map((subject) => ({ name: subject.name, subject }));
      for (const protocol of ["classic", "consumer"] as const)
        measured.push(...(await inRounds(rounds, subjects, (target) => runRebalanceCase(target, protocol))));
    } finally {
      for (const target of targets) await target.stop();
    }
  }
  if (groups.includes(BIG)) {
    const subjects = own.map((subject) => ({ name: subject.name, subject }));
    measured.push(...(await inRounds(1, subjects, (one) => runBigCase(one, client, Number(values.gigabytes)))));
  }
  if (values.json) for (const one of measured) console.log(toJson(one, about));
  else if (measured.length > 0) console.log(`${toTable(measured, about)}\n\n${footer(about)}`);
  if (groups.includes("kernels")) await reportKernels();
}

/** In workerd, in Node and natively, which takes more rounds than the brokers do: the figures are closer together. */
async function reportKernels(): Promise<void> {
  say("kernels");
  const run = { ...FULL_RUN, rounds: Math.max(FULL_RUN.rounds, rounds), say };
  const about = circumstances("none: kernels alone", run.rounds);
  const measured = await measureKernels(run);
  if (values.json) for (const one of measured) console.log(toJson(one, about));
  else console.log(`\n${toTables(measured, run.rounds)}\n\n${toGoalTable(judge(measured))}\n\n${footer(about)}`);
}

await main();
// Clients may hold timers; all is printed.
process.exit();
