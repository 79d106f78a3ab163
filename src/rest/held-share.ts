import type { TimerHandle } from "#ports/timers.ts";
import type { BudgetPorts, ByteBudget, Lease } from "./budget.ts";
import { SLOW_READER_MS } from "./limits.ts";

/**
 * What a live tail holds while its client takes a chunk, as a share of a budget, and for `SLOW_READER_MS` at most: otherwise clients
 * that don't read would hold a fetch answer of every leader for ever.
 */
export class HeldShare {
  private readonly budget: ByteBudget;
  private readonly ports: BudgetPorts;
  private readonly onSlow: () => void;
  private readonly leases: Lease[] = [];
  private bytes = 0;
  private timeout: TimerHandle | null = null;

  constructor(budget: ByteBudget, ports: BudgetPorts, onSlow: () => void) {
    this.budget = budget;
    this.ports = ports;
    this.onSlow = onSlow;
  }

  /** Takes what is missing for so many bytes in all. False: there is no room for them. */
  growTo(bytes: number): boolean {
    const missing = bytes - this.bytes;
    if (missing <= 0) return true;
    const lease = this.budget.tryTake(missing, this.ports.clock);
    if (lease === null) return false;
    this.leases.push(lease);
    this.bytes = bytes;
    this.timeout ??= this.ports.timers.set(this.onSlow, SLOW_READER_MS);
    return true;
  }

  release(): void {
    this.timeout?.cancel();
    this.timeout = null;
    for (const lease of this.leases.splice(0)) lease.release();
    this.bytes = 0;
  }
}
