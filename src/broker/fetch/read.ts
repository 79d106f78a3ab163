import type { PartitionLog } from "#log/partition-log.ts";
import type { AbortedTransaction } from "#log/transaction-index.ts";
import { UnreadableLogError } from "#log/unreadable.ts";
import type { PartitionImage } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Broker } from "../broker.ts";
import { fence } from "../leader-fence.ts";
import type { FetchedPartition, FetchTarget } from "./sessions.ts";
import type { TieredReads } from "./tiered-reads.ts";

const NO_OFFSET = -1;
const NO_EPOCH = -1;
const NOTHING_TO_RELEASE = () => {};
const NOTHING: readonly Uint8Array[] = [];
const NONE_ABORTED: readonly AbortedTransaction[] = [];

export interface FetchLimits {
  /** Of all partitions together. */
  readonly maxBytes: number;
  /** Do the targets name topics by id? */
  readonly byTopicId: boolean;
  /** Isolation level read_committed: nothing beyond the last stable offset, and which transactions before it were aborted. */
  readonly committedOnly: boolean;
}

/** What one partition of a Fetch gets. */
export interface PartitionRead extends FetchedPartition {
  readonly target: FetchTarget;
  /** Null when the partition can't be read here. */
  readonly log: PartitionLog | null;
  readonly partition: PartitionImage | undefined;
  readonly errorCode: ErrorCode;
  readonly lastStableOffset: number;
  /** A size limit left out what could be read: waiting brings no more. */
  readonly isFull: boolean;
  /** Whole batches as they are stored. */
  readonly chunks: readonly Uint8Array[];
  /** The chunks have been written: their memory may be used again. */
  readonly release: () => void;
  /** Null but for a reader with read_committed. */
  readonly abortedTransactions: readonly AbortedTransaction[] | null;
  /** Where the client's log departs from ours, if it does. */
  readonly divergingEpoch?: { readonly epoch: number; readonly endOffset: number };
}

/** Reads every target in order until the size limit is reached; what comes behind it is answered empty. */
export function readPartitions(
  broker: Broker,
  targets: readonly FetchTarget[],
  { maxBytes, ...how }: FetchLimits,
  tiered: TieredReads | null = null,
): readonly PartitionRead[] {
  let leftBytes = maxBytes;
  let isEmpty = true;
  return targets.map((target) => {
    const read = readPartition(broker, target, { ...how, leftBytes, minOneMessage: isEmpty, tiered });
    leftBytes -= read.sizeInBytes;
    if (read.sizeInBytes > 0) isEmpty = false;
    return read;
  });
}

interface ReadLimits extends Omit<FetchLimits, "maxBytes"> {
  readonly leftBytes: number;
  readonly minOneMessage: boolean;
  readonly tiered: TieredReads | null;
}

function readPartition(broker: Broker, target: FetchTarget, limits: ReadLimits): PartitionRead {
  const { byTopicId, committedOnly, leftBytes, minOneMessage } = limits;
  const topic = byTopicId ? broker.cluster.topicById(target.topic) : broker.cluster.topicByName(target.topic);
  if (topic === undefined && byTopicId) return failed(target, ErrorCode.UNKNOWN_TOPIC_ID, undefined);
  const partition = topic?.partitions[target.partitionIndex];
  const log = broker.lead(topic, target.partitionIndex);
  if (typeof log === "number") return failed(target, log, partition);
  const fenced = fence(partition, target.currentLeaderEpoch);
  if (fenced !== ErrorCode.NONE) return failed(target, fenced, partition);
  const bounds = {
    target,
    log,
    partition,
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.committedStartOffset,
    sizeInBytes: 0,
    isFull: false,
    chunks: NOTHING,
    release: NOTHING_TO_RELEASE,
    abortedTransactions: committedOnly ? NONE_ABORTED : null,
  };
  const divergingEpoch = divergence(log, target);
  if (divergingEpoch === UNKNOWN_EPOCH) return failed(target, ErrorCode.OFFSET_OUT_OF_RANGE, partition);
  if (divergingEpoch !== undefined) return { ...bounds, divergingEpoch, abortedTransactions: null };
  const upperBound = committedOnly ? log.lastStableOffset : log.highWatermark;
  const { fetchOffset } = target;
  const isTiered = log.tieredSegmentAt(fetchOffset) !== null;
  const preread = isTiered ? limits.tiered?.get(target) : undefined;
  // What is tiered and wasn't read, or not in time, has to be asked for again.
  if (isTiered && preread === undefined) return { ...bounds, isFull: true };
  if (preread?.kind === "failed" && preread.failure === "late") return { ...bounds, isFull: true };
  if (preread?.kind === "failed") return failed(target, ErrorCode.KAFKA_STORAGE_ERROR, partition);
  // Not even one batch of it fitted, or what comes behind it has left the store meanwhile: it has its turn with another Fetch.
  const isLeftOut = preread?.sizeInBytes === 0 && log.tieredSegmentAt(preread.nextOffset) !== null;
  if (isLeftOut) return { ...bounds, isFull: true };
  const maxBytes = Math.max(0, Math.min(target.maxBytes, leftBytes));
  const isEnough = preread !== undefined && preread.sizeInBytes > 0;
  const outcome = isEnough
    ? preread
    : log.read(preread?.nextOffset ?? fetchOffset, { maxBytes, upperBound, minOneMessage });
  if (outcome.kind === "refused") return failed(target, outcome.errorCode, partition);
  const { nextOffset, sizeInBytes, chunks } = outcome;
  const release = () => outcome.release();
  const read = { ...bounds, isFull: nextOffset < upperBound, sizeInBytes, chunks, release };
  if (!committedOnly || sizeInBytes === 0) return read;
  try {
    return { ...read, abortedTransactions: log.abortedTransactions(target.fetchOffset, nextOffset) };
  } catch (error) {
    if (!(error instanceof UnreadableLogError)) throw error;
    release();
    return failed(target, ErrorCode.KAFKA_STORAGE_ERROR, partition);
  }
}

const UNKNOWN_EPOCH = Symbol("an epoch that this log has never seen");

/** Did the client read records of an epoch that ended before its fetch offset here (KIP-595)? */
function divergence(log: PartitionLog, { lastFetchedEpoch, fetchOffset }: FetchTarget) {
  if (lastFetchedEpoch === NO_EPOCH) return undefined;
  const { leaderEpoch, endOffset } = log.endOffsetForEpoch(lastFetchedEpoch);
  if (endOffset === NO_OFFSET) return UNKNOWN_EPOCH;
  if (leaderEpoch >= lastFetchedEpoch && endOffset >= fetchOffset) return undefined;
  return { epoch: leaderEpoch, endOffset };
}

function failed(target: FetchTarget, errorCode: ErrorCode, partition: PartitionImage | undefined): PartitionRead {
  return {
    target,
    log: null,
    partition,
    errorCode,
    highWatermark: NO_OFFSET,
    lastStableOffset: NO_OFFSET,
    logStartOffset: NO_OFFSET,
    sizeInBytes: 0,
    isFull: false,
    chunks: NOTHING,
    release: NOTHING_TO_RELEASE,
    abortedTransactions: null,
  };
}
