import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface KedgeOptions {
  /** Kept by whoever passes it; without it a temporary directory that lives as long as this process. */
  readonly dataDir?: string;
  /** 0, the default, picks a free one. */
  readonly kafkaPort?: number;
  readonly httpPort?: number;
  /** More flags of `npm start`. */
  readonly flags?: readonly string[];
  /** Beside this process's own environment. */
  readonly env?: NodeJS.ProcessEnv;
}

/** A real Kedge: the launcher and workerd in processes of their own. */
export interface Kedge {
  /** `host:port` for Kafka clients. */
  readonly kafka: string;
  readonly kafkaPort: number;
  /** `http://host:port`, without a slash at the end. */
  readonly http: string;
  readonly httpPort: number;
  readonly dataDir: string;
  /** The milliseconds that the launcher itself printed. */
  readonly readyMs: number;
  readonly launcherPid: number;
  readonly workerdPid: number;
  /** All that it printed so far. */
  output(): string;
  /** Ends it as Ctrl-C does; the exit code, null when it was killed. */
  stop(): Promise<number | null>;
  /** Kills launcher and workerd at once, as a power cut does, and waits until both are gone. */
  kill9(): Promise<void>;
}

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const START_SCRIPT = join(ROOT, "scripts", "start.mjs");
/** Generous: a first start builds the Worker, and all cores may be busy with other suites. */
const START_TIMEOUT_MS = 90_000;
const READY_LINE = /^kedge ready kafka=(\S+) http=(\S+) ms=(\d+)$/m;

/** Starts Kedge and waits for its ready line. Rejects with its output when it ends before. */
export async function startKedge(options: KedgeOptions = {}): Promise<Kedge> {
  const dataDir = options.dataDir ?? temporaryDir();
  const flags = [
    "--kafka-port",
    String(options.kafkaPort ?? 0),
    "--http-port",
    String(options.httpPort ?? 0),
    "--data",
    dataDir,
  ];
  const launcher = runLauncher([...flags, ...(options.flags ?? [])], options.env);
  const [, kafka, http, readyMs] = await launcher.outputMatching(READY_LINE);
  const { pid: workerdPid } = JSON.parse(readFileSync(join(dataDir, "lock"), "utf8")).runtime;
  return {
    kafka: kafka as string,
    kafkaPort: portOf(kafka as string),
    http: http as string,
    httpPort: portOf(http as string),
    dataDir,
    readyMs: Number(readyMs),
    launcherPid: launcher.process.pid as number,
    workerdPid,
    output: launcher.output,
    stop: () => {
      launcher.process.kill("SIGINT");
      return launcher.ended;
    },
    kill9: async () => {
      signalIfThere(workerdPid, "SIGKILL");
      launcher.process.kill("SIGKILL");
      await launcher.ended;
      while (isRunning(workerdPid)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

export interface Launcher {
  readonly process: ChildProcess;
  /** The exit code, null when a signal ended it. */
  readonly ended: Promise<number | null>;
  output(): string;
  outputMatching(pattern: RegExp): Promise<RegExpExecArray>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGTERM");
});

/** Runs `npm start` without npm, with exactly these flags. */
export function runLauncher(flags: readonly string[], environment: NodeJS.ProcessEnv = {}): Launcher {
  // As under npm the launcher ends with its parent: vitest kills its workers, which then end nothing themselves.
  const env = { ...process.env, ...environment, npm_lifecycle_event: "test" };
  const child = spawn(process.execPath, [START_SCRIPT, ...flags], {
    cwd: ROOT,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const ended = new Promise<number | null>((resolve) => {
    child.once("close", (code) => {
      running.delete(child);
      resolve(code);
    });
  });
  const outputMatching = (pattern: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const fail = (why: string) => reject(new Error(`${why} before it printed ${pattern}:\n${output}`));
      const timer = setTimeout(() => fail("Kedge took too long"), START_TIMEOUT_MS);
      const look = () => {
        const match = pattern.exec(output);
        if (!match) return;
        clearTimeout(timer);
        resolve(match);
      };
      child.stdout.on("data", look);
      look();
      ended.then((code) => {
        clearTimeout(timer);
        fail(`Kedge ended with exit code ${code}`);
      });
    });
  return { process: child, ended, output: () => output, outputMatching };
}

/** A directory that goes away with this process, or with the whole run in vitest. */
export function temporaryDir(): string {
  const dir = mkdtempSync(join(process.env["KEDGE_TEST_DIR"] ?? tmpdir(), "kedge-test-"));
  process.on("exit", () => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Whether a process has this id. One that ended but was not waited for yet counts as gone. */
export function isRunning(pid: number): boolean {
  if (!signalIfThere(pid, 0)) return false;
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return process.platform !== "linux";
  }
}

function signalIfThere(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}

function portOf(address: string): number {
  return Number(address.slice(address.lastIndexOf(":") + 1));
}
