import { type RunResult, run } from "./run.ts";
import type { MemberSpec, Workload } from "./workload.ts";

const MAX_RUNS = 80;
const SHORTEST_MS = 500;

type Runner = (workload: Workload) => Promise<RunResult>;

const LISTS = [
  "faults",
  "admin",
  "watchers",
  "members",
  "copiers",
  "consumers",
  "sharers",
  "writers",
  "surveyors",
  "producers",
  "readers",
] as const;
type List = (typeof LISTS)[number];

/**
 * Leaves out of a failing workload whatever isn't needed to fail by one of the same rules. Every part has chance of its own, so what
 * stays behaves much as before.
 */
export async function shrink(failed: RunResult, runner: Runner = run): Promise<RunResult> {
  const shrinker = new Shrinker(failed, runner);
  await shrinker.shorten();
  for (const list of LISTS) await shrinker.thin(list);
  await shrinker.keepMembersAlive();
  await shrinker.shorten();
  return shrinker.smallest;
}

class Shrinker {
  smallest: RunResult;
  readonly #rules: ReadonlySet<string>;
  readonly #run: Runner;
  #runs = 0;

  constructor(failed: RunResult, runner: Runner) {
    this.smallest = failed;
    this.#run = runner;
    this.#rules = new Set(failed.rules);
  }

  async #try(workload: Workload): Promise<boolean> {
    if (this.#runs++ >= MAX_RUNS) return false;
    const result = await this.#run(workload);
    if (!result.rules.some((rule) => this.#rules.has(rule))) return false;
    this.smallest = result;
    return true;
  }

  /** Halves of a list first, then smaller and smaller parts of it. */
  async thin(list: List): Promise<void> {
    const parts = () => this.smallest.workload[list] ?? [];
    for (let size = Math.ceil(parts().length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < parts().length; ) {
        const { workload } = this.smallest;
        const left = [...parts().slice(0, at), ...parts().slice(at + size)];
        if (!(await this.#try({ ...workload, [list]: left }))) at += size;
      }
    }
  }

  async keepMembersAlive(): Promise<void> {
    for (let at = 0; at < this.smallest.workload.members.length; at++) {
      const { workload } = this.smallest;
      const members = workload.members.map(
        (member, index): MemberSpec => (index === at ? { ...member, ends: [] } : member),
      );
      if (workload.members[at].ends.length > 0) await this.#try({ ...workload, members });
    }
  }

  async shorten(): Promise<void> {
    for (const share of [0.25, 0.5, 0.75]) {
      const { workload } = this.smallest;
      if (workload.untilMs < SHORTEST_MS) return;
      if (await this.#try({ ...workload, untilMs: Math.floor(workload.untilMs * share) })) return this.shorten();
    }
  }
}
