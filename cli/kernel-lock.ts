import { spawnSync } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { join } from "node:path";

/** The program that asks the kernel, since Node can't. It is of the same package as setpriv. */
export const FLOCK = "/usr/bin/flock";

/** The file stays: whoever removed it could lock another one of the same name than a third does. */
export const KERNEL_LOCK = "lock.kernel";

/** How long a holder may take to end that was killed just now. */
const WAIT_SECONDS = 1;
const HELD_BY_ANOTHER = 75;

/**
 * The kernel's lock of a data directory (flock(2)). It belongs to an open file, which a child can inherit, and ends with the last process that has
 * it open, however that one ends. It is seen from other containers as well, where process ids say nothing.
 */
export interface KernelLock {
  /** The open file, for workerd to inherit; undefined where there is no such lock. */
  readonly descriptor: number | undefined;
  /** False when another holds it. Once taken it stays so. */
  take(): boolean;
  close(): void;
}

/** Opens the lock without taking it. Outside Linux, or without flock, it can be taken always and guards nothing. */
export function openKernelLock(dataDir: string): KernelLock {
  if (process.platform !== "linux" || !existsSync(FLOCK)) {
    return { descriptor: undefined, take: () => true, close: () => {} };
  }
  const descriptor = openSync(join(dataDir, KERNEL_LOCK), "a");
  let isTaken = false;
  return {
    descriptor,
    take: () => {
      isTaken ||= flock(descriptor);
      return isTaken;
    },
    close: () => closeSync(descriptor),
  };
}

/** The program locks the file that it inherits, which is open here as well: the lock outlives the program. */
function flock(descriptor: number): boolean {
  const args = ["--wait", String(WAIT_SECONDS), "--conflict-exit-code", String(HELD_BY_ANOTHER), "3"];
  const { status, error } = spawnSync(FLOCK, args, { stdio: ["ignore", "ignore", "inherit", descriptor] });
  if (status === HELD_BY_ANOTHER) return false;
  // A file system without such locks, for one: then the lock file alone has to do, as it has to elsewhere.
  if (status !== 0) console.error(`kedge: the kernel can't lock the data directory (${error?.message ?? status})`);
  return true;
}
