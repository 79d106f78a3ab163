/**
 * How long a group takes to settle: a second member joins, then it is killed and the first one takes over, in both protocols. Members are the
 * stock Java client with its defaults.
 *
 * Most of these times is waiting: for the next heartbeat of a member, which the broker learns or tells by, and for the session of who is gone.
 * What one group shows is therefore the moment of its heartbeats, not the broker. So many groups run at once, whose members come at moments
 * that are spread evenly over a heartbeat interval, the same ones on every broker; all brokers run at the same time, driven by the same two
 * processes: one has all the members that stay, the other all that are killed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import { type Measured, spread } from "./measure.ts";
import { installApacheKafka } from "./peer/apache-kafka.ts";
import type { Target } from "./targets.ts";

const SOURCE = path.join(import.meta.dirname, "compare/RebalanceMembers.java");
const PROTOCOLS = ["classic", "consumer"] as const;
const PARTITIONS = 4;
/** Of each protocol on each broker, in each round; a prime, so that any step through them meets all. */
const GROUPS_A_ROUND = 13;
const STEP = 5;
/** The longer one of both protocols' heartbeat intervals. */
const INTERVAL_MS = 5_000;
/**
 * The members of one number come one after another: a Java consumer of the new protocol spins until its connection stands, and several of them
 * at once would take the processors from the brokers.
 */
const APART_MS = 60;
/** What the processes have to make their consumers, before the first one subscribes. */
const LEAD_MS = 3_000;
/** Between the first members and the second ones, and from the last one settled to the kill: assignments don't follow each other at once. */
const REST_MS = 6_000;
const PATIENCE_MS = 90_000;
const POLL_MS = 20;
/** How far from the middle the ranks are between which the true median is with a probability of 95 %, in roots of the count. */
const RANKS_OF_95_PERCENT = 0.98;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const one of running) one.kill("SIGKILL");
});

/** One consumer of a Java process: what it said last. */
interface Member {
  held: number;
  /** When it began to hold that, by its own clock, which is this machine's. */
  sinceMs: number;
  subscribedMs: number;
}

/** A Java process and all its consumers. */
class Members {
  private readonly process: ChildProcess;
  private readonly members: Member[] = [];

  constructor() {
    const command = [
      "-Xmx1g",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      "-cp",
      `${installApacheKafka()}/*`,
      SOURCE,
    ];
    this.process = spawn("java", command, { stdio: ["pipe", "pipe", "ignore"] });
    running.add(this.process);
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on("line", (text) => {
      const [line, atMs, held] = text.split(" ").map(Number);
      const member = this.members[line];
      if (member.held === -1) member.subscribedMs = atMs;
      // Callbacks that bring nothing new don't count.
      if (member.held !== held) member.sinceMs = atMs;
      member.held = held;
    });
  }

  subscribe({ kafka }: Target, topic: string, protocol: string, atMs: number): Member {
    const member = { held: -1, sinceMs: 0, subscribedMs: 0 };
    this.members.push(member);
    this.process.stdin?.write(`${kafka} ${topic} ${protocol} ${Math.round(atMs)}\n`);
    return member;
  }

  kill(): void {
    running.delete(this.process);
    this.process.kill("SIGKILL");
  }
}

interface Group {
  readonly target: string;
  readonly protocol: string;
  readonly first: Member;
  readonly second: Member;
}

const rest = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs));

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("the groups didn't settle");
    await rest(POLL_MS);
  }
}

async function createTopics(kafka: string, names: readonly string[]): Promise<void> {
  const client = await WireClient.connect(kafka);
  const topics = names.map((name) => ({ name, numPartitions: PARTITIONS, replicationFactor: 1 }));
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 5, { topics, timeoutMs: 10_000 });
  client.close();
}

/** Each process and each broker runs everything once that is to be measured: compilers, classes, the topic of the groups' state. */
async function warmUp(targets: readonly Target[], processes: readonly Members[], topicOf: TopicName): Promise<void> {
  const members: Member[] = [];
  for (const target of targets) {
    for (const protocol of PROTOCOLS) {
      await createTopics(target.kafka, [topicOf(protocol, "warm")]);
      for (const one of processes) members.push(one.subscribe(target, topicOf(protocol, "warm"), protocol, 0));
    }
  }
  await until(() => members.every(({ held }) => held === PARTITIONS / 2));
}

type TopicName = (protocol: string, name: string | number) => string;

