import { fromBase64 } from "./base64.ts";
import { isObject, readJson, writeJson } from "./json.ts";
import { MAX_JSON_DEPTH, MAX_RECORDS_PER_PRODUCE } from "./limits.ts";
import type { EmbeddedFormat } from "./media.ts";
import { badRequest, type Problem, unprocessable } from "./problems.ts";

/** A record of a produce request, its key and value as the bytes that go into the log. */
export interface RequestedRecord {
  readonly partition: number | null;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

export interface ProduceShape {
  readonly format: EmbeddedFormat;
  /** Set when the path names the partition; no record may name one then. */
  readonly partition: number | null;
}

export type ParsedProduce =
  | { readonly ok: true; readonly records: readonly RequestedRecord[] }
  | { readonly ok: false; readonly problem: Problem };

const REQUEST_FIELDS: ReadonlySet<string> = new Set([
  "records",
  "key_schema",
  "key_schema_id",
  "value_schema",
  "value_schema_id",
]);
const RECORD_FIELDS: ReadonlySet<string> = new Set(["key", "value", "partition"]);
const MAX_PARTITION = 0x7fffffff;

const encoder = new TextEncoder();

/**
 * Reads the body of `POST /topics/{topic}` (REST Proxy API v2): `{"records": [{"key"?, "value"?, "partition"?}]}`.
 * A field that is absent or null is a null key or value. What isn't JSON, or has a field of another type, is 400; a
 * request that breaks a rule (no records, an unknown field) is 422, as the proxy's bean validation has it.
 */
export function parseProduce(body: Uint8Array, shape: ProduceShape): ParsedProduce {
  const parsed = readJson(body, MAX_JSON_DEPTH);
  if (body.length === 0 || (parsed.ok && parsed.value === null)) {
    return refused(unprocessable("Null input provided. Data is required."));
  }
  if (!parsed.ok) return refused(badRequest(`The request is no JSON: ${parsed.reason}`));
  if (!isObject(parsed.value)) return refused(badRequest("A produce request is a JSON object with records."));
  const stranger = Object.keys(parsed.value).find((field) => !REQUEST_FIELDS.has(field));
  if (stranger !== undefined) return refused(unprocessable(`Unrecognized field: ${stranger}`));
  const items = parsed.value.records ?? [];
  if (!Array.isArray(items)) return refused(badRequest("records must be an array."));
  if (items.length === 0) return refused(unprocessable("records must not be empty"));
  if (items.length > MAX_RECORDS_PER_PRODUCE) {
    return refused(unprocessable(`records must not be more than ${MAX_RECORDS_PER_PRODUCE}`));
  }
  const records: RequestedRecord[] = [];
  for (const [index, item] of items.entries()) {
    const record = parseRecord(item, shape);
    if (isProblem(record)) return refused({ ...record, message: `records[${index}]: ${record.message}` });
    records.push(record);
  }
  return { ok: true, records };
}

function refused(problem: Problem): ParsedProduce {
  return { ok: false, problem };
}

function isProblem(value: object): value is Problem {
  return "status" in value;
}

function parseRecord(item: unknown, { format, partition }: ProduceShape): RequestedRecord | Problem {
  if (!isObject(item)) return badRequest("a record must be an object with a value");
  for (const field in item) {
    if (!RECORD_FIELDS.has(field)) return unprocessable(`Unrecognized field: ${field}`);
  }
  const named = item.partition ?? null;
  if (named !== null) {
    if (typeof named !== "number" || !Number.isInteger(named)) return badRequest("partition must be an integer");
    if (named < 0) return unprocessable("partition must be greater than or equal to 0");
    if (named > MAX_PARTITION) return unprocessable(`partition must be less than or equal to ${MAX_PARTITION}`);
    if (partition !== null) return unprocessable("Unrecognized field: partition");
  }
  const key = fieldBytes(item.key ?? null, format);
  if (key === undefined) return badRequest("key is not a valid base64 string");
  const value = fieldBytes(item.value ?? null, format);
  if (value === undefined) return badRequest("value is not a valid base64 string");
  return { partition: partition ?? (named as number | null), key, value };
}

/** The bytes of a key or value; undefined when the format can't be read. */
function fieldBytes(field: unknown, format: EmbeddedFormat): Uint8Array | null | undefined {
  if (field === null) return null;
  if (format === "json") return encoder.encode(writeJson(field));
  return typeof field === "string" ? (fromBase64(field) ?? undefined) : undefined;
}
