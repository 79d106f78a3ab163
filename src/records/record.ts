/**
 * One record of a batch of magic 2 (KIP-98). Every number is a zigzag varint; a length of -1 stands for null:
 *
 *     length | attributes int8 (unused) | timestampDelta varlong | offsetDelta
 *     key length | key | value length | value | header count | { key length | key | value length | value } …
 */
import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Reader } from "#bytes/reader.ts";

export interface RecordHeader {
  readonly key: string;
  readonly value: Uint8Array | null;
}

/** A record as it is read. Keys and values are views on the batch, or on what it was inflated to. */
export interface Record {
  readonly offset: number;
  /** Milliseconds since the epoch; -1 for none. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly RecordHeader[];
}

/** A record as it is given to a batch. */
export interface NewRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers?: readonly RecordHeader[];
}

const NO_HEADERS: readonly RecordHeader[] = [];
/** The length of what is null. */
const NULL = -1;

/** What a batch's header says of all its records. */
export interface RecordBase {
  readonly baseOffset: number;
  readonly baseTimestamp: number;
  /** The timestamp of every record when the batch's type is LogAppendTime, else null. */
  readonly logAppendTimestamp: number | null;
}

/** Reads the record at the reader's position. Throws MalformedMessageError when it lies about its lengths. */
export function readRecord(reader: Reader, base: RecordBase): Record {
  const length = reader.varint();
  const bodyStart = reader.position;
  if (length < 0 || length > reader.remaining) throw new MalformedMessageError("a record reaches beyond its batch");
  reader.skip(1);
  const timestampMs = base.baseTimestamp + reader.varlong();
  const offset = base.baseOffset + reader.varint();
  const key = readNullable(reader);
  const value = readNullable(reader);
  const headers = readHeaders(reader);
  if (reader.position !== bodyStart + length) throw new MalformedMessageError("a record does not fill its length");
  return { offset, timestampMs: base.logAppendTimestamp ?? timestampMs, key, value, headers };
}

function readNullable(reader: Reader): Uint8Array | null {
  const length = reader.varint();
  return length < 0 ? null : reader.bytes(length);
}

function readHeaders(reader: Reader): readonly RecordHeader[] {
  const count = reader.varint();
  if (count === 0) return NO_HEADERS;
  // A header takes two bytes at least, so the count cannot make us allocate more than the input holds.
  if (count < 0 || count > reader.remaining) throw new MalformedMessageError("an impossible number of record headers");
  const headers: RecordHeader[] = [];
  for (let index = 0; index < count; index++) {
    const key = reader.text(reader.varint());
    headers.push({ key, value: readNullable(reader) });
  }
  return headers;
}

const encoder = new TextEncoder();
const NO_KEYS: readonly Uint8Array[] = [];
/** Lengths, attributes, deltas and counts of a record take no more than this: seven varints and a byte. */
const MAX_FIXED_BYTES = 5 + 1 + 10 + 5 + 5 + 5 + 5;
const MAX_HEADER_FIXED_BYTES = 5 + 5;
/** UTF-8 has at most three bytes for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;
/** A length from the first to the second takes two bytes as a varint. */
const MIN_TWO_BYTES = 0x40;
const MAX_TWO_BYTES = 0x1fff;
/** Up to here a loop over bytes costs less than a call of the engine's copy. */
const SHORT_BYTES = 24;

/** At least what `writeRecord` will write. */
export function recordBound(record: NewRecord): number {
  let bytes = MAX_FIXED_BYTES;
  if (record.key !== null) bytes += record.key.length;
  if (record.value !== null) bytes += record.value.length;
  if (record.headers === undefined) return bytes;
  for (const { key, value } of record.headers) {
    bytes += MAX_HEADER_FIXED_BYTES + MAX_UNIT_BYTES * key.length + (value === null ? 0 : value.length);
  }
  return bytes;
}

/** Where a record stands in its batch. */
export interface RecordPlace {
  readonly offsetDelta: number;
  readonly timestampDelta: number;
}

/** Writes the record at `at`, where `recordBound` bytes are free. Returns its end. */
export function writeRecord(target: Uint8Array, at: number, record: NewRecord, place: RecordPlace): number {
  const { value, headers } = record;
  const hasTwoBytes = value !== null && value.length >= MIN_TWO_BYTES && value.length <= MAX_TWO_BYTES;
  if (hasTwoBytes && (headers === undefined || headers.length === 0)) return writeUsual(target, at, record, place);
  return writeAny(target, at, record, place);
}

/**
 * Writes a record without headers whose length will nearly always take two bytes. They are left free and written last: to add the length
 * up beforehand takes as long as to write the record. When the length takes three bytes after all, what was written moves.
 */
