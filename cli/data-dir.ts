import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Each of four databases needs a file of 32 KB, by which SQLite shares memory, and the first pages of a log. */
const START_BYTES = 512 << 10;
const NO_ROOM = ["ENOSPC", "EDQUOT"];

/** Makes the data directory where there is none yet. @throws Error that names it where that can't be. */
export function makeDataDir(dataDir: string): void {
  inDataDir(dataDir, () => mkdirSync(dataDir, { recursive: true }));
}

/** Whether a start finds the room that it needs. The caller holds the lock; workerd by itself doesn't say that it misses any. */
export function hasRoom(dataDir: string): boolean {
  const path = join(dataDir, "room");
  try {
    writeFileSync(path, Buffer.alloc(START_BYTES));
    return true;
  } catch (error) {
    return !NO_ROOM.includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    rmSync(path, { force: true });
  }
}

/** Does something in the data directory. @throws Error that names it, and says what to do, in place of the system's own. */
export function inDataDir<T>(dataDir: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const what = NO_ROOM.includes(code) ? "has no room: its disk is full" : `can't be used (${message})`;
    throw new Error(`the data directory ${dataDir} ${what}; mend that, or choose another one with --data`);
  }
}
