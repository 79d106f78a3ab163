/**
 * Writes test/vectors/protocol/facts.json: what Apache Kafka's own message definitions say about every table in src/protocol. Run by hand, when
 * a table is added or Kafka's version changes:
 *
 *   unzip -d DIR kafka-clients-4.4.0.jar 'common/message/*.json'
 *   unzip -d DIR -n kafka-group-coordinator-4.4.0.jar 'common/message/*.json'
 *   (and the same with kafka-share-coordinator and kafka-transaction-coordinator)
 *   node scripts/protocol-facts.ts DIR/common/message
 *
 * A field is [path, type, versions, nullableVersions, taggedVersions, tag, default, ignorable], as Kafka writes them.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";

interface Definition {
  readonly name: string;
  readonly type: string;
  /** Absent: those in which the field is tagged. */
  readonly versions?: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  /** A null is no default; what is null by default says "null". */
  readonly default?: string | number | boolean | null;
  readonly ignorable?: boolean;
  readonly fields?: readonly Definition[];
}

interface MessageDefinition {
  readonly name: string;
  readonly apiKey?: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly fields: readonly Definition[];
  readonly commonStructs?: readonly Definition[];
}

type FieldFact = readonly [string, string, string, string | null, string | null, number | null, string | null, boolean];

const SCALARS = new Set("bool int8 int16 uint16 int32 int64 float64 uuid string bytes records".split(" "));

function lowered(name: string): string {
  return name[0].toLowerCase() + name.slice(1);
}

function flatten(message: MessageDefinition): FieldFact[] {
  const facts: FieldFact[] = [];
  const walk = (fields: readonly Definition[], prefix: string): void => {
    for (const field of fields) {
      const path = prefix + lowered(field.name);
      const [, brackets, element] = /^(\[\])?(\w+)$/.exec(field.type) ?? [];
      const isScalar = SCALARS.has(element);
      facts.push([
        path,
        `${brackets ?? ""}${isScalar ? element : "struct"}`,
        field.versions ?? field.taggedVersions ?? "0+",
        field.nullableVersions ?? null,
        field.taggedVersions ?? null,
        field.tag ?? null,
        field.default === undefined || field.default === null ? null : String(field.default),
        field.ignorable ?? false,
      ]);
      if (isScalar) continue;
      const common = message.commonStructs?.find((struct) => struct.name === element);
      walk(field.fields ?? common?.fields ?? [], `${path}.`);
    }
  };
  walk(message.fields, "");
  return facts;
}

async function tableNames(): Promise<string[]> {
  const names: string[] = [];
  for (const folder of ["../src/protocol/messages/", "../src/protocol/stored/"]) {
    const url = new URL(folder, import.meta.url);
    for (const file of readdirSync(url).sort()) {
      const exported: Record<string, unknown> = await import(new URL(file, url).href);
      names.push(...Object.keys(exported).filter((name) => typeof exported[name] === "object"));
    }
  }
  return names;
}

const directory = process.argv[2];
if (directory === undefined || !existsSync(directory)) {
  console.error("usage: node scripts/protocol-facts.ts DIR, with Kafka's message definitions (*.json) in DIR");
  process.exit(1);
}
const lines: string[] = [];
for (const name of await tableNames()) {
  const commented = readFileSync(`${directory}/${name}.json`, "utf8");
  const definition: MessageDefinition = JSON.parse(commented.replace(/^\s*\/\/.*$/gm, ""));
  const { apiKey = null, validVersions, flexibleVersions } = definition;
  lines.push(JSON.stringify({ name, apiKey, validVersions, flexibleVersions, fields: flatten(definition) }));
}
writeFileSync(new URL("../test/vectors/protocol/facts.json", import.meta.url), `[\n${lines.join(",\n")}\n]\n`);
console.log(`${lines.length} messages`);
