/** The Java programs of test/clients/streams as processes. */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import type { OutputRecord } from "./compare.ts";

const JVM = [
  "-Xmx384m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dorg.slf4j.simpleLogger.showDateTime=true",
  "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
  "-Dorg.slf4j.simpleLogger.showShortLogName=true",
];
const READER_TIMEOUT_MS = 180_000;
const CLOSE_TIMEOUT_MS = 45_000;
/** What a supervisor of the process would wait before it starts it again. */
const RESTART_AFTER_MS = 1_000;
/** RocksDB was killed while it made a store, which Streams' next start can't open: a fault of the instance's own disk. */
const TORN_STORE = /^Exception in thread "main" .*ProcessorStateException: Error opening store/m;
/** Longer than anything that is sent may take. */
const GENERATOR_TIMEOUT_MS = 180_000;

export interface Programs {
  readonly classPath: string;
  /** Logs, stores, and what is read. */
  readonly dir: string;
  readonly bootstrap: string;
  /** Of topics and of the application's id. */
  readonly prefix: string;
}

/** A program that runs, with what it says on stdout. */
class JavaProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;

  constructor({ classPath, dir }: Programs, name: string, args: readonly string[], hear: (line: string) => void) {
    const [program] = args as [string];
    const log = openSync(path.join(dir, `${name}.log`), "a");
    // RocksDB unpacks its library there, and whoever is killed leaves it.
    const temporary = path.join(dir, "tmp", name);
    mkdirSync(temporary, { recursive: true });
    const level = `-Dorg.slf4j.simpleLogger.defaultLogLevel=${process.env["STREAMS_LOG"] ?? "warn"}`;
    const jvm = [...JVM, level, `-Djava.io.tmpdir=${temporary}`, "-cp", classPath, `kedge.streams.${program}`];
    const env = { ...process.env, ROCKSDB_SHAREDLIB_DIR: temporary };
    this.child = spawn("java", [...jvm, ...args.slice(1)], { env, stdio: ["pipe", "pipe", log] });
    closeSync(log);
    this.child.stdin?.on("error", () => {});
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on("line", hear);
    this.ended = new Promise((resolve) => {
      this.child.once("error", () => resolve(null));
      this.child.once("close", (code) => resolve(code));
    });
  }

  async kill9(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.ended;
  }
}

/** An instance of the application, over all its lives. */
export class Instance {
  readonly name: string;
  /** What ended its threads, as Java says it. */
  readonly exceptions: string[] = [];
  /** How often it came to RUNNING. */
  running = 0;
  /** Lives that ended though nobody ended them. */
  readonly deaths: string[] = [];
  /** Of lives that ended at once, because the one before was killed while it made a store. */
  tornStores = 0;
  private readonly programs: Programs;
  private readonly args: readonly string[];
  private process: JavaProcess;
  private isEnding = false;
  private closed = false;
  private readonly say: (line: string) => void;

  constructor(programs: Programs, name: string, args: readonly string[], say: (line: string) => void) {
    this.programs = programs;
    this.name = name;
    const stores = path.join(programs.dir, "stores", name);
    this.args = [...args, `bootstrap.servers=${programs.bootstrap}`, `state.dir=${stores}`, `client.id=${name}`];
    this.say = say;
    this.process = this.start();
  }

  private start(): JavaProcess {
    const { programs, name, args } = this;
    const logFrom = this.logText().length;
    const started = new JavaProcess(programs, name, ["Application", programs.prefix, ...args], (line) =>
      this.hear(line),
    );
    this.isEnding = false;
    void started.ended.then((code) => {
      if (!this.isEnding) this.endedByItself(code, logFrom);
    });
    return started;
  }

  private endedByItself(code: number | null, logFrom: number): void {
    const { name } = this;
    if (TORN_STORE.test(this.logText().slice(logFrom))) this.tornStores += 1;
    else this.deaths.push(`${name} ended by itself with ${code}`);
    this.say(`${name} ended by itself with ${code}`);
    const ended = this.process;
    setTimeout(() => {
      if (this.process === ended && !this.isEnding) this.restart();
    }, RESTART_AFTER_MS);
  }

  private logText(): string {
    const file = path.join(this.programs.dir, `${this.name}.log`);
    return existsSync(file) ? readFileSync(file, "utf8") : "";
  }

  private hear(line: string): void {
    if (line === "state RUNNING") this.running += 1;
    if (line === "closed") this.closed = true;
    if (line.startsWith("exception ")) this.exceptions.push(line.slice("exception ".length));
    this.say(`${this.name} ${line}`);
  }

