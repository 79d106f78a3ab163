/**
 * JSON that comes in and goes out again with its numbers as they were written: `JSON.parse` alone would turn
 * 9007199254740993 into 9007199254740992 and 1.0 into 1. Numbers whose text would change are kept as that text (the
 * standard's `JSON.rawJSON`).
 *
 * Objects pass through JavaScript's: of members with the same name the last one stays, members whose names are array indexes
 * ("0", "17") come first and ascending, and white space and escapes are written anew. JSON gives none of that a meaning (RFC 8259, section 4).
 */

/** What `JSON.parse` and `JSON.rawJSON` offer beyond ES2024's typings (ECMAScript 2026, "JSON.parse source text access"). */
interface SourceJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  rawJSON(text: string): unknown;
}

const sourceJson = JSON as unknown as SourceJson;

const Character = {
  QUOTE: 0x22,
  MINUS: 0x2d,
  DOT: 0x2e,
  ZERO: 0x30,
  NINE: 0x39,
  UPPER_E: 0x45,
  OPEN_BRACKET: 0x5b,
  BACKSLASH: 0x5c,
  CLOSE_BRACKET: 0x5d,
  LOWER_E: 0x65,
  OPEN_BRACE: 0x7b,
  CLOSE_BRACE: 0x7d,
} as const;

/** An integer of at most so many digits is exact as a number, and prints as it was written. */
const SAFE_DIGITS = 15;

/** What one pass over the text finds outside strings, whether or not the rest is JSON. */
interface Scan {
  readonly depth: number;
  /** Is there a number that might print otherwise than it was written? */
  readonly hasDelicateNumbers: boolean;
}

function scan(json: Uint8Array): Scan {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let hasDelicateNumbers = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character >= Character.ZERO && character <= Character.NINE) {
      if (++digits > SAFE_DIGITS) hasDelicateNumbers = true;
      continue;
    }
    if (
      digits > 0 &&
      (character === Character.DOT || character === Character.LOWER_E || character === Character.UPPER_E)
    ) {
      hasDelicateNumbers = true;
    }
    digits = 0;
    if (character === Character.QUOTE) at = endOfString(json, at);
    else if (character === Character.OPEN_BRACE || character === Character.OPEN_BRACKET)
      deepest = Math.max(deepest, ++depth);
    else if (character === Character.CLOSE_BRACE || character === Character.CLOSE_BRACKET) depth--;
    else if (character === Character.MINUS && json[at + 1] === Character.ZERO) hasDelicateNumbers = true;
  }
  return { depth: deepest, hasDelicateNumbers };
}

/** Where the string that opens at `at` closes, or the end of the text. */
function endOfString(json: Uint8Array, at: number): number {
  let end = at + 1;
  while (end < json.length && json[end] !== Character.QUOTE) end += json[end] === Character.BACKSLASH ? 2 : 1;
  return end;
}

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/** What came of reading a JSON text: its value, or what is wrong with it in a few words. */
export type ParsedJson =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/** Reads UTF-8 JSON of a bounded depth so that `writeJson` gives back the same numbers. */
export function readJson(json: Uint8Array, maxDepth: number): ParsedJson {
  const { depth, hasDelicateNumbers } = scan(json);
  if (depth > maxDepth) return { ok: false, reason: `the JSON is nested more than ${maxDepth} deep` };
  try {
    const text = strictDecoder.decode(json);
    return { ok: true, value: hasDelicateNumbers ? sourceJson.parse(text, keepDelicate) : JSON.parse(text) };
  } catch (error) {
    // Both the decoder and the parser throw for input that isn't what it should be, and for nothing else.
    return { ok: false, reason: error instanceof SyntaxError ? error.message : "the body is no UTF-8" };
  }
}

function keepDelicate(_key: string, value: unknown, { source }: { readonly source?: string }): unknown {
  if (typeof value !== "number" || source === undefined || String(value) === source) return value;
  return sourceJson.rawJSON(source);
}

/** The JSON of a value that came from `readJson`, in one line. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value);
}

/** Is this a JSON object? A number that was kept as text is an object in JavaScript's eyes, but without a prototype. */
export function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
