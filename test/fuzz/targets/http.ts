import { fromBase64, toBase64 } from "#rest/base64.ts";
import { formatCursor, parseCursor } from "#rest/cursor.ts";
import { readJson, writeJson } from "#rest/json.ts";
import { embeddedFormatOf, negotiate } from "#rest/media.ts";
import { parseProduce } from "#rest/produce-request.ts";
import { readQuery, wholeNumber } from "#rest/query.ts";
import type { FuzzTarget } from "../fuzzer.ts";

const MAX_DEPTH = 20;
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text));
const JSON_WORDS = [
  '{"records":[{"value":',
  '"key":null,',
  '"partition":1,',
  "9007199254740993",
  "-0",
  "1.0e5",
  '"\\u0000\\ud800"',
  "[[[[[[[[[[[[",
  "}]}",
  '"__proto__":',
  "true",
  "null",
].map(bytesOf);

/** The body of a produce request, with its keys and values as JSON or as base64. */
export const produceBodyTarget: FuzzTarget = {
  name: "produce-body",
  maxBytes: 300,
  words: JSON_WORDS,
  seeds: () =>
    [
      '0{"records":[{"key":"a","value":{"n":9007199254740993,"x":[1.0,-0]}},{"value":null,"partition":3}]}',
      '1{"records":[{"key":"AAE=","value":"/+8"}],"value_schema":"{}"}',
      '2{"records":[{"value":"x"}]}',
      "0null",
      "0",
    ].map(bytesOf),
  run: (input) => {
    const mode = (input[0] ?? 0) % 4;
    const shape = { format: mode % 2 === 0 ? "json" : "binary", partition: mode < 2 ? null : 7 } as const;
    const parsed = parseProduce(input.slice(1), shape);
    if (!parsed.ok) return `${parsed.problem.status} ${parsed.problem.message.replaceAll(/\d/g, "N").slice(0, 20)}`;
    for (const { partition } of parsed.records) {
      if (partition !== null && !(partition >= 0 && partition <= 0x7fffffff)) throw new Error(`partition ${partition}`);
    }
    return `${shape.format} ${Math.min(parsed.records.length, 2)}`;
  },
};

/** What is read is written again with the same meaning. */
export const jsonTarget: FuzzTarget = {
  name: "json",
  maxBytes: 200,
  words: JSON_WORDS,
  seeds: () => ['{"a":[1,2.50,{"b":"\\u00e9"}],"c":-0}', "[]", "12345678901234567890", '"x"'].map(bytesOf),
  run: (input) => {
    const parsed = readJson(input, MAX_DEPTH);
    if (!parsed.ok) return parsed.reason.slice(0, 16);
    const written = writeJson(parsed.value);
    const again = readJson(bytesOf(written), MAX_DEPTH);
    if (!again.ok || writeJson(again.value) !== written) throw new Error(`${written} doesn't stay as it is`);
    return `read ${typeof parsed.value}`;
  },
};

/** Everything else that comes as text: base64, cursors, query parameters, media types. */
export const textTarget: FuzzTarget = {
  name: "text",
  maxBytes: 120,
  words: ["==", ":", ",", "%", "&", "9007199254740992", ";q=0.5", "*/*", "application/vnd.kafka."].map(bytesOf),
  seeds: () =>
    [
      "0AAECAw==",
      "10:15,1:20",
      "2?offset=12&count=3",
      "3application/vnd.kafka.json.v2+json, */*;q=0.1",
      "4application/vnd.kafka.binary.v2+json; charset=utf-8",
    ].map(bytesOf),
  run: (input) => {
    const text = Buffer.from(input.subarray(1)).toString();
    switch ((input[0] ?? 0) % 5) {
      case 0:
        return base64(text);
      case 1:
        return cursor(text);
      case 2:
        return query(text);
      case 3:
        return `${negotiate(text, ["application/json", "text/event-stream"])}`;
      default:
        return `${embeddedFormatOf(text)}`;
    }
  },
};

function base64(text: string): string {
  const bytes = fromBase64(text);
  const isCanonical = Buffer.from(text, "base64").toString("base64") === text;
  if (bytes === null) {
    if (isCanonical) throw new Error(`${text} is base64 and was refused`);
    return "no base64";
  }
  const again = fromBase64(toBase64(bytes));
  if (again === null || Buffer.compare(again, bytes) !== 0) throw new Error("base64 doesn't stay as it is");
  if (Buffer.compare(Buffer.from(text, "base64"), bytes) !== 0) throw new Error(`${text} was read as something else`);
  return "base64";
}

function cursor(text: string): string {
  const positions = parseCursor(text);
  if (positions === null) return "no cursor";
  const again = parseCursor(formatCursor(positions));
  if (again === null || formatCursor(again) !== formatCursor(positions)) throw new Error(`the cursor ${text} changes`);
  return `cursor ${Math.min(positions.size, 2)}`;
}

function query(text: string): string {
  if (!URL.canParse(`http://k/${text}`)) return "no URL";
  const read = readQuery(`http://k/${text}`, ["offset", "count"]);
  if (!("get" in read)) return "no query";
  const value = wholeNumber(read, "offset", 1_000);
  if (typeof value === "number" && !(value >= 0 && value <= 1_000)) throw new Error(`offset ${value}`);
  return `query ${typeof value}`;
}
