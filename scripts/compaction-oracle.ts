/**
 * Gives Apache Kafka and Kedge the same random workload on a compacted topic, makes both compact it, and compares what is left: every batch,
 * every record, its offset, key, value, timestamp and headers.
 *
 *   npm run compaction-oracle -- [--seed N] [--rounds N] [--no-transactions]
 *
 * Both are started for it (that needs Java and Maven). A round is one topic of a few phases: something is written, then both compact all of it in
 * exactly one run of their cleaners. Prints the seed of each round; ends with exit code 1 when something differs.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { missingForApacheKafka, startApacheKafka } from "#bench/peer/apache-kafka.ts";
import { startKedge } from "#test/e2e/kedge.ts";
import { createTopic } from "#test/oracle/cases/setup.ts";
import { type Contents, committedOf, contentsOf } from "#test/oracle/compaction/contents.ts";
import { makePlan, type Phase, type Plan } from "#test/oracle/compaction/plan.ts";
import { Writers } from "#test/oracle/compaction/writers.ts";
import * as m from "#test/oracle/messages.ts";
import { Session } from "#test/oracle/session.ts";

const BACKOFF_MS = 100;
const PATIENCE_MS = 30_000;
const POLL_MS = 50;
/** So many backoffs without a move, and Kafka's cleaner has nothing to do. */
const QUIET_LOOKS = 15;
/** While a phase is written nothing may be compacted, or the number of runs would be left to chance. */
const HELD_BACK = "9000000000000000000";
const RELEASED = "0";
const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
const SET = 0;
const SHOWN_DIFFERENCES = 12;

const { values: flags } = parseArgs({
  options: {
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    rounds: { type: "string", default: "5" },
    "no-transactions": { type: "boolean", default: false },
  },
});
const missing = missingForApacheKafka();
if (missing !== null) {
  console.log(`no Apache Kafka to ask: ${missing}`);
  process.exit(0);
}

const dataDir = mkdtempSync(path.join(tmpdir(), "kedge-compaction-oracle-"));
// Kedge first: it ends with this process, whatever happens.
let kedge = await startKedge();
const kafka = await startApacheKafka({ dataDir, settings: [`log.cleaner.backoff.ms=${BACKOFF_MS}`] });
const prefix = `c${Date.now().toString(36)}`;
const sessions: [Session, Session] = [new Session(kafka.kafka, prefix), new Session(kedge.kafka, prefix)];
let differing = 0;
try {
  await alter(
    sessions[1],
    { resourceType: BROKER_RESOURCE, resourceName: "" },
    "log.cleaner.backoff.ms",
    String(BACKOFF_MS),
  );
  for (let round = 0; round < Number(flags.rounds); round++) {
    const seed = Number(flags.seed) + round;
    const plan = makePlan({ seed, nowMs: Date.now(), transactions: !flags["no-transactions"] });
    const { differences, summary } = await runRound(`t${seed}`, plan);
    if (differences.length > 0) differing += 1;
    console.log(
      `seed ${seed}: ${summary}${differences.length > 0 ? `, ${differences.length} DIFFERENT` : ", the same"}`,
    );
    for (const difference of differences.slice(0, SHOWN_DIFFERENCES)) console.log(difference);
  }
} finally {
  for (const session of sessions) session.end();
  await Promise.all([kedge.stop(), kafka.stop()]);
  rmSync(dataDir, { recursive: true, force: true });
}
console.log(`${flags.rounds} rounds, ${differing} of them different`);
process.exit(differing > 0 ? 1 : 0);

