import { ErrorCode } from "#protocol/errors.ts";
import { isControl, isTransactional } from "#records/batch.ts";
import type { EndMarker } from "#records/control-record.ts";
import type { IndexedBatch } from "./batch-index.ts";
import { MAX_OPEN_TRANSACTIONS, MAX_PRODUCERS, PRODUCER_ID_EXPIRATION_MS } from "./limits.ts";
import { type EndedTransaction, OpenTransactions } from "./transaction-open.ts";
import { type NewVerification, type VerificationGuard, Verifications } from "./transaction-verification.ts";

/** Batches that a repeated append is held against, for each producer. Kafka's clients have at most 5 in flight. */
export const DEDUPLICATION_WINDOW = 5;
const NO_SEQUENCE = -1;
const NO_PRODUCER_EPOCH = -1;
const NO_OFFSET = -1;
const NO_COORDINATOR_EPOCH = -1;
const MAX_PRODUCER_EPOCH = 32_767;
/** Sequences run from 0 to this and begin again. */
const SEQUENCES = 2 ** 31;
/** The first `transaction.version` whose markers have an epoch of their own (KIP-890). */
export const TRANSACTIONS_V2 = 2;

export interface ProducedBatch {
  readonly lastSequence: number;
  readonly lastOffset: number;
  readonly lastOffsetDelta: number;
  readonly timestamp: number;
}

export interface ProducerEntry {
  readonly producerId: number;
  producerEpoch: number;
  /** Of the coordinator whose marker came last, -1 before any. */
  coordinatorEpoch: number;
  /** Where its open transaction begins here, -1 without one. */
  currentTxnFirstOffset: number;
  /** The largest timestamp of the newest batch or marker, for DescribeProducers. */
  lastTimestamp: number;
  /** When it last appended, by our clock; decides when it is forgotten. */
  lastSeenMs: number;
  /** The newest batches of this epoch, oldest first, at most DEDUPLICATION_WINDOW. */
  batches: ProducedBatch[];
}

/** What compaction must leave of a producer: its last batch, of which the sequence still counts. */
export interface LastProduced {
  /** Null when the last that came was a marker which began a new epoch. */
  readonly lastDataOffset: number | null;
  readonly producerEpoch: number;
}

export type SequenceOutcome =
  | { readonly kind: "inSequence" }
  | { readonly kind: "duplicate"; readonly batch: ProducedBatch }
  | { readonly kind: "refused"; readonly errorCode: ErrorCode; readonly errorMessage: string };

/** Who appends, and what speaks for the append. */
export interface AppendRights {
  /** False for coordinators, whose batches carry no sequences. */
  readonly isClient: boolean;
  /** Whether a batch may begin a transaction only when it was verified (`transaction.partition.verification.enable`). */
  readonly verifies?: boolean;
  readonly guard?: VerificationGuard | null;
  /** The `transaction.version` under which a marker was decided. */
  readonly transactionVersion?: number;
}

export type VerificationOutcome =
  /** The producer's transaction has begun here already. */
  | { readonly kind: "ongoing" }
  | { readonly kind: "started"; readonly guard: VerificationGuard }
  | { readonly kind: "refused"; readonly errorCode: ErrorCode; readonly errorMessage: string };

const IN_SEQUENCE: SequenceOutcome = { kind: "inSequence" };

/**
 * What a partition knows of its idempotent and transactional producers (KIP-98), by the rules of Kafka 4's producer state: a repeated
 * batch within the window is answered with its first place, one behind the window is out of order (DUPLICATE_SEQUENCE_NUMBER
 * isn't given any more), an unknown producer may begin with any sequence (KIP-360), a batch may begin a transaction only when the
 * coordinator has vouched for it (KIP-890).
 */
