/**
 * The header of a record batch of magic 2 (KIP-98), big-endian:
 *
 *      0  baseOffset            int64   outside the CRC: the leader stamps it
 *      8  batchLength           int32   what follows this field, so the whole batch is 12 bytes longer
 *     12  partitionLeaderEpoch  int32   outside the CRC: the leader stamps it
 *     16  magic                 int8    2
 *     17  crc                   uint32  CRC-32C of everything from `attributes` to the end
 *     21  attributes            int16   0-2 codec, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
 *     23  lastOffsetDelta       int32
 *     27  baseTimestamp         int64   milliseconds; the delete horizon when bit 6 is set
 *     35  maxTimestamp          int64   milliseconds; of all records when the timestamp type is LogAppendTime
 *     43  producerId            int64   -1: none
 *     51  producerEpoch         int16   -1: none
 *     53  baseSequence          int32   -1: none
 *     57  recordCount           int32
 *     61  records, compressed as one block when there is a codec
 */
import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Kernels } from "#kernels/kernels.ts";

export const BATCH_HEADER_BYTES = 61;
/** Offset and length: what stands before the bytes that `batchLength` counts. */
export const LOG_OVERHEAD_BYTES = 12;
/** The least `batchLength` that any magic can have; Kafka refuses a smaller one before it looks at the magic. */
const MIN_BATCH_LENGTH = 14;

export const MAGIC_V2 = 2;
export const NO_TIMESTAMP = -1;
export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_SEQUENCE = -1;
export const NO_PARTITION_LEADER_EPOCH = -1;

const AT = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

const CODEC_MASK = 0x07;
const LOG_APPEND_TIME_BIT = 0x08;
const TRANSACTIONAL_BIT = 0x10;
const CONTROL_BIT = 0x20;
const DELETE_HORIZON_BIT = 0x40;

export const Codec = { NONE: 0, GZIP: 1, SNAPPY: 2, LZ4: 3, ZSTD: 4 } as const;
export type Codec = (typeof Codec)[keyof typeof Codec];

/** The value of a topic's `message.timestamp.type`. */
export type TimestampType = "CreateTime" | "LogAppendTime";

export interface BatchHeader {
  readonly baseOffset: number;
  /** The whole batch, header included. */
  readonly sizeInBytes: number;
  readonly partitionLeaderEpoch: number;
  readonly magic: number;
  readonly crc: number;
  readonly attributes: number;
  readonly lastOffsetDelta: number;
  /** Timestamps and producer ids beyond the safe integers saturate. */
  readonly baseTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly recordCount: number;
}

/**
 * Reads the header of the batch at `at`. Whether the header tells the truth is for `validate.ts` to find out.
 * Throws MalformedMessageError when fewer than 61 bytes are there or the magic is not 2.
 */
export function readBatchHeader(bytes: Uint8Array, at: number): BatchHeader {
  if (bytes.length - at < BATCH_HEADER_BYTES) throw new MalformedMessageError("a record batch ends within its header");
  if (bytes[at + AT.magic] !== MAGIC_V2) throw new MalformedMessageError("a record batch has a magic other than 2");
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, BATCH_HEADER_BYTES);
  return {
    baseOffset: readInt64(view, AT.baseOffset),
    sizeInBytes: LOG_OVERHEAD_BYTES + view.getInt32(AT.batchLength),
    partitionLeaderEpoch: view.getInt32(AT.partitionLeaderEpoch),
    magic: MAGIC_V2,
    crc: view.getUint32(AT.crc),
    attributes: view.getInt16(AT.attributes),
    lastOffsetDelta: view.getInt32(AT.lastOffsetDelta),
    baseTimestamp: readInt64(view, AT.baseTimestamp),
    maxTimestamp: readInt64(view, AT.maxTimestamp),
    producerId: readInt64(view, AT.producerId),
    producerEpoch: view.getInt16(AT.producerEpoch),
    baseSequence: view.getInt32(AT.baseSequence),
    recordCount: view.getInt32(AT.recordCount),
  };
}

