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
/** The varint of -1, a null. */
const NULL_LENGTH = 1;

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

/** A record prepared for writing: its header keys as bytes and its sizes. */
export interface SizedRecord {
  readonly record: NewRecord;
  readonly headerKeys: readonly Uint8Array[];
  readonly timestampDelta: number;
  readonly offsetDelta: number;
  readonly bodyBytes: number;
  readonly totalBytes: number;
}

const encoder = new TextEncoder();
const NO_KEYS: readonly Uint8Array[] = [];

export function sizeRecord(record: NewRecord, offsetDelta: number, timestampDelta: number): SizedRecord {
  const headers = record.headers ?? NO_HEADERS;
  const headerKeys = headers.length === 0 ? NO_KEYS : headers.map((header) => encoder.encode(header.key));
  let bodyBytes = 1 + varlongBytes(timestampDelta) + varintBytes(offsetDelta);
  bodyBytes += nullableBytes(record.key) + nullableBytes(record.value) + varintBytes(headers.length);
  for (let index = 0; index < headers.length; index++) {
    bodyBytes += nullableBytes(headerKeys[index]) + nullableBytes(headers[index].value);
  }
  const totalBytes = varintBytes(bodyBytes) + bodyBytes;
  return { record, headerKeys, timestampDelta, offsetDelta, bodyBytes, totalBytes };
}

/** Writes the record at `at`, where `totalBytes` are free. Returns its end. */
export function writeRecord(target: Uint8Array, at: number, sized: SizedRecord): number {
  const { record, headerKeys } = sized;
  const headers = record.headers ?? NO_HEADERS;
  let to = writeVarint(target, at, sized.bodyBytes);
  target[to++] = 0;
  to = writeVarlong(target, to, sized.timestampDelta);
  to = writeVarint(target, to, sized.offsetDelta);
  to = writeNullable(target, to, record.key);
  to = writeNullable(target, to, record.value);
  to = writeVarint(target, to, headers.length);
  for (let index = 0; index < headers.length; index++) {
    to = writeNullable(target, to, headerKeys[index]);
    to = writeNullable(target, to, headers[index].value);
  }
  return to;
}

function nullableBytes(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintBytes(bytes.length) + bytes.length;
}

function writeNullable(target: Uint8Array, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) {
    target[at] = NULL_LENGTH;
    return at + 1;
  }
  const to = writeVarint(target, at, bytes.length);
  target.set(bytes, to);
  return to + bytes.length;
}

function varintBytes(value: number): number {
  const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  if (zigzag < 0x80) return 1;
  return Math.ceil((32 - Math.clz32(zigzag)) / 7);
}

function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
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
