/** Builds record batches of magic 2. */
import type { BatchDraft } from "#kernels/kernels.ts";
import {
  BATCH_HEADER_BYTES,
  Codec,
  makeAttributes,
  NO_PARTITION_LEADER_EPOCH,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  writeBatchHeader,
} from "./batch.ts";
import { type Compression, compress } from "./compression.ts";
import { type NewRecord, recordBound, writeRecord } from "./record.ts";

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
  let roomBytes = BATCH_HEADER_BYTES;
  for (const record of records) roomBytes += recordBound(record);
  return compression.kernels.sealBatch({
    roomBytes,
    packing: packingOf(compression, options.codec ?? Codec.NONE),
    write: (target, at) => writeBatch(target, at, records, options),
  });
}

/** How the kernels get a batch with this codec. */
export function packingOf(compression: Compression, codec: Codec): BatchDraft["packing"] {
  switch (codec) {
    case Codec.NONE:
      return "none";
    case Codec.LZ4:
      return "lz4";
    case Codec.SNAPPY:
      return "snappy";
    default:
      return (records) => compress(compression, codec, records);
  }
}

/** Writes the records and, once they are known, the header before them. */
function writeBatch(target: Uint8Array, at: number, records: readonly NewRecord[], options: BatchOptions): number {
  const baseTimestamp = records[0].timestampMs;
  let maxTimestamp = baseTimestamp;
  let to = at + BATCH_HEADER_BYTES;
  for (let index = 0; index < records.length; index++) {
    const record = records[index];
    if (record.timestampMs > maxTimestamp) maxTimestamp = record.timestampMs;
    to = writeRecord(target, to, record, { offsetDelta: index, timestampDelta: record.timestampMs - baseTimestamp });
  }
  const { codec = Codec.NONE, transactional, control } = options;
  writeBatchHeader(target, at, {
    baseOffset: options.baseOffset ?? 0,
    sizeInBytes: to - at,
    partitionLeaderEpoch: options.partitionLeaderEpoch ?? NO_PARTITION_LEADER_EPOCH,
    attributes: makeAttributes({ codec, transactional, control }),
    lastOffsetDelta: records.length - 1,
    baseTimestamp,
    maxTimestamp,
    producerId: options.producerId ?? NO_PRODUCER_ID,
    producerEpoch: options.producerEpoch ?? NO_PRODUCER_EPOCH,
    baseSequence: options.baseSequence ?? NO_SEQUENCE,
    recordCount: records.length,
  });
  return to;
}
