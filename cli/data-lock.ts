import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openKernelLock } from "./kernel-lock.ts";
import { identify, isAlive, isOfThisSystem, type ProcessIdentity } from "./processes.ts";

/** Who uses a data directory: the launcher and, once it runs, its workerd. */
export interface LockHolder {
  readonly launcher: ProcessIdentity;
  readonly runtime?: ProcessIdentity | undefined;
}

/** `heldBy` is undefined when the holder can't be seen from here, being in another container. */
export type LockOutcome = { readonly held: DataLock } | { readonly heldBy: ProcessIdentity | undefined };

export interface DataLock {
  /** The file, for whoever releases it in the launcher's place. */
  readonly path: string;
  /** A workerd that its killed launcher left behind on this directory. It must end before the directory is used. */
  readonly leftBehind: ProcessIdentity | undefined;
  /** What workerd has to inherit, so that the kernel holds the lock as long as it lives; undefined where the kernel doesn't. */
  readonly descriptor: number | undefined;
  /** Takes the kernel's lock as well, once what was left behind has ended. False when another Kedge holds it: then nothing here may be touched. */
  takeKernelLock(): boolean;
  /** Notes the workerd, for whoever finds this lock stale. */
  noteRuntime(pid: number): void;
  release(): void;
}

/**
 * Takes the lock of a data directory, a file that names its holder. A holder that no longer lives, also one that was killed and whose
 * process id belongs to another process by now, loses it, unless the kernel says that it still holds the directory: process ids say nothing of
 * another container.
 */
export function lockDataDir(dataDir: string): LockOutcome {
  const path = join(dataDir, "lock");
  const launcher = identify(process.pid);
  if (!launcher) throw new Error("this process can't find itself");
  const kernel = openKernelLock(dataDir);
  const refuse = (heldBy: ProcessIdentity | undefined) => {
    kernel.close();
    return { heldBy };
  };
  let leftBehind: ProcessIdentity | undefined;
  for (;;) {
    if (createLock(path, { launcher })) break;
    const found = readLock(path);
    if (found === undefined) continue;
    if (found.holder && isAlive(found.holder.launcher)) return refuse(found.holder.launcher);
    const runtime = found.holder?.runtime;
    const outlived = runtime && isAlive(runtime) ? runtime : undefined;
    if (!outlived && !kernel.take()) return refuse(undefined);
    if (!removeStale(path, found.text)) continue;
    leftBehind = outlived ?? leftBehind;
  }
  return {
    held: {
      path,
      leftBehind,
      descriptor: kernel.descriptor,
      takeKernelLock: kernel.take,
      noteRuntime: (pid) => {
        const draft = `${path}.${process.pid}`;
        writeFileSync(draft, JSON.stringify({ launcher, runtime: identify(pid) } satisfies LockHolder));
        renameSync(draft, path);
      },
      release: () => {
        rmSync(path, { force: true });
        kernel.close();
      },
    },
  };
}

/**
 * Whether a data directory is surely nobody's: it says who held it, and neither that launcher nor its workerd lives. False when it was
 * held where this process can't look, in another container for one.
 */
export function isAbandoned(dataDir: string): boolean {
  try {
    const holder = readLock(join(dataDir, "lock"))?.holder;
    if (!holder || !isOfThisSystem(holder.launcher)) return false;
    return ![holder.launcher, holder.runtime].some((each) => each && isAlive(each));
  } catch {
    return false;
  }
}

/** Creates the lock with its content in one step: a reader never sees it half written. False when there is one already. */
function createLock(path: string, holder: LockHolder): boolean {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, JSON.stringify(holder));
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

function readLock(path: string): { text: string; holder: LockHolder | undefined } | undefined {
  try {
    const text = readFileSync(path, "utf8");
    return { text, holder: parseHolder(text) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function parseHolder(text: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(text) as LockHolder;
    return Number.isInteger(holder.launcher?.pid) && typeof holder.launcher.started === "string" ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** Moves the stale lock away; gives it back when another launcher was faster and this is its fresh one. */
function removeStale(path: string, staleText: string): boolean {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
  const isStale = readFileSync(aside, "utf8") === staleText;
  if (!isStale) linkSync(aside, path);
  rmSync(aside, { force: true });
  return isStale;
}
