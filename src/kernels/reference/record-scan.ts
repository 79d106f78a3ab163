/**
 * The walk over the records of a batch of magic 2 (KIP-98, layout in `#records/record.ts`), field by field but
 * without looking at any content. Numbers are zigzag varints; timestamps are compared as doubles, so that those
 * which no safe integer can hold stay at their end of the scale instead of wrapping.
 */
import { type BatchScan, type RecordScan, ScanFault } from "../kernels.ts";
import { crc32c } from "./crc32c.ts";

const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const BASE_TIMESTAMP_AT = 27;
const RECORD_COUNT_AT = 57;
const RECORDS_AT = 61;
const CODEC_MASK = 7;
const NO_TIMESTAMP = -1;

export function scanBatch(bytes: Uint8Array, at: number, sizeInBytes: number): BatchScan {
  const batch = bytes.subarray(at, at + sizeInBytes);
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const crcMatches = crc32c(batch.subarray(ATTRIBUTES_AT)) === view.getUint32(CRC_AT);
  if (!crcMatches || (view.getInt16(ATTRIBUTES_AT) & CODEC_MASK) !== 0) return { crcMatches, records: null };
  const baseTimestamp = Number(view.getBigInt64(BASE_TIMESTAMP_AT));
  const records = scanRecords(batch.subarray(RECORDS_AT), view.getInt32(RECORD_COUNT_AT), baseTimestamp);
  return { crcMatches, records };
}

export function scanRecords(records: Uint8Array, recordCount: number, baseTimestamp: number): RecordScan {
  const cursor = new Cursor(records);
  const scan = {
    fault: ScanFault.NONE as ScanFault,
    recordCount: 0,
    keylessCount: 0,
    minTimestamp: Number.POSITIVE_INFINITY,
    maxTimestamp: NO_TIMESTAMP,
  };
  if (recordCount < 0) scan.fault = ScanFault.RECORD_COUNT;
  while (scan.fault === ScanFault.NONE && scan.recordCount < recordCount) {
    scan.fault = scanRecord(cursor, scan.recordCount);
    if (scan.fault !== ScanFault.NONE) break;
    const timestamp = baseTimestamp + cursor.timestampDelta;
    if (timestamp > scan.maxTimestamp) scan.maxTimestamp = timestamp;
    if (timestamp !== NO_TIMESTAMP && timestamp < scan.minTimestamp) scan.minTimestamp = timestamp;
    if (cursor.keyless) scan.keylessCount++;
    scan.recordCount++;
  }
  if (scan.fault === ScanFault.NONE && cursor.at !== records.length) scan.fault = ScanFault.BYTES_REMAIN;
  return scan;
}

function scanRecord(cursor: Cursor, index: number): ScanFault {
  cursor.end = cursor.records.length;
  const length = cursor.varint();
  if (cursor.failed || length < 0 || length > cursor.end - cursor.at) return ScanFault.RECORD_LENGTH;
  cursor.end = cursor.at + length;
  cursor.skip(1);
  cursor.timestampDelta = cursor.varlong();
  const offsetDelta = cursor.varint();
  const keyLength = cursor.varint();
  cursor.keyless = keyLength < 0;
  cursor.skip(keyLength);
  cursor.skip(cursor.varint());
  const headerCount = cursor.varint();
  if (cursor.failed) return ScanFault.RECORD_STRUCTURE;
  if (headerCount < 0 || headerCount > cursor.end - cursor.at) return ScanFault.RECORD_HEADERS;
  for (let header = 0; header < headerCount; header++) {
    const headerKeyLength = cursor.varint();
    if (headerKeyLength < 0 && !cursor.failed) return ScanFault.RECORD_HEADERS;
    cursor.skip(headerKeyLength);
    cursor.skip(cursor.varint());
    if (cursor.failed) return ScanFault.RECORD_STRUCTURE;
  }
  if (cursor.at !== cursor.end) return ScanFault.RECORD_STRUCTURE;
  return offsetDelta === index ? ScanFault.NONE : ScanFault.OFFSET_DELTA;
}

/** A cursor that remembers a failure instead of throwing; after one it stays where it is and reads zeros. */
class Cursor {
  readonly records: Uint8Array;
  at = 0;
  end = 0;
  failed = false;
  timestampDelta = 0;
  keyless = false;

  constructor(records: Uint8Array) {
    this.records = records;
  }

  /** Skips `length` bytes; a negative length stands for null and skips none. */
  skip(length: number): void {
    if (length <= 0 || this.failed) return;
    if (length > this.end - this.at) this.failed = true;
    else this.at += length;
  }

  /** At most five bytes; bits beyond the 32nd are dropped, as Kafka does. */
  varint(): number {
    if (this.failed) return 0;
    let value = 0;
    for (let shift = 0; shift < 35 && this.at < this.end; shift += 7) {
      const byte = this.records[this.at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return (value >>> 1) ^ -(value & 1);
    }
    this.failed = true;
    return 0;
  }

  /** At most ten bytes; bits beyond the 64th are dropped. */
  varlong(): number {
    if (this.failed) return 0;
    let value = 0n;
    for (let shift = 0n; shift < 70n && this.at < this.end; shift += 7n) {
      const byte = this.records[this.at++];
      if (shift === 0n && byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        const unsigned = BigInt.asUintN(64, value);
        return Number(BigInt.asIntN(64, (unsigned >> 1n) ^ -(unsigned & 1n)));
      }
    }
    this.failed = true;
    return 0;
  }
}
