/**
 * `npm run fuzz -- --parsers [--minutes N] [--seed N] [--target NAME] [--keep]`: coverage-guided fuzzing of every parser that takes bytes
 * from outside, in this process. `--keep` writes what reached something new to `test/fuzz/corpus/`. What goes wrong is printed as base64,
 * as small as it could be made, and ends the run with 1.
 */
import { readCorpus, writeCorpus } from "#test/fuzz/corpus.ts";
import { Coverage } from "#test/fuzz/coverage.ts";
import { type Finding, Fuzzer, type FuzzTarget } from "#test/fuzz/fuzzer.ts";
import { loadTargets } from "#test/fuzz/targets.ts";

const ROUND = 512;

export interface ParserFuzzing {
  readonly minutes: number;
  readonly seed: number;
  readonly target: string | undefined;
  readonly keep: boolean;
}

export async function fuzzParsers({ minutes, seed, target, keep }: ParserFuzzing): Promise<number> {
  const coverage = new Coverage((url) => url.includes("/src/") && !url.includes("node_modules"));
  const targets = (await loadTargets()).filter(({ name }) => target === undefined || name === target);
  console.log(`seed ${seed}, ${targets.length} targets, ${minutes} minutes`);
  console.log(
    "| target | inputs | a second | corpus | functions | parts not reached | found |\n|---|---|---|---|---|---|---|",
  );
  const findings: Finding[] = [];
  for (const one of targets) {
    const share = (minutes * 60_000) / targets.length;
    findings.push(...(await fuzzOne(one, { coverage: coverage.fresh(), seed, forMs: share, keep })));
  }
  coverage.close();
  for (const { target: name, input, error } of findings) {
    console.log(`\n${name}: ${Buffer.from(input).toString("base64")}\n${error}`);
  }
  return findings.length;
}

async function fuzzOne(
  target: FuzzTarget,
  { coverage, seed, forMs, keep }: { coverage: Coverage; seed: number; forMs: number; keep: boolean },
): Promise<readonly Finding[]> {
  const fuzzer = new Fuzzer(target, { seed, coverage });
  const startedAt = performance.now();
  await fuzzer.load([...readCorpus(target.name), ...target.seeds()]);
  while (performance.now() - startedAt < forMs && !fuzzer.isFull) await fuzzer.fuzz(ROUND);
  const seconds = (performance.now() - startedAt) / 1000;
  const { functions, idleParts } = coverage.summary;
  const cells = [target.name, fuzzer.runs, Math.round(fuzzer.runs / seconds), fuzzer.corpus.length];
  console.log(`| ${[...cells, functions, idleParts, fuzzer.findings.length].join(" | ")} |`);
  if (keep) writeCorpus(target.name, await fuzzer.smallestCorpus());
  return fuzzer.findings;
}
