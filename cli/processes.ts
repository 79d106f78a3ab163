import { execFileSync } from "node:child_process";
import { readFileSync, readlinkSync } from "node:fs";

/** A process by its id and by when it started, since ids are used again. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly started: string;
}

/** The process that has this id now; undefined when there is none. */
export function identify(pid: number): ProcessIdentity | undefined {
  const started = process.platform === "linux" ? startedOnLinux(pid) : startedByPs(pid);
  return started === undefined ? undefined : { pid, started };
}

/** Whether the very process that was identified earlier still runs. */
export function isAlive(known: ProcessIdentity): boolean {
  return identify(known.pid)?.started === known.started;
}

/** Whether the process was one of those that can be seen from here: of this boot, and of this container where there are any. */
export function isOfThisSystem(known: ProcessIdentity): boolean {
  if (process.platform !== "linux") return true;
  return known.started.startsWith(`${systemOnLinux()}/`);
}

/** When a process of Linux started, in ticks since the boot. */
export function startTicks(known: ProcessIdentity): string {
  return known.started.slice(known.started.lastIndexOf("/") + 1);
}

function systemOnLinux(): string {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot}/${readlinkSync("/proc/self/ns/pid")}`;
}

/** Linux counts from boot, so that the boot's id belongs to it. A zombie counts as gone. */
function startedOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the command's name, may hold blanks and brackets: count from its end.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const state = fields[0];
    if (state === "Z" || state === "X") return undefined;
    return `${systemOnLinux()}/${fields[19]}`;
  } catch {
    return undefined;
  }
}

function startedByPs(pid: number): string | undefined {
  try {
    return execFileSync("ps", ["-o", "lstart=", "-p", String(pid)], { encoding: "utf8" }).trim() || undefined;
  } catch {
    return undefined;
  }
}
