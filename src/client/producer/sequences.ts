import { partitionKey } from "../topic-partition.ts";
import type { Identity, ProducerBatch } from "./batch.ts";
import { addSequence, sequenceDistance } from "./sequence-numbers.ts";

const MAX_EPOCH = 32_767;
const NONE = -1;
/** As many batches of a producer a broker remembers in a partition. */
const MAX_UNANSWERED = 5;

/** What one producer knows of one partition that it writes to. */
interface Entry {
  identity: Identity;
  nextSequence: number;
  lastAckedSequence: number;
  lastAckedOffset: number;
  /** Batches that have a sequence and no final answer, ascending: on their way, or waiting to be sent again. */
  inFlight: ProducerBatch[];
  /** Behind the last sequence of a batch whose fate will stay unknown; null when there is none. */
  unresolved: number | null;
}

/**
 * The sequence numbers of an idempotent producer (KIP-98, KIP-360). Within a partition batches are numbered without gaps, and the
 * broker refuses what isn't next. Where a gap can't be closed any more the producer's epoch grows, the partition begins anew at 0 and what
 * is still under way there is renumbered.
 *
 * Invariants: the batches of `inFlight` have consecutive sequences of one identity, that of the entry; a batch gets its first sequence only
 * when the entry has the current identity.
 */
export class Sequences {
  /** Null until a producer id was given. */
  private current: Identity | null = null;
  private readonly entries = new Map<string, Entry>();
  /** Partitions that begin anew once the epoch has grown. */
  private readonly renumbered = new Set<string>();
  /** Partitions whose leader has taken a batch of this producer id. */
  private readonly introduced = new Set<string>();

  get identity(): Identity | null {
    return this.current;
  }

  /** A producer id was given. With `startsOver` every partition begins at 0, as after a transaction's end with a new epoch. */
  adopt(identity: Identity, startsOver: boolean): void {
    if (this.current?.producerId !== identity.producerId) this.introduced.clear();
    this.current = identity;
    if (startsOver) {
      this.entries.clear();
      this.renumbered.clear();
      return;
    }
    this.startRenumbered();
  }

