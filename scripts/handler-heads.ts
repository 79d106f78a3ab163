import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { KAFKA_APIS } from "./kafka-apis.ts";

/** What a handler file says about itself in its opening comment. */
export interface Head {
  readonly apiKey: number;
  readonly name: string;
  readonly versions: string;
  readonly file: string;
  /** What it does, in its first sentence. */
  readonly summary: string;
  /** How it differs from Kafka, as whole sentences; undefined when it says nothing of it. */
  readonly departures: string | undefined;
}

interface Registered {
  readonly apiKey: number;
  readonly min: number;
  readonly max: number;
}

const FOLDER = "src/broker/handlers";

/** The heads of all registered handlers, in the order of their keys, and where one doesn't say what is true. */
export function readHeads(registered: readonly Registered[]): { heads: Head[]; problems: string[] } {
  const problems: string[] = [];
  const heads: Head[] = [];
  const files = readdirSync(FOLDER).filter((file) => /^\d\d-.*\.ts$/.test(file));
  for (const { apiKey, min, max } of [...registered].sort((a, b) => a.apiKey - b.apiKey)) {
    const file = files.find((candidate) => Number(candidate.slice(0, 2)) === apiKey);
    const api = KAFKA_APIS.find(([key]) => key === apiKey);
    if (!file || !api) {
      problems.push(
        `API key ${apiKey} is registered, but has no file of its number in ${FOLDER} or no row in scripts/kafka-apis.ts`,
      );
      continue;
    }
    const path = join(FOLDER, file);
    const versions = min === max ? `${min}` : `${min}–${max}`;
    const head = parseHead(readFileSync(path, "utf8"));
    if (head?.name !== api[1] || head.versions !== versions) {
      problems.push(`${path} must open with a comment that begins "${api[1]}, ${versions}: "`);
    }
    heads.push({
      apiKey,
      name: api[1],
      versions,
      file: path,
      summary: head?.summary ?? "",
      departures: head?.departures,
    });
  }
  const numbers = registered.map(({ apiKey }) => apiKey);
  for (const file of files) {
    if (!numbers.includes(Number(file.slice(0, 2)))) problems.push(`${FOLDER}/${file} is not registered`);
  }
  return { heads, problems };
}

/** Name and versions, such as `Fetch, 4–18:` or `Fetch (1), versions 4-18.`, then the first sentence. */
const OPENING = /^(\w+)(?: \(\d+\))?, (?:versions? )?(\d+(?:[-–]\d+)?)(?: \([^)]*\))?[:.] ([\s\S]*?[.])(?:\s|$)/;
const DEPARTURES = /Departures? from Kafka: ([^\n]*)/;

type ParsedHead = Pick<Head, "name" | "versions" | "summary" | "departures">;

/** Reads a comment of the form `Name, versions: what it does. … Departures from Kafka: how it differs.` */
export function parseHead(source: string): ParsedHead | undefined {
  const comment = /^\s*\/\*\*([\s\S]*?)\*\//.exec(source)?.[1] ?? /^(?:\/\/.*\n)+/.exec(source)?.[0];
  const text = comment
    ?.replace(/^[ \t]*(\*|\/\/) ?/gm, "")
    .trim()
    .replace(/\n(?!\n)/g, " ")
    .replace(/ {2,}/g, " ");
  const opening = OPENING.exec(text ?? "");
  if (!text || !opening) return undefined;
  const departures = DEPARTURES.exec(text)?.[1]?.trim();
  return {
    name: opening[1] as string,
    versions: (opening[2] as string).replace("-", "–"),
    summary: sentence(opening[3] as string),
    departures: departures === undefined || /^none/i.test(departures) ? undefined : sentence(departures),
  };
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
