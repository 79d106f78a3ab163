import { MalformedMessageError } from "#bytes/malformed.ts";
import type { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import {
  type Codec,
  cannotEncodeNull,
  checkCount,
  type Encoding,
  MAX_TAGGED_FIELDS,
  readLength,
  unexpectedNull,
  writeLength,
} from "./codec.ts";
import type { Field, Fields } from "./schema.ts";
import { includes } from "./versions.ts";

type Values = { [name: string]: unknown };

/** A field in one version. */
interface Slot {
  readonly name: string;
  readonly field: Field<unknown>;
  readonly codec: Codec;
}

/** A null struct stands as one byte, -1, a struct that is there behind the byte 1 (KIP-893). As a tagged field, a null is the byte 0. */
const STRUCT_IS_NULL = -1;
const TAGGED_STRUCT_IS_NULL = 0;
const STRUCT_IS_THERE = 1;

function slotsOf(fields: Fields, encoding: Encoding, isTagged: boolean): Slot[] {
  const { version, isFlexible } = encoding;
  const slots: Slot[] = [];
  for (const [name, field] of Object.entries(fields)) {
    if (!includes(field.versions, version) || includes(field.tagged, version) !== isTagged) continue;
    const codec = field.codec({ version, isFlexible, isNullable: includes(field.nullable, version), isTagged });
    slots.push({ name, field, codec });
  }
  return isTagged ? slots.sort((a, b) => (a.field.tag ?? 0) - (b.field.tag ?? 0)) : slots;
}

export function structInitial(fields: Fields): Values {
  const values: Values = {};
  for (const [name, field] of Object.entries(fields)) values[name] = field.initial();
  return values;
}

export function structIsInitial(fields: Fields, value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.entries(value).every(
    ([name, part]) => part === undefined || fields[name] === undefined || fields[name].isInitial(part),
  );
}

export function structCodec(fields: Fields, encoding: Encoding): Codec {
  const body = structBody(fields, encoding);
  if (encoding.isNullable !== true) {
    return {
      read: body.read,
      write(writer, value) {
        if (value === null) cannotEncodeNull();
        body.write(writer, value);
      },
    };
  }
  const mark = encoding.isTagged === true ? TAGGED_STRUCT_IS_NULL : STRUCT_IS_NULL;
  return {
    read: (reader) => (reader.int8() <= mark ? null : body.read(reader)),
    write(writer, value) {
      writer.int8(value === null ? mark : STRUCT_IS_THERE);
      if (value !== null) body.write(writer, value);
    },
  };
}

function structBody(fields: Fields, encoding: Encoding): Codec {
  const slots = slotsOf(fields, encoding, false);
  const tags = encoding.isFlexible ? slotsOf(fields, encoding, true) : [];
  // Every field in the table's order, which is the wire's; what this version lacks gives its default, made anew for each message. So all
  // messages of a table have one hidden class, in whatever version they came.
  const steps = Object.entries(fields).map(([name, field]) => {
    const slot = slots.find((candidate) => candidate.name === name);
    return { name, read: slot?.codec.read ?? (() => field.initial()) };
  });
  return {
    read(reader) {
      const values: Values = {};
      for (let i = 0; i < steps.length; i++) {
        const step = steps[i];
        values[step.name] = step.read(reader);
      }
      if (encoding.isFlexible) readTags(reader, tags, values);
      return values;
    },
    write(writer, draft) {
      const values = draft as Values;
      for (let i = 0; i < slots.length; i++) {
        const { name, field, codec } = slots[i];
        const value = values[name];
        codec.write(writer, value === undefined ? field.initial() : value);
      }
      if (encoding.isFlexible) writeTags(writer, tags, values);
    },
  };
}

/** Tags that the table doesn't know are skipped, as KIP-482 wants it. */
function readTags(reader: Reader, tags: readonly Slot[], values: Values): void {
  const count = reader.unsignedVarint();
  if (count === 0) return;
  if (count > MAX_TAGGED_FIELDS) throw new MalformedMessageError(`${count} tagged fields`);
  for (let i = 0; i < count; i++) {
    const tag = reader.unsignedVarint();
    const size = reader.unsignedVarint();
    if (size > reader.remaining) throw new MalformedMessageError(`a tagged field of ${size} bytes`);
    const end = reader.position + size;
    const slot = tags.find((known) => known.field.tag === tag);
    if (slot === undefined) reader.skip(size);
    else values[slot.name] = slot.codec.read(reader);
    if (reader.position !== end) throw new MalformedMessageError(`the tagged field ${tag} isn't as long as it says`);
  }
}

function writeTags(writer: Writer, tags: readonly Slot[], values: Values): void {
  if (tags.length === 0) {
    writer.unsignedVarint(0);
    return;
  }
  const present = tags.filter(({ name, field }) => values[name] !== undefined && !field.isInitial(values[name]));
  writer.unsignedVarint(present.length);
  for (const { name, field, codec } of present) {
    // The size stands before the field and is as long as it needs to be: the field is written aside first. Tagged fields are rare.
    const aside = new Writer();
    codec.write(aside, values[name]);
    writer.unsignedVarint(field.tag ?? 0);
    writer.unsignedVarint(aside.size);
    writer.bytes(aside.finish());
  }
}

export function arrayCodec(element: Field<unknown>, encoding: Encoding): Codec {
  const { version, isFlexible, isNullable = false } = encoding;
  const codec = element.codec({ version, isFlexible, isNullable: includes(element.nullable, version) });
  return {
    read(reader) {
      const count = readLength(reader, isFlexible);
      if (count < 0) return isNullable ? null : unexpectedNull();
      checkCount(count, reader);
      const elements: unknown[] = [];
      for (let i = 0; i < count; i++) elements.push(codec.read(reader));
      return elements;
    },
    write(writer, value) {
      if (value === null) {
        if (!isNullable) cannotEncodeNull();
        writeLength(writer, -1, isFlexible);
        return;
      }
      const elements = value as readonly unknown[];
      writeLength(writer, elements.length, isFlexible);
      for (let i = 0; i < elements.length; i++) codec.write(writer, elements[i]);
    },
  };
}
