/** `npm run tidy`: the rules of the house that no other tool keeps. It also runs as a test. */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { type Problem, type SourceFile, tidy } from "./tidy-rules.ts";

const TEXT = /\.(ts|mjs|js|json|md|toml|py|go|java|sh|xml)$|^\.ci\/run$/;

/** The files that git tracks or would track; those that aren't read for the rules are there without text. */
export function readTree(): SourceFile[] {
  return execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { encoding: "utf8" })
    .split("\n")
    .filter((path) => path !== "" && existsSync(path))
    .map((path) => ({ path, text: isRead(path) ? readFileSync(path, "utf8") : "" }));
}

function isRead(path: string): boolean {
  return TEXT.test(path) && path !== "package-lock.json";
}

export function render({ path, line, message }: Problem): string {
  return `${path}${line > 0 ? `:${line}` : ""} ${message}`;
}

if (import.meta.main) {
  const files = readTree();
  const problems = tidy(files);
  for (const problem of problems) console.log(render(problem));
  console.log(`tidy: ${files.length} files, ${problems.length} problems`);
  process.exitCode = problems.length > 0 ? 1 : 0;
}
