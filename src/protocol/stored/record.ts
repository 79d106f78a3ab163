/**
 * How keys and values of the internal topics are framed. A key is a 16-bit number that says of which kind the record is (the table's
 * `apiKey`: 1 a committed offset, 2 a classic group) and the key's fields in version 0; a value is a 16-bit version and the fields.
 */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { Draft, Message } from "../schema.ts";

const KEY_VERSION = 0;

/** The kind of record that a stored key announces. */
export function storedKind(key: Uint8Array): number {
  return new Reader(key).int16();
}

export function encodeStoredKey<T>(table: Message<T>, draft: Draft<T>): Uint8Array {
  const writer = new Writer();
  writer.int16(table.apiKey);
  table.encode(writer, draft, KEY_VERSION);
  return writer.finish();
}

/** A key of another kind than the table's is malformed: ask `storedKind` first. */
export function decodeStoredKey<T>(table: Message<T>, key: Uint8Array): T {
  const reader = new Reader(key);
  const kind = reader.int16();
  if (kind !== table.apiKey) throw new MalformedMessageError(`a stored key of kind ${kind}, not ${table.apiKey}`);
  return table.decode(reader, KEY_VERSION);
}

export function encodeStoredValue<T>(table: Message<T>, draft: Draft<T>, version: number): Uint8Array {
  const writer = new Writer();
  writer.int16(version);
  table.encode(writer, draft, version);
  return writer.finish();
}

/** A version that the table doesn't have is malformed. */
export function decodeStoredValue<T>(table: Message<T>, value: Uint8Array): T {
  const reader = new Reader(value);
  const version = reader.int16();
  if (version < table.min || version > table.max)
    throw new MalformedMessageError(`a stored value of version ${version}`);
  return table.decode(reader, version);
}
