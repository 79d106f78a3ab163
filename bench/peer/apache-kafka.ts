/**
 * Starts one Apache Kafka 4.4 broker (KRaft, combined mode) on this machine, as an oracle for the client suites and as
 * the other column of the benchmark. Needs Java 17 and Maven, which fetches the jars that pom.xml names into build/.
 *
 * By hand: node bench/peer/apache-kafka.ts --port 19092 [--data DIR] [--flush] [--heap 1g]
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import path from "node:path";
import { parseArgs } from "node:util";

const ROOT = path.resolve(import.meta.dirname, "../..");
const BUILD = path.join(ROOT, "build/peer");
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;

export interface ApacheKafkaOptions {
  /** 0 or missing picks a free port. */
  readonly port?: number;
  /** Missing means a fresh directory below build/, removed by `stop`. */
  readonly dataDir?: string;
  /** fsync before every acknowledgement (`log.flush.interval.messages=1`); Kafka's default leaves it to the page cache. */
  readonly flushEachMessage?: boolean;
  readonly heap?: string;
  /** Where clients reach it; 127.0.0.1 without. */
  readonly host?: string;
  /** What clients are told; `host` without. */
  readonly advertisedHost?: string;
  /** More lines for server.properties. */
  readonly settings?: readonly string[];
}

export interface ApacheKafka {
  readonly kafka: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to the first TCP connection that the broker accepted. */
  readonly readyMs: number;
  stop(): Promise<void>;
  kill9(): Promise<void>;
}

/** Why the peer can't run here, or null where it can. */
export function missingForApacheKafka(): string | null {
  for (const tool of ["java", "mvn"]) {
    if (spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0) return `${tool} is not installed`;
  }
  return null;
}

/** Fetches the broker's jars once; answers the directory that holds them. */
export function installApacheKafka(): string {
  const libs = path.join(BUILD, "libs");
  if (existsSync(libs) && readdirSync(libs).some((name) => name.startsWith("kafka_2.13-"))) return libs;
  mkdirSync(BUILD, { recursive: true });
  const pom = path.join(import.meta.dirname, "pom.xml");
  const args = ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${libs}`];
  const result = spawnSync("mvn", args, { encoding: "utf8" });
  if (result.status !== 0) throw new Error(`mvn could not fetch Apache Kafka:\n${result.stdout}${result.stderr}`);
  return libs;
}

export async function startApacheKafka(options: ApacheKafkaOptions = {}): Promise<ApacheKafka> {
  const libs = installApacheKafka();
  const port = options.port || (await freePort());
  const controllerPort = await freePort();
  const owned = options.dataDir === undefined;
  const dataDir = options.dataDir ?? path.join(BUILD, `data-${port}-${process.pid}`);
  mkdirSync(dataDir, { recursive: true });
  const properties = path.join(dataDir, "server.properties");
  const host = options.host ?? "127.0.0.1";
  writeFileSync(properties, serverProperties({ ...options, host, port, controllerPort, dataDir }));
  writeFileSync(path.join(dataDir, "log4j2.yaml"), QUIET_LOGGING);

  const heap = options.heap ?? "1g";
  const java = [`-Xmx${heap}`, `-Xms${heap}`, "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-Djava.awt.headless=true"];
  java.push(`-Dlog4j2.configurationFile=${path.join(dataDir, "log4j2.yaml")}`, "-cp", `${libs}/*`);
  if (!existsSync(path.join(dataDir, "log/meta.properties"))) {
    const format = [
      "kafka.tools.StorageTool",
      "format",
      "-t",
      "kedgePeerAAAAAAAAAAAAA",
      "-c",
      properties,
      "--standalone",
    ];
    const result = spawnSync("java", ["-cp", `${libs}/*`, ...format], { encoding: "utf8" });
    if (result.status !== 0) throw new Error(`kafka-storage format failed:\n${result.stdout}${result.stderr}`);
  }

  const startedAt = performance.now();
  const child = spawn("java", [...java, "kafka.Kafka", properties], { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output = (output + chunk.toString()).slice(-20_000);
    });
  }
  await untilListening(child, { host, port }, () => output);
  const readyMs = performance.now() - startedAt;
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    await endProcess(child, signal);
    if (owned) rmSync(dataDir, { recursive: true, force: true });
  };
  return {
    kafka: `${options.advertisedHost ?? host}:${port}`,
    pid: child.pid as number,
    readyMs,
    stop: () => end("SIGTERM"),
    kill9: () => endProcess(child, "SIGKILL"),
  };
}

interface ServerOptions extends ApacheKafkaOptions {
  readonly host: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly dataDir: string;
}

/** Kafka's own defaults, except what a single broker on one machine must say and the wait before a group's first rebalance. */
function serverProperties(options: ServerOptions): string {
  const { host, port, controllerPort, dataDir } = options;
  const controller = `CONTROLLER://127.0.0.1:${controllerPort}`;
  const lines = [
    "process.roles=broker,controller",
    "node.id=1",
    `controller.quorum.bootstrap.servers=127.0.0.1:${controllerPort}`,
    `listeners=PLAINTEXT://${host}:${port},${controller}`,
    `advertised.listeners=PLAINTEXT://${options.advertisedHost ?? host}:${port},${controller}`,
    "controller.listener.names=CONTROLLER",
    "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    `log.dirs=${path.join(dataDir, "log")}`,
    "offsets.topic.replication.factor=1",
    "transaction.state.log.replication.factor=1",
    "transaction.state.log.min.isr=1",
    "share.coordinator.state.topic.replication.factor=1",
    "share.coordinator.state.topic.min.isr=1",
    "group.initial.rebalance.delay.ms=0",
    ...(options.settings ?? []),
  ];
  if (options.flushEachMessage) lines.push("log.flush.interval.messages=1");
  return `${lines.join("\n")}\n`;
}

const QUIET_LOGGING = `Configuration:
  Appenders:
    Console:
      name: STDOUT
      PatternLayout: { pattern: "[%d] %p %m (%c)%n" }
  Loggers:
    Root: { level: WARN, AppenderRef: [{ ref: STDOUT }] }
`;

async function untilListening(
  child: ChildProcess,
  at: { host: string; port: number },
  output: () => string,
): Promise<void> {
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (performance.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`Apache Kafka ended with code ${child.exitCode}:\n${output()}`);
    if (await accepts(at)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  child.kill("SIGKILL");
  throw new Error(`Apache Kafka did not listen within ${START_TIMEOUT_MS} ms:\n${output()}`);
}

function accepts(at: { host: string; port: number }): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(at);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

async function endProcess(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_TIMEOUT_MS);
  await ended;
  clearTimeout(timer);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      port: { type: "string", default: "0" },
      data: { type: "string" },
      flush: { type: "boolean", default: false },
      heap: { type: "string" },
    },
  });
  const options = {
    port: Number(values.port),
    dataDir: values.data,
    flushEachMessage: values.flush,
    heap: values.heap,
  };
  const peer = await startApacheKafka(options);
  console.log(`apache-kafka ready kafka=${peer.kafka} ms=${Math.round(peer.readyMs)} pid=${peer.pid}`);
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => void peer.stop().then(() => process.exit(0)));
  }
}
