/**
 * What a leader checks of the bytes that one partition gets in a produce request, in Kafka's order and with Kafka's error
 * codes (ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords, LogValidator). Departures:
 *
 * - a compressed batch passes unopened where its header suffices; Kafka opens each one;
 * - a batch whose codec the topic changes keeps its records' bytes, once opened; Kafka writes each record anew;
 * - offset deltas other than 0, 1, 2, … are INVALID_RECORD; Kafka rewrites such a compressed batch and accepts an uncompressed one;
 * - a batch that cannot be opened is INVALID_RECORD, or MESSAGE_TOO_LARGE beyond the limit; Kafka says UNKNOWN_SERVER_ERROR;
 * - at most MAX_RECORD_ERRORS record errors are listed.
 */
import { type RecordScan, ScanFault } from "#kernels/kernels.ts";
import { ErrorCode } from "#protocol/errors.ts";
import {
  BATCH_HEADER_BYTES,
  type BatchHeader,
  Codec,
  codecOf,
  isControl,
  MAGIC_V2,
  NO_TIMESTAMP,
  peekBatch,
  readBatchHeader,
  stampedAttributes,
  type TimestampType,
  timestampTypeOf,
} from "./batch.ts";
import { packingOf } from "./builder.ts";
import { type Compression, decompress, MAX_DECOMPRESSED_BATCH_BYTES } from "./compression.ts";
import { findRecordErrors, isOutOfRange, type RecordError, type RecordRules } from "./record-errors.ts";

/** The first version of Produce whose batches may be compressed with zstd (KIP-110). */
const FIRST_ZSTD_PRODUCE_VERSION = 7;

export interface ValidationRules extends RecordRules {
  readonly produceVersion: number;
  /** The topic's `max.message.bytes`: of the whole batch, as sent. */
  readonly maxMessageBytes: number;
  /** The topic's `message.timestamp.type`. */
  readonly timestampType: TimestampType;
  /** What the topic's `compression.type` asks for (`codecOfTopic`); null or missing leaves the producer's choice. */
  readonly codec?: Codec | null;
  /** A coordinator may write control batches, and its batches carry no sequences. */
  readonly byCoordinator?: boolean;
  /** What a batch that must be opened may inflate to. Default MAX_DECOMPRESSED_BATCH_BYTES. */
  readonly maxDecompressedBytes?: number;
}

export interface ValidBatch {
  readonly ok: true;
  readonly header: BatchHeader;
  /** Bytes of the batch; what follows in the input is an unfinished batch and is dropped, as Kafka does. */
  readonly sizeInBytes: number;
  /** The greatest timestamp of the batch once it is stamped. */
  readonly maxTimestampMs: number;
  /** The batch as it is to be stored when its codec had to change, stamped already; `header` is its header. */
  readonly repacked: Uint8Array | null;
  /** What `stampMaxTimestamp` must write before the batch is stored; null when the header is right already. */
  readonly stamp: { readonly timestampType: TimestampType; readonly maxTimestampMs: number } | null;
}

export interface RejectedBatch {
  readonly ok: false;
  readonly errorCode: ErrorCode;
  readonly message: string;
  readonly recordErrors: readonly RecordError[];
}

export type BatchOutcome = ValidBatch | RejectedBatch;

/** Checks `records`, the bytes of one partition of a produce request. Changes nothing. */
export function validateBatch(compression: Compression, records: Uint8Array, rules: ValidationRules): BatchOutcome {
  const envelope = checkEnvelope(records, rules);
  if (envelope !== null) return envelope;
  const header = readBatchHeader(records, 0);
  const size = checkSize(header, rules);
  if (size !== null) return size;
  const scan = compression.kernels.scanBatch(records, 0, header.sizeInBytes);
  if (!scan.crcMatches)
    return reject(ErrorCode.CORRUPT_MESSAGE, "The CRC of the record batch does not match its bytes.");
  const lie = checkHeader(header, rules);
  if (lie !== null) return lie;
  const codec = rules.codec ?? null;
  if (codec !== null && codec !== codecOf(header.attributes)) return inspect(compression, records, codec, rules);
  if (scan.records !== null) {
    return checkRecords(header, records.subarray(BATCH_HEADER_BYTES, header.sizeInBytes), scan.records, rules);
  }
  return mustOpen(header, rules)
    ? inspect(compression, records, null, rules)
    : accept(header, header.maxTimestamp, rules);
}

