import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Reader } from "#bytes/reader.ts";
import type { Uuid } from "#bytes/uuid.ts";
import type { Writer } from "#bytes/writer.ts";
import { type Codec, cannotEncodeNull, type Encoding, readLength, unexpectedNull, writeLength } from "./codec.ts";

function codec<T>(read: (reader: Reader) => T, write: (writer: Writer, value: T) => void): Codec {
  return { read, write: write as Codec["write"] };
}

export const booleanCodec = codec(
  (reader) => reader.boolean(),
  (writer, value: boolean) => writer.boolean(value),
);
export const int8Codec = codec(
  (reader) => reader.int8(),
  (writer, value: number) => writer.int8(value),
);
export const int16Codec = codec(
  (reader) => reader.int16(),
  (writer, value: number) => writer.int16(value),
);
export const uint16Codec = codec(
  (reader) => reader.uint16(),
  (writer, value: number) => writer.uint16(value),
);
export const int32Codec = codec(
  (reader) => reader.int32(),
  (writer, value: number) => writer.int32(value),
);
export const int64Codec = codec(
  (reader) => reader.int64Saturated(),
  (writer, value: number) => writer.int64Saturated(value),
);
export const float64Codec = codec(
  (reader) => reader.float64(),
  (writer, value: number) => writer.float64(value),
);
export const uuidCodec = codec(
  (reader) => reader.uuid(),
  (writer, value: Uuid) => writer.uuid(value),
);

/** Kafka's limit for compact strings, too; the others can't be longer. */
const MAX_STRING_BYTES = 0x7fff;

function readFlexibleString(reader: Reader): string | null {
  const length = reader.unsignedVarint() - 1;
  if (length > MAX_STRING_BYTES) throw new MalformedMessageError(`a string of ${length} bytes`);
  return length < 0 ? null : reader.text(length);
}

function readString(reader: Reader): string | null {
  const length = reader.int16();
  return length < 0 ? null : reader.text(length);
}

/** Kafka takes any negative length for null. */
export function stringCodec({ isFlexible, isNullable = false }: Encoding): Codec {
  const readNullable = isFlexible ? readFlexibleString : readString;
  return codec(
    isNullable ? readNullable : (reader) => readNullable(reader) ?? unexpectedNull(),
    (writer, value: string | null) => {
      if (value === null) {
        if (!isNullable) cannotEncodeNull();
        if (isFlexible) writer.unsignedVarint(0);
        else writer.int16(-1);
      } else if (isFlexible) writer.compactText(value);
      else writer.shortText(value);
    },
  );
}

/** Bytes and records: a view when read, one chunk or a list of them when written. */
export function bytesCodec({ isFlexible, isNullable = false }: Encoding): Codec {
  return codec(
    (reader) => {
      const length = readLength(reader, isFlexible);
      if (length >= 0) return reader.bytes(length);
      return isNullable ? null : unexpectedNull();
    },
    (writer, value: Uint8Array | readonly Uint8Array[] | null) => {
      if (value === null) {
        if (!isNullable) cannotEncodeNull();
        writeLength(writer, -1, isFlexible);
      } else if (value instanceof Uint8Array) {
        writeLength(writer, value.length, isFlexible);
        writer.bytes(value);
      } else {
        let length = 0;
        for (const chunk of value) length += chunk.length;
        writeLength(writer, length, isFlexible);
        for (const chunk of value) writer.bytes(chunk);
      }
    },
  );
}
