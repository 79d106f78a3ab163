import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { lockDataDir } from "#cli/data-lock.ts";
import { FLOCK, KERNEL_LOCK } from "#cli/kernel-lock.ts";
import { identify, isAlive, type ProcessIdentity } from "#cli/processes.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "kedge-lock-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

function held() {
  const outcome = lockDataDir(dir);
  if (!("held" in outcome)) throw new Error(`held by ${outcome.heldBy?.pid}`);
  return outcome.held;
}

/** What stays is the file that the kernel locks. */
function files(): string[] {
  return readdirSync(dir).filter((name) => name !== KERNEL_LOCK);
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
    expect(files()).toEqual([]);
    held().release();
  });

  it("passes on from a process that was killed", async () => {
    leaveLock(await endedProcess());
    expect(held().leftBehind).toBeUndefined();
    expect(files()).toEqual(["lock"]);
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

describe.runIf(process.platform === "linux" && existsSync(FLOCK))("the kernel's lock of a data directory", () => {
  const holders: ChildProcess[] = [];
  afterEach(() => Promise.all(holders.splice(0).map(end)));

  async function end(holder: ChildProcess): Promise<void> {
    if (holder.exitCode !== null || holder.signalCode !== null) return;
    const closed = new Promise((resolve) => holder.once("close", resolve));
    holder.kill("SIGKILL");
    await closed;
  }

  /** Holds the lock as the workerd of another container does: its launcher has a process id that says nothing here. */
  async function holdElsewhere(): Promise<ChildProcess> {
    const launcher = { pid: 7, started: "the-boot/pid:[4026532758]/4711" };
    leaveLock(launcher, { ...launcher, pid: 8 });
    const args = ["--no-fork", join(dir, KERNEL_LOCK), "sh", "-c", "echo held; exec sleep 600"];
    const holder = spawn(FLOCK, args, { stdio: ["ignore", "pipe", "ignore"] });
    holders.push(holder);
    await new Promise((resolve) => holder.stdout.once("data", resolve));
    return holder;
  }

  it("keeps the directory for a Kedge that can't be seen from here, and leaves its files alone", async () => {
    const holder = await holdElsewhere();
    const text = readFileSync(join(dir, "lock"), "utf8");
    expect(lockDataDir(dir)).toEqual({ heldBy: undefined });
    expect(files()).toEqual(["lock"]);
    expect(readFileSync(join(dir, "lock"), "utf8")).toBe(text);
    await end(holder);
    const lock = held();
    expect(lock.takeKernelLock()).toBe(true);
    lock.release();
  });

  it("keeps it also when the file that names the holder is gone", async () => {
    await holdElsewhere();
    rmSync(join(dir, "lock"));
    const lock = held();
    expect(lock.takeKernelLock()).toBe(false);
    lock.release();
  });

  it("lives in whoever inherited it, and ends with the last one", async () => {
    const lock = held();
    expect(lock.takeKernelLock()).toBe(true);
    const heir = spawn("sleep", ["600"], { stdio: ["ignore", "ignore", "ignore", lock.descriptor as number] });
    holders.push(heir);
    lock.release();
    const next = held();
    expect(next.takeKernelLock()).toBe(false);
    await end(heir);
    expect(next.takeKernelLock()).toBe(true);
    next.release();
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