/** There must be one batch and no other, of magic 2. Nothing of it is believed yet but its length. */
function checkEnvelope(records: Uint8Array, rules: ValidationRules): RejectedBatch | null {
  const first = peekBatch(records, 0, records.length);
  if (first.kind === "corrupt") return reject(ErrorCode.CORRUPT_MESSAGE, first.message);
  if (first.kind === "end") {
    return reject(ErrorCode.INVALID_RECORD, "A produce request must have a whole record batch for each partition.");
  }
  if (first.magic !== MAGIC_V2) {
    return reject(
      ErrorCode.INVALID_RECORD,
      `A produce request may only have record batches of magic 2, not ${first.magic}.`,
    );
  }
  if (first.sizeInBytes < BATCH_HEADER_BYTES) {
    return reject(
      ErrorCode.CORRUPT_MESSAGE,
      `A record batch of ${first.sizeInBytes} bytes is shorter than its header.`,
    );
  }
  const codec = codecOf(readBatchHeader(records, 0).attributes);
  if (codec === Codec.ZSTD && rules.produceVersion < FIRST_ZSTD_PRODUCE_VERSION) {
    return reject(
      ErrorCode.UNSUPPORTED_COMPRESSION_TYPE,
      `Produce version ${rules.produceVersion} does not allow zstd; version ${FIRST_ZSTD_PRODUCE_VERSION} does.`,
    );
  }
  const second = peekBatch(records, first.sizeInBytes, records.length);
  if (second.kind === "corrupt") return reject(ErrorCode.CORRUPT_MESSAGE, second.message);
  if (second.kind === "batch") {
    return reject(ErrorCode.INVALID_RECORD, "A produce request may have only one record batch for each partition.");
  }
  return null;
}

function checkSize(header: BatchHeader, rules: ValidationRules): RejectedBatch | null {
  if (header.baseOffset !== 0) {
    return reject(ErrorCode.INVALID_RECORD, `The base offset of a produced batch must be 0, not ${header.baseOffset}.`);
  }
  return header.sizeInBytes > rules.maxMessageBytes ? rejectSize(header.sizeInBytes, rules) : null;
}

function rejectSize(sizeInBytes: number, rules: ValidationRules): RejectedBatch {
  return reject(
    ErrorCode.MESSAGE_TOO_LARGE,
    `The record batch has ${sizeInBytes} bytes; max.message.bytes is ${rules.maxMessageBytes}.`,
  );
}

/** What the header says must agree with itself. */
function checkHeader(header: BatchHeader, rules: ValidationRules): RejectedBatch | null {
  const { lastOffsetDelta, recordCount, attributes, producerId, baseSequence } = header;
  const codec = codecOf(attributes);
  if (codec > Codec.ZSTD) return reject(ErrorCode.UNKNOWN_SERVER_ERROR, `There is no compression codec ${codec}.`);
  if (lastOffsetDelta < 0) {
    return reject(ErrorCode.INVALID_RECORD, `The batch has the invalid last offset delta ${lastOffsetDelta}.`);
  }
  if (recordCount <= 0)
    return reject(ErrorCode.INVALID_RECORD, `The batch has the invalid record count ${recordCount}.`);
  if (lastOffsetDelta + 1 !== recordCount) {
    return reject(
      ErrorCode.INVALID_RECORD,
      `The batch has ${recordCount} records but the last offset delta ${lastOffsetDelta}.`,
    );
  }
  if (rules.byCoordinator) return null;
  if (isControl(attributes)) return reject(ErrorCode.INVALID_RECORD, "Clients may not write control records.");
  if (producerId >= 0 && baseSequence < 0) {
    return reject(ErrorCode.INVALID_RECORD, `The batch of producer ${producerId} has the sequence ${baseSequence}.`);
  }
  return null;
}

