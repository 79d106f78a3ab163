/** One run of the application of test/clients/streams: input that is known, kills, and whether what came out is exactly what had to. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { seeded } from "../clients/records.ts";
import { type BrokerPlace, KeptBroker } from "./brokers.ts";
import { type Comparison, compare, compareInput, OUTPUT_TOPICS } from "./compare.ts";
import { expectedOf } from "./expected.ts";
import { CUSTOMERS, type InputRecord, inputOf } from "./input.ts";
import { Generator, Instance, type Programs, type Read, readTopics } from "./programs.ts";
import { type Faults, type StreamsFault, scheduleOf, type TimedFault } from "./schedule.ts";

export const PARTITIONS = 4;
const INPUT_TOPICS = ["customers", "orders", "payments"];
/** From the first record to the first fault, and from the last fault to the last record. */
const CALM_MS = 5_000;
const WARM_MS = 12_000;
/** The input file is long enough for faults that take twice as long as planned. */
const SLACK = 2;
const LOOK_EVERY_MS = 3_000;
/** So long may nothing more come out before the run gives up. */
const STUCK_MS = 90_000;
const EVERY = (prefix: string) => [
  `${prefix}app-by-customer-repartition delete`,
  `${prefix}app-by-region-repartition delete`,
  `${prefix}app-customers-changelog compact`,
  `${prefix}app-totals-changelog compact`,
  `${prefix}app-region-windows-changelog compact,delete`,
  `${prefix}app-paid-this-join-store-changelog delete`,
  `${prefix}app-paid-other-join-store-changelog delete`,
];

const SOON_BACK = ["session.timeout.ms=6000", "heartbeat.interval.ms=1500"];

/**
 * What the application sets, so that its members come back soon. All else is Kafka Streams' default: transactions commit every 100 ms and may
 * last 10 s. With the streams protocol the session is the group's, not the member's.
 */
export function applicationConfigs(protocol: string, guarantee = "exactly_once_v2"): string[] {
  const own = [`processing.guarantee=${guarantee}`, "num.stream.threads=2", `group.protocol=${protocol}`];
  return protocol === "classic" ? [...own, ...SOON_BACK] : own;
}

export interface StreamsOptions extends Faults {
  readonly seed: number;
  /** Orders and payments together. */
  readonly recordsPerS: number;
  readonly classPath: string;
  /** Emptied before; logs, stores and what was read stay there. */
  readonly dir: string;
  readonly bootstrap: string;
  /** Null where the broker is somebody else's; it is then not killed. */
  readonly broker: BrokerPlace | null;
  readonly prefix: string;
  /** More configs of the application, `name=value`. */
  readonly configs: readonly string[];
  readonly say: (line: string) => void;
}

export interface StreamsReport {
  readonly faults: Readonly<Record<"instanceKills" | "brokerKills" | "pauses", number>>;
  readonly records: Readonly<Record<string, number>>;
  readonly ms: Readonly<Record<"faults" | "drain" | "all", number>>;
  readonly brokerStartsMs: readonly number[];
  /** How often an instance came to RUNNING. */
  readonly running: number;
  /** How often an instance could not start, because it had been killed while it made a store. */
  readonly tornStores: number;
  /** What ended threads of the application (they are replaced), and how often. */
  readonly exceptions: Readonly<Record<string, number>>;
  readonly internalTopics: readonly string[];
  /** Empty when the run passed. */
  readonly problems: readonly string[];
}

export async function streamsRun(options: StreamsOptions): Promise<StreamsReport> {
  rmSync(options.dir, { recursive: true, force: true });
  mkdirSync(path.join(options.dir, "data"), { recursive: true });
  const run = new Run(options);
  try {
    return await run.play();
  } finally {
    await run.end();
  }
}

class Run {
  private readonly options: StreamsOptions;
  private readonly broker: KeptBroker | null;
  private readonly programs: Programs;
  private readonly done = { instanceKills: 0, brokerKills: 0, pauses: 0 };
  private readonly problems: string[] = [];
  private readonly startedAt = performance.now();
  private instances: Instance[] = [];
  private generator: Generator | null = null;

  constructor(options: StreamsOptions) {
    this.options = options;
    this.programs = options;
    const onDeath = (output: string) => this.problems.push(`the broker ended by itself: ${output.slice(-2_000)}`);
    this.broker = options.broker === null ? null : new KeptBroker(options.broker, onDeath);
  }

  async play(): Promise<StreamsReport> {
    const { options, problems } = this;
    await this.broker?.start();
    const random = seeded(options.seed);
    const schedule = scheduleOf(random, options);
    writeFileSync(path.join(options.dir, "schedule.json"), JSON.stringify(schedule, null, 1));
    const seconds = (SLACK * (schedule.lastsMs + WARM_MS + CALM_MS)) / 1000;
    const input = inputOf(random, Math.ceil(options.recordsPerS * seconds), Date.now());
    await this.startPrograms(input);
    await pause(WARM_MS);
    const faultsAt = performance.now();
    await Promise.all([
      ...schedule.instances.map((track, index) =>
        this.follow(track, (fault) => this.hurtInstance(this.instances[index] as Instance, fault)),
      ),
      this.follow(schedule.broker, (fault) => this.hurtBroker(fault)),
    ]);
    const faultsMs = performance.now() - faultsAt;
    await pause(CALM_MS);
    const sent = input.slice(0, await (this.generator as Generator).finish());
    options.say(`the faults are over, ${sent.length} records were sent`);
    const drainedAt = performance.now();
    await this.drain(sent);
    const drainMs = performance.now() - drainedAt;
    for (const instance of this.instances) {
      if (!(await instance.close())) problems.push(`${instance.name} did not close in order`);
    }
    const records = await this.judge(sent);
    problems.push(...this.instances.flatMap(({ deaths }) => deaths));
    return this.report(records, { faults: faultsMs, drain: drainMs });
  }

