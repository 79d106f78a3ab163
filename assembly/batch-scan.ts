// The walk over a record batch of magic 2. The layouts are drawn in src/records/batch.ts and src/records/record.ts; the twin is
// src/kernels/reference/record-scan.ts, and the faults have the numbers of ScanFault in src/kernels/kernels.ts.
import { crc32cSpending } from "./crc32c";

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
/** No delta in two bytes is as far from 0. */
const SHORT_DELTAS: f64 = 8193;

// Where a result goes, at `out`: recordCount i32, keylessCount i32, minTimestamp f64, maxTimestamp f64.

/** Returns CRC_MISMATCH, COMPRESSED, or the fault of the records. The batch is spent afterwards: its bytes are others. */
export function scanBatch(batch: usize, size: u32, out: usize): i32 {
  const crc = bswap(load<u32>(batch, CRC_AT));
  let outcome = COMPRESSED;
  if (!(load<u8>(batch, ATTRIBUTES_AT + 1) & CODEC_MASK)) {
    const baseTimestamp = <f64>(<i64>bswap(load<u64>(batch, BASE_TIMESTAMP_AT)));
    const recordCount = <i32>bswap(load<u32>(batch, RECORD_COUNT_AT));
    outcome = scanRecords(batch + RECORDS_AT, size - <u32>RECORDS_AT, recordCount, baseTimestamp, out);
  }
  // Last of all, because this way of computing it is the fastest and overwrites the batch.
  return crc32cSpending(0, batch + ATTRIBUTES_AT, size - <u32>ATTRIBUTES_AT) == crc ? outcome : CRC_MISMATCH;
}

/** Returns the fault at which the walk over `length` bytes of records stopped, or 0. */
export function scanRecords(from: usize, length: u32, recordCount: i32, baseTimestamp: f64, out: usize): i32 {
  const end = from + length;
  let fault: i32 = recordCount < 0 ? RECORD_COUNT : 0;
  let index: i32 = 0;
  let keylessCount: i32 = 0;
  let minTimestamp: f64 = Infinity;
  let maxTimestamp: f64 = NO_TIMESTAMP;
  let minDelta: i32 = i32.MAX_VALUE;
  let maxDelta: i32 = i32.MIN_VALUE;
  // Whether no short delta makes -1 of it, which would be no timestamp.
  const isPlain = baseTimestamp >= SHORT_DELTAS;
  while (fault == 0 && index < recordCount) {
    // Records whose varints have at most two bytes and that have no headers: nearly all. What is unusual or wrong breaks out.
    while (isPlain && index < recordCount) {
      let word = load<u64>(from);
      let at = from + 1;
      let size = <u32>word & 0x7f;
      if (word & 0x80) {
        if (word & 0x8000) break;
        size |= (<u32>word >> 1) & 0x3f80;
        at++;
      }
      const next = at + (size >> 1);
      if (size & 1 || next > end) break;
      // Behind the attributes, which nobody uses.
      at++;
      word = load<u64>(at);
      let timestamp = <u32>word & 0x7f;
      if (word & 0x80) {
        if (word & 0x8000) break;
        timestamp |= (<u32>word >> 1) & 0x3f80;
        word >>= 8;
        at++;
      }
      word >>= 8;
      let offset = <u32>word & 0x7f;
      if (word & 0x80) {
        if (word & 0x8000) break;
        offset |= (<u32>word >> 1) & 0x3f80;
        word >>= 8;
        at++;
      }
      word >>= 8;
      if (offset != <u32>index << 1) break;
      let key = <u32>word & 0x7f;
      at += 3;
      if (word & 0x80) {
        if (word & 0x8000) break;
        key |= (<u32>word >> 1) & 0x3f80;
        at++;
      }
      // The lengths 1, 3, … are negative; -1 is null.
      const keyless = key & 1;
      if (keyless && key != 1) break;
      at += key >> 1;
      if (at > next) break;
      word = load<u64>(at);
      let value = <u32>word & 0x7f;
      at++;
      if (word & 0x80) {
        if (word & 0x8000) break;
        value |= (<u32>word >> 1) & 0x3f80;
        at++;
      }
      if (value & 1 && value != 1) break;
      at += value >> 1;
      if (at + 1 != next || load<u8>(at) != 0) break;
      const delta = <i32>(timestamp >> 1) ^ -(<i32>timestamp & 1);
      minDelta = min(minDelta, delta);
      maxDelta = max(maxDelta, delta);
      keylessCount += keyless;
      from = next;
      index++;
    }
    if (index == recordCount) break;
    const size = varint(from);
    let at = endOf(size);
    if (at > end || valueOf(size) < 0 || <u32>valueOf(size) > <u32>(end - at)) {
      fault = RECORD_LENGTH;
      break;
    }
    // The next record's place depends on nothing but this length, so that the machine may run ahead.
    from = at + <usize>valueOf(size);
    // Behind the attributes, which nobody uses. A position beyond the record's end stays just there, and the end finds it:
    // nothing but slack or later records has been read.
    let timestampDelta = <i64>load<u8>(at, 1);
    if (timestampDelta < 0x80) {
      timestampDelta = (timestampDelta >> 1) ^ -(timestampDelta & 1);
      at += 2;
    } else {
      timestampDelta = readVarlong(at + 1);
      at = min<usize>(varlongEnd, from + 1);
    }
    const offsetDelta = varint(at);
    const key = varint(min<usize>(endOf(offsetDelta), from + 1));
    at = skipped(key, from);
    const value = varint(at);
    at = skipped(value, from);
    const headerCount = varint(at);
    at = endOf(headerCount);
    if (at > from) {
      fault = RECORD_STRUCTURE;
      break;
    }
    if (valueOf(headerCount) != 0) {
      at = skipHeaders(at, valueOf(headerCount), from);
      if (at == BAD_HEADERS) {
        fault = RECORD_HEADERS;
        break;
      }
    }
    if (at != from) {
      fault = RECORD_STRUCTURE;
      break;
    }
    if (valueOf(offsetDelta) != index) {
      fault = OFFSET_DELTA;
      break;
    }
    const timestamp = baseTimestamp + <f64>timestampDelta;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    if (timestamp != NO_TIMESTAMP && timestamp < minTimestamp) minTimestamp = timestamp;
    keylessCount += valueOf(key) < 0 ? 1 : 0;
    index++;
  }
  if (minDelta <= maxDelta) {
    minTimestamp = min(minTimestamp, baseTimestamp + <f64>minDelta);
    maxTimestamp = max(maxTimestamp, baseTimestamp + <f64>maxDelta);
  }
  if (fault == 0 && from != end) fault = BYTES_REMAIN;
  store<i32>(out, index);
  store<i32>(out, keylessCount, 4);
  store<f64>(out, minTimestamp, 8);
  store<f64>(out, maxTimestamp, 16);
  return fault;
}