/** Only keys and timestamps need a look inside; where the header's own timestamps are in range they are believed. */
function mustOpen(header: BatchHeader, rules: ValidationRules): boolean {
  if (rules.compacted || timestampTypeOf(header.attributes) === "LogAppendTime") return true;
  if (rules.timestampType === "LogAppendTime") return false;
  const isPastBounded = rules.nowMs - rules.timestampBeforeMaxMs > 0;
  return isPastBounded || isOutOfRange(header.maxTimestamp, rules);
}

/** Opens the batch and checks its records, and gives it another codec when it should have one. */
function inspect(
  compression: Compression,
  records: Uint8Array,
  codec: Codec | null,
  rules: ValidationRules,
): BatchOutcome {
  const header = readBatchHeader(records, 0);
  const batch = records.subarray(0, header.sizeInBytes);
  const packed = batch.subarray(BATCH_HEADER_BYTES);
  const isKernel = ![Codec.GZIP, Codec.ZSTD].some((one) => one === codecOf(header.attributes));
  const opened = isKernel ? null : open(compression, header, packed, rules);
  if (opened?.ok === false) return opened;
  const maxBytes = maxDecompressedBytes(rules);
  const repacked = compression.kernels.repackBatch(batch, {
    opened: opened?.bytes ?? null,
    packing: packingOf(compression, codec ?? Codec.NONE),
    attributes: stampedAttributes(header.attributes, codec ?? Codec.NONE, rules.timestampType),
    maxBytes,
    stamp(scan) {
      if (codec === null || !isAcceptable(header, scan, rules)) return null;
      return accept(header, greatest(header, scan), rules).maxTimestampMs;
    },
  });
  if (!repacked.ok) return rejectPacked(repacked.reason, maxBytes);
  if (repacked.bytes !== null) return acceptRepacked(repacked.bytes, rules);
  if (repacked.scan.fault === ScanFault.NONE && isAcceptable(header, repacked.scan, rules)) {
    return accept(header, greatest(header, repacked.scan), rules);
  }
  // Only to say which records are wrong are they opened once more.
  const again = open(compression, header, packed, rules);
  return again.ok ? checkRecords(header, again.bytes, repacked.scan, rules) : again;
}

function acceptRepacked(repacked: Uint8Array, rules: ValidationRules): BatchOutcome {
  const header = readBatchHeader(repacked, 0);
  const { sizeInBytes, maxTimestamp } = header;
  if (sizeInBytes > rules.maxMessageBytes) return rejectSize(sizeInBytes, rules);
  return { ok: true, header, sizeInBytes, maxTimestampMs: maxTimestamp, repacked, stamp: null };
}

function open(compression: Compression, header: BatchHeader, packed: Uint8Array, rules: ValidationRules) {
  const maxBytes = maxDecompressedBytes(rules);
  const opened = decompress(compression, codecOf(header.attributes), packed, maxBytes);
  return opened.ok ? opened : rejectPacked(opened.reason, maxBytes);
}

function maxDecompressedBytes(rules: ValidationRules): number {
  return rules.maxDecompressedBytes ?? MAX_DECOMPRESSED_BATCH_BYTES;
}

function rejectPacked(reason: string, maxBytes: number): RejectedBatch {
  return reason === "too-large"
    ? reject(ErrorCode.MESSAGE_TOO_LARGE, `The record batch inflates to more than ${maxBytes} bytes.`)
    : reject(ErrorCode.INVALID_RECORD, `The compressed record batch cannot be opened: ${reason}.`);
}

