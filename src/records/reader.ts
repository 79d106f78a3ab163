/** Reads records out of what a log or a fetch response holds: a row of batches, the last of which may be cut off. */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  codecOf,
  isControl,
  MAGIC_V2,
  peekBatch,
  readBatchHeader,
  timestampTypeOf,
} from "./batch.ts";
import { type Compression, decompress, MAX_DECOMPRESSED_BATCH_BYTES } from "./compression.ts";
import { type Record, type RecordBase, readRecord } from "./record.ts";

export interface BatchView {
  readonly header: BatchHeader;
  /** Where the batch begins in the row. */
  readonly at: number;
  /** Its records mark the end of transactions and are not for applications. */
  readonly control: boolean;
}

/**
 * The batches of a row, in order, unopened. A batch that is cut off ends the row without an error, as consumers need it.
 * Throws MalformedMessageError for a length or a magic that no batch has, and for magic 0 and 1, which we do not read.
 */
export function* readBatches(bytes: Uint8Array, from = 0, end = bytes.length): Generator<BatchView> {
  let at = from;
  for (;;) {
    const peek = peekBatch(bytes, at, end);
    if (peek.kind === "end") return;
    if (peek.kind === "corrupt") throw new MalformedMessageError(peek.message);
    if (peek.magic !== MAGIC_V2) throw new MalformedMessageError(`a message set of magic ${peek.magic}`);
    if (peek.sizeInBytes < BATCH_HEADER_BYTES)
      throw new MalformedMessageError("a record batch shorter than its header");
    const header = readBatchHeader(bytes, at);
    yield { header, at, control: isControl(header.attributes) };
    at += peek.sizeInBytes;
  }
}

/** A batch whose records can be read. */
export interface OpenedBatch {
  readonly header: BatchHeader;
  /** What stands behind the header, decompressed if need be. */
  readonly bytes: Uint8Array;
}

/**
 * Opens the batch at `at`. The CRC is not looked at: the log's own bytes have passed it. Throws MalformedMessageError when the
 * batch cannot be opened within `maxBytes`.
 */
export function openBatch(
  compression: Compression,
  bytes: Uint8Array,
  at: number,
  maxBytes = MAX_DECOMPRESSED_BATCH_BYTES,
): OpenedBatch {
  const header = readBatchHeader(bytes, at);
  if (header.sizeInBytes < BATCH_HEADER_BYTES || header.sizeInBytes > bytes.length - at) {
    throw new MalformedMessageError("a record batch is cut off");
  }
  const packed = bytes.subarray(at + BATCH_HEADER_BYTES, at + header.sizeInBytes);
  const opened = decompress(compression, codecOf(header.attributes), packed, maxBytes);
  if (!opened.ok) throw new MalformedMessageError(`a compressed record batch cannot be opened: ${opened.reason}`);
  return { header, bytes: opened.bytes };
}

/**
 * The records of the batch at `at`, as `openBatch` opens it. Throws MalformedMessageError also when its records lie about their
 * lengths.
 */
export function readRecords(
  compression: Compression,
  bytes: Uint8Array,
  at: number,
  maxBytes = MAX_DECOMPRESSED_BATCH_BYTES,
): Record[] {
  const opened = openBatch(compression, bytes, at, maxBytes);
  return readPlainRecords(opened.bytes, opened.header);
}

/**
 * Gives `visit` the offset and the timestamp of each record in turn, until it returns true; nothing is made of the records, of which
 * a small batch may hold millions. Throws MalformedMessageError for a record that reaches beyond the batch; keys, values and headers
 * aren't looked at.
 */
export function forEachTimestamp(
  { header, bytes }: OpenedBatch,
  visit: (offset: number, timestampMs: number) => boolean,
): void {
  const reader = new Reader(bytes);
  const { baseOffset, baseTimestamp, logAppendTimestamp } = recordBase(header);
  for (let index = 0; index < header.recordCount; index++) {
    const length = reader.varint();
    const end = reader.position + length;
    reader.skip(1);
    const timestampMs = baseTimestamp + reader.varlong();
    const offset = baseOffset + reader.varint();
    reader.skip(end - reader.position);
    if (visit(offset, logAppendTimestamp ?? timestampMs)) return;
  }
}

/** The records in `bytes`, which is what stood behind `header`, opened. */
export function readPlainRecords(bytes: Uint8Array, header: BatchHeader): Record[] {
  const reader = new Reader(bytes);
  const base = recordBase(header);
  const records: Record[] = [];
  for (let index = 0; index < header.recordCount; index++) records.push(readRecord(reader, base));
  if (reader.remaining > 0) throw new MalformedMessageError("bytes remain after the last record of a batch");
  return records;
}

function recordBase(header: BatchHeader): RecordBase {
  const isAppendTime = timestampTypeOf(header.attributes) === "LogAppendTime";
  return {
    baseOffset: header.baseOffset,
    baseTimestamp: header.baseTimestamp,
    logAppendTimestamp: isAppendTime ? header.maxTimestamp : null,
  };
}
