import type { Anomaly, CheckOptions, Rule } from "./history.ts";

/** Of each rule so many are told; one is enough to know. */
const MAX_PER_RULE = 20;

/** Collects anomalies, and knows which of them old instances excuse. */
export class Report {
  readonly anomalies: Anomaly[] = [];
  readonly options: CheckOptions;
  private readonly quietMs: number;
  private readonly counts = new Map<Rule, number>();

  constructor(options: CheckOptions, quietMs: number) {
    this.options = options;
    this.quietMs = quietMs;
  }

  add(rule: Rule, message: string): void {
    const count = (this.counts.get(rule) ?? 0) + 1;
    this.counts.set(rule, count);
    if (count <= MAX_PER_RULE) this.anomalies.push({ rule, message });
  }

  /** Must a read that began now have seen all that was there before? */
  mustBeFresh(invokedMs: number): boolean {
    return this.options.staleReads !== true || invokedMs >= this.quietMs;
  }

  /** When the quiet time begins; infinity without one. */
  get quietFromMs(): number {
    return this.quietMs;
  }

  isQuiet(atMs: number): boolean {
    return atMs >= this.quietMs;
  }
}
