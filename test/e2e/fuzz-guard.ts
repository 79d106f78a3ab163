/** Watches the broker's processes while it is fuzzed: memory, open files, and that they are still the same ones. */
import type { Kedge } from "./kedge.ts";
import { openFiles, residentBytes, treeOf } from "./process-tree.ts";

/** What the process tree may grow by from the end of the first batch to the end. Topics that mutants create are part of it. */
export const MAX_GROWTH_BYTES = 192 * 1024 * 1024;
/** What it may ever take: a few batches inflated at once, not a frame's lying size. */
export const MAX_RESIDENT_BYTES = 1024 * 1024 * 1024;
const MAX_FILES_LEFT = 8;
const SETTLE_MS = 15_000;

export interface FuzzGuard {
  /** Throws when memory is beyond its bound or a process was replaced. */
  afterBatch(): void;
  /** Waits for what is still open to close, and throws when connections stay behind. */
  atEnd(): Promise<void>;
  summary(): string;
}

export function guard(kedge: Kedge): FuzzGuard {
  const pid = kedge.launcherPid;
  const processes = treeOf(pid).join(" ");
  const filesBefore = openFiles(pid);
  let warm: number | undefined;
  let peak = 0;
  const afterBatch = (): void => {
    const resident = residentBytes(pid);
    warm ??= resident;
    peak = Math.max(peak, resident);
    if (treeOf(pid).join(" ") !== processes) throw new Error("a process of the broker was replaced");
    if (resident > MAX_RESIDENT_BYTES) throw new Error(`the broker takes ${megabytes(resident)} MB`);
    if (resident - warm > MAX_GROWTH_BYTES) throw new Error(`the broker grew from ${megabytes(warm)} to ${megabytes(resident)} MB`);
  };
  const atEnd = async (): Promise<void> => {
    const deadline = Date.now() + SETTLE_MS;
    while (openFiles(pid) > filesBefore + MAX_FILES_LEFT) {
      if (Date.now() > deadline) throw new Error(`${openFiles(pid) - filesBefore} files or connections stay open`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    afterBatch();
  };
  const summary = (): string => {
    const now = megabytes(residentBytes(pid));
    return `resident memory ${megabytes(warm ?? 0)} MB after the first batch, ${now} MB at the end, ${megabytes(peak)} MB at most; ${openFiles(pid) - filesBefore} more open files than before`;
  };
  return { afterBatch, atEnd, summary };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
