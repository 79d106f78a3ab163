/** How the bytes of keys, values and headers stand in JSON answers. */
import type { StoredRecord } from "#client/batches.ts";
import { toBase64 } from "./base64.ts";

/** A byte order mark is part of the text: what is shown must be what was stored. */
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Every JSON text begins with one of these, white space aside. */
const JSON_START = /^[\t\n\r ]*[-"[{0-9tfn]/;
/** Line breaks and tabs in a valid JSON text stand between its tokens only, where nothing depends on them. */
const BREAKS = /[\t\n\r]+/g;

/** What a record's key, value and headers take as they are stored, but for a few bytes of each. */
export function storedBytes({ key, value, headers }: StoredRecord): number {
  let size = (key?.length ?? 0) + (value?.length ?? 0);
  for (const header of headers) size += header.key.length + (header.value?.length ?? 0);
  return size;
}

/** The text, or null where the bytes are no UTF-8. */
function utf8(bytes: Uint8Array): string | null {
  try {
    return strictDecoder.decode(bytes);
  } catch {
    return null;
  }
}

/** The text in one line if it is JSON, else null. Numbers and strings stay as they were written. */
function oneLineJson(text: string): string | null {
  if (!JSON_START.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  return text.replace(BREAKS, "");
}

/** The bytes as JSON for the embedded format `json`: null is null, and what is no JSON is undefined. */
export function renderJson(bytes: Uint8Array | null): string | undefined {
  if (bytes === null) return "null";
  const text = utf8(bytes);
  return text === null ? undefined : (oneLineJson(text) ?? undefined);
}

/** The bytes for the embedded format `binary`: base64 text, or null. */
export function renderBinary(bytes: Uint8Array | null): string {
  return bytes === null ? "null" : `"${toBase64(bytes)}"`;
}

/**
 * The bytes as a live tail shows them, in one line of JSON: JSON as it is, other UTF-8 text as a string, other bytes as
 * `{"base64": "…"}`, null as null.
 */
export function renderReadable(bytes: Uint8Array | null): string {
  if (bytes === null) return "null";
  const text = utf8(bytes);
  if (text === null) return `{"base64":${renderBinary(bytes)}}`;
  return oneLineJson(text) ?? JSON.stringify(text);
}
