import { describe, expect, it } from "vitest";
import { Coverage } from "./coverage.ts";
import { Fuzzer, type FuzzTarget, outcomeOf } from "./fuzzer.ts";

/** A bug behind three bytes, each of which has to be of its own kind before the next one matters. */
function buried(input: Uint8Array): string {
  let depth = 0;
  if (input[0] >> 5 === 1) {
    depth += 1;
    if (input[1] >> 5 === 6) {
      depth += 1;
      if (input[2] >> 5 === 3) throw new Error("found");
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
    const coverage = new Coverage((url) => url.includes("fuzzer.test"));
    const guided = new Fuzzer(target, { seed: 1, coverage });
    await guided.load(target.seeds());
    for (let round = 0; round < 200 && guided.findings.length === 0; round++) await guided.fuzz(128);
    coverage.close();
    expect(guided.findings.map(({ input }) => input.length)).toEqual([3]);
    // One input for each step on the way.
    expect(guided.corpus.length).toBeGreaterThan(2);
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
    expect(await outcomeOf(target, Uint8Array.of(0x20, 0xc0, 0x60))).toMatchObject({
      outcome: "broken",
    });
    expect(await outcomeOf(target, new Uint8Array(3))).toEqual({ outcome: "fine", error: null });
  });
});
