import { MAX_VERIFICATIONS } from "./limits.ts";

/** Proves that an append was verified since the producer's last transaction ended here; never given twice. */
export type VerificationGuard = number;

export interface Verification {
  readonly guard: VerificationGuard;
  readonly startedMs: number;
  /** Of a client that speaks transactions V2: then the partition is added, not only asked for. */
  readonly addsPartition: boolean;
  producerEpoch: number;
  /** Of the batches that wait: none behind it may begin a transaction before it does. */
  lowestSequence: number;
}

/**
 * Which producers are about to begin a transaction in a partition (KIP-890): a batch may begin one only with a guard that was taken before
 * the coordinator was asked, and every append or marker of the producer makes it worthless. So an answer that comes late can't
 * let a batch into the transaction after the one that it was sent for.
 */
export class Verifications {
  private readonly byProducer = new Map<number, Verification>();
  private nextGuard: VerificationGuard = 1;

  get(producerId: number): Verification | undefined {
    return this.byProducer.get(producerId);
  }

  begin(batch: NewVerification, nowMs: number): VerificationGuard {
    const { producerId, producerEpoch, baseSequence, addsPartition } = batch;
    const known = this.byProducer.get(producerId);
    if (known === undefined) {
      const guard = this.nextGuard++;
      const started = { guard, startedMs: nowMs, addsPartition, producerEpoch, lowestSequence: baseSequence };
      this.byProducer.set(producerId, started);
      if (this.byProducer.size > MAX_VERIFICATIONS) this.forgetOldest();
      return guard;
    }
    if (producerEpoch > known.producerEpoch) {
      known.producerEpoch = producerEpoch;
      known.lowestSequence = baseSequence;
    } else if (producerEpoch === known.producerEpoch && baseSequence < known.lowestSequence) {
      known.lowestSequence = baseSequence;
    }
    return known.guard;
  }

  end(producerId: number): void {
    this.byProducer.delete(producerId);
  }

  expire(sinceMs: number): void {
    for (const [producerId, { startedMs }] of this.byProducer) {
      if (startedMs > sinceMs) return;
      this.byProducer.delete(producerId);
    }
  }

  private forgetOldest(): void {
    for (const producerId of this.byProducer.keys()) {
      this.byProducer.delete(producerId);
      return;
    }
  }
}

export interface NewVerification {
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly addsPartition: boolean;
}