async function runRound(name: string, plan: Plan): Promise<{ differences: string[]; summary: string }> {
  const topic = `${prefix}-${name}`;
  const configs = { ...plan.configs, "min.compaction.lag.ms": HELD_BACK };
  const writers = sessions.map((session) => new Writers(session, topic));
  await Promise.all(sessions.map((session) => createTopic(session, name, 1, configs)));
  await Promise.all(writers.map((one) => one.begin(plan)));
  const differences: string[] = [];
  let summary = `${plan.configs["cleanup.policy"]}, ${plan.transactionalCount} transactional`;
  for (const [number, phase] of plan.phases.entries()) {
    await Promise.all(writers.map((one) => one.run(phase)));
    const before = await contentsOf(sessions[0], topic, writers[0].producerIds);
    differences.push(...(await compareCommitted(`committed before phase ${number}`, topic)));
    await hold(topic, RELEASED);
    await compacted(topic, phase, before.endOffset);
    const expected = await contentsOf(sessions[0], topic, writers[0].producerIds);
    const found = await awaitContents(topic, writers[1].producerIds, expected);
    summary += `, ${before.recordCount} → ${expected.recordCount}${phase.leavesOpen ? " open" : ""}`;
    differences.push(...compare(`phase ${number}`, expected.lines, found.lines));
    await hold(topic, HELD_BACK);
    if (phase.restarts) {
      summary += " restart";
      writers[1].moveTo(await restartKedge());
      const again = await contentsOf(sessions[1], topic, writers[1].producerIds);
      differences.push(...compare(`phase ${number} after a restart`, expected.lines, again.lines));
    }
    differences.push(...(await compareCommitted(`committed after phase ${number}`, topic)));
    await Promise.all(writers.map((one) => one.repeatLast()));
    differences.push(...compare(`answers of phase ${number}`, writers[0].answers, writers[1].answers));
  }
  return { differences, summary };
}

/** Waits until Kafka has compacted all that it can. */
async function compacted(topic: string, phase: Phase, endOffset: number): Promise<void> {
  if (!phase.leavesOpen) {
    await until(() => (checkpointOf(topic) >= endOffset - 1 ? true : null));
    return;
  }
  let checkpoint = checkpointOf(topic);
  for (let looks = 0; looks < QUIET_LOOKS; looks++) {
    await new Promise((resolve) => setTimeout(resolve, BACKOFF_MS));
    if (checkpointOf(topic) !== checkpoint) looks = 0;
    checkpoint = checkpointOf(topic);
  }
}

async function compareCommitted(what: string, topic: string): Promise<string[]> {
  const [expected, found] = await Promise.all(sessions.map((session) => committedOf(session, topic)));
  return compare(what, expected, found);
}

/** What is on the disk must do. */
async function restartKedge(): Promise<Session> {
  sessions[1].end();
  await kedge.kill9();
  kedge = await startKedge({ dataDir: kedge.dataDir });
  sessions[1] = new Session(kedge.kafka, prefix);
  return sessions[1];
}

/** Kedge's log once it is what is expected, or what it is when it never is. */
async function awaitContents(topic: string, producerIds: readonly number[], expected: Contents): Promise<Contents> {
  const wanted = expected.lines.join("\n");
  let found: Contents | null = null;
  await until(async () => {
    found = await contentsOf(sessions[1], topic, producerIds);
    return found.lines.join("\n") === wanted ? true : null;
  }).catch(() => undefined);
  if (found === null) throw new Error("Kedge's log could not be read");
  return found;
}

function compare(what: string, expected: readonly string[], found: readonly string[]): string[] {
  const differences: string[] = [];
  for (let i = 0; i < Math.max(expected.length, found.length); i++) {
    if (expected[i] !== found[i]) differences.push(`  ${what}\n    kafka ${expected[i]}\n    kedge ${found[i]}`);
  }
  return differences;
}

/** The first offset that Kafka's cleaner has not come to; -1 before its first run. */
function checkpointOf(topic: string): number {
  let text: string;
  try {
    text = readFileSync(path.join(dataDir, "log/cleaner-offset-checkpoint"), "utf8");
  } catch {
    return -1;
  }
  const line = text.split("\n").find((candidate) => candidate.startsWith(`${topic} 0 `));
  return line === undefined ? -1 : Number(line.split(" ")[2]);
}

async function hold(topic: string, lagMs: string): Promise<void> {
  const resource = { resourceType: TOPIC_RESOURCE, resourceName: topic };
  await Promise.all(sessions.map((session) => alter(session, resource, "min.compaction.lag.ms", lagMs)));
}

async function alter(
  session: Session,
  resource: { readonly resourceType: number; readonly resourceName: string },
  name: string,
  value: string,
): Promise<void> {
  const answer = await session.tell(m.IncrementalAlterConfigs, 1, {
    resources: [{ ...resource, configs: [{ name, configOperation: SET, value }] }],
  });
  const { errorCode, errorMessage } = answer.responses[0];
  if (errorCode !== 0) throw new Error(`${name} could not be set: ${errorCode} ${errorMessage}`);
}

async function until<T>(look: () => Promise<T | null> | T | null): Promise<T> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > deadline) throw new Error("what was waited for did not come");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
