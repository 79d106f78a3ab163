/**
 * The language of the message tables. A table names each field once, with the versions that have it; from it come the types and one
 * codec per version, built of closures when the version is first used. Length prefixes follow from the message: compact in its
 * flexible versions, 16 or 32 bits wide in the others (KIP-482).
 */
import type { Reader } from "#bytes/reader.ts";
import type { Uuid } from "#bytes/uuid.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { Writer } from "#bytes/writer.ts";
import { type Codec, type Encoding, limitElements } from "./codec.ts";
import * as scalar from "./scalars.ts";
import { arrayCodec, structCodec, structInitial, structIsInitial } from "./structs.ts";
import { ALL_VERSIONS, NO_VERSIONS, parseVersions, type VersionRange } from "./versions.ts";

type Kind =
  | "bool"
  | "int8"
  | "int16"
  | "uint16"
  | "int32"
  | "int64"
  | "float64"
  | "uuid"
  | "string"
  | "bytes"
  | "records"
  | "array"
  | "struct";

/** One field of a table. `T` is what it decodes to. */
export interface Field<out T> {
  readonly kind: Kind;
  readonly versions: VersionRange;
  /** Versions in which the field may be null. */
  readonly nullable: VersionRange;
  /** Versions in which the field is a tagged one, and its tag. */
  readonly tagged: VersionRange;
  readonly tag: number | null;
  /** Kafka's default: what a version without the field decodes to and what a draft without it encodes. */
  initial(): T;
  /** Is this value the default? A tagged field isn't written then. */
  isInitial(value: unknown): boolean;
  readonly element: Field<unknown> | null;
  readonly fields: Fields | null;
  codec(encoding: Encoding): Codec;
}

export type Fields = { readonly [name: string]: Field<unknown> };
type Decoded<F> = F extends Field<infer T> ? T : never;
export type Struct<F extends Fields> = { -readonly [Name in keyof F]: Decoded<F[Name]> };

/** What is needed to encode a `T`: fields left out take Kafka's default, bytes may be a list of chunks. */
export type Draft<T> = T extends Uint8Array
  ? Uint8Array | readonly Uint8Array[]
  : T extends readonly (infer Element)[]
    ? readonly Draft<Element>[]
    : T extends object
      ? { readonly [Name in keyof T]?: Draft<T[Name]> }
      : T;

function primitive<T>(kind: Kind, initial: T, codec: (encoding: Encoding) => Codec): Field<T> {
  return {
    kind,
    versions: ALL_VERSIONS,
    nullable: NO_VERSIONS,
    tagged: NO_VERSIONS,
    tag: null,
    initial: () => initial,
    isInitial: (value) => value === initial,
    element: null,
    fields: null,
    codec,
  };
}

export const boolean: Field<boolean> = primitive("bool", false, () => scalar.booleanCodec);
export const int8: Field<number> = primitive("int8", 0, () => scalar.int8Codec);
export const int16: Field<number> = primitive("int16", 0, () => scalar.int16Codec);
export const uint16: Field<number> = primitive("uint16", 0, () => scalar.uint16Codec);
export const int32: Field<number> = primitive("int32", 0, () => scalar.int32Codec);
/** What a number can't hold exactly is saturated: `Number.MAX_SAFE_INTEGER` stands for all above it, on the wire for 2^63 - 1. */
export const int64: Field<number> = primitive("int64", 0, () => scalar.int64Codec);
export const float64: Field<number> = primitive("float64", 0, () => scalar.float64Codec);
export const uuid: Field<Uuid> = primitive<Uuid>("uuid", ZERO_UUID, () => scalar.uuidCodec);
export const string: Field<string> = primitive("string", "", scalar.stringCodec);
/** Decodes to a view on the frame. */
export const bytes: Field<Uint8Array> = {
  ...primitive("bytes", new Uint8Array(0), scalar.bytesCodec),
  isInitial: (value) => value instanceof Uint8Array && value.length === 0,
};
/** Record batches, unopened: a view on the frame. */
export const records: Field<Uint8Array | null> = {
  ...primitive<Uint8Array | null>("records", null, scalar.bytesCodec),
  nullable: ALL_VERSIONS,
};

