/** A word count whose instances are members of a streams group (KIP-1071), driven by test/clients/streams' WordCountGroup. */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";

const TIMEOUT_MS = 300_000;
const SHOWN_CHARS = 2_000;

export interface WordCountRun {
  readonly classPath: string;
  /** Logs and stores; it is emptied. */
  readonly dir: string;
  readonly bootstrap: string;
  readonly prefix: string;
}

/** Rejects with what the program said last when anything isn't as it must be. */
export function wordCountRun({ classPath, dir, bootstrap, prefix }: WordCountRun): Promise<void> {
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  const jvm = ["-Xmx128m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", classPath];
  const program = spawn("java", [...jvm, "kedge.streams.WordCountGroup", bootstrap, prefix, dir]);
  let said = "";
  for (const stream of [program.stdout, program.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(-SHOWN_CHARS);
    });
  }
  const timeout = setTimeout(() => program.kill("SIGTERM"), TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    program.once("error", reject);
    program.once("close", (code) => {
      clearTimeout(timeout);
      if (code === 0) resolve();
      else reject(new Error(`the word count ended with ${code}:\n${said}`));
    });
  });
}
