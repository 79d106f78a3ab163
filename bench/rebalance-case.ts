/**
 * How long a group takes to settle: a second member joins, then one is killed and the other takes over. Members are processes of the stock Java
 * client with its defaults, in both protocols. What a client waits for by itself (its next heartbeat, the session of who is gone) is in the
 * figures, the same for every broker.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { LANGUAGES } from "#test/clients/languages.ts";
import { WireClient } from "#test/oracle/wire-client.ts";
import type { Sample } from "./measure.ts";
import type { Target } from "./targets.ts";

const PARTITIONS = 4;
const PATIENCE_MS = 120_000;
const POLL_MS = 5;
/** A member that has all its partitions is left alone for so long: assignments don't follow each other at once. */
const REST_MS = 6_000;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const one of running) one.kill("SIGKILL");
});

class Member {
  held = -1;
  /** When it began to hold that, by its own clock, which is this machine's. */
  sinceMs = 0;
  subscribedMs = 0;
  private readonly process: ChildProcess;

  constructor(command: readonly string[], kafka: string, topic: string, protocol: string) {
    const [program, ...fixed] = command;
    this.process = spawn(program, [...fixed, kafka, topic, protocol], { stdio: ["ignore", "pipe", "ignore"] });
    running.add(this.process);
    createInterface({ input: this.process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const [atMs, held] = line.split(" ").map(Number);
      if (this.subscribedMs === 0) this.subscribedMs = atMs;
      this.held = held;
      this.sinceMs = atMs;
    });
  }

  kill(): void {
    running.delete(this.process);
    this.process.kill("SIGKILL");
  }
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error("the group didn't settle");
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function createTopic(kafka: string, name: string): Promise<void> {
  const client = await WireClient.connect(kafka);
  const topics = [{ name, numPartitions: PARTITIONS, replicationFactor: 1 }];
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 5, { topics, timeoutMs: 10_000 });
  client.close();
}

export async function runRebalanceCase(target: Target, protocol: "classic" | "consumer"): Promise<Sample[]> {
  const java = LANGUAGES.find(({ name }) => name === "java")?.install() ?? [];
  const command = [...java.slice(0, -1), "kedge.RebalanceMember"];
  const topic = `bench-rebalance-${protocol}-${Date.now()}`;
  await createTopic(target.kafka, topic);
  const members: Member[] = [];
  const join = () => {
    const member = new Member(command, target.kafka, topic, protocol);
    members.push(member);
    return member;
  };
  try {
    const first = join();
    await until(() => first.held === PARTITIONS);
    const firstMs = first.sinceMs - first.subscribedMs;
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const second = join();
    await until(() => first.held === PARTITIONS / 2 && second.held === PARTITIONS / 2);
    const secondMs = Math.max(first.sinceMs, second.sinceMs) - second.subscribedMs;
    await new Promise((resolve) => setTimeout(resolve, REST_MS));
    const killedMs = Date.now();
    second.kill();
    await until(() => first.held === PARTITIONS);
    return [
      { name: `${protocol}: a first member has all partitions`, unit: "ms", value: firstMs },
      { name: `${protocol}: a second member has its half`, unit: "ms", value: secondMs },
      { name: `${protocol}: a killed member's partitions are taken over`, unit: "ms", value: first.sinceMs - killedMs },
    ];
  } finally {
    for (const member of members) member.kill();
  }
}
