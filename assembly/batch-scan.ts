// The walk over a record batch of magic 2. The layouts are drawn in src/records/batch.ts and src/records/record.ts; the twin is
// src/kernels/reference/record-scan.ts, and the faults have the numbers of ScanFault in src/kernels/kernels.ts.
import { crc32c } from "./crc32c";

const RECORD_LENGTH: i32 = 1;
const RECORD_STRUCTURE: i32 = 2;
const RECORD_HEADERS: i32 = 3;
const OFFSET_DELTA: i32 = 4;
const BYTES_REMAIN: i32 = 5;
const RECORD_COUNT: i32 = 6;

/** What scanBatch answers instead of a fault. */
const CRC_MISMATCH: i32 = -1;
const COMPRESSED: i32 = -2;

const CRC_AT: usize = 17;
const ATTRIBUTES_AT: usize = 21;
const BASE_TIMESTAMP_AT: usize = 27;
const RECORD_COUNT_AT: usize = 57;
const RECORDS_AT: usize = 61;
const CODEC_MASK: u32 = 7;
const NO_TIMESTAMP: f64 = -1;

// Where a result goes, at `out`: recordCount i32, keylessCount i32, minTimestamp f64, maxTimestamp f64.

/** Returns CRC_MISMATCH, COMPRESSED, or the fault of the records. */
export function scanBatch(batch: usize, size: u32, out: usize): i32 {
  if (crc32c(0, batch + ATTRIBUTES_AT, size - <u32>ATTRIBUTES_AT) != bswap(load<u32>(batch, CRC_AT))) return CRC_MISMATCH;
  if (load<u8>(batch, ATTRIBUTES_AT + 1) & CODEC_MASK) return COMPRESSED;
  const baseTimestamp = <f64>(<i64>bswap(load<u64>(batch, BASE_TIMESTAMP_AT)));
  const recordCount = <i32>bswap(load<u32>(batch, RECORD_COUNT_AT));
  return scanRecords(batch + RECORDS_AT, size - <u32>RECORDS_AT, recordCount, baseTimestamp, out);
}

/** Returns the fault at which the walk over `length` bytes of records stopped, or 0. */
export function scanRecords(from: usize, length: u32, recordCount: i32, baseTimestamp: f64, out: usize): i32 {
  const end = from + length;
  let fault: i32 = recordCount < 0 ? RECORD_COUNT : 0;
  let index: i32 = 0;
  let keylessCount: i32 = 0;
  let minTimestamp: f64 = Infinity;
  let maxTimestamp: f64 = NO_TIMESTAMP;
  while (fault == 0 && index < recordCount) {
    fault = scanRecord(from, end, index);
    if (fault != 0) break;
    from = recordEnd;
    const timestamp = baseTimestamp + <f64>timestampDelta;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (timestamp != NO_TIMESTAMP && timestamp < minTimestamp) minTimestamp = timestamp;
    keylessCount += keyless;
    index++;
  }
  if (fault == 0 && from != end) fault = BYTES_REMAIN;
  store<i32>(out, index);
  store<i32>(out, keylessCount, 4);
  store<f64>(out, minTimestamp, 8);
  store<f64>(out, maxTimestamp, 16);
  return fault;
}

/** What `scanRecord` found in a sound record. */
let recordEnd: usize = 0;
let timestampDelta: i64 = 0;
let keyless: i32 = 0;

/** Where the last varint ended; beyond every end when it was too long. */
let varintEnd: usize = 0;
const NOWHERE: usize = 0x7fffffff;

/** At most five bytes; bits beyond the 32nd are dropped, as Kafka does. It may read into the slack: look at the end. */
function readVarint(at: usize): i32 {
  let value: u32 = load<u8>(at++);
  if (value >= 0x80) {
    value &= 0x7f;
    let byte: u32 = 0;
    let shift: u32 = 7;
    do {
      byte = load<u8>(at++);
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80 && shift < 35);
    if (byte >= 0x80) at = NOWHERE;
  }
  varintEnd = at;
  return <i32>((value >> 1) ^ (0 - (value & 1)));
}

/** At most ten bytes; bits beyond the 64th are dropped. */
function readVarlong(at: usize): i64 {
  let value: u64 = load<u8>(at++);
  if (value >= 0x80) {
    value &= 0x7f;
    let byte: u64 = 0;
    let shift: u64 = 7;
    do {
      byte = load<u8>(at++);
      value |= (byte & 0x7f) << shift;
      shift += 7;
    } while (byte >= 0x80 && shift < 70);
    if (byte >= 0x80) at = NOWHERE;
  }
  varintEnd = at;
  return <i64>((value >> 1) ^ (0 - (value & 1)));
}

/** Walks over one record. No position is used before it is known to lie inside the record. */
function scanRecord(at: usize, end: usize, index: i32): i32 {
  const length = readVarint(at);
  at = varintEnd;
  if (at > end || length < 0 || <u32>length > <u32>(end - at)) return RECORD_LENGTH;
  end = at + <usize>length;
  timestampDelta = readVarlong(at + 1);
  at = varintEnd;
  if (at > end) return RECORD_STRUCTURE;
  const offsetDelta = readVarint(at);
  at = varintEnd;
  if (at > end) return RECORD_STRUCTURE;
  const keyLength = readVarint(at);
  keyless = keyLength < 0 ? 1 : 0;
  at = skip(varintEnd, keyLength, end);
  if (at > end) return RECORD_STRUCTURE;
  const valueLength = readVarint(at);
  at = skip(varintEnd, valueLength, end);
  if (at > end) return RECORD_STRUCTURE;
  const headerCount = readVarint(at);
  at = varintEnd;
  if (at > end) return RECORD_STRUCTURE;
  if (headerCount < 0 || <u32>headerCount > <u32>(end - at)) return RECORD_HEADERS;
  for (let header: i32 = 0; header < headerCount; header++) {
    const headerKeyLength = readVarint(at);
    if (varintEnd > end) return RECORD_STRUCTURE;
    if (headerKeyLength < 0) return RECORD_HEADERS;
    at = skip(varintEnd, headerKeyLength, end);
    if (at > end) return RECORD_STRUCTURE;
    const headerValueLength = readVarint(at);
    at = skip(varintEnd, headerValueLength, end);
    if (at > end) return RECORD_STRUCTURE;
  }
  if (at != end) return RECORD_STRUCTURE;
  recordEnd = end;
  return offsetDelta == index ? 0 : OFFSET_DELTA;
}

/** The position `length` bytes on, or NOWHERE beyond `end`. A negative length stands for null and skips none. */
function skip(at: usize, length: i32, end: usize): usize {
  if (at > end) return NOWHERE;
  if (length <= 0) return at;
  return <u32>length > <u32>(end - at) ? NOWHERE : at + <usize>length;
}
