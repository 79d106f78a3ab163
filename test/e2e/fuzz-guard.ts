/** Watches the broker's processes while it is fuzzed: memory, open files, and that workerd is still the same one. */
import type { Kedge } from "./kedge.ts";
import { openFiles, residentBytes, treeOf } from "./process-tree.ts";

/**
 * By then the heap, the caches of the log and the buffers of as many connections as are ever open at once have their size
 * (measured: level from 30,000 frames on). A leak goes on growing.
 */
export const WARM_FRAMES = 40_000;
/** What the process tree may grow by after that. */
export const MAX_GROWTH_BYTES = 96 * 1024 * 1024;
/** What it may ever take: a few batches inflated at once, not a frame's lying size. */
export const MAX_RESIDENT_BYTES = 768 * 1024 * 1024;
const MAX_FILES_LEFT = 8;
const SETTLE_MS = 15_000;

export interface FuzzGuard {
  /** Throws when memory is beyond its bound or workerd is gone. */
  afterBatch(sentFrames: number): void;
  /** Waits for what is still open to close, and throws when connections stay behind. */
  atEnd(): Promise<void>;
  summary(): string;
}

export function guard(kedge: Kedge): FuzzGuard {
  const pid = kedge.launcherPid;
  const filesBefore = openFiles(pid);
  let warm: number | undefined;
  let peak = 0;
  const afterBatch = (sentFrames: number): void => {
    const resident = residentBytes(pid);
    if (sentFrames >= WARM_FRAMES) warm ??= resident;
    peak = Math.max(peak, resident);
    if (!treeOf(pid).includes(kedge.workerdPid)) throw new Error("workerd ended");
    if (resident > MAX_RESIDENT_BYTES) throw new Error(`the broker takes ${megabytes(resident)} MB`);
    if (warm !== undefined && resident - warm > MAX_GROWTH_BYTES) {
      throw new Error(`the broker grew from ${megabytes(warm)} to ${megabytes(resident)} MB`);
    }
  };
  const atEnd = async (): Promise<void> => {
    const deadline = Date.now() + SETTLE_MS;
    while (openFiles(pid) > filesBefore + MAX_FILES_LEFT) {
      if (Date.now() > deadline) throw new Error(`${openFiles(pid) - filesBefore} files or connections stay open`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    afterBatch(0);
  };
  const summary = (): string => {
    const now = megabytes(residentBytes(pid));
    const then = warm === undefined ? "" : `${megabytes(warm)} MB after ${WARM_FRAMES} frames, `;
    return `resident memory ${then}${now} MB at the end, ${megabytes(peak)} MB at most; ${openFiles(pid) - filesBefore} more open files than before`;
  };
  return { afterBatch, atEnd, summary };
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1_048_576);
}
