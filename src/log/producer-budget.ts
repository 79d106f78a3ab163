import { MAX_PRODUCERS_PER_BROKER, PRODUCERS_KEPT } from "./limits.ts";
import type { ProducerState } from "./producer-state.ts";

export interface ProducerLimits {
  readonly maxProducers: number;
  /** How many are left when there were more. */
  readonly keptProducers: number;
}

const LIMITS: ProducerLimits = { maxProducers: MAX_PRODUCERS_PER_BROKER, keptProducers: PRODUCERS_KEPT };

/** The producers that all open partitions of a broker remember. When they are too many, those silent for longest go, many at once. */
export class ProducerBudget {
  private readonly limits: ProducerLimits;
  private readonly states = new Set<ProducerState>();
  private total = 0;
  private sweepAbove: number;

  constructor(limits: ProducerLimits = LIMITS) {
    this.limits = limits;
    this.sweepAbove = limits.maxProducers;
  }

  get size(): number {
    return this.total;
  }

  add(state: ProducerState): void {
    this.states.add(state);
    this.changed(state.size);
  }

  /** For a partition that is deleted. */
  remove(state: ProducerState): void {
    if (this.states.delete(state)) this.total -= state.size;
  }

  /** One of the states has `difference` producers more than before, or fewer. */
  changed(difference: number): void {
    this.total += difference;
    if (this.total > this.sweepAbove) this.forgetSilent();
  }

  private forgetSilent(): void {
    const { maxProducers, keptProducers } = this.limits;
    const excess = this.total - keptProducers;
    const seen = new Float64Array(this.total);
    let at = 0;
    for (const state of this.states) for (const { lastSeenMs } of state.entries()) seen[at++] = lastSeenMs;
    const lastSeenMs = seen.sort()[excess - 1];
    let left = excess;
    for (const state of this.states) left -= state.forgetSilentSince(lastSeenMs, left);
    this.total -= excess - left;
    // Those with unanswered appends stay; when they are many, the next sweep waits until there is something new to find.
    this.sweepAbove = Math.max(maxProducers, this.total + maxProducers - keptProducers);
  }
}
