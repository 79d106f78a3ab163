import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const DIR = path.join(import.meta.dirname, "corpus");
/** What a target's file may take in the repository. */
export const MAX_CORPUS_BYTES = 50_000;

/** One line of base64 an input, the shortest first: so that a change can be read in a diff. */
export function readCorpus(target: string): Uint8Array[] {
  const file = path.join(DIR, `${target}.txt`);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  return lines.filter((line) => line !== "").map((line) => Uint8Array.from(Buffer.from(line, "base64")));
}

export function writeCorpus(target: string, inputs: readonly Uint8Array[]): void {
  const lines = inputs
    .filter((input) => input.length > 0)
    .map((input) => Buffer.from(input).toString("base64"))
    .toSorted((one, other) => one.length - other.length || (one < other ? -1 : 1));
  let size = 0;
  const kept = lines.filter((line) => {
    size += line.length + 1;
    return size <= MAX_CORPUS_BYTES;
  });
  writeFileSync(path.join(DIR, `${target}.txt`), kept.map((line) => `${line}\n`).join(""));
}
