import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { Writer } from "#bytes/writer.ts";
import { ApiKey, apiName } from "#protocol/api-keys.ts";
import { ErrorCode, errorMessage, errorName, isRetriable } from "#protocol/errors.ts";
import { requestHeaderVersion, responseHeaderVersion } from "#protocol/header.ts";
import type { Fields, Message } from "#protocol/schema.ts";
import { loadTables } from "./tables.ts";

type Values = { [name: string]: unknown };

interface MessageVector {
  message: string;
  version: number;
  kind: "full" | "sparse" | "default" | "tags";
  values: Values;
  bytes: string;
}

const lines: Values[] = gunzipSync(readFileSync(new URL("../vectors/protocol/messages.ndjson.gz", import.meta.url)))
  .toString("utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));
const vectors = lines.filter((line) => "message" in line) as unknown as MessageVector[];
const tables = await loadTables();

function fromHex(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
}

/** The vector's values as the decoder shows them: bytes as bytes, and Kafka's default where the version has no such field. */
function expected(fields: Fields, values: Values): Values {
  return Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const value = values[name];
      if (value === undefined) return [name, field.initial()];
      return [name, expectedValue(field.fields ?? field.element?.fields ?? null, value)];
    }),
  );
}

function expectedValue(fields: Fields | null, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((element) => expectedValue(fields, element));
  if (typeof value !== "object" || value === null) return value;
  return "hex" in value ? fromHex(value.hex as string) : expected(fields as Fields, value as Values);
}

function encoded(table: Message<unknown>, value: unknown, version: number): Uint8Array {
  const writer = new Writer(1);
  table.encode(writer, value, version);
  return writer.finish();
}

function tableOf(vector: MessageVector): Message<unknown> {
  const table = tables.get(vector.message);
  if (table === undefined) throw new Error(`no table ${vector.message}`);
  return table;
}

const byMessage = Map.groupBy(vectors, (vector) => vector.message);

describe.each([...byMessage])("Kafka's bytes of %s", (_name, own) => {
  it("cover every version", () => {
    const table = tableOf(own[0]);
    const covered = new Set(own.map((vector) => vector.version));
    for (let version = table.min; version <= table.max; version++) expect(covered).toContain(version);
    expect(covered.size).toBe(table.max - table.min + 1);
  });

  it("decode to Kafka's values and encode to the same bytes", () => {
    for (const vector of own) {
      const table = tableOf(vector);
      const bytes = fromHex(vector.bytes);
      const reader = new Reader(bytes);
      const decoded = table.decode(reader, vector.version);
      const label = `version ${vector.version}, ${vector.kind}`;
      expect(reader.remaining, label).toBe(0);
      expect(decoded, label).toEqual(expected(table.fields, vector.values));
      if (vector.kind === "tags") continue;
      expect(encoded(table, decoded, vector.version), label).toEqual(bytes);
      // What a version doesn't have and what is left out take the default: the given values alone make the same bytes.
      expect(encoded(table, expectedDraft(vector.values), vector.version), label).toEqual(bytes);
    }
  });

  it("are malformed when cut off anywhere", () => {
    for (const vector of own) {
      const bytes = fromHex(vector.bytes);
      for (let end = 0; end < bytes.length; end++) {
        let caught: unknown;
        try {
          tableOf(vector).decode(new Reader(bytes, 0, end), vector.version);
        } catch (error) {
          caught = error;
        }
        if (!(caught instanceof MalformedMessageError))
          throw new Error(`version ${vector.version} cut at ${end}: ${caught}`);
      }
    }
  });
});

function expectedDraft(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(expectedDraft);
  if (typeof value !== "object" || value === null) return value;
  if ("hex" in value) {
    const bytes = fromHex(value.hex as string);
    return [bytes.subarray(0, 7), bytes.subarray(7)];
  }
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, expectedDraft(part)]));
}

describe("Kafka's tables of keys and codes", () => {
  const apis = lines.filter((line) => "api" in line) as { api: number; name: string; headers: number[][] }[];
  const errors = lines.filter((line) => "error" in line) as { error: number; name: string; retriable: boolean }[];

  it("API keys", () => {
    for (const { api, name } of apis) expect(apiName(api).toLowerCase()).toBe(name.replaceAll("_", "").toLowerCase());
    expect(Math.max(...apis.map(({ api }) => api))).toBe(Math.max(...Object.values(ApiKey)));
    expect(apiName(4711)).toBe("Unknown(4711)");
  });

  it("header versions", () => {
    for (const { api, headers } of apis) {
      for (const [version, request, response] of headers) {
        const label = `API ${api} version ${version}`;
        expect(requestHeaderVersion(api, version), label).toBe(request);
        expect(responseHeaderVersion(api, version), label).toBe(response);
      }
    }
  });

  it("error codes", () => {
    expect(Object.keys(ErrorCode).sort()).toEqual(errors.map(({ name }) => name).sort());
    for (const { error, name, retriable } of errors) {
      expect(errorName(error)).toBe(name);
      expect(isRetriable(error), name).toBe(retriable);
      expect(errorMessage(error), name).toMatch(/^[A-Za-z].*\.$/);
    }
    expect(errorName(4711)).toBe("UNKNOWN_ERROR_4711");
    expect(errorMessage(4711)).toContain("4711");
  });
});