function checkRecords(header: BatchHeader, plain: Uint8Array, scan: RecordScan, rules: ValidationRules): BatchOutcome {
  if (scan.fault !== ScanFault.NONE) return reject(ErrorCode.INVALID_RECORD, describeFault(scan, header));
  if (isAcceptable(header, scan, rules)) return accept(header, greatest(header, scan), rules);
  const { errors, kind } = findRecordErrors(plain, header, rules);
  return rejectRecords(errors, kind);
}

function isAcceptable(header: BatchHeader, scan: RecordScan, rules: ValidationRules): boolean {
  const isKeyed = !rules.compacted || scan.keylessCount === 0;
  const isAppendTime = timestampTypeOf(header.attributes) === "LogAppendTime";
  return isKeyed && (isAppendTime ? isTimelyAppendTime(header, rules) : isTimely(scan, rules));
}

/** The greatest timestamp that a batch of sound records has. */
function greatest(header: BatchHeader, scan: RecordScan): number {
  if (timestampTypeOf(header.attributes) === "LogAppendTime") return header.maxTimestamp;
  return Math.min(scan.maxTimestamp, Number.MAX_SAFE_INTEGER);
}

function isTimely(scan: RecordScan, rules: ValidationRules): boolean {
  if (rules.timestampType === "LogAppendTime") return true;
  return !isOutOfRange(scan.maxTimestamp, rules) && !isOutOfRange(scan.minTimestamp, rules);
}

/**
 * A producer should never say LogAppendTime. Kafka refuses it on a topic of that type; on another it takes the batch's
 * greatest timestamp for all of its records, as the format means it, and turns the type back.
 */
function isTimelyAppendTime(header: BatchHeader, rules: ValidationRules): boolean {
  const { maxTimestamp } = header;
  return rules.timestampType === "CreateTime" && maxTimestamp !== NO_TIMESTAMP && !isOutOfRange(maxTimestamp, rules);
}

function accept(header: BatchHeader, maxTimestamp: number, rules: ValidationRules): ValidBatch {
  const { timestampType } = rules;
  const maxTimestampMs = timestampType === "LogAppendTime" ? rules.nowMs : maxTimestamp;
  const isRight = timestampTypeOf(header.attributes) === timestampType && header.maxTimestamp === maxTimestampMs;
  const stamp = isRight ? null : { timestampType, maxTimestampMs };
  return { ok: true, header, sizeInBytes: header.sizeInBytes, maxTimestampMs, repacked: null, stamp };
}

function reject(errorCode: ErrorCode, message: string): RejectedBatch {
  return { ok: false, errorCode, message, recordErrors: [] };
}

function rejectRecords(recordErrors: readonly RecordError[], kind: "timestamp" | "key"): RejectedBatch {
  return kind === "timestamp"
    ? { ok: false, errorCode: ErrorCode.INVALID_TIMESTAMP, message: "Records have an invalid timestamp.", recordErrors }
    : {
        ok: false,
        errorCode: ErrorCode.INVALID_RECORD,
        message: "Records of a compacted topic have no key.",
        recordErrors,
      };
}

const FAULTS: { readonly [fault in ScanFault]: string } = {
  [ScanFault.NONE]: "is sound",
  [ScanFault.RECORD_LENGTH]: "reaches beyond the end of the batch",
  [ScanFault.RECORD_STRUCTURE]: "does not fill its own length",
  [ScanFault.RECORD_HEADERS]: "has an impossible number of headers or a null header key",
  [ScanFault.OFFSET_DELTA]: "has an offset delta out of sequence",
  [ScanFault.BYTES_REMAIN]: "would stand behind the last of the declared records",
  [ScanFault.RECORD_COUNT]: "cannot be one of a negative number of records",
};

function describeFault(scan: RecordScan, header: BatchHeader): string {
  return `Record ${scan.recordCount} of the declared ${header.recordCount} ${FAULTS[scan.fault]}.`;
}
