import { rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { makeBrokerDatabase } from "./broker-database.ts";
import { hasRoom, inDataDir, makeDataDir } from "./data-dir.ts";
import { type DataLock, lockDataDir } from "./data-lock.ts";
import { makeEphemeralDir } from "./ephemeral.ts";
import { type Flags, HELP, parseFlags, type S3Location, UsageError } from "./flags.ts";
import { type Address, answersKafka, askHealth, findPort, format, type Health, probePausesMs } from "./probe.ts";
import { identify, isAlive, type ProcessIdentity } from "./processes.ts";
import { type Runtime, startRuntime } from "./runtime.ts";
import { openSegmentsPlace, s3LocationOf } from "./segments-place.ts";
import { becomeSupervisor } from "./supervisor.ts";
import { ensureBundle } from "./worker-bundle.ts";

/** How long workerd may take to serve before the start counts as failed. */
const READY_TIMEOUT_MS = 30_000;
const PROBE_TIMEOUT_MS = 5_000;
/** How long HTTP may find no broker that can be opened. One that has much to open answers late, and not with an error. */
const UNAVAILABLE_MS = 3_000;
/** Each attempt may make workerd print a trace. */
const UNAVAILABLE_PAUSE_MS = 250;
const LOOK_PAUSE_MS = 5;
/** How long requests under way may take to finish after a TERM. workerd itself stays as long as a client is connected. */
const DRAIN_MS = 500;
const PARENT_CHECK_MS = 500;
const LEFT_BEHIND_MS = 5_000;

interface Started {
  readonly runtime: Runtime;
  readonly kafka: Address;
  readonly http: Address;
}

interface Places {
  readonly bundleDir: string;
  readonly dataDir: string;
  readonly s3: S3Location | undefined;
  readonly lock: DataLock;
}

/** The launcher: from the command line to a serving Kedge, until a signal ends it or a small shell takes its place (supervisor.ts). Exit code 1 says that it could not start or crashed. */
export async function start(args: readonly string[]): Promise<void> {
  try {
    const flags = parseFlags(args);
    if (flags.help) return void process.stdout.write(HELP);
    await checkConfigs(process.env["KEDGE_CONFIGS"]);
    await serve(flags);
  } catch (error) {
    console.error(`kedge: ${error instanceof Error ? error.message : error}`);
    if (error instanceof UsageError) process.stderr.write(`\n${HELP}`);
    process.exit(1);
  }
}

/** What the Worker would check as well, where nobody would hear what is wrong. Loaded only when there is something to check. */
async function checkConfigs(text: string | undefined): Promise<void> {
  if (!text) return;
  const { parseStaticConfigs } = await import("#cluster/boot.ts");
  parseStaticConfigs(text);
}

async function serve(flags: Flags): Promise<void> {
  const bundleDir = ensureBundle();
  const dataDir = openDataDir(flags);
  const lock = takeLock(dataDir);
  if (lock.leftBehind) await end(lock.leftBehind);
  // From here on nobody else writes there, and not before.
  if (!lock.takeKernelLock()) throw inUse(dataDir, undefined);
  const s3 = s3LocationOf(flags.s3, process.env);
  const { runtime, kafka, http } = await startServing(flags, { bundleDir, dataDir, s3, lock });
  lock.noteRuntime(runtime.pid);
  const stopping = stopOnSignal(runtime);

  const failure = await whyNotReady({ runtime, kafka, http }, dataDir);
  if (failure && !stopping.requested) {
    runtime.kill("SIGKILL");
    throw new Error(hasRoom(dataDir) ? failure : `${failure}; its disk is full`);
  }
  const workerd = identify(runtime.pid);
  if (!stopping.requested && workerd) {
    const announcement = announce(flags, { kafka, http, dataDir, s3 });
    const ephemeralDir = flags.dataDir === undefined ? dataDir : undefined;
    becomeSupervisor({ workerd, parentPid: parentToFollow(), lockPath: lock.path, ephemeralDir, announcement });
    console.log(announcement);
  }
  const how = await runtime.ended;
  if (!stopping.requested) throw new Error(`workerd ended by itself (${how})`);
  process.exit(0);
}

/** Creates the data directory; a temporary one goes when the process does. */
function openDataDir(flags: Flags): string {
  if (flags.dataDir === undefined) {
    const dir = makeEphemeralDir();
    process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
    return dir;
  }
  // npm starts scripts in the package's folder; a relative path means the folder that the user is in.
  const dir = resolve(process.env["INIT_CWD"] ?? process.cwd(), flags.dataDir);
  makeDataDir(dir);
  return dir;
}

function takeLock(dataDir: string): DataLock {
  const outcome = inDataDir(dataDir, () => lockDataDir(dataDir));
  if ("heldBy" in outcome) throw inUse(dataDir, outcome.heldBy);
  process.on("exit", outcome.held.release);
  return outcome.held;
}

function inUse(dataDir: string, holder: ProcessIdentity | undefined): Error {
  const who = holder === undefined ? "another Kedge, in another container perhaps" : `process ${holder.pid}`;
  return new Error(`the data directory ${dataDir} is in use by ${who}`);
}

/** A workerd whose launcher was killed would go on writing to the files that this one is about to open. */
async function end(leftBehind: ProcessIdentity): Promise<void> {
  console.log(`kedge: ending process ${leftBehind.pid}, a workerd that a killed launcher left behind on this data`);
  process.kill(leftBehind.pid, "SIGKILL");
  const deadlineMs = performance.now() + LEFT_BEHIND_MS;
  while (isAlive(leftBehind)) {
    if (performance.now() > deadlineMs) throw new Error(`process ${leftBehind.pid} does not end`);
    await pause(LOOK_PAUSE_MS);
  }
}

async function startServing(flags: Flags, { bundleDir, dataDir, s3, lock }: Places): Promise<Started> {
  const kafka = {
    host: flags.host,
    port: await freePort("Kafka", "--kafka-port", { host: flags.host, port: flags.kafkaPort }),
  };
  const http = {
    host: flags.host,
    port: await freePort("HTTP", "--http-port", { host: flags.host, port: flags.httpPort }),
  };
  if (kafka.port === http.port) throw new Error(`Kafka and HTTP can't both use port ${kafka.port}`);
  const objectsDir = join(dataDir, "objects");
  makeBrokerDatabase(objectsDir);
  const segmentsDir = openSegmentsPlace(dataDir, s3);
  const runtime = startRuntime({
    bundleDir,
    objectsDir,
    segmentsDir,
    s3,
    kafkaAddress: format(kafka),
    httpAddress: format(http),
    brokers: `1@${format({ host: flags.advertisedHost, port: kafka.port })}`,
    lockDescriptor: lock.descriptor,
  });
  return { runtime, kafka, http };
}

async function freePort(what: string, flag: string, address: Address): Promise<number> {
  const found = await findPort(address);
  if ("port" in found) return found.port;
  if (found.code === "EADDRINUSE")
    throw new Error(`${format(address)} is in use: choose another port for ${what} with ${flag}`);
  throw new Error(`can't listen on ${format(address)} for ${what}: ${found.code}`);
}

/** Waits until both protocols really answer; says what is wrong if they don't. */
async function whyNotReady({ runtime, kafka, http }: Started, dataDir: string): Promise<string | undefined> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  let ended: string | undefined;
  runtime.ended.then((how) => {
    ended = how;
  });
  await runtime.listening;
  const reach = (address: Address) => ({ ...address, host: address.host === "0.0.0.0" ? "127.0.0.1" : address.host });
  const probes: { what: string; ask: () => Promise<Health> }[] = [
    { what: "HTTP", ask: () => askHealth(reach(http), PROBE_TIMEOUT_MS) },
    { what: "Kafka", ask: async () => ((await answersKafka(reach(kafka), PROBE_TIMEOUT_MS)) ? "serves" : "silent") },
  ];
  // One after the other: HTTP says what is wrong, while a Kafka client that can't be served makes workerd print a trace.
  for (const { what, ask } of probes) {
    const pausesMs = probePausesMs();
    let unavailableSinceMs = Number.POSITIVE_INFINITY;
    for (let health = await ask(); health !== "serves"; health = await ask()) {
      const nowMs = performance.now();
      if (ended !== undefined) return `workerd could not start on the data directory ${dataDir} (${ended})`;
      if (typeof health === "object") return `can't start on the data directory ${dataDir}: ${health.failure}`;
      unavailableSinceMs = health === "silent" ? Number.POSITIVE_INFINITY : Math.min(unavailableSinceMs, nowMs);
      if (nowMs > unavailableSinceMs + UNAVAILABLE_MS)
        return `no broker can be opened on the data directory ${dataDir}`;
      if (nowMs > deadlineMs)
        return `${what} did not answer within ${READY_TIMEOUT_MS} ms, on the data directory ${dataDir}`;
      await pause(health === "silent" ? pausesMs.next().value : UNAVAILABLE_PAUSE_MS);
    }
  }
  return undefined;
}

