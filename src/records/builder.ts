/** Builds record batches of magic 2. */

import {
  BATCH_HEADER_BYTES,
  Codec,
  makeAttributes,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  stampCrc,
  writeBatchHeader,
} from "./batch.ts";
import type { Compression } from "./compression.ts";
import { compress } from "./compression.ts";
import { type NewRecord, type SizedRecord, sizeRecord, writeRecord } from "./record.ts";

export interface BatchOptions {
  /** Default NONE. */
  readonly codec?: Codec;
  /** Default 0, which is what a producer must send. */
  readonly baseOffset?: number;
  readonly partitionLeaderEpoch?: number;
  readonly producerId?: number;
  readonly producerEpoch?: number;
  readonly baseSequence?: number;
  readonly transactional?: boolean;
  readonly control?: boolean;
}

/** One batch of at least one record; offsets count up from the base. The bytes are a fresh array. */
export function buildBatch(
  compression: Compression,
  records: readonly NewRecord[],
  options: BatchOptions = {},
): Uint8Array {
  if (records.length === 0) throw new Error("a record batch needs a record");
  const codec = options.codec ?? Codec.NONE;
  const baseTimestamp = records[0].timestampMs;
  let maxTimestamp = baseTimestamp;
  let recordBytes = 0;
  const sized: SizedRecord[] = [];
  for (const record of records) {
    if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs;
    const next = sizeRecord(record, sized.length, record.timestampMs - baseTimestamp);
    recordBytes += next.totalBytes;
    sized.push(next);
  }
  const batch =
    codec === Codec.NONE ? writePlain(sized, recordBytes) : writeCompressed(compression, codec, sized, recordBytes);
  writeBatchHeader(batch, 0, {
    baseOffset: options.baseOffset ?? 0,
    sizeInBytes: batch.length,
    partitionLeaderEpoch: options.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH,
    attributes: makeAttributes({ codec, transactional: options.transactional, control: options.control }),
    lastOffsetDelta: records.length - 1,
    baseTimestamp,
    maxTimestamp,
    producerId: options.producerId ?? NO_PRODUCER_ID,
    producerEpoch: options.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: options.baseSequence ?? NO_SEQUENCE,
    recordCount: records.length,
  });
  stampCrc(compression.kernels, batch, 0);
  return batch;
}

/** The batch with its records, and the header still empty. */
function writePlain(records: readonly SizedRecord[], recordBytes: number): Uint8Array {
  const batch = new Uint8Array(BATCH_HEADER_BYTES + recordBytes);
  let at = BATCH_HEADER_BYTES;
  for (const record of records) at = writeRecord(batch, at, record);
  return batch;
}

function writeCompressed(
  compression: Compression,
  codec: Codec,
  records: readonly SizedRecord[],
  recordBytes: number,
): Uint8Array {
  const plain = writePlain(records, recordBytes).subarray(BATCH_HEADER_BYTES);
  const packed = compress(compression, codec, plain);
  const batch = new Uint8Array(BATCH_HEADER_BYTES + packed.length);
  batch.set(packed, BATCH_HEADER_BYTES);
  return batch;
}
