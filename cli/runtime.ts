import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { Readable } from "node:stream";
import type { S3Location } from "./flags.ts";
import { CONFIG_FILE } from "./worker-bundle.ts";

/** What workerd is to serve, and where. */
export interface RuntimeOptions {
  readonly bundleDir: string;
  readonly objectsDir: string;
  /** Where sealed segments of the logs go, unless there is an S3 store. */
  readonly segmentsDir: string;
  readonly s3: S3Location | undefined;
  readonly kafkaAddress: string;
  readonly httpAddress: string;
  /** The KEDGE_BROKERS variable of the Worker: `id@host:port`, comma separated. */
  readonly brokers: string;
  /** An open file that workerd inherits, and with it the kernel's lock of the data directory. */
  readonly lockDescriptor: number | undefined;
}

export interface Runtime {
  readonly pid: number;
  /** Resolves when workerd listens on both sockets, or has ended. */
  readonly listening: Promise<void>;
  /** Resolves when workerd has ended, with a word on how. */
  readonly ended: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

const SOCKETS = 2;

/** On Linux this makes the kernel end workerd together with a launcher that was killed. */
export const SETPRIV = "/usr/bin/setpriv";

const PLATFORM_PACKAGES: Readonly<Record<string, string>> = {
  "darwin arm64": "workerd-darwin-arm64",
  "darwin x64": "workerd-darwin-64",
  "linux arm64": "workerd-linux-arm64",
  "linux x64": "workerd-linux-64",
};

/** workerd's executable itself. The package's own entry may be a script around it, which would cost a process and its memory. */
export function workerdPath(): string {
  const platform = `${process.platform} ${process.arch}`;
  const name = PLATFORM_PACKAGES[platform];
  if (!name) throw new Error(`workerd doesn't run on ${platform}`);
  const fromWorkerd = createRequire(createRequire(import.meta.url).resolve("workerd/package.json"));
  return fromWorkerd.resolve(`@cloudflare/${name}/bin/workerd`);
}

/** Starts workerd. Ctrl-C in a terminal doesn't reach it where it runs in a session of its own: then the launcher alone decides. */
export function startRuntime(options: RuntimeOptions): Runtime {
  const workerd = [
    workerdPath(),
    "serve",
    join(options.bundleDir, CONFIG_FILE),
    "--experimental",
    `--directory-path=objects=${options.objectsDir}`,
    `--directory-path=segments=${options.segmentsDir}`,
    `--socket-addr=kafka=${options.kafkaAddress}`,
    `--socket-addr=http=${options.httpAddress}`,
    "--control-fd=3",
  ];
  const diesWithLauncher = existsSync(SETPRIV);
  const [command, ...args] = diesWithLauncher ? [SETPRIV, "--pdeathsig", "KILL", ...workerd] : workerd;
  const child = spawn(command as string, args, {
    // Its own words go straight to where ours go, which outlasts the launcher's Node (supervisor.ts).
    stdio: ["ignore", "inherit", "inherit", "pipe", options.lockDescriptor ?? "ignore"],
    env: { ...process.env, KEDGE_BROKERS: options.brokers, ...s3Variables(options.s3) },
    detached: diesWithLauncher,
  });
  const ended = whenEnded(child);
  return {
    pid: child.pid ?? 0,
    listening: Promise.race([whenListening(child.stdio[3] as Readable), ended.then(() => {})]),
    ended,
    kill: (signal) => void child.kill(signal),
  };
}

function s3Variables(s3: S3Location | undefined): NodeJS.ProcessEnv {
  return s3 === undefined ? {} : { KEDGE_S3_ENDPOINT: s3.endpoint, KEDGE_S3_BUCKET: s3.bucket };
}

function whenEnded(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ? `signal ${signal}` : `exit code ${code}`));
  });
}

/** workerd reports each socket that it listens on by a line of JSON. */
function whenListening(control: Readable): Promise<void> {
  return new Promise((resolve) => {
    let text = "";
    control.on("data", (chunk: Buffer) => {
      text += chunk.toString();
      if (text.split('"event":"listen"').length > SOCKETS) resolve();
    });
  });
}
