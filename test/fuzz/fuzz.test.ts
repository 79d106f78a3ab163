import { describe, expect, it } from "vitest";
import { MAX_CORPUS_BYTES, readCorpus } from "./corpus.ts";
import { Fuzzer } from "./fuzzer.ts";
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