export class ProducerState {
  /** In the order of last appends, oldest first. */
  private readonly producers = new Map<number, ProducerEntry>();
  private readonly transactions = new OpenTransactions();
  private readonly verifications = new Verifications();
  /** Batches from here on haven't been answered yet: their producers may repeat them and must not be forgotten. */
  private answeredOffset = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.producers.size;
  }

  entries(): Iterable<ProducerEntry> {
    return this.producers.values();
  }

  lastProduced(producerId: number): LastProduced | undefined {
    const entry = this.producers.get(producerId);
    if (entry === undefined) return undefined;
    return { lastDataOffset: entry.batches.at(-1)?.lastOffset ?? null, producerEpoch: entry.producerEpoch };
  }

  /** The first offset of which isn't settled yet whether it counts; null when all is. */
  get firstUnstableOffset(): number | null {
    return this.transactions.firstUnstableOffset;
  }

  /** Takes over what a snapshot says. */
  load(entries: readonly ProducerEntry[]): void {
    for (const entry of entries) this.producers.set(entry.producerId, entry);
    const open = entries.filter(({ currentTxnFirstOffset }) => currentTxnFirstOffset !== NO_OFFSET);
    open.sort((one, other) => one.currentTxnFirstOffset - other.currentTxnFirstOffset);
    for (const { producerId, currentTxnFirstOffset } of open)
      this.transactions.begin(producerId, currentTxnFirstOffset);
  }

  /** What lies before `offset` is durable, so that it has been or can be answered. Until this is called everything is. */
  answeredTo(offset: number): void {
    this.answeredOffset = offset;
    this.transactions.committedTo(offset);
  }

  /** Before the coordinator is asked about a batch that would begin a transaction; its answer counts with the guard alone. */
  startVerification(batch: NewVerification, nowMs: number): VerificationOutcome {
    const entry = this.producers.get(batch.producerId);
    if (entry !== undefined && batch.producerEpoch < entry.producerEpoch) return oldEpoch(batch, entry);
    if (hasOpenTransaction(entry, batch.producerEpoch)) return { kind: "ongoing" };
    return { kind: "started", guard: this.verifications.begin(batch, nowMs) };
  }

  /** What appending `batch` would be. */
  check(batch: IndexedBatch, rights: AppendRights): SequenceOutcome {
    const entry = this.producers.get(batch.producerId);
    if (isControl(batch.attributes)) return checkMarker(entry, batch, rights.transactionVersion ?? 0);
    const { isClient } = rights;
    if (isClient && entry !== undefined && batch.producerEpoch === entry.producerEpoch) {
      const duplicate = findDuplicate(entry, batch);
      if (duplicate !== undefined) return { kind: "duplicate", batch: duplicate };
    }
    if (entry !== undefined && batch.producerEpoch < entry.producerEpoch) return oldEpoch(batch, entry);
    const transactional = isTransactional(batch.attributes);
    if (transactional && !hasOpenTransaction(entry, batch.producerEpoch)) {
      const objection = this.checkVerified(batch, rights);
      if (objection !== null) return objection;
    }
    if (isClient) {
      const sequence = this.checkSequence(entry, batch);
      if (sequence.kind === "refused") return sequence;
    }
    if (!transactional && (entry?.currentTxnFirstOffset ?? NO_OFFSET) !== NO_OFFSET) {
      return invalidTransaction(`producer ${batch.producerId} has a transaction open, the batch is not part of it`);
    }
    return IN_SEQUENCE;
  }

  private checkVerified(batch: IndexedBatch, { verifies, guard }: AppendRights): SequenceOutcome | null {
    if (verifies && (guard ?? null) !== (this.verifications.get(batch.producerId)?.guard ?? NO_GUARD)) {
      return invalidTransaction(`the batch of producer ${batch.producerId} is not part of an ongoing transaction`);
    }
    if (this.transactions.size < MAX_OPEN_TRANSACTIONS) return null;
    return {
      kind: "refused",
      errorCode: ErrorCode.NOT_ENOUGH_REPLICAS,
      errorMessage: `${MAX_OPEN_TRANSACTIONS} transactions are open in the partition; try again when one has ended`,
    };
  }

  private checkSequence(entry: ProducerEntry | undefined, batch: IndexedBatch): SequenceOutcome {
    const { producerId, baseSequence } = batch;
    const verification = this.verifications.get(producerId);
    if (verification !== undefined) {
      const isNew = entry === undefined || entry.batches.length === 0;
      if (verification.addsPartition && baseSequence !== 0 && isNew) {
        return outOfOrder(`producer ${producerId} begins with sequence ${baseSequence}, not 0`);
      }
      if (baseSequence > verification.lowestSequence) {
        return outOfOrder(
          `producer ${producerId} sent sequence ${baseSequence} before ${verification.lowestSequence}, which was seen already`,
        );
      }
    }
    return entry === undefined ? IN_SEQUENCE : checkSequence(entry, batch);
  }

  /** Notes an appended batch. Also the replay of a stored one. Gives the transaction that it ends, if it does. */
  replay(batch: IndexedBatch, nowMs: number): EndedTransaction | null {
    const { producerId } = batch;
    const control = isControl(batch.attributes);
    const marker = batch.marker ?? null;
    // What compaction has left of a marker says nothing any more.
    if (control && marker === null) return null;
    const entry = this.producers.get(producerId) ?? newEntry(producerId);
    if (entry.producerEpoch !== batch.producerEpoch) {
      entry.producerEpoch = batch.producerEpoch;
      entry.batches = [];
    }
    entry.lastTimestamp = batch.maxTimestamp;
    entry.lastSeenMs = nowMs;
    const ended = marker === null ? this.replayData(entry, batch) : this.replayMarker(entry, batch, marker);
    // Deleted and set again so that the map stays in the order of last appends.
    this.producers.delete(producerId);
    this.producers.set(producerId, entry);
    if (this.producers.size > MAX_PRODUCERS) this.forgetSilentSince(Number.POSITIVE_INFINITY, 1);
    return ended;
  }

  private replayData(entry: ProducerEntry, batch: IndexedBatch): null {
    if (entry.batches.length === DEDUPLICATION_WINDOW) entry.batches.shift();
    entry.batches.push({
      lastSequence: lastSequence(batch),
      lastOffset: batch.baseOffset + batch.lastOffsetDelta,
      lastOffsetDelta: batch.lastOffsetDelta,
      timestamp: batch.maxTimestamp,
    });
    if (!isTransactional(batch.attributes)) return null;
    this.verifications.end(batch.producerId);
    if (entry.currentTxnFirstOffset === NO_OFFSET) {
      entry.currentTxnFirstOffset = batch.baseOffset;
      this.transactions.begin(batch.producerId, batch.baseOffset);
    }
    return null;
  }

  private replayMarker(entry: ProducerEntry, batch: IndexedBatch, marker: EndMarker): EndedTransaction | null {
    const { producerId, producerEpoch, baseOffset } = batch;
    entry.coordinatorEpoch = marker.coordinatorEpoch;
    entry.currentTxnFirstOffset = NO_OFFSET;
    const verification = this.verifications.get(producerId);
    // A client of transactions V2 begins its next transaction with the marker's epoch, and may do so before the marker comes.
    const isOfNext = verification?.addsPartition === true && verification.producerEpoch === producerEpoch;
    if (!isOfNext) this.verifications.end(producerId);
    return this.transactions.end(producerId, baseOffset, marker.isCommit);
  }

  /** Forgets producers that have been silent for so long (`producer.id.expiration.ms`). */
  expire(nowMs: number, expirationMs = PRODUCER_ID_EXPIRATION_MS): void {
    this.forgetSilentSince(nowMs - expirationMs, this.producers.size);
    this.verifications.expire(nowMs - expirationMs);
  }

  /**
   * Forgets at most `count` producers whose last append was at `lastSeenMs` or before, and returns how many. Those with an open transaction
   * are never forgotten.
   */
  forgetSilentSince(lastSeenMs: number, count: number): number {
    let left = count;
    for (const entry of this.producers.values()) {
      if (left === 0 || entry.lastSeenMs > lastSeenMs) break;
      // Whoever appended later isn't answered either.
      if ((entry.batches.at(-1)?.lastOffset ?? -1) >= this.answeredOffset) break;
      if (entry.currentTxnFirstOffset !== NO_OFFSET) continue;
      this.producers.delete(entry.producerId);
      left -= 1;
    }
    return count - left;
  }
}

