import { accessSync, constants } from "node:fs";
import { flushCompileCache } from "node:module";
import { join } from "node:path";
import { type ProcessIdentity, startTicks } from "./processes.ts";
import { SETPRIV } from "./runtime.ts";
import { ROOT } from "./worker-bundle.ts";

/** What there is to do for whoever stays with workerd. */
export interface Supervision {
  readonly workerd: ProcessIdentity;
  /** The process whose end is this one's end too; undefined for none. */
  readonly parentPid: number | undefined;
  readonly lockPath: string;
  /** A directory to remove at the end. */
  readonly ephemeralDir: string | undefined;
  /** Printed once signals are listened to. */
  readonly announcement: string;
}

const SHELL = "/bin/sh";

/**
 * Replaces this process by a small shell that does for workerd what the launcher would do, with the same process id and a thirtieth of
 * the memory; then it does not return. Returns where that can't be done, outside Linux for one: then the launcher itself has to stay.
 */
export function becomeSupervisor(supervision: Supervision): void {
  if (process.platform !== "linux" || !process.execve || !isExecutable(SHELL) || !isExecutable(SETPRIV)) return;
  const { workerd, parentPid, lockPath, ephemeralDir, announcement } = supervision;
  const parts = [parentPid ?? 0, workerd.pid, startTicks(workerd), lockPath, ephemeralDir ?? ""];
  const shell = [SHELL, join(ROOT, "cli", "supervise.sh"), ...parts.map(String)];
  const env = { ...process.env, KEDGE_ANNOUNCEMENT: announcement };
  // No exit handler runs from here on.
  flushCompileCache();
  if (parentPid === undefined) process.execve(SHELL, shell, env);
  else process.execve(SETPRIV, [SETPRIV, "--pdeathsig", "TERM", ...shell], env);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
