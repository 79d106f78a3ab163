import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { loadTables } from "../../protocol/tables.ts";
import type { FuzzTarget } from "../fuzzer.ts";

const HEAD_BYTES = 2;

/**
 * Every table of the protocol: the first two bytes say which and in which version, the rest is the message. What can be decoded is
 * encoded, and then stays as it is.
 */
export async function messagesTarget(): Promise<FuzzTarget> {
  const tables = [...(await loadTables())].toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    name: "messages",
    maxBytes: 600,
    seeds: () =>
      tables.flatMap(([, table], index) => {
        const versions = [...new Set([table.min, table.flexible, table.max])].filter(
          (version) => version >= table.min && version <= table.max,
        );
        return versions.map((version) => {
          const body = encoded(table, draftOf(table), version);
          return Uint8Array.from([index, version - table.min, ...body]);
        });
      }),
    run: (input) => {
      if (input.length < HEAD_BYTES) return "short";
      const [name, table] = tables[input[0] % tables.length];
      const version = table.min + (input[1] % (table.max - table.min + 1));
      return `${name} ${roundTrip(table, version, input.subarray(HEAD_BYTES))}`;
    },
  };
}

function roundTrip(table: Message<unknown>, version: number, bytes: Uint8Array): string {
  let decoded: unknown;
  try {
    decoded = table.decode(new Reader(bytes), version);
  } catch (error) {
    if (error instanceof MalformedMessageError) return "malformed";
    throw error;
  }
  const once = encoded(table, decoded, version);
  const reader = new Reader(once);
  const again = encoded(table, table.decode(reader, version), version);
  if (reader.remaining > 0 || Buffer.compare(once, again) !== 0)
    throw new Error("a message changes when it is read again");
  return "sound";
}

function encoded(table: Message<unknown>, draft: unknown, version: number): Uint8Array {
  const writer = new Writer();
  table.encode(writer, draft as Draft<unknown>, version);
  return writer.finish();
}

type FieldLike = Message<unknown>["fields"][string];

/** One element in every array, so that what is inside is met. */
function draftOf({ fields }: { readonly fields: Message<unknown>["fields"] }): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, valueFor(field)]));
}

function valueFor(field: FieldLike): unknown {
  if (field.kind === "array" && field.element !== null) return [valueFor(field.element)];
  if (field.kind === "struct" && field.fields !== null) return draftOf({ fields: field.fields });
  if (field.kind === "string") return "ab";
  if (field.kind === "bytes" || field.kind === "records") return Uint8Array.of(1, 2, 3);
  return field.initial();
}
