/** One chaos run: a broker behind a proxy, stock clients, a schedule of faults, a quiet time, and the checker on what the clients saw. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import kafkajs, { type Admin } from "kafkajs";
import { check } from "../checker/check.ts";
import type { Anomaly, HistoryEvent } from "../checker/history.ts";
import { seeded } from "../clients/records.ts";
import { brokerAddress, ChaosBroker, PROXY_HOST, type StartBroker } from "./brokers.ts";
import type { ClientJob } from "./client-job.ts";
import { ClientProcess, commandOf, GROUPS, type Library } from "./client-processes.ts";
import { readHistory } from "./history-file.ts";
import { ChaosProxy, type ProxyCounts } from "./proxy.ts";
import type { Fault, Pace, Timed } from "./schedule.ts";
import { scheduleOf } from "./schedule.ts";

const TOPIC = "chaos";
const PARTITIONS = 6;
const READY_TIMEOUT_MS = 60_000;
const FINISH_TIMEOUT_MS = 150_000;
const CATCH_UP_TIMEOUT_MS = 90_000;
const END_TIMEOUT_MS = 60_000;
const READ_TIMEOUT_MS = 240_000;
const LOOK_EVERY_MS = 500;

export interface ChaosOptions {
  readonly seed: number;
  /** How long faults happen. */
  readonly lastsMs: number;
  readonly pace?: Pace;
  readonly libraries: readonly Library[];
  /** Of all clients together. */
  readonly recordsPerS: number;
  readonly memberLivesMs: number;
  /** Emptied before; data, histories and the verdict stay there. */
  readonly dir: string;
  readonly brokerOf: (port: number, dataDir: string) => StartBroker;
  readonly say: (line: string) => void;
}

export interface ChaosReport {
  /** Those that were inflicted. */
  readonly faults: readonly Fault[];
  readonly proxy: ProxyCounts;
  readonly restartsMs: readonly number[];
  readonly history: readonly HistoryEvent[];
  readonly anomalies: readonly Anomaly[];
  /** What went wrong beside: clients that died or never came to an end, groups that never caught up. */
  readonly problems: readonly string[];
}

export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  const { dir, seed, say } = options;
  const data = path.join(dir, "data");
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const commands = options.libraries.map((library) => [library, commandOf(library, path.join(dir, "java"))] as const);
  const schedule = scheduleOf(seeded(seed), options.lastsMs, options.pace);
  writeFileSync(path.join(dir, "schedule.json"), JSON.stringify(schedule, null, 1));
  const { proxy, broker, port } = await openBroker(options, data);
  const stage = new Stage(options, commands, `${PROXY_HOST}:${port}`);
  try {
    await stage.createTopic();
    say(`broker and proxy stand, port ${port}`);
    await stage.startClients();
    const faults = await Promise.all([
      follow(schedule.process, options, (fault) => broker.inflict(fault)),
      follow(schedule.network, options, (fault) => proxy.inflict(fault)),
      pause(options.lastsMs).then(() => []),
    ]);
    say("the faults are over");
    await stage.quieten();
    const quietMs = Date.now();
    await stage.read();
    const history = await stage.history();
    history.push({ type: "quiet", atMs: quietMs });
    const anomalies = check(history, { isComplete: true, noRetention: true });
    const problems = [...stage.problems, ...sequenceErrors(history)];
    return { faults: faults.flat(), proxy: proxy.counts, restartsMs: broker.startsMs, history, anomalies, problems };
  } finally {
    stage.kill();
    await proxy.close();
    await broker.stop();
  }
}

const OUT_OF_ORDER_SEQUENCE_NUMBER = 45;

/** Such an error doesn't say whether the record is in the log, but a broker that forgets nothing never answers so. */
function sequenceErrors(history: readonly HistoryEvent[]): string[] {
  const hit = history.filter((event) => event.type === "produce" && event.errorCode === OUT_OF_ORDER_SEQUENCE_NUMBER);
  return [...Map.groupBy(hit, (event) => ("client" in event ? event.client : ""))].map(
    ([client, own]) => `${client} heard of an out of order sequence number for ${own.length} records`,
  );
}

/** The proxy takes any port that is free for the broker, too. */
async function openBroker(options: ChaosOptions, data: string) {
  const random = seeded(options.seed + 1);
  const place = await ChaosProxy.listen({ host: PROXY_HOST, port: 0 }, brokerAddress(0), random);
  const { port } = place;
  await place.close();
  const proxy = await ChaosProxy.listen({ host: PROXY_HOST, port }, brokerAddress(port), random);
  const broker = await ChaosBroker.run(options.brokerOf(port, data));
  return { proxy, broker, port };
}

/**
 * Inflicts the faults of one track, each at its time or as soon as the one before is over: a broker that starts slowly suffers fewer.
 * Answers what it inflicted.
 */
async function follow<F extends Fault>(
  track: readonly Timed<F>[],
  { lastsMs, say }: ChaosOptions,
  inflict: (fault: F) => Promise<void>,
): Promise<F[]> {
  const startedAt = performance.now();
  const inflicted: F[] = [];
  for (const { atMs, fault } of track) {
    await pause(Math.max(0, atMs - (performance.now() - startedAt)));
    if (performance.now() - startedAt > lastsMs) break;
    say(JSON.stringify(fault));
    await inflict(fault);
    inflicted.push(fault);
  }
  return inflicted;
}