/** What stands at a position in a row of batches, before anything but its length and magic is believed. */
export type BatchPeek =
  | { readonly kind: "batch"; readonly sizeInBytes: number; readonly magic: number }
  /** Fewer bytes are left than the batch says it has, or none: a consumer stops here without an error. */
  | { readonly kind: "end" }
  /** A length or a magic that no batch has. */
  | { readonly kind: "corrupt"; readonly message: string };

/** Looks at the batch at `at` of a row that ends at `end`, as Kafka's log input stream does. */
export function peekBatch(bytes: Uint8Array, at: number, end: number): BatchPeek {
  if (end - at < LOG_OVERHEAD_BYTES) return { kind: "end" };
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, end - at);
  const length = view.getInt32(AT.batchLength);
  if (length < MIN_BATCH_LENGTH)
    return { kind: "corrupt", message: `A record batch has the impossible length ${length}.` };
  if (end - at <= AT.magic) return { kind: "end" };
  const magic = view.getInt8(AT.magic);
  if (magic < 0 || magic > MAGIC_V2)
    return { kind: "corrupt", message: `A record batch has the unknown magic ${magic}.` };
  const sizeInBytes = LOG_OVERHEAD_BYTES + length;
  return end - at < sizeInBytes ? { kind: "end" } : { kind: "batch", sizeInBytes, magic };
}

/** The codec's number in the attributes, which may be one that does not exist (5 to 7). */
export function codecOf(attributes: number): number {
  return attributes & CODEC_MASK;
}

export function timestampTypeOf(attributes: number): TimestampType {
  return (attributes & LOG_APPEND_TIME_BIT) === 0 ? "CreateTime" : "LogAppendTime";
}

export function isTransactional(attributes: number): boolean {
  return (attributes & TRANSACTIONAL_BIT) !== 0;
}

export function isControl(attributes: number): boolean {
  return (attributes & CONTROL_BIT) !== 0;
}

export function hasDeleteHorizon(attributes: number): boolean {
  return (attributes & DELETE_HORIZON_BIT) !== 0;
}

export interface AttributeFlags {
  readonly codec: Codec;
  readonly timestampType?: TimestampType;
  readonly transactional?: boolean;
  readonly control?: boolean;
  readonly deleteHorizon?: boolean;
}

export function makeAttributes(flags: AttributeFlags): number {
  return (
    flags.codec |
    (flags.timestampType === "LogAppendTime" ? LOG_APPEND_TIME_BIT : 0) |
    (flags.transactional ? TRANSACTIONAL_BIT : 0) |
    (flags.control ? CONTROL_BIT : 0) |
    (flags.deleteHorizon ? DELETE_HORIZON_BIT : 0)
  );
}

export function lastOffsetOf(header: BatchHeader): number {
  return header.baseOffset + header.lastOffsetDelta;
}

/** The sequence of the last record; sequences wrap from 2^31 - 1 to 0. -1 without a producer. */
export function lastSequenceOf(header: BatchHeader): number {
  if (header.baseSequence === NO_SEQUENCE) return NO_SEQUENCE;
  return (header.baseSequence + header.lastOffsetDelta) % 2 ** 31;
}

/** Writes what the leader owns: both fields lie outside the CRC. */
export function stampBatch(bytes: Uint8Array, at: number, baseOffset: number, partitionLeaderEpoch: number): void {
  const view = headerView(bytes, at);
  writeInt64(view, AT.baseOffset, baseOffset);
  view.setInt32(AT.partitionLeaderEpoch, partitionLeaderEpoch);
}

/** Makes `timestampMs` the timestamp of every record of the batch, by its header alone, and renews the CRC. */
export function stampLogAppendTime(kernels: Kernels, bytes: Uint8Array, at: number, timestampMs: number): void {
  stampMaxTimestamp(kernels, bytes, at, { timestampType: "LogAppendTime", maxTimestampMs: timestampMs });
}

