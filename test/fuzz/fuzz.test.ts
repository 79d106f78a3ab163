import { describe, expect, it } from "vitest";
import { MAX_CORPUS_BYTES, readCorpus } from "./corpus.ts";
import { Coverage } from "./coverage.ts";
import { Fuzzer, type FuzzTarget, outcomeOf } from "./fuzzer.ts";
import { loadTargets } from "./targets.ts";

const SEED = 20_261_122;
const MUTANTS = 600;
const targets = await loadTargets();

describe("parsers", () => {
  it.each(targets)("$name: takes its corpus and mutants of it", async (target) => {
    const fuzzer = new Fuzzer(target, { seed: SEED, coverage: null });
    await fuzzer.load([...readCorpus(target.name), ...target.seeds()]);
    await fuzzer.fuzz(MUTANTS);
    expect(fuzzer.findings).toEqual([]);
    expect(fuzzer.runs).toBeGreaterThan(MUTANTS);
  });

  it.each(targets)("$name: has a small corpus", ({ name }) => {
    const corpus = readCorpus(name);
    expect(corpus.length).toBeGreaterThan(3);
    expect(corpus.reduce((sum, input) => sum + input.length, 0)).toBeLessThan(MAX_CORPUS_BYTES);
  });
});

/** A bug behind four bytes, each of which has to be of its own kind before the next one matters. */
function buried(input: Uint8Array): string {
  let depth = 0;
  if (input[0] >> 5 === 1) {
    depth += 1;
    if (input[1] >> 5 === 6) {
      depth += 1;
      if (input[2] >> 5 === 3) {
        depth += 1;
        if (input[3] >> 5 === 5) throw new Error("found");
      }
    }
  }
  return depth < 0 ? "never" : "fine";
}

describe("the fuzzer", () => {
  const target: FuzzTarget = {
    name: "buried",
    maxBytes: 20,
    seeds: () => [Uint8Array.of(1, 2, 3, 4, 5, 6)],
    run: buried,
  };

  it("follows coverage to a bug that chance alone would seldom meet, and makes it small", async () => {
    const coverage = new Coverage((url) => url.includes("fuzz.test"));
    const guided = new Fuzzer(target, { seed: 1, coverage });
    await guided.load(target.seeds());
    for (let round = 0; round < 200 && guided.findings.length === 0; round++) await guided.fuzz(128);
    coverage.close();
    expect(guided.findings.map(({ input }) => input.length)).toEqual([4]);
    // One input for each step on the way.
    expect(guided.corpus.length).toBeGreaterThan(3);
  });

  it("does the same for the same seed", async () => {
    const tried = async () => {
      const inputs: string[] = [];
      const spy = { ...target, run: (input: Uint8Array) => `${inputs.push(Buffer.from(input).toString("hex")) % 7}` };
      const fuzzer = new Fuzzer(spy, { seed: 5, coverage: null });
      await fuzzer.load(target.seeds());
      await fuzzer.fuzz(200);
      return inputs;
    };
    expect(await tried()).toEqual(await tried());
  });

  it("calls what a target throws an error, and what it returns an outcome", async () => {
    expect(await outcomeOf(target, Uint8Array.of(0x20, 0xc0, 0x60, 0xa0))).toMatchObject({
      outcome: "broken",
    });
    expect(await outcomeOf(target, new Uint8Array(4))).toEqual({ outcome: "fine", error: null });
  });
});