/** A place beyond every end, for a varint that is too long and a length that leads out. */
const NOWHERE: u64 = 0x7fffff00;
const BAD_HEADERS: usize = 0xffffffff;

/** A varint of at most five bytes as its value in the low half and where it ends in the high half. */
// @ts-ignore: a decorator of AssemblyScript's
@inline
function varint(at: usize): u64 {
  const first: u32 = load<u8>(at);
  if (first < 0x80) return (<u64>(at + 1) << 32) | zigzag(first);
  const second: u32 = load<u8>(at, 1);
  if (second < 0x80) return (<u64>(at + 2) << 32) | zigzag((first & 0x7f) | (second << 7));
  return longVarint(at);
}

// @ts-ignore: a decorator of AssemblyScript's
@inline
function zigzag(value: u32): u64 {
  return <u64>((value >> 1) ^ (0 - (value & 1)));
}

// @ts-ignore: a decorator of AssemblyScript's
@inline
function valueOf(varint: u64): i32 {
  return <i32>varint;
}

// @ts-ignore: a decorator of AssemblyScript's
@inline
function endOf(varint: u64): usize {
  return <usize>(varint >> 32);
}

/** Bits beyond the 32nd are dropped, as Kafka does. */
function longVarint(at: usize): u64 {
  let value: u32 = 0;
  for (let shift: u32 = 0; shift < 35; shift += 7) {
    const byte: u32 = load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return (<u64>at << 32) | zigzag(value);
  }
  return NOWHERE << 32;
}

/** Where the last varlong ended. */
let varlongEnd: usize = 0;

/** At most ten bytes; bits beyond the 64th are dropped. */
function readVarlong(at: usize): i64 {
  let value: u64 = 0;
  for (let shift: u64 = 0; shift < 70; shift += 7) {
    const byte: u64 = load<u8>(at++);
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      varlongEnd = at;
      return <i64>((value >> 1) ^ (0 - (value & 1)));
    }
  }
  varlongEnd = <usize>NOWHERE;
  return 0;
}

/** The position behind the bytes that a length announces; a negative one stands for null. Never far beyond `end`. */
// @ts-ignore: a decorator of AssemblyScript's
@inline
function skipped(length: u64, end: usize): usize {
  const at = endOf(length);
  const count = valueOf(length);
  if (count <= 0) return min<usize>(at, end + 1);
  return at <= end && <u32>count <= <u32>(end - at) ? at + <usize>count : end + 1;
}

/** The end of the headers, a place beyond `end`, or BAD_HEADERS. */
function skipHeaders(at: usize, count: i32, end: usize): usize {
  if (count < 0 || <u32>count > <u32>(end - at)) return BAD_HEADERS;
  for (let header: i32 = 0; header < count; header++) {
    const key = varint(at);
    if (endOf(key) > end) return end + 1;
    if (valueOf(key) < 0) return BAD_HEADERS;
    at = skipped(key, end);
    if (at > end) return at;
    const value = varint(at);
    if (endOf(value) > end) return end + 1;
    at = skipped(value, end);
    if (at > end) return at;
  }
  return at;
}