/** Writes the timestamp type and the greatest timestamp into a batch whose CRC is right, and keeps it right without reading the batch. */
export function stampMaxTimestamp(
  kernels: Kernels,
  bytes: Uint8Array,
  at: number,
  stamp: { readonly timestampType: TimestampType; readonly maxTimestampMs: number },
): void {
  const view = headerView(bytes, at);
  const from = at + AT.attributes;
  const stampsEnd = AT.maxTimestamp + 8;
  const difference = bytes.slice(from, at + stampsEnd);
  const attributes = view.getInt16(AT.attributes);
  view.setInt16(AT.attributes, stampedAttributes(attributes, codecOf(attributes), stamp.timestampType));
  writeInt64(view, AT.maxTimestamp, stamp.maxTimestampMs);
  for (let index = 0; index < difference.length; index++) difference[index] ^= bytes[from + index];
  const bytesBehind = LOG_OVERHEAD_BYTES + view.getInt32(AT.batchLength) - stampsEnd;
  view.setUint32(AT.crc, kernels.crc32cPatched(view.getUint32(AT.crc), difference, bytesBehind));
}

/** The attributes with another codec and timestamp type. */
export function stampedAttributes(attributes: number, codec: number, timestampType: TimestampType): number {
  const rest = attributes & ~(CODEC_MASK | LOG_APPEND_TIME_BIT);
  return rest | codec | (timestampType === "LogAppendTime" ? LOG_APPEND_TIME_BIT : 0);
}

/** Computes and writes the CRC of the batch at `at`, whose length field is right. */
export function stampCrc(kernels: Kernels, bytes: Uint8Array, at: number): void {
  const view = headerView(bytes, at);
  const end = at + LOG_OVERHEAD_BYTES + view.getInt32(AT.batchLength);
  view.setUint32(AT.crc, kernels.crc32c(bytes.subarray(at + AT.attributes, end)));
}

/** Writes every field of the header except the CRC. */
export function writeBatchHeader(bytes: Uint8Array, at: number, header: Omit<BatchHeader, "crc" | "magic">): void {
  const view = headerView(bytes, at);
  writeInt64(view, AT.baseOffset, header.baseOffset);
  view.setInt32(AT.batchLength, header.sizeInBytes - LOG_OVERHEAD_BYTES);
  view.setInt32(AT.partitionLeaderEpoch, header.partitionLeaderEpoch);
  view.setInt8(AT.magic, MAGIC_V2);
  view.setInt16(AT.attributes, header.attributes);
  view.setInt32(AT.lastOffsetDelta, header.lastOffsetDelta);
  writeInt64(view, AT.baseTimestamp, header.baseTimestamp);
  writeInt64(view, AT.maxTimestamp, header.maxTimestamp);
  writeInt64(view, AT.producerId, header.producerId);
  view.setInt16(AT.producerEpoch, header.producerEpoch);
  view.setInt32(AT.baseSequence, header.baseSequence);
  view.setInt32(AT.recordCount, header.recordCount);
}

/** Gives the batch at `at` of `target` the base and the greatest timestamp of the batch at the beginning of `batch`, to the bit. */
export function copyTimestamps(batch: Uint8Array, target: Uint8Array, at: number): void {
  target.set(batch.subarray(AT.baseTimestamp, AT.producerId), at + AT.baseTimestamp);
}

function headerView(bytes: Uint8Array, at: number): DataView {
  if (bytes.length - at < BATCH_HEADER_BYTES) throw new Error("no room for a record batch header");
  return new DataView(bytes.buffer, bytes.byteOffset + at, BATCH_HEADER_BYTES);
}

function readInt64(view: DataView, at: number): number {
  const value = view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

function writeInt64(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new Error("a record batch header field is no safe integer");
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}
