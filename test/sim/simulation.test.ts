import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, it } from "vitest";
import type { Fault } from "./faults.ts";
import { generate } from "./generate.ts";
import { MUTANTS } from "./mutants/list.ts";
import { rewritten } from "./mutants/rewrite.ts";
import { SMALL_LIMITS } from "./mutants/small-limits.ts";
import { regressions } from "./regressions.ts";
import { type RunResult, run } from "./run.ts";
import { shrink } from "./shrink.ts";
import type { Workload } from "./workload.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const UNTIL_MS = 8_000;

/** `npm run sim` with some arguments, in a process of its own: the hook that makes limits small works on modules while they load. */
function sim(args: readonly string[], mutant?: string) {
  const env = mutant === undefined ? process.env : { ...process.env, KEDGE_SIM_MUTANT: mutant };
  const command = ["--no-warnings", "--import", "./test/sim/mutants/hook.ts", "scripts/sim.ts", "--brief", ...args];
  return spawnSync(process.execPath, command, { cwd: ROOT, env, encoding: "utf8" });
}

describe("the simulation", () => {
  // The second one has transactions, consumer groups and share groups over several brokers.
  it.each([7, 31])("does the same twice, byte for byte: seed %i", async (seed) => {
    const workload = generate(seed, UNTIL_MS);
    const [one, other] = [await run(workload, true), await run(workload, true)];
    expect(one.trace.length).toBeGreaterThan(1_000);
    expect(other.trace.join("\n")).toBe(one.trace.join("\n"));
    expect(JSON.stringify(other.history)).toBe(JSON.stringify(one.history));
    expect(other.traceHash).toBe(one.traceHash);
  });

  it("does something else for another seed", async () => {
    const [one, other] = [await run(generate(7, UNTIL_MS)), await run(generate(8, UNTIL_MS))];
    expect(other.traceHash).not.toBe(one.traceHash);
  });

  it("finds no promise broken, with limits as they are", async () => {
    const done = new Set<string>();
    for (const seed of [1, 2, 31]) {
      const { problems, history } = await run(generate(seed, UNTIL_MS));
      expect(problems, `seed ${seed}`).toEqual([]);
      for (const event of history) done.add("outcome" in event ? `${event.type} ${event.outcome}` : event.type);
    }
    expect([...done]).toEqual(
      expect.arrayContaining([
        "produce acknowledged",
        "commit acknowledged",
        "transaction committed",
        "transaction aborted",
        "heartbeat",
        "acquisition",
        "acknowledgement acknowledged",
      ]),
    );
  });

  it("finds no promise broken, with limits made small", () => {
    const { status, stdout, stderr } = sim(["--from", "101", "--seeds", "10", "--until", `${UNTIL_MS}`]);
    expect(stdout + stderr).toContain("0 failed");
    expect(status).toBe(0);
  });

  it("finds nothing again that it has found, with limits made small", () => {
    const { status, stdout, stderr } = sim(["--regressions"]);
    expect(stdout + stderr).toContain(`${regressions.length} regressions; 0 failed`);
    expect(status).toBe(0);
  });

  it.each(regressions)("seed $seed: $what", async ({ workload }) => {
    expect((await run(workload)).problems).toEqual([]);
  });
});

describe("mutants", () => {
  const source = (file: string) => readFileSync(path.join(ROOT, file), "utf8");

  it.each([...SMALL_LIMITS, ...MUTANTS])("can be sown into $file", (rewrite) => {
    expect(rewritten(source(rewrite.file), rewrite)).not.toBe(source(rewrite.file));
  });

  it("has a list of at least twenty, each with its own name", () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
    expect(MUTANTS.length).toBeGreaterThanOrEqual(20);
  });

  it.each([
    ["produce is answered before the commit", 1],
    ["fetch reads to the log end", 1],
    ["read_committed reads to the high watermark", 13],
    // Without it the late writes of `late-write.test.ts` get into later transactions.
    ["nobody asks whether a batch belongs to its transaction", 34],
  ])("%s: is found", (name, from) => {
    const { status, stdout } = sim(["--from", `${from}`, "--seeds", "5"], name);
    expect(stdout).toMatch(/^seed \d+ fails:/m);
    expect(status).toBe(1);
  });
});

describe("shrinking", () => {
  it("keeps what the failure needs, and nothing else", async () => {
    const result = (workload: Workload, rules: readonly string[]): RunResult => ({
      workload,
      rules,
      problems: rules,
      simulatedMs: 0,
      events: 0,
      traceHash: "",
      trace: [],
      history: [],
    });
    // Fails whenever a crash of broker 1 meets the producer p1.
    const runner = (workload: Workload) => {
      const hasCrash = workload.faults.some((fault) => fault.kind === "crash" && fault.atMs === 5_000);
      const isBroken = hasCrash && workload.producers.some(({ name }) => name === "p1");
      return Promise.resolve(result(workload, isBroken ? ["lost"] : []));
    };
    const made = generate(3, UNTIL_MS);
    const crash: Fault = { kind: "crash", atMs: 5_000, broker: 1, downMs: 0, isSilent: false };
    const { workload } = await shrink(result({ ...made, faults: [...made.faults, crash] }, ["lost"]), runner);
    expect(workload).toMatchObject({ faults: [crash], admin: [], members: [], readers: [], watchers: [] });
    expect(workload.producers.map(({ name }) => name)).toEqual(["p1"]);
  });
});
