/**
 * Where benches run: always a process of its own, so that a sample can be the time which its main thread spent on a processor for
 * so many turns of one bench. On a busy machine the waiting for one would drown everything. Where the system doesn't tell
 * (/proc/PID/schedstat), it is the time on the wall.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import path from "node:path";
import type { Bench } from "./subject.ts";

export type RuntimeBench = Omit<Bench, "run">;

export interface Runtime {
  readonly name: "workerd" | "node" | "native";
  readonly benches: readonly RuntimeBench[];
  /** Runs `turns` turns of the bench at `index` of `benches`. */
  seconds(index: number, turns: number): Promise<number>;
  stop(): Promise<void>;
}

/** After its answer a process has this long to fall asleep, which is when the system settles its account. */
const SETTLE_MS = 2;

/** The seconds that the main thread of `child` took for `work`. */
export async function timed(child: ChildProcess, work: () => Promise<unknown>): Promise<number> {
  const before = nanoseconds(child);
  if (before === null) {
    const startedAt = performance.now();
    await work();
    return (performance.now() - startedAt) / 1000;
  }
  await work();
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return ((nanoseconds(child) ?? before) - before) / 1e9;
}

function nanoseconds({ pid }: ChildProcess): number | null {
  try {
    return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]);
  } catch {
    return null;
  }
}

/** The least that asking for nothing takes. */
export async function overheadSeconds(child: ChildProcess, ask: () => Promise<unknown>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let time = 0; time < 50; time++) least = Math.min(least, await timed(child, ask));
  return least;
}

/** Node, in bench/kernels/node-child.ts. */
export class NodeRuntime implements Runtime {
  readonly name = "node";
  readonly benches: readonly RuntimeBench[];
  private readonly child: ChildProcess;
  private overhead = 0;

  private constructor(child: ChildProcess, benches: readonly RuntimeBench[]) {
    this.child = child;
    this.benches = benches;
  }

  static async start(): Promise<NodeRuntime> {
    const child = fork(path.join(import.meta.dirname, "node-child.ts"), { execArgv: ["--no-warnings"] });
    process.once("exit", () => child.kill("SIGKILL"));
    const [benches] = (await once(child, "message")) as [RuntimeBench[]];
    const runtime = new NodeRuntime(child, benches);
    runtime.overhead = await overheadSeconds(child, () => runtime.ask(0, 0));
    return runtime;
  }

  async seconds(index: number, turns: number): Promise<number> {
    const seconds = await timed(this.child, () => this.ask(index, turns));
    return Math.max(seconds - this.overhead, 1e-6);
  }

  private async ask(index: number, turns: number): Promise<void> {
    this.child.send({ index, turns });
    await once(this.child, "message");
  }

  async stop(): Promise<void> {
    this.child.kill("SIGKILL");
  }
}
