/**
 * The stock clients of the matrix: what each needs on the machine, how it is built below build/clients/, and the command that
 * runs its scenarios. Manifests stay in test/clients/<language>/, outside the root graph.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";

const HERE = import.meta.dirname;
const ROOT = path.resolve(HERE, "../..");
export const BUILD = path.join(ROOT, "build/clients");

export interface Language {
  readonly name: string;
  readonly codecs: readonly string[];
  readonly tools: readonly string[];
  /** Scenarios of this client alone. */
  readonly features?: readonly string[];
  /** Fetches and builds what the client needs; answers the command that takes `own` or `interop` as its last argument. */
  install(): string[];
}

const ALL_CODECS = ["none", "gzip", "snappy", "lz4", "zstd"];
/** Scenarios that every client runs beside its codecs. */
export const COMMON_SCENARIOS = ["idempotent", "offsets", "group", "admin"];

/** What test/clients/node/kedge-features.ts has. */
const KEDGE_FEATURES = ["transactions", "transactions-v1", "assignors", "consumer-group", "administration"];

/** What test/clients/java has for share groups. */
const SHARE_FEATURES = ["share-implicit", "share-explicit", "share-lock", "share-transactions", "share-admin"];

/** The assignors that clients have of their own, and KIP-848's where they speak it. */
const JAVA_GROUPS = [
  "group-range",
  "group-roundrobin",
  "group-sticky",
  "group-cooperative-sticky",
  "group-consumer",
  "group-consumer-range",
  "group-consumer-regex",
  "group-upgrade",
  "group-downgrade",
];
const CONFLUENT_GROUPS = [
  "group-range",
  "group-roundrobin",
  "group-cooperative-sticky",
  "group-consumer",
  "group-consumer-range",
];
const GO_GROUPS = [
  "group-range",
  "group-roundrobin",
  "group-sticky",
  "group-cooperative-sticky",
  "group-consumer",
  "group-consumer-range",
];
const AIOKAFKA_GROUPS = ["group-range", "group-roundrobin", "group-sticky"];

/** The second with a consumer whose offsets go along. */
const COPIES = ["transactions", "copy-in-transactions"];

export const LANGUAGES: readonly Language[] = [
  {
    name: "java",
    codecs: ALL_CODECS,
    tools: ["java", "javac", "mvn"],
    features: [...JAVA_GROUPS, ...COPIES, ...SHARE_FEATURES],
    install: installJava,
  },
  {
    name: "confluent-python",
    codecs: ALL_CODECS,
    tools: ["python3"],
    features: [...CONFLUENT_GROUPS, ...COPIES],
    install: () => installPython("confluent.py"),
  },
  {
    name: "franz-go",
    codecs: ALL_CODECS,
    tools: ["go"],
    features: [...GO_GROUPS, ...COPIES, "share-explicit"],
    install: installGo,
  },
  {
    name: "kafkajs",
    codecs: ["none", "gzip", "zstd"],
    tools: [],
    features: COPIES,
    install: () => node("kafkajs"),
  },
  { name: "kedge", codecs: ALL_CODECS, tools: [], features: KEDGE_FEATURES, install: () => node("kedge") },
  { name: "platformatic", codecs: ALL_CODECS, tools: [], install: () => node("platformatic") },
  {
    name: "aiokafka",
    codecs: ALL_CODECS,
    tools: ["python3"],
    features: [...AIOKAFKA_GROUPS, ...COPIES],
    install: () => installPython("aiokafka_client.py"),
  },
];

/** The tools that are not on this machine. */
export function missingTools(language: Language): string[] {
  return language.tools.filter((tool) => spawnSync("sh", ["-c", `command -v ${tool}`]).status !== 0);
}

function node(client: string): string[] {
  return [process.execPath, path.join(HERE, "node/main.ts"), client];
}

function installJava(): string[] {
  return ["java", "-Xmx256m", "-cp", buildJava("java"), "kedge.Scenarios"];
}

/** Builds test/clients/streams, which needs the tools of Java's client; the class path of its programs in the package kedge.streams. */
export function installStreams(): string {
  return buildJava("streams");
}

/** Fetches the jars of a Maven project and compiles its programs; the class path of both. */
function buildJava(project: string): string {
  const target = path.join(BUILD, project);
  const libs = path.join(target, "libs");
  const classes = path.join(target, "classes");
  const sources = filesOf(path.join(HERE, project));
  once(target, sources, () => {
    const pom = path.join(HERE, project, "pom.xml");
    run("mvn", ["-q", "-B", "-f", pom, "dependency:copy-dependencies", `-DoutputDirectory=${libs}`]);
    const programs = sources.filter((name) => name.endsWith(".java"));
    run("javac", ["-proc:none", "-d", classes, "-cp", `${libs}/*`, ...programs]);
  });
  return `${classes}:${libs}/*`;
}

function installPython(script: string): string[] {
  return [pythonVenv(), path.join(HERE, "python", script)];
}

/** The Python of a virtual environment that has the clients of python/requirements.txt. */
export function pythonVenv(): string {
  const target = path.join(BUILD, "python");
  const requirements = path.join(HERE, "python/requirements.txt");
  once(target, [requirements], () => {
    run("python3", ["-m", "venv", path.join(target, "venv")]);
    run(path.join(target, "venv/bin/python"), ["-m", "pip", "install", "-q", "-r", requirements]);
  });
  return path.join(target, "venv/bin/python");
}

function installGo(): string[] {
  const target = path.join(BUILD, "go");
  const program = path.join(target, "scenarios");
  once(target, filesOf(path.join(HERE, "go")), () => run("go", ["build", "-o", program, "."], path.join(HERE, "go")));
  return [program];
}

/** Runs the work where the target was not made from exactly these files. */
function once(target: string, files: readonly string[], work: () => void): void {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(file));
  const digest = hash.digest("hex");
  const stamp = path.join(target, "made-from");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === digest) return;
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  work();
  writeFileSync(stamp, digest);
}

function filesOf(directory: string): string[] {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .toSorted();
}

function run(command: string, options: readonly string[], cwd = ROOT): void {
  const result = spawnSync(command, options, { cwd, encoding: "utf8" });
  if (result.status !== 0) throw new Error(`${command} ${options.join(" ")} failed:\n${result.stdout}${result.stderr}`);
}