function writeUsual(target: Uint8Array, at: number, record: NewRecord, place: RecordPlace): number {
  const { key, value } = record;
  const { offsetDelta, timestampDelta } = place;
  const keyLength = key === null ? NULL : key.length;
  const valueLength = value === null ? NULL : value.length;
  const from = at + 2;
  target[from] = 0;
  let to = from + 1;
  if (timestampDelta >= -0x40 && timestampDelta < 0x40) target[to++] = (timestampDelta << 1) ^ (timestampDelta >> 31);
  else to = writeVarlong(target, to, timestampDelta);
  to = writeVarint(target, to, offsetDelta);
  to = writeVarint(target, to, keyLength);
  if (key !== null) to = writeBytes(target, to, key, keyLength);
  to = writeVarint(target, to, valueLength);
  if (value !== null) to = writeBytes(target, to, value, valueLength);
  target[to++] = 0;
  const length = to - from;
  if (length <= MAX_TWO_BYTES) {
    target[at] = (length << 1) | 0x80;
    target[at + 1] = length >> 6;
    return to;
  }
  target.copyWithin(at + varintBytes(length), from, to);
  return writeVarint(target, at, length) + length;
}

/** Writes a record of any kind, its length first. */
function writeAny(target: Uint8Array, at: number, record: NewRecord, place: RecordPlace): number {
  const { key, value, headers } = record;
  const { offsetDelta, timestampDelta } = place;
  const hasHeaders = headers !== undefined && headers.length > 0;
  const keyLength = key === null ? NULL : key.length;
  const valueLength = value === null ? NULL : value.length;
  const headerKeys = hasHeaders ? headers.map((header) => encoder.encode(header.key)) : NO_KEYS;
  const headerBytes = hasHeaders ? bytesOfHeaders(headers, headerKeys) : 1;
  const fixedBytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta) + headerBytes;
  let to = writeVarint(target, at, fixedBytes + nullableBytes(keyLength) + nullableBytes(valueLength));
  target[to++] = 0;
  to = writeVarlong(target, to, timestampDelta);
  to = writeVarint(target, to, offsetDelta);
  to = writeVarint(target, to, keyLength);
  if (key !== null) to = writeBytes(target, to, key, keyLength);
  to = writeVarint(target, to, valueLength);
  if (value !== null) to = writeBytes(target, to, value, valueLength);
  if (hasHeaders) return writeHeaders(target, to, headers, headerKeys);
  target[to] = 0;
  return to + 1;
}

function bytesOfHeaders(headers: readonly RecordHeader[], keys: readonly Uint8Array[]): number {
  let bytes = varintBytes(headers.length);
  for (let index = 0; index < headers.length; index++) {
    bytes += nullableBytes(keys[index].length) + nullableBytes(headers[index].value?.length ?? NULL);
  }
  return bytes;
}

function writeHeaders(
  target: Uint8Array,
  at: number,
  headers: readonly RecordHeader[],
  keys: readonly Uint8Array[],
): number {
  let to = writeVarint(target, at, headers.length);
  for (let index = 0; index < headers.length; index++) {
    const key = keys[index];
    const { value } = headers[index];
    to = writeBytes(target, writeVarint(target, to, key.length), key, key.length);
    to = writeVarint(target, to, value === null ? NULL : value.length);
    if (value !== null) to = writeBytes(target, to, value, value.length);
  }
  return to;
}

/** Bytes of a length and of what it announces. */
function nullableBytes(length: number): number {
  return length < 0 ? 1 : varintBytes(length) + length;
}

function writeBytes(target: Uint8Array, at: number, bytes: Uint8Array, length: number): number {
  if (length > SHORT_BYTES) target.set(bytes, at);
  else for (let index = 0; index < length; index++) target[at + index] = bytes[index];
  return at + length;
}

function varintBytes(value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  if ((zigzag & ~0x7f) === 0) return 1;
  if ((zigzag & ~0x3fff) === 0) return 2;
  return Math.ceil((32 - Math.clz32(zigzag)) / 7);
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  const zigzag = (value << 1) ^ (value >> 31);
  if ((zigzag & ~0x7f) === 0) {
    target[at] = zigzag;
    return at + 1;
  }
  if ((zigzag & ~0x3fff) === 0) {
    target[at] = zigzag | 0x80;
    target[at + 1] = zigzag >> 7;
    return at + 2;
  }
  let rest = zigzag >>> 0;
  let to = at;
  for (; rest >= 0x80; rest >>>= 7) target[to++] = (rest & 0x7f) | 0x80;
  target[to++] = rest;
  return to;
}

/** Zigzag doubles a number; above 2^52 the double would no longer be exact, and no timestamp delta is that large. */
const MAX_VARLONG = 2 ** 52;

function varlongBytes(value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return varintBytes(value);
  if (Math.abs(value) > MAX_VARLONG) throw new Error("a timestamp delta is too large for a record");
  let bytes = 1;
  for (let rest = zigzagLong(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeVarlong(target: Uint8Array, at: number, value: number): number {
  if (value >= -0x40000000 && value < 0x40000000) return writeVarint(target, at, value);
  let to = at;
  let rest = zigzagLong(value);
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) target[to++] = (rest % 0x80) | 0x80;
  target[to++] = rest;
  return to;
}

function zigzagLong(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}