function announce(flags: Flags, at: Pick<Started, "kafka" | "http"> & Pick<Places, "dataDir" | "s3">): string {
  const bootstrap = format({ host: flags.advertisedHost, port: at.kafka.port });
  const url = `http://${format({ host: flags.advertisedHost, port: at.http.port })}`;
  return `
  Kafka  ${bootstrap}
  HTTP   ${url}
  data   ${flags.dataDir === undefined ? `${at.dataDir} (removed at the end)` : at.dataDir}${segmentsLine(at.s3)}

  Try:   echo hello | kcat -P -b ${bootstrap} -t greetings && kcat -C -b ${bootstrap} -t greetings -e
         curl ${url}/topics

kedge ready kafka=${bootstrap} http=${url} ms=${Math.round(performance.now())}`;
}

function segmentsLine(s3: S3Location | undefined): string {
  return s3 === undefined ? "" : `\n         sealed segments in the bucket ${s3.bucket} of ${s3.endpoint}`;
}

/** The first signal lets workerd finish what it is at, the second doesn't wait. */
function stopOnSignal(runtime: Runtime): { readonly requested: boolean } {
  const state = { requested: false };
  const stop = () => {
    if (state.requested) return runtime.kill("SIGKILL");
    state.requested = true;
    runtime.kill("SIGTERM");
    setTimeout(() => runtime.kill("SIGKILL"), DRAIN_MS).unref();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const parent = parentToFollow();
  if (parent !== undefined)
    setInterval(() => process.ppid !== parent && !state.requested && stop(), PARENT_CHECK_MS).unref();
  return state;
}

/** A killed npm doesn't tell its scripts, so that the launcher looks for itself. A terminal tells. */
function parentToFollow(): number | undefined {
  return process.env["npm_lifecycle_event"] === undefined ? undefined : process.ppid;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
