import type { Rewrite } from "./rewrite.ts";

/** A bug sown into the core, and within how many seeds the simulation finds it. */
export interface Mutant extends Rewrite {
  readonly name: string;
  readonly seeds: number;
  /** The seed that found it the last time: it is tried before the others. */
  readonly foundBy?: number;
}