/** Equal to no guard, nor to the lack of one. */
const NO_GUARD: VerificationGuard = 0;

function newEntry(producerId: number): ProducerEntry {
  return {
    producerId,
    producerEpoch: NO_PRODUCER_EPOCH,
    coordinatorEpoch: NO_COORDINATOR_EPOCH,
    currentTxnFirstOffset: NO_OFFSET,
    lastTimestamp: -1,
    lastSeenMs: 0,
    batches: [],
  };
}

function hasOpenTransaction(entry: ProducerEntry | undefined, producerEpoch: number): boolean {
  return entry !== undefined && entry.currentTxnFirstOffset !== NO_OFFSET && entry.producerEpoch === producerEpoch;
}

/**
 * A marker's epoch is at least that of the producer, and in transactions V2 larger: there the coordinator gives each transaction an
 * epoch of its own. The same one again is a marker that was written before, and changes nothing.
 */
function checkMarker(
  entry: ProducerEntry | undefined,
  batch: IndexedBatch,
  transactionVersion: number,
): SequenceOutcome {
  if (entry === undefined) return IN_SEQUENCE;
  const { producerEpoch } = batch;
  if (producerEpoch < entry.producerEpoch) return oldEpoch(batch, entry);
  const isSettled = entry.currentTxnFirstOffset === NO_OFFSET || producerEpoch === MAX_PRODUCER_EPOCH;
  if (transactionVersion >= TRANSACTIONS_V2 && producerEpoch === entry.producerEpoch && !isSettled) {
    return oldEpoch(batch, entry);
  }
  const coordinatorEpoch = batch.marker?.coordinatorEpoch ?? NO_COORDINATOR_EPOCH;
  if (coordinatorEpoch >= entry.coordinatorEpoch) return IN_SEQUENCE;
  return {
    kind: "refused",
    errorCode: ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    errorMessage: `a coordinator of epoch ${coordinatorEpoch} comes after one of epoch ${entry.coordinatorEpoch}`,
  };
}