/** The clients of a run. */
class Stage {
  readonly problems: string[] = [];
  private readonly options: ChaosOptions;
  private readonly commands: readonly (readonly [Library, readonly string[]])[];
  private readonly bootstrap: string;
  private readonly clients: ClientProcess[] = [];
  private readonly histories: string[] = [];

  constructor(options: ChaosOptions, commands: Stage["commands"], bootstrap: string) {
    this.options = options;
    this.commands = commands;
    this.bootstrap = bootstrap;
  }

  async createTopic(): Promise<void> {
    await this.withAdmin(async (admin) => {
      await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS, replicationFactor: 1 }] });
      while ((await admin.fetchTopicOffsets(TOPIC).catch(() => [])).length < PARTITIONS) await pause(LOOK_EVERY_MS);
    });
  }

  private async withAdmin<T>(work: (admin: Admin) => Promise<T>): Promise<T> {
    const logLevel = kafkajs.logLevel.NOTHING;
    const admin = new kafkajs.Kafka({ clientId: "chaos", brokers: [this.bootstrap], logLevel }).admin();
    await admin.connect();
    return work(admin).finally(() => admin.disconnect());
  }

  private job(library: Library, mode: ClientJob["mode"], groups: ClientJob["groups"]): ClientJob {
    const { dir, seed, recordsPerS, memberLivesMs } = this.options;
    const history = path.join(dir, `${mode}-${library}.ndjson`);
    this.histories.push(history);
    return {
      mode,
      bootstrap: this.bootstrap,
      topic: TOPIC,
      partitions: PARTITIONS,
      seed,
      history,
      recordsPerS: recordsPerS / this.commands.length,
      groups,
      memberLivesMs,
    };
  }

  async startClients(): Promise<void> {
    for (const [library, command] of this.commands) {
      this.clients.push(new ClientProcess(library, command, this.job(library, "clients", GROUPS[library])));
    }
    for (const client of this.clients) {
      if (!(await client.hasSaid("ready", READY_TIMEOUT_MS)))
        throw new Error(`${client.library} did not start: see ${client.history}.log`);
    }
  }

  /** Lets the producers finish, the groups read all there is, and the clients end. */
  async quieten(): Promise<void> {
    for (const client of this.clients) client.tell("finish");
    for (const client of this.clients) {
      if (!(await client.hasSaid("finished", FINISH_TIMEOUT_MS)))
        this.problems.push(`${client.library} could not finish producing`);
    }
    this.options.say("producers have finished");
    this.problems.push(...(await this.withAdmin((admin) => this.whoIsBehind(admin))));
    this.options.say("groups have caught up");
    for (const client of this.clients) client.tell("end");
    for (const client of this.clients) {
      if (!(await client.hasEndedWell(END_TIMEOUT_MS)))
        this.problems.push(`${client.library} did not end well: see ${client.history}.log`);
    }
  }

  /** Waits until every group has committed the end of every partition; says which didn't come there. */
  private async whoIsBehind(admin: Admin): Promise<string[]> {
    const deadlineMs = performance.now() + CATCH_UP_TIMEOUT_MS;
    const groups = new Set(this.commands.flatMap(([library]) => GROUPS[library].map(({ group }) => group)));
    for (;;) {
      const behind = await this.lookBehind(admin, groups).catch((error) => [
        `nobody says where groups stand: ${error}`,
      ]);
      if (behind.length === 0 || performance.now() > deadlineMs) return behind;
      await pause(LOOK_EVERY_MS);
    }
  }

  private async lookBehind(admin: Admin, groups: ReadonlySet<string>): Promise<string[]> {
    const behind: string[] = [];
    const ends = new Map((await admin.fetchTopicOffsets(TOPIC)).map(({ partition, high }) => [partition, high]));
    for (const groupId of groups) {
      const [{ partitions = [] } = {}] = await admin.fetchOffsets({ groupId, topics: [TOPIC] });
      const late = partitions.filter(({ partition, offset }) => offset !== ends.get(partition));
      if (late.some(({ partition }) => ends.get(partition) !== "0")) {
        behind.push(
          `group ${groupId} stands at ${late.map(({ partition, offset }) => `${partition}:${offset}`)} of ${[...ends.values()]}`,
        );
      }
    }
    return behind;
  }

  /** Each library reads the whole topic. */
  async read(): Promise<void> {
    const groups = this.commands.flatMap(([library]) => GROUPS[library]);
    const distinct = [...new Map(groups.map((one) => [one.group, one])).values()];
    for (const [library, command] of this.commands) {
      const reader = new ClientProcess(library, command, this.job(library, "read", distinct));
      this.clients.push(reader);
      if (!(await reader.hasEndedWell(READ_TIMEOUT_MS)))
        this.problems.push(`${library} could not read everything: see ${reader.history}.log`);
    }
  }

  async history(): Promise<HistoryEvent[]> {
    const ids = new Map<string, string>();
    const events: HistoryEvent[] = [];
    for (const file of this.histories) for (const event of await readHistory(file, ids)) events.push(event);
    return events;
  }

  kill(): void {
    for (const client of this.clients) client.kill();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
