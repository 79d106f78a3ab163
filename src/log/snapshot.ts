import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { LeaderEpoch } from "./leader-epochs.ts";
import { MAX_PRODUCERS } from "./limits.ts";
import type { ProducedBatch, ProducerEntry } from "./producer-state.ts";
import { ActiveSegment, type ActiveSegmentState } from "./segments.ts";
import { decodeAborts, encodeAborts, type IndexedAbort } from "./transaction-index.ts";

/** Version 1 knows nothing of transactions and segments: all that it holds is one active segment. */
const SNAPSHOT_VERSION = 2;
const FIRST_VERSION_WITH_TRANSACTIONS = 2;

/** What a partition can't learn from its rows, as of `nextSequence`; the rows from there on are replayed over it. */
export interface Snapshot {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly nextSequence: number;
  readonly runningMaxTimestamp: number;
  readonly leaderEpochs: readonly LeaderEpoch[];
  /** Oldest first; at most MAX_PRODUCERS of them are stored. */
  readonly producers: readonly ProducerEntry[];
  /** Those whose marker lies in the active segment. */
  readonly aborted: readonly IndexedAbort[];
  /** Up to here compaction has been. */
  readonly firstDirtyOffset: number;
  readonly active: ActiveSegmentState;
}

export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const writer = new Writer();
  writer.int16(SNAPSHOT_VERSION);
  writer.int64(snapshot.logStartOffset);
  writer.int64(snapshot.logEndOffset);
  writer.int64(snapshot.nextSequence);
  writer.float64(snapshot.runningMaxTimestamp);
  writer.int32(snapshot.leaderEpochs.length);
  for (const { epoch, startOffset } of snapshot.leaderEpochs) {
    writer.int32(epoch);
    writer.int64(startOffset);
  }
  const producers = storedProducers(snapshot.producers);
  writer.int32(producers.length);
  for (const producer of producers) writeProducer(writer, producer);
  const aborted = encodeAborts(snapshot.aborted);
  writer.int32(aborted.length);
  writer.bytes(aborted);
  writer.int64(snapshot.firstDirtyOffset);
  writeActive(writer, snapshot.active);
  return writer.finish();
}

/**
 * Those with an open transaction and the newest of the others: those that wait for an answer may make them more for a moment, but a
 * snapshot is one row of the store.
 */
function storedProducers(producers: readonly ProducerEntry[]): readonly ProducerEntry[] {
  let excess = producers.length - MAX_PRODUCERS;
  if (excess <= 0) return producers;
  return producers.filter(({ currentTxnFirstOffset }) => {
    if (excess === 0 || currentTxnFirstOffset !== -1) return true;
    excess -= 1;
    return false;
  });
}

function writeProducer(writer: Writer, producer: ProducerEntry): void {
  writer.int64(producer.producerId);
  writer.int16(producer.producerEpoch);
  writer.int32(producer.coordinatorEpoch);
  writer.int64(producer.currentTxnFirstOffset);
  writer.float64(producer.lastTimestamp);
  writer.float64(producer.lastSeenMs);
  writer.int8(producer.batches.length);
  for (const batch of producer.batches) {
    writer.int32(batch.lastSequence);
    writer.int64(batch.lastOffset);
    writer.int32(batch.lastOffsetDelta);
    writer.float64(batch.timestamp);
  }
}

/** @throws MalformedMessageError when it is none, or a newer Kedge wrote it. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version < 1 || version > SNAPSHOT_VERSION) {
    throw new MalformedMessageError(`its snapshot has version ${version}, and this Kedge knows ${SNAPSHOT_VERSION}`);
  }
  const logStartOffset = reader.int64();
  const logEndOffset = reader.int64();
  const nextSequence = reader.int64();
  const runningMaxTimestamp = reader.float64();
  const leaderEpochs: LeaderEpoch[] = [];
  for (let left = reader.int32(); left > 0; left--) {
    leaderEpochs.push({ epoch: reader.int32(), startOffset: reader.int64() });
  }
  const producers: ProducerEntry[] = [];
  for (let left = reader.int32(); left > 0; left--) producers.push(readProducer(reader, version));
  const read = { logStartOffset, logEndOffset, nextSequence, runningMaxTimestamp, leaderEpochs, producers };
  if (version < FIRST_VERSION_WITH_TRANSACTIONS) {
    return { ...read, aborted: [], firstDirtyOffset: 0, active: onlySegment(read) };
  }
  const aborted = decodeAborts(reader.bytes(reader.int32()));
  const firstDirtyOffset = reader.int64();
  return { ...read, aborted, firstDirtyOffset, active: readActive(reader) };
}

const NOT_COUNTED = -1;

function onlySegment({
  logStartOffset,
  runningMaxTimestamp,
}: Pick<Snapshot, "logStartOffset" | "runningMaxTimestamp">) {
  const empty = ActiveSegment.empty({ number: 0, baseOffset: logStartOffset, fromSequence: 0 }).stored;
  const maxTimestamp = runningMaxTimestamp;
  return { ...empty, sizeInBytes: NOT_COUNTED, firstTimestamp: maxTimestamp, maxTimestamp };
}

function writeActive(writer: Writer, active: ActiveSegmentState): void {
  writer.int64(active.number);
  writer.int64(active.baseOffset);
  writer.int64(active.fromSequence);
  writer.int64(active.sizeInBytes);
  writer.float64(active.firstTimestamp);
  writer.float64(active.maxTimestamp);
  writer.float64(active.createdMs);
  writer.int64(active.indexIntervalBytes);
  writer.int64(active.offsetEntries);
  writer.int64(active.timeEntries);
  writer.int64(active.bytesSinceEntry);
}

function readActive(reader: Reader): ActiveSegmentState {
  return {
    number: reader.int64(),
    baseOffset: reader.int64(),
    fromSequence: reader.int64(),
    sizeInBytes: reader.int64(),
    firstTimestamp: reader.float64(),
    maxTimestamp: reader.float64(),
    createdMs: reader.float64(),
    indexIntervalBytes: reader.int64(),
    offsetEntries: reader.int64(),
    timeEntries: reader.int64(),
    bytesSinceEntry: reader.int64(),
  };
}

function readProducer(reader: Reader, version: number): ProducerEntry {
  const producerId = reader.int64();
  const producerEpoch = reader.int16();
  const hasTransactions = version >= FIRST_VERSION_WITH_TRANSACTIONS;
  const coordinatorEpoch = hasTransactions ? reader.int32() : -1;
  const currentTxnFirstOffset = hasTransactions ? reader.int64() : -1;
  const lastTimestamp = reader.float64();
  const lastSeenMs = reader.float64();
  const batches: ProducedBatch[] = [];
  for (let left = reader.int8(); left > 0; left--) {
    batches.push({
      lastSequence: reader.int32(),
      lastOffset: reader.int64(),
      lastOffsetDelta: reader.int32(),
      timestamp: reader.float64(),
    });
  }
  return { producerId, producerEpoch, coordinatorEpoch, currentTxnFirstOffset, lastTimestamp, lastSeenMs, batches };
}
