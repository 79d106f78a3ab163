import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { LeaderEpoch } from "./leader-epochs.ts";
import { MAX_PRODUCERS } from "./limits.ts";
import type { ProducedBatch, ProducerEntry } from "./producer-state.ts";

const SNAPSHOT_VERSION = 1;

/** What a partition can't learn from its rows, as of `nextSequence`; the rows from there on are replayed over it. */
export interface Snapshot {
  readonly logStartOffset: number;
  readonly logEndOffset: number;
  readonly nextSequence: number;
  readonly runningMaxTimestamp: number;
  readonly leaderEpochs: readonly LeaderEpoch[];
  /** Oldest first; at most MAX_PRODUCERS of them are stored. */
  readonly producers: readonly ProducerEntry[];
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
  // The newest: those that wait for an answer may make them more for a moment, but a snapshot is one row of the store.
  const producers = snapshot.producers.slice(-MAX_PRODUCERS);
  writer.int32(producers.length);
  for (const producer of producers) writeProducer(writer, producer);
  return writer.finish();
}

function writeProducer(writer: Writer, producer: ProducerEntry): void {
  writer.int64(producer.producerId);
  writer.int16(producer.producerEpoch);
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

/** @throws Error when a newer Kedge wrote it. */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const reader = new Reader(bytes);
  const version = reader.int16();
  if (version !== SNAPSHOT_VERSION) {
    throw new Error(
      `a partition's snapshot has version ${version}; this Kedge reads ${SNAPSHOT_VERSION}: run a newer one`,
    );
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
  for (let left = reader.int32(); left > 0; left--) producers.push(readProducer(reader));
  return { logStartOffset, logEndOffset, nextSequence, runningMaxTimestamp, leaderEpochs, producers };
}

function readProducer(reader: Reader): ProducerEntry {
  const producerId = reader.int64();
  const producerEpoch = reader.int16();
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
  return { producerId, producerEpoch, lastTimestamp, lastSeenMs, batches };
}