  private async startPrograms(input: readonly InputRecord[]): Promise<void> {
    const { options, programs } = this;
    const file = path.join(options.dir, "input.tsv");
    const lines = input.map(({ topic, timestampMs, key, value }) =>
      [options.prefix + topic, timestampMs, key, value].join("\t"),
    );
    writeFileSync(file, `${lines.join("\n")}\n`);
    const generator = new Generator(programs, file, {
      first: CUSTOMERS,
      recordsPerS: options.recordsPerS,
      partitions: PARTITIONS,
      topics: [...INPUT_TOPICS, ...OUTPUT_TOPICS],
    });
    this.generator = generator;
    await generator.ready();
    for (let index = 0; index < options.instances; index++) {
      const args = [`${PARTITIONS}`, ...options.configs];
      this.instances.push(new Instance(programs, `instance-${index}`, args, (line) => this.say(line)));
    }
  }

  private say(line: string): void {
    this.options.say(line);
  }

  /** Each fault at its time, or as soon as the one before is over. */
  private async follow(track: readonly TimedFault[], inflict: (fault: StreamsFault) => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    for (const { atMs, fault } of track) {
      await pause(Math.max(0, atMs - (performance.now() - startedAt)));
      await inflict(fault);
    }
  }

  private async hurtInstance(instance: Instance, fault: StreamsFault): Promise<void> {
    this.say(`${instance.name} ${JSON.stringify(fault)}`);
    if (fault.kind === "pause") {
      this.done.pauses += 1;
      instance.signal("SIGSTOP");
      await pause(fault.lastsMs);
      instance.signal("SIGCONT");
      return;
    }
    this.done.instanceKills += 1;
    await instance.kill9();
    await pause(fault.downMs);
    instance.restart();
  }

  private async hurtBroker(fault: StreamsFault): Promise<void> {
    this.say(`broker ${JSON.stringify(fault)}`);
    this.done.brokerKills += 1;
    if (fault.kind === "kill") await this.broker?.killAndStart(fault.downMs);
  }

  /** Waits until all that had to come out is there, or nothing more comes. */
  private async drain(sent: readonly InputRecord[]): Promise<void> {
    const expected = expectedOf(sent);
    let fewest = Number.POSITIVE_INFINITY;
    let movedAt = performance.now();
    for (;;) {
      const { records } = await readTopics(this.programs, OUTPUT_TOPICS);
      const { missing } = compare(expected, records);
      this.say(`${missing.length} results are missing`);
      if (missing.length === 0) return;
      if (missing.length < fewest) movedAt = performance.now();
      fewest = Math.min(fewest, missing.length);
      if (performance.now() - movedAt > STUCK_MS) {
        this.problems.push(`nothing more came out, and ${missing.length} results were missing`);
        return;
      }
      await pause(LOOK_EVERY_MS);
    }
  }

  private async judge(sent: readonly InputRecord[]): Promise<Record<string, number>> {
    const topics = [...INPUT_TOPICS, ...OUTPUT_TOPICS];
    const read: Read = await readTopics(this.programs, topics, "aborted");
    this.blame(
      compareInput(
        sent,
        read.records.filter(({ topic }) => INPUT_TOPICS.includes(topic)),
      ),
    );
    this.blame(compare(expectedOf(sent), read.records));
    for (const partition of read.open) this.problems.push(`a transaction is open in ${partition}`);
    const there = [...read.internal].map(([topic, policy]) => `${this.options.prefix}${topic} ${policy}`);
    for (const due of EVERY(this.options.prefix)) if (!there.includes(due)) this.problems.push(`there is no ${due}`);
    this.internal = there;
    const count = (name: string) => read.records.filter(({ topic }) => topic === name).length;
    const aborted = (read.written ?? 0) - read.records.length;
    return Object.fromEntries([
      ["sent", sent.length],
      ...topics.map((topic) => [topic, count(topic)] as const),
      ["aborted", aborted],
    ]);
  }

  private internal: string[] = [];

  private blame({ missing, wrong }: Comparison): void {
    this.problems.push(...wrong, ...missing.map((what) => `missing: ${what}`));
  }

  private report(records: Record<string, number>, ms: { faults: number; drain: number }): StreamsReport {
    const exceptions: Record<string, number> = {};
    for (const one of this.instances.flatMap((instance) => instance.exceptions)) {
      const name = one.replaceAll(/\d+/g, "N").slice(0, 300);
      exceptions[name] = (exceptions[name] ?? 0) + 1;
    }
    return {
      faults: this.done,
      records,
      ms: {
        faults: Math.round(ms.faults),
        drain: Math.round(ms.drain),
        all: Math.round(performance.now() - this.startedAt),
      },
      brokerStartsMs: this.broker?.startsMs ?? [],
      running: this.instances.reduce((sum, { running }) => sum + running, 0),
      tornStores: this.instances.reduce((sum, { tornStores }) => sum + tornStores, 0),
      exceptions,
      internalTopics: this.internal,
      problems: this.problems,
    };
  }

  async end(): Promise<void> {
    await Promise.all([...this.instances, this.generator].map((program) => program?.kill9()));
    await this.broker?.stop();
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
