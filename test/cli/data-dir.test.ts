import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hasRoom, inDataDir, makeDataDir } from "#cli/data-dir.ts";
import { lockDataDir } from "#cli/data-lock.ts";
import { KERNEL_LOCK } from "#cli/kernel-lock.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "kedge-dir-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

/** Every write to it finds the disk full. */
const FULL = "/dev/full";

describe("a data directory", () => {
  it("is made where there is none", () => {
    makeDataDir(join(dir, "a", "b"));
    makeDataDir(join(dir, "a", "b"));
    expect(existsSync(join(dir, "a", "b"))).toBe(true);
  });

  it("is named when it can't be made", () => {
    const file = join(dir, "file");
    writeFileSync(file, "");
    expect(() => makeDataDir(file)).toThrow(`the data directory ${file} can't be used (EEXIST`);
    expect(() => makeDataDir(join(file, "below"))).toThrow(`the data directory ${join(file, "below")} can't be used`);
  });

  it("leaves errors alone that aren't the system's", () => {
    const error = new Error("ours");
    expect(() =>
      inDataDir(dir, () => {
        throw error;
      }),
    ).toThrow(error);
  });

  it("has room, and keeps nothing of the trial", () => {
    expect(hasRoom(dir)).toBe(true);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.runIf(existsSync(FULL))("has no room on a full disk", () => {
    symlinkSync(FULL, join(dir, "room"));
    expect(hasRoom(dir)).toBe(false);
    expect(readdirSync(dir)).toEqual([]);
  });

  it.runIf(existsSync(FULL))("is named when its disk is too full for a lock, of which nothing stays", () => {
    symlinkSync(FULL, join(dir, `lock.${process.pid}`));
    expect(() => inDataDir(dir, () => lockDataDir(dir))).toThrow(
      `the data directory ${dir} has no room: its disk is full`,
    );
    expect(readdirSync(dir).filter((name) => name !== KERNEL_LOCK)).toEqual([]);
  });
});