type ProducerAndEpoch = Pick<IndexedBatch, "producerId" | "producerEpoch">;

function oldEpoch({ producerId, producerEpoch }: ProducerAndEpoch, entry: ProducerEntry) {
  return {
    kind: "refused",
    errorCode: ErrorCode.INVALID_PRODUCER_EPOCH,
    errorMessage: `producer ${producerId} has epoch ${entry.producerEpoch}, the batch ${producerEpoch}`,
  } as const;
}

function invalidTransaction(errorMessage: string): SequenceOutcome {
  return { kind: "refused", errorCode: ErrorCode.INVALID_TXN_STATE, errorMessage };
}

function checkSequence(entry: ProducerEntry, batch: IndexedBatch): SequenceOutcome {
  if (batch.producerEpoch !== entry.producerEpoch) {
    if (batch.baseSequence === 0) return IN_SEQUENCE;
    return outOfOrder(
      `producer ${batch.producerId} begins epoch ${batch.producerEpoch} with sequence ${batch.baseSequence}, not 0`,
    );
  }
  const last = entry.batches.at(-1)?.lastSequence ?? NO_SEQUENCE;
  if (batch.baseSequence === (last + 1) % SEQUENCES) return IN_SEQUENCE;
  return outOfOrder(`producer ${batch.producerId} sent sequence ${batch.baseSequence} after ${last}`);
}

function outOfOrder(errorMessage: string): SequenceOutcome {
  return { kind: "refused", errorCode: ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER, errorMessage };
}

/** A batch of the window with exactly the same first and last sequence. */
function findDuplicate(entry: ProducerEntry, batch: IndexedBatch): ProducedBatch | undefined {
  const last = lastSequence(batch);
  return entry.batches.find((known) => known.lastSequence === last && known.lastOffsetDelta === batch.lastOffsetDelta);
}

/** -1 for what a coordinator writes. */
function lastSequence({ baseSequence, lastOffsetDelta }: IndexedBatch): number {
  return baseSequence === NO_SEQUENCE ? NO_SEQUENCE : (baseSequence + lastOffsetDelta) % SEQUENCES;
}