/** The field may be null in `range`; its default stays what it was. */
export function nullable<T>(range: string, field: Field<T>): Field<T | null> {
  return { ...field, nullable: parseVersions(range) };
}

/** The field has this default in place of zero, empty or false. */
export function preset<T>(initial: T, field: Field<T>): Field<T> {
  return { ...field, initial: () => initial, isInitial: (value) => value === initial };
}

/** Only these versions have the field. */
export function versions<T>(range: string, field: Field<T>): Field<T> {
  return { ...field, versions: parseVersions(range) };
}

/** The field is a tagged one in `range`, and exists only there. */
export function tagged<T>(tag: number, range: string, field: Field<T>): Field<T> {
  const parsed = parseVersions(range);
  return { ...field, versions: parsed, tagged: parsed, tag };
}

/** May be null in every version, and is by default. */
export const nullableString: Field<string | null> = preset(null, nullable("0+", string));
/** May be null in every version, and is by default. */
export const nullableBytes: Field<Uint8Array | null> = preset(null, nullable("0+", bytes));

export function array<T>(element: Field<T>): Field<T[]> {
  return {
    ...primitive<T[]>("array", [], (encoding) => arrayCodec(element, encoding)),
    initial: () => [],
    isInitial: (value) => Array.isArray(value) && value.length === 0,
    element,
  };
}

/** May be null in every version; its default is empty, as Kafka's is. */
export function nullableArray<T>(element: Field<T>): Field<T[] | null> {
  return nullable("0+", array(element));
}

export function struct<F extends Fields>(fields: F): Field<Struct<F>> {
  return {
    ...primitive("struct", null as never, (encoding) => structCodec(fields, encoding)),
    initial: () => structInitial(fields) as Struct<F>,
    isInitial: (value) => structIsInitial(fields, value),
    fields,
  };
}

/** May be null in every version, and is by default. */
export function nullableStruct<F extends Fields>(fields: F): Field<Struct<F> | null> {
  return preset(null, nullable("0+", struct(fields)));
}

/** Which versions exist, and from which on they are flexible (absent: none is). */
export interface MessageVersions {
  readonly apiKey?: number;
  readonly min: number;
  readonly max: number;
  readonly flexible?: number;
}

/** A request, a response or a stored record in all its versions. */
export interface Message<T> {
  /** -1 for what isn't a request or response. */
  readonly apiKey: number;
  readonly min: number;
  readonly max: number;
  /** The first flexible version; Infinity if there is none. */
  readonly flexible: number;
  readonly fields: Fields;
  /**
   * Reads one message and leaves the reader behind it. Bytes that don't fit throw `MalformedMessageError`; bytes, records and only they are
   * views on the reader's bytes. The version must be one of the message's.
   */
  decode(reader: Reader, version: number): T;
  /** Writes one message. Fields that the version doesn't have are left out without a word; a null where none may be is a bug. */
  encode(writer: Writer, draft: Draft<T>, version: number): void;
}

export function message<F extends Fields>(which: MessageVersions, fields: F): Message<Struct<F>> {
  const { apiKey = -1, min, max, flexible = Number.POSITIVE_INFINITY } = which;
  const codecs: (Codec | undefined)[] = [];
  const codecOf = (version: number): Codec => {
    const known = codecs[version];
    if (known !== undefined) return known;
    if (!Number.isInteger(version) || version < min || version > max)
      throw new Error(`API ${apiKey} has no version ${version}`);
    const built = structCodec(fields, { version, isFlexible: version >= flexible });
    codecs[version] = built;
    return built;
  };
  return {
    apiKey,
    min,
    max,
    flexible,
    fields,
    decode(reader, version) {
      const codec = codecOf(version);
      limitElements();
      return codec.read(reader) as Struct<F>;
    },
    encode(writer, draft, version) {
      codecOf(version).write(writer, draft);
    },
  };
}