  async kill9(): Promise<void> {
    this.isEnding = true;
    await this.process.kill9();
  }

  restart(): void {
    this.process = this.start();
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.process.child.kill(signal);
  }

  /** As a user ends it; whether it closed in order. */
  async close(): Promise<boolean> {
    this.isEnding = true;
    this.process.child.kill("SIGTERM");
    const timer = setTimeout(() => this.process.child.kill("SIGKILL"), CLOSE_TIMEOUT_MS);
    await this.process.ended;
    clearTimeout(timer);
    return this.closed;
  }
}

export interface GeneratorOptions {
  /** So many lines of the file go at once. */
  readonly first: number;
  /** Of those that follow. */
  readonly recordsPerS: number;
  /** What it creates before, named without the prefix. */
  readonly topics: readonly string[];
  readonly partitions: number;
}

/** Creates topics and writes the input. */
export class Generator {
  private readonly process: JavaProcess;
  private readonly heard = new Set<string>();
  private wake: () => void = () => {};

  constructor(programs: Programs, file: string, options: GeneratorOptions) {
    const topics = options.topics.map((topic) => programs.prefix + topic);
    const rest = [`${options.first}`, `${options.recordsPerS}`, `${options.partitions}`, ...topics];
    const args = ["Generator", programs.bootstrap, file, ...rest];
    this.process = new JavaProcess(programs, "generator", args, (line) => {
      this.heard.add(line);
      this.wake();
    });
    void this.process.ended.then(() => {
      this.heard.add("ended");
      this.wake();
    });
  }

  async ready(): Promise<void> {
    await this.until((line) => line === "ready" || line === "ended");
    if (!this.heard.has("ready")) throw new Error("the generator ended before it was ready");
  }

  /** How many lines of the file were sent and acknowledged. */
  async finish(): Promise<number> {
    this.process.child.stdin?.write("finish\n");
    const timer = setTimeout(() => void this.kill9(), GENERATOR_TIMEOUT_MS);
    await this.until((line) => line.startsWith("sent ") || line === "ended");
    clearTimeout(timer);
    const sent = [...this.heard].find((line) => line.startsWith("sent "));
    if (sent === undefined) throw new Error("the generator ended without having sent all");
    return Number(sent.slice("sent ".length));
  }

  private async until(matches: (line: string) => boolean): Promise<void> {
    while (![...this.heard].some(matches)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  async kill9(): Promise<void> {
    await this.process.kill9();
  }
}

export interface Read {
  readonly records: readonly OutputRecord[];
  /** Changelogs and repartition topics, with their cleanup policies. */
  readonly internal: ReadonlyMap<string, string>;
  /** Partitions in which a transaction is open. */
  readonly open: readonly string[];
  /** How many records are there with those of aborted transactions; null if it was not asked for. */
  readonly written: number | null;
}

/** Reads topics, named without the prefix, with read_committed to their ends; "aborted" counts what else is there, too. */
export async function readTopics(
  programs: Programs,
  topics: readonly string[],
  mode: "committed" | "aborted" = "committed",
): Promise<Read> {
  const file = path.join(programs.dir, "read.tsv");
  const names = topics.map((topic) => programs.prefix + topic);
  const reader = new JavaProcess(
    programs,
    "reader",
    ["Reader", programs.bootstrap, file, programs.prefix, mode, ...names],
    () => {},
  );
  const timer = setTimeout(() => reader.child.kill("SIGKILL"), READER_TIMEOUT_MS);
  const code = await reader.ended;
  clearTimeout(timer);
  if (code !== 0) throw new Error(`the reader ended with ${code}: see ${path.join(programs.dir, "reader.log")}`);
  return parse(readFileSync(file, "utf8"), programs.prefix);
}

function parse(text: string, prefix: string): Read {
  const records: OutputRecord[] = [];
  const internal = new Map<string, string>();
  const open: string[] = [];
  let written: number | null = null;
  for (const line of text.split("\n").filter((one) => one !== "")) {
    const [first, ...rest] = line.split("\t") as [string, ...string[]];
    if (first === "# internal") internal.set((rest[0] as string).slice(prefix.length), rest[1] as string);
    else if (first === "# written") written = Number(rest[0]);
    else if (first === "# open") open.push(rest.join(" "));
    else {
      const [partition, offset, timestampMs, key, value] = rest as [string, string, string, string, string];
      const topic = first.slice(prefix.length);
      records.push({ topic, partition: +partition, offset: +offset, timestampMs: +timestampMs, key, value });
    }
  }
  return { records, internal, open, written };
}
