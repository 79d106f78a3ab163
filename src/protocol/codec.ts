import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Reader } from "#bytes/reader.ts";
import type { Writer } from "#bytes/writer.ts";

/** What a field's codec depends on. */
export interface Encoding {
  readonly version: number;
  readonly isFlexible: boolean;
  /** May the value be null? Absent: no. */
  readonly isNullable?: boolean;
  /** Does the value stand in a tagged field? Absent: no. */
  readonly isTagged?: boolean;
}

/** Untyped by design: the table's types were checked where the table was written. */
export interface Codec {
  read(reader: Reader): unknown;
  write(writer: Writer, value: unknown): void;
}

/**
 * The most elements that all arrays of one message may have together. A frame of 1 MB could otherwise make a million objects. The largest
 * elements for the fewest bytes are CreateTopics' topics with an assignment each: 190 bytes of heap an element, so 50 MB are the most.
 */
export const MAX_ELEMENTS = 250_000;

/** The most tagged fields in one section; Kafka 4.4 has the same limit. */
export const MAX_TAGGED_FIELDS = 10_000;

/** Decoding never waits, so one count serves all messages. */
let elementsLeft = MAX_ELEMENTS;

/** Starts the count anew, for one message. */
export function limitElements(): void {
  elementsLeft = MAX_ELEMENTS;
}

/** Checks an array's count before anything is made for it: each element takes at least one byte. */
export function checkCount(count: number, reader: Reader): void {
  if (count > reader.remaining) throw new MalformedMessageError(`${count} elements in ${reader.remaining} bytes`);
  elementsLeft -= count;
  if (elementsLeft < 0) throw new MalformedMessageError(`more than ${MAX_ELEMENTS} elements in one message`);
}

/** A length or count, -1 for null: as an unsigned varint of one more in flexible versions, in 32 bits in the others. */
export function readLength(reader: Reader, isFlexible: boolean): number {
  return isFlexible ? reader.unsignedVarint() - 1 : reader.int32();
}

export function writeLength(writer: Writer, length: number, isFlexible: boolean): void {
  if (isFlexible) writer.unsignedVarint(length + 1);
  else writer.int32(length);
}

export function unexpectedNull(): never {
  throw new MalformedMessageError("null where the field can't be null");
}

/** Refuses to encode null in a version that has no way to say it. */
export function cannotEncodeNull(): never {
  throw new Error("null in a field that can't be null in this version");
}