  /** May the head of a partition's queue be sent now? */
  mayDrain(batch: ProducerBatch): boolean {
    if (this.current === null) return false;
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || entry.inFlight.length === 0) return true;
    // A batch that is sent again goes alone, until the broker has taken it: it must be the next in line.
    if (batch.sequence !== null) return entry.inFlight[0] === batch;
    // A leader that doesn't know the producer takes any first sequence: until it has taken one, a second batch could overtake.
    if (!this.introduced.has(partitionKey(batch))) return false;
    // A leader knows the last batches again, and no more: what must be sent again may not be overtaken by so many.
    if (entry.inFlight.length >= MAX_UNANSWERED || entry.inFlight.some(({ attempts }) => attempts > 0)) return false;
    return entry.unresolved === null && isSame(entry.identity, this.current);
  }

  /** Gives a batch its sequence when it is first sent. */
  assign(batch: ProducerBatch): void {
    if (batch.sequence !== null) return;
    const entry = this.entry(batch);
    batch.setSequence({ ...entry.identity, baseSequence: entry.nextSequence });
    entry.nextSequence = addSequence(entry.nextSequence, batch.records.length);
    entry.inFlight.push(batch);
  }

  private entry(batch: ProducerBatch): Entry {
    if (this.current === null) throw new Error("a sequence needs a producer id");
    const known = this.entries.get(partitionKey(batch));
    if (known !== undefined && (known.inFlight.length > 0 || isSame(known.identity, this.current))) return known;
    const entry: Entry = {
      identity: this.current,
      nextSequence: 0,
      lastAckedSequence: NONE,
      lastAckedOffset: known?.lastAckedOffset ?? NONE,
      inFlight: [],
      unresolved: null,
    };
    this.entries.set(partitionKey(batch), entry);
    return entry;
  }

  /** The broker has the batch. `lastOffset` -1: it didn't say where. */
  acked(batch: ProducerBatch, lastOffset: number): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return;
    if (batch.sequence.producerId === this.current?.producerId) this.introduced.add(partitionKey(batch));
    // It was taken under its old number, so the new one will never be seen.
    if (batch.isRenumbered) {
      this.closeGap(batch);
      return;
    }
    remove(entry, batch);
    const last = addSequence(batch.sequence.baseSequence, batch.records.length - 1);
    if (entry.lastAckedSequence === NONE || sequenceDistance(entry.lastAckedSequence, last) > 0) {
      entry.lastAckedSequence = last;
    }
    entry.lastAckedOffset = Math.max(entry.lastAckedOffset, lastOffset);
  }

  /** The batch is given up, and the broker has certainly not got it: what follows can't stay where it is. */
  refused(batch: ProducerBatch): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return;
    remove(entry, batch);
    this.requestBump(batch);
  }

  /** Its number will never be seen, and what follows moves up: inside a transaction, which ends by an abort. */
  closeGap(batch: ProducerBatch): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return;
    const at = entry.inFlight.indexOf(batch);
    if (at < 0) return;
    let next = batch.sequence.baseSequence;
    entry.inFlight.splice(at, 1);
    for (const later of entry.inFlight.slice(at)) {
      later.setSequence({ ...entry.identity, baseSequence: next });
      next = addSequence(next, later.records.length);
    }
    entry.nextSequence = next;
  }

  /** The batch is given up, but the broker may have got it. */
  lost(batch: ProducerBatch): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return;
    remove(entry, batch);
    const behind = addSequence(batch.sequence.baseSequence, batch.records.length);
    if (entry.unresolved === null || sequenceDistance(entry.unresolved, behind) > 0) entry.unresolved = behind;
  }

  /** One batch became several, which together take its place. */
  split(batch: ProducerBatch, parts: readonly ProducerBatch[]): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return;
    let next = batch.sequence.baseSequence;
    for (const part of parts) {
      part.setSequence({ ...entry.identity, baseSequence: next });
      next = addSequence(next, part.records.length);
    }
    entry.inFlight.splice(entry.inFlight.indexOf(batch), 1, ...parts);
  }

  /** Is this batch the one that the broker expects next, as far as it has answered by now? */
  isNext(batch: ProducerBatch): boolean {
    const entry = this.entries.get(partitionKey(batch));
    if (entry === undefined || batch.sequence === null) return false;
    return batch.sequence.baseSequence === addSequence(entry.lastAckedSequence, 1);
  }

  isUnresolved(batch: ProducerBatch): boolean {
    return (this.entries.get(partitionKey(batch))?.unresolved ?? null) !== null;
  }

  /** Does it follow directly on a batch whose fate is unknown? */
  followsUnresolved(batch: ProducerBatch): boolean {
    return (
      this.entries.get(partitionKey(batch))?.unresolved === (batch.sequence?.baseSequence ?? null) &&
      batch.sequence !== null
    );
  }

  lastAckedOffset(batch: ProducerBatch): number {
    return this.entries.get(partitionKey(batch))?.lastAckedOffset ?? NONE;
  }

  /** The partition numbers its batches from 0 again, with the identity that it has. */
  restart(batch: ProducerBatch): void {
    const entry = this.entries.get(partitionKey(batch));
    if (entry !== undefined && this.current !== null) startOver(entry, this.current);
  }

  /** The epoch must grow, and this partition begin anew. */
  requestBump(batch: ProducerBatch): void {
    this.renumbered.add(partitionKey(batch));
  }

  /**
   * Looks at partitions with a batch of unknown fate once nothing is under way there: the ones whose later batches were taken are
   * fine; the others are the answer.
   */
  resolve(): string[] {
    const broken: string[] = [];
    for (const [key, entry] of this.entries) {
      if (entry.unresolved === null || entry.inFlight.length > 0) continue;
      const isFine = entry.nextSequence === addSequence(entry.lastAckedSequence, 1);
      entry.unresolved = null;
      if (!isFine) broken.push(key);
    }
    return broken;
  }

  /** As `requestBump`, for what `resolve` answered. */
  requestBumps(keys: readonly string[]): void {
    for (const key of keys) this.renumbered.add(key);
  }

  /**
   * Lets the epoch grow where that was asked for: an idempotent producer does so by itself. When there is no greater epoch the
   * identity is gone, and a new producer id must be asked for.
   */
  bump(): void {
    if (this.renumbered.size === 0 || this.current === null) return;
    const { producerId, producerEpoch } = this.current;
    if (producerEpoch >= MAX_EPOCH) {
      this.current = null;
      return;
    }
    this.current = { producerId, producerEpoch: producerEpoch + 1 };
    this.startRenumbered();
  }

  private startRenumbered(): void {
    for (const key of this.renumbered) {
      const entry = this.entries.get(key);
      if (entry !== undefined && this.current !== null) startOver(entry, this.current);
    }
    this.renumbered.clear();
  }
}

function startOver(entry: Entry, identity: Identity): void {
  entry.identity = identity;
  entry.lastAckedSequence = NONE;
  entry.unresolved = null;
  entry.nextSequence = 0;
  for (const batch of entry.inFlight) {
    batch.setSequence({ ...identity, baseSequence: entry.nextSequence });
    entry.nextSequence = addSequence(entry.nextSequence, batch.records.length);
  }
}

function remove(entry: Entry, batch: ProducerBatch): void {
  const at = entry.inFlight.indexOf(batch);
  if (at >= 0) entry.inFlight.splice(at, 1);
}

function isSame(one: Identity, other: Identity): boolean {
  return one.producerId === other.producerId && one.producerEpoch === other.producerEpoch;
}
