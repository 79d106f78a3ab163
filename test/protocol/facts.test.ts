import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Field, type Fields, int32, message, versions } from "#protocol/schema.ts";
import { includes, intersect, parseVersions, type VersionRange } from "#protocol/versions.ts";
import { loadTables } from "./tables.ts";

type FieldFact = [string, string, string, string | null, string | null, number | null, string | null, boolean];

interface MessageFact {
  name: string;
  apiKey: number | null;
  validVersions: string;
  flexibleVersions: string;
  fields: FieldFact[];
}

const facts: MessageFact[] = JSON.parse(
  readFileSync(new URL("../vectors/protocol/facts.json", import.meta.url), "utf8"),
);
const tables = await loadTables();

function shown(range: VersionRange): string {
  return range.min > range.max ? "none" : `${range.min}-${range.max}`;
}

/** Kafka's default of a field without one, in the form of `initialOf`. */
const ZERO: Record<string, string> = {
  bool: "false",
  string: '""',
  uuid: '"AAAAAAAAAAAAAAAAAAAAAA"',
  bytes: "empty",
  records: "null",
  struct: "of its fields",
};

function defaultOf(type: string, text: string | null): string {
  if (text === "null") return "null";
  if (type.startsWith("[]")) return "[]";
  if (text === null) return ZERO[type] ?? "0";
  if (type === "string") return JSON.stringify(text);
  if (type === "bool") return text;
  // Numbers that a double can't hold stand for themselves as the largest safe integer.
  return String(Math.min(Number(text), Number.MAX_SAFE_INTEGER));
}

function initialOf(field: Field<unknown>): string {
  const value = field.initial();
  if (value instanceof Uint8Array) return value.length === 0 ? "empty" : "bytes";
  if (value !== null && field.kind === "struct") return "of its fields";
  return JSON.stringify(value);
}

/** One line a field, in the same words for both sides, with all ranges cut to where the field's surroundings exist. */
function linesOfTable(fields: Fields, prefix: string, bounds: VersionRange): string[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const range = intersect(field.versions, bounds);
    const type = field.element === null ? field.kind : `[]${field.element.kind}`;
    const line = describeField(
      prefix + name,
      type,
      [range, field.nullable, field.tagged],
      [field.tag, initialOf(field)],
    );
    const inner = field.fields ?? field.element?.fields ?? null;
    return inner === null ? [line] : [line, ...linesOfTable(inner, `${prefix}${name}.`, range)];
  });
}

function linesOfFacts(fact: MessageFact): string[] {
  const ranges = new Map<string, VersionRange>([["", parseVersions(fact.validVersions)]]);
  return fact.fields.map(([path, type, versions, nullable, tagged, tag, initial]) => {
    const parent = ranges.get(path.slice(0, Math.max(path.lastIndexOf("."), 0))) as VersionRange;
    const range = intersect(parseVersions(versions), parent);
    ranges.set(path, range);
    // Records may be null without saying so, and are by default.
    const mayBeNull = type === "records" ? "0+" : (nullable ?? "none");
    const three = [range, parseVersions(mayBeNull), parseVersions(tagged ?? "none")] as const;
    return describeField(path, type, three, [tag, defaultOf(type, initial)]);
  });
}

function describeField(
  path: string,
  type: string,
  [range, nullable, tagged]: readonly [VersionRange, VersionRange, VersionRange],
  [tag, initial]: readonly [number | null, string],
): string {
  const parts = [
    shown(range),
    `null ${shown(intersect(nullable, range))}`,
    `tag ${tag} ${shown(intersect(tagged, range))}`,
  ];
  return `${path}: ${type} ${parts.join(", ")}, default ${initial}`;
}

describe("the tables and Kafka's own definitions", () => {
  it("name the same messages", () => {
    expect([...tables.keys()].sort()).toEqual(facts.map((fact) => fact.name).sort());
  });

  it.each(facts.map((fact) => [fact.name, fact] as const))("%s", (name, fact) => {
    const table = tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    const valid = parseVersions(fact.validVersions);
    const flexible = parseVersions(fact.flexibleVersions);
    expect(table.apiKey).toBe(fact.apiKey ?? -1);
    expect([table.min, table.max]).toEqual([valid.min, valid.max]);
    for (let version = valid.min; version <= valid.max; version++) {
      expect(version >= table.flexible).toBe(includes(flexible, version));
    }
    expect(linesOfTable(table.fields, "", valid)).toEqual(linesOfFacts(fact));
  });

  it("would differ if a table departed in any way", () => {
    const lines = (fields: Fields) => linesOfTable(fields, "", { min: 0, max: 3 });
    const kafka = lines(message({ min: 0, max: 3 }, { count: versions("1+", int32) }).fields);
    expect(kafka).toEqual(["count: int32 1-3, null none, tag null none, default 0"]);
    expect(lines({ count: versions("2+", int32) })).not.toEqual(kafka);
    expect(lines({ counts: versions("1+", int32) })).not.toEqual(kafka);
  });
});
