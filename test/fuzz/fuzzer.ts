import { Prng } from "../sim/prng.ts";
import type { Coverage } from "./coverage.ts";
import { mutate } from "./mutate.ts";

/** Something that takes bytes from outside. */
export interface FuzzTarget {
  readonly name: string;
  readonly maxBytes: number;
  /** Good input to begin with. */
  seeds(): readonly Uint8Array[];
  readonly words?: readonly Uint8Array[];
  /**
   * Takes any bytes and throws only when something is wrong. What it returns names the outcome coarsely; an outcome that is new is worth
   * as much as code that never ran.
   */
  run(input: Uint8Array): string | Promise<string>;
}

export interface Finding {
  readonly target: string;
  readonly input: Uint8Array;
  readonly error: string;
}

/** How many inputs share one look at the coverage, which costs as much as a hundred small inputs. */
const INPUTS_PER_LOOK = 64;
/** No parser needs so long for so few bytes. */
const SLOW_MS = 2_000;
const MAX_SHRINK_RUNS = 400;
const MAX_FINDINGS = 10;

/** Mutates a corpus, keeps what reaches something new, and collects what goes wrong. */
export class Fuzzer {
  readonly target: FuzzTarget;
  readonly corpus: Uint8Array[] = [];
  readonly findings: Finding[] = [];
  runs = 0;
  readonly #random: Prng;
  readonly #coverage: Coverage | null;
  readonly #outcomes = new Set<string>();

  /** Without coverage only new outcomes are worth keeping. */
  constructor(target: FuzzTarget, options: { seed: number; coverage: Coverage | null }) {
    this.target = target;
    this.#random = Prng.named(options.seed, target.name);
    this.#coverage = options.coverage;
  }

  /** Takes over what is worth it, the smallest first. */
  async load(inputs: readonly Uint8Array[]): Promise<void> {
    const empty = [new Uint8Array(0)];
    for (const input of [...empty, ...inputs].toSorted((one, other) => one.length - other.length)) {
      await this.#judge(input);
    }
    if (this.corpus.length === 0) this.corpus.push(...empty);
  }

  /** Tries so many mutants. */
  async fuzz(count: number): Promise<void> {
    for (let left = count; left > 0 && !this.isFull; left -= INPUTS_PER_LOOK) {
      const inputs = Array.from({ length: Math.min(left, INPUTS_PER_LOOK) }, () => this.#mutant());
      for (const input of inputs) {
        if (await this.#tellsSomethingNew(input)) this.corpus.push(input);
      }
      if (this.#coverage === null) continue;
      if (!this.#coverage.isNew(this.#coverage.look())) continue;
      for (const input of inputs) await this.#judge(input);
    }
  }

  get isFull(): boolean {
    return this.findings.length >= MAX_FINDINGS;
  }

  /** What of the corpus is needed to reach all that it reaches, the smallest first. */
  async smallestCorpus(): Promise<readonly Uint8Array[]> {
    const coverage = this.#coverage?.fresh() ?? null;
    const other = new Fuzzer(this.target, { seed: 0, coverage });
    await other.load(this.corpus);
    return other.corpus;
  }

  #mutant(): Uint8Array {
    const { corpus } = this;
    const { words = [], maxBytes } = this.target;
    // What came last is where something new was found.
    const recent = corpus.slice(-16);
    const input = this.#random.pick(this.#random.chance(0.4) ? recent : corpus);
    return mutate(input, { random: this.#random, corpus, words, maxBytes });
  }

  /** Runs it by itself, and keeps it when it reaches something new. */
  async #judge(input: Uint8Array): Promise<void> {
    this.#coverage?.look();
    const isNewOutcome = await this.#tellsSomethingNew(input);
    const ran = this.#coverage?.look();
    const isNewCode = ran !== undefined && this.#coverage?.isNew(ran) === true;
    if (ran !== undefined && isNewCode) this.#coverage?.add(ran);
    if ((isNewOutcome || isNewCode) && !this.corpus.includes(input)) this.corpus.push(input);
  }

  async #tellsSomethingNew(input: Uint8Array): Promise<boolean> {
    this.runs += 1;
    const { outcome, error } = await outcomeOf(this.target, input);
    if (error !== null && !this.findings.some((finding) => kindOf(finding.error) === kindOf(error))) {
      this.findings.push({ target: this.target.name, input: await this.#shrunken(input, error), error });
    }
    if (this.#outcomes.has(outcome)) return false;
    this.#outcomes.add(outcome);
    return error === null;
  }

  /** Leaves out whatever the same error doesn't need. */
  async #shrunken(input: Uint8Array, error: string): Promise<Uint8Array> {
    let smallest = input;
    let runs = 0;
    for (let size = Math.ceil(smallest.length / 2); size >= 1; size = Math.floor(size / 2)) {
      for (let at = 0; at < smallest.length && runs++ < MAX_SHRINK_RUNS; ) {
        const shorter = Uint8Array.from(Buffer.concat([smallest.subarray(0, at), smallest.subarray(at + size)]));
        const again = await outcomeOf(this.target, shorter);
        if (again.error !== null && kindOf(again.error) === kindOf(error)) smallest = shorter;
        else at += size;
      }
    }
    return smallest;
  }
}

/** Errors of one kind differ in their numbers only. */
function kindOf(error: string): string {
  return error.split("\n").slice(0, 2).join(" ").replaceAll(/\d+/g, "N");
}

export async function outcomeOf(
  target: FuzzTarget,
  input: Uint8Array,
): Promise<{ readonly outcome: string; readonly error: string | null }> {
  const startedAt = performance.now();
  try {
    const pending = target.run(input.slice());
    const outcome = typeof pending === "string" ? pending : await pending;
    const tookMs = performance.now() - startedAt;
    return { outcome, error: tookMs > SLOW_MS ? `${input.length} bytes took ${Math.round(tookMs)} ms` : null };
  } catch (error) {
    return { outcome: "broken", error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
