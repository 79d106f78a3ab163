import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDataDir } from "#cli/data-lock.ts";
import { identify, isAlive, type ProcessIdentity } from "#cli/processes.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "kedge-lock-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function held() {
  const outcome = lockDataDir(dir);
  if (!("held" in outcome)) throw new Error(`held by ${outcome.heldBy.pid}`);
  return outcome.held;
}

function leaveLock(launcher: unknown, runtime?: ProcessIdentity) {
  writeFileSync(join(dir, "lock"), JSON.stringify({ launcher, runtime }));
}

async function endedProcess(): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60_000)"]);
  const identity = identify(child.pid as number) as ProcessIdentity;
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  return identity;
}

describe("the lock of a data directory", () => {
  it("is held by one process until it is released, and leaves nothing behind", () => {
    const lock = held();
    expect(lockDataDir(dir)).toEqual({ heldBy: identify(process.pid) });
    lock.noteRuntime(process.pid);
    expect(lockDataDir(dir)).toEqual({ heldBy: identify(process.pid) });
    lock.release();
    expect(readdirSync(dir)).toEqual([]);
    held().release();
  });

  it("passes on from a process that was killed", async () => {
    leaveLock(await endedProcess());
    expect(held().leftBehind).toBeUndefined();
    expect(readdirSync(dir)).toEqual(["lock"]);
  });

  it("passes on when the process id belongs to somebody else by now", () => {
    leaveLock({ pid: process.pid, started: "long ago" });
    expect(held().leftBehind).toBeUndefined();
  });

  it("passes on from a file that says nothing", () => {
    for (const text of ["", "{", "null", "{}", '{"launcher":{"pid":"x"}}']) {
      writeFileSync(join(dir, "lock"), text);
      held().release();
    }
    expect(existsSync(join(dir, "lock"))).toBe(false);
  });

  it("tells of a workerd that outlived its launcher, and only while it lives", async () => {
    const workerd = identify(process.pid) as ProcessIdentity;
    leaveLock(await endedProcess(), workerd);
    const lock = held();
    expect(lock.leftBehind).toEqual(workerd);
    lock.release();
    leaveLock(await endedProcess(), await endedProcess());
    expect(held().leftBehind).toBeUndefined();
  });
});

describe("the identity of a process", () => {
  it("is that of one process in one life", async () => {
    const ended = await endedProcess();
    expect(isAlive(ended)).toBe(false);
    expect(isAlive(identify(process.pid) as ProcessIdentity)).toBe(true);
    expect(identify(ended.pid)).toBeUndefined();
  });
});