/** One round on all brokers at once: for each group how long the join and the take-over took, in milliseconds. */
async function runRound(targets: readonly Target[], round: number) {
  const started = Date.now();
  const topicOf: TopicName = (protocol, name) => `bench-rebalance-${protocol}-${started}-${name}`;
  const numbers = [...Array(GROUPS_A_ROUND).keys()];
  const staying = new Members();
  const leaving = new Members();
  try {
    await warmUp(targets, [staying, leaving], topicOf);
    for (const { kafka } of targets) {
      for (const protocol of PROTOCOLS)
        await createTopics(
          kafka,
          numbers.map((at) => topicOf(protocol, at)),
        );
    }
    const firstMs = Date.now() + LEAD_MS;
    const secondMs = firstMs + INTERVAL_MS + REST_MS;
    const groups: Group[] = [];
    for (const at of numbers) {
      // When the members come says at which moment of their heartbeats the other's come, and the kill. Rounds lie between each other.
      const first = firstMs + ((at + round / 2) / GROUPS_A_ROUND) * INTERVAL_MS;
      const second = secondMs + ((((at * STEP) % GROUPS_A_ROUND) + round / 2) / GROUPS_A_ROUND) * INTERVAL_MS;
      const sides = PROTOCOLS.flatMap((protocol) => targets.map((target) => ({ protocol, target })));
      for (let place = 0; place < sides.length; place++) {
        const { protocol, target } = sides[(at + place) % sides.length];
        const topic = topicOf(protocol, at);
        groups.push({
          target: target.name,
          protocol,
          first: staying.subscribe(target, topic, protocol, first + place * APART_MS),
          second: leaving.subscribe(target, topic, protocol, second + place * APART_MS),
        });
      }
    }
    const half = PARTITIONS / 2;
    await until(() => groups.every(({ first, second }) => first.held === half && second.held === half));
    const joinMs = groups.map(({ first, second }) => Math.max(first.sinceMs, second.sinceMs) - second.subscribedMs);
    await rest(REST_MS);
    const killedMs = Date.now();
    leaving.kill();
    await until(() => groups.every(({ first }) => first.held === PARTITIONS));
    return groups.map(({ target, protocol, first }, at) => {
      return { target, protocol, joinMs: joinMs[at], takeOverMs: first.sinceMs - killedMs };
    });
  } finally {
    staying.kill();
    leaving.kill();
  }
}

/** The figures of all groups of all rounds, and for each broker but the first what the first one's are in its own. */
export async function runRebalanceCase(
  targets: readonly Target[],
  rounds: number,
): Promise<{ readonly measured: Measured[]; readonly verdicts: string[] }> {
  const all: Awaited<ReturnType<typeof runRound>> = [];
  for (let round = 0; round < rounds; round++) all.push(...(await runRound(targets, round)));
  const measured: Measured[] = [];
  const verdicts: string[] = [];
  for (const protocol of PROTOCOLS) {
    for (const [what, of] of [
      ["a second member has its half", (one: (typeof all)[number]) => one.joinMs],
      ["a killed member's partitions are taken over", (one: (typeof all)[number]) => one.takeOverMs],
    ] as const) {
      const name = `${protocol}: ${what}`;
      const own = targets.map((target) => {
        const values = all.filter((one) => one.protocol === protocol && one.target === target.name).map(of);
        return { name, target: target.name, unit: "ms", ...spread(values) };
      });
      measured.push(...own);
      for (const other of own.slice(1)) verdicts.push(`${name}: ${comparison(own[0], other)}`);
    }
  }
  return { measured, verdicts };
}

/** Group by group, since the same group has the same moments on both. */
function comparison(one: Measured, other: Measured): string {
  const ratios = one.rounds.map((value, at) => value / other.rounds[at]).sort((a, b) => a - b);
  const lowest = Math.max(Math.floor(ratios.length / 2 - RANKS_OF_95_PERCENT * Math.sqrt(ratios.length)), 0);
  const [low, high] = [ratios[lowest], ratios[ratios.length - 1 - lowest]].map((ratio) => ratio.toFixed(3));
  const mean = ([...values]: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const means = `means ${mean(one.rounds).toFixed(0)} and ${mean(other.rounds).toFixed(0)} ms`;
  const median = spread(ratios).median.toFixed(3);
  return `${one.target} takes ${median} of what ${other.target} does (95 %: ${low}–${high}), ${means}`;
}
