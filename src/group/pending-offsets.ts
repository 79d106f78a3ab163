import type { CommittedOffset } from "./offsets.ts";
import type { OffsetPosition } from "./stored.ts";

/** An offset that counts once its producer's transaction is committed. */
interface PendingOffset {
  readonly position: OffsetPosition;
  readonly committed: CommittedOffset;
  /** Where it stands in the log among the pending ones. */
  readonly order: number;
  /** A later offset of the partition counts already; this one never will. */
  isSuperseded: boolean;
}

type ByProducer = Map<number, PendingOffset>;

/**
 * The offsets that open transactions have committed (KIP-98): held back until the transaction ends, and as long as one is open for a
 * partition, its offset isn't stable. Whatever the order in which transactions end, the offset that stands last in the log wins.
 */
export class PendingOffsets {
  private readonly byProducer = new Map<number, Map<string, PendingOffset>>();
  private readonly byGroup = new Map<string, Map<string, ByProducer>>();
  private nextOrder = 0;

  get hasAny(): boolean {
    return this.byProducer.size > 0;
  }

  add(producerId: number, position: OffsetPosition, committed: CommittedOffset): void {
    const key = keyOf(position);
    const pending = { position, committed, order: this.nextOrder++, isSuperseded: false };
    const ofProducer = this.byProducer.get(producerId) ?? new Map<string, PendingOffset>();
    ofProducer.set(`${position.groupId.length} ${position.groupId} ${key}`, pending);
    this.byProducer.set(producerId, ofProducer);
    const ofGroup = this.byGroup.get(position.groupId) ?? new Map<string, ByProducer>();
    const ofPosition = ofGroup.get(key) ?? new Map<number, PendingOffset>();
    ofPosition.set(producerId, pending);
    ofGroup.set(key, ofPosition);
    this.byGroup.set(position.groupId, ofGroup);
  }

  get(producerId: number, position: OffsetPosition): CommittedOffset | undefined {
    return this.ofPosition(position)?.get(producerId)?.committed;
  }

  /** Whether a transaction is open that has committed an offset for the partition. */
  isOpen(position: OffsetPosition): boolean {
    return this.ofPosition(position) !== undefined;
  }

  hasGroup(groupId: string): boolean {
    return this.byGroup.has(groupId);
  }

  /** The partitions for which open transactions of the group have committed offsets, each once. */
  *positionsOf(groupId: string): Generator<OffsetPosition, undefined> {
    for (const ofPosition of this.byGroup.get(groupId)?.values() ?? []) {
      const [pending] = ofPosition.values();
      yield pending.position;
    }
  }

  /** All of them, for `groupId` in turn. */
  *positions(): Generator<[OffsetPosition, CommittedOffset], undefined> {
    for (const pending of this.byProducer.values()) {
      for (const { position, committed } of pending.values()) yield [position, committed];
    }
  }

  /** An offset was committed outside of transactions: those before it come to nothing, though their transactions stay open. */
  supersede(position: OffsetPosition): void {
    for (const pending of this.ofPosition(position)?.values() ?? []) pending.isSuperseded = true;
  }

  /** The partition's offset was deleted, and with it what transactions have committed for it. What is taken away is told to `released`. */
  forget(position: OffsetPosition, released: (committed: CommittedOffset) => void): void {
    for (const producerId of [...(this.ofPosition(position)?.keys() ?? [])]) {
      const pending = this.remove(producerId, position);
      if (pending !== undefined) released(pending.committed);
    }
  }

  /** Ends the producer's transaction: all its offsets, and which of them count if it is committed. */
  end(producerId: number): { readonly all: readonly PendingOffset[]; readonly counting: readonly PendingOffset[] } {
    const all = [...(this.byProducer.get(producerId)?.values() ?? [])];
    for (const { position } of all) this.remove(producerId, position);
    return { all, counting: all.filter((pending) => !pending.isSuperseded) };
  }

  /** The offset counts now: those of other transactions that stand before it in the log never will. */
  supersedeBefore({ position, order }: PendingOffset): void {
    for (const pending of this.ofPosition(position)?.values() ?? []) {
      if (pending.order < order) pending.isSuperseded = true;
    }
  }

  private ofPosition(position: OffsetPosition): ByProducer | undefined {
    return this.byGroup.get(position.groupId)?.get(keyOf(position));
  }

  private remove(producerId: number, position: OffsetPosition): PendingOffset | undefined {
    const key = keyOf(position);
    const ofGroup = this.byGroup.get(position.groupId);
    const ofPosition = ofGroup?.get(key);
    const pending = ofPosition?.get(producerId);
    ofPosition?.delete(producerId);
    if (ofPosition?.size === 0) ofGroup?.delete(key);
    if (ofGroup?.size === 0) this.byGroup.delete(position.groupId);
    const ofProducer = this.byProducer.get(producerId);
    ofProducer?.delete(`${position.groupId.length} ${position.groupId} ${key}`);
    if (ofProducer?.size === 0) this.byProducer.delete(producerId);
    return pending;
  }
}

function keyOf({ topic, partitionIndex }: OffsetPosition): string {
  return `${partitionIndex} ${topic}`;
}
