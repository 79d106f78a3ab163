import type { Clock } from "#ports/clock.ts";
import type { Timers } from "#ports/timers.ts";
import { BUDGET_WAIT_MS, LEASE_MS, MAX_BUDGET_WAITERS } from "./limits.ts";

/** What a budget needs of the world; that of the request which asks. */
export interface BudgetPorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** A share of a budget, to be given back. */
export interface Lease {
  /** Keeps so many bytes and gives the others back. */
  shrinkTo(bytes: number): void;
  release(): void;
}

interface Share {
  bytes: number;
  readonly expiresMs: number;
}

interface Waiter {
  readonly bytes: number;
  readonly untilMs: number;
  readonly grant: (lease: Lease) => void;
}

/**
 * How many bytes all requests together may hold for one purpose. Who finds too few waits in order, but not for long.
 *
 * A runtime may drop the request of a client that has gone without running another line of it. So no holder and no waiter
 * is counted on: a share falls back after `LEASE_MS`, by which time its holder has let go of the bytes, and a waiter whose
 * time is over is passed over.
 */
export class ByteBudget {
  private readonly maxBytes: number;
  private usedBytes = 0;
  private readonly shares = new Set<Share>();
  private readonly waiters = new Set<Waiter>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** A lease at once, or null: also when others wait for theirs. */
  tryTake(bytes: number, clock: Clock): Lease | null {
    const nowMs = clock.nowMs();
    this.forgetWaiters(nowMs);
    return this.waiters.size > 0 ? null : this.lend(bytes, clock);
  }

  /** A lease when it is one's turn; null after `BUDGET_WAIT_MS`, or at once where too many wait. */
  async take(bytes: number, { clock, timers }: BudgetPorts): Promise<Lease | null> {
    const lease = this.tryTake(bytes, clock);
    if (lease !== null) return lease;
    if (bytes > this.maxBytes || this.waiters.size >= MAX_BUDGET_WAITERS) return null;
    const outcome = await new Promise<{ readonly lease: Lease | null; readonly cancel: () => void }>((resolve) => {
      const timeout = timers.set(() => {
        this.waiters.delete(waiter);
        resolve({ lease: null, cancel: () => {} });
      }, BUDGET_WAIT_MS);
      // Granted from within another request, which has no business with this one's timer: it is cancelled below.
      const grant = (granted: Lease): void => resolve({ lease: granted, cancel: () => timeout.cancel() });
      const waiter: Waiter = { bytes, untilMs: clock.nowMs() + BUDGET_WAIT_MS, grant };
      this.waiters.add(waiter);
    });
    outcome.cancel();
    // Others may have stood behind this one, and need less.
    if (outcome.lease === null) this.serve(clock);
    return outcome.lease;
  }

  private lend(bytes: number, clock: Clock): Lease | null {
    if (this.usedBytes + bytes > this.maxBytes) this.forgetShares(clock.nowMs());
    if (this.usedBytes + bytes > this.maxBytes) return null;
    const share: Share = { bytes, expiresMs: clock.nowMs() + LEASE_MS };
    this.shares.add(share);
    this.usedBytes += bytes;
    const shrinkTo = (kept: number): void => {
      if (!this.shares.has(share) || kept >= share.bytes) return;
      this.usedBytes -= share.bytes - kept;
      share.bytes = kept;
      if (kept === 0) this.shares.delete(share);
      this.serve(clock);
    };
    return { shrinkTo, release: () => shrinkTo(0) };
  }

  /** Gives to those who wait, in order, what there is. */
  private serve(clock: Clock): void {
    this.forgetWaiters(clock.nowMs());
    for (const waiter of this.waiters) {
      const lease = this.lend(waiter.bytes, clock);
      if (lease === null) return;
      this.waiters.delete(waiter);
      waiter.grant(lease);
    }
  }

  private forgetWaiters(nowMs: number): void {
    for (const waiter of this.waiters) if (waiter.untilMs <= nowMs) this.waiters.delete(waiter);
  }

  private forgetShares(nowMs: number): void {
    for (const share of this.shares) {
      if (share.expiresMs > nowMs) continue;
      this.shares.delete(share);
      this.usedBytes -= share.bytes;
    }
  }
}

/** What the requests of one app share. */
export interface Budgets {
  /** Request bodies that are being read. */
  readonly bodies: ByteBudget;
  /** Records that are being fetched, opened and answered. */
  readonly reads: ByteBudget;
}
