import { posix } from "node:path";
import { mayImportPackage, mayImportRoom, roomOf, WALLS } from "./walls.ts";

/** A file of the tree as the rules see it. */
export interface SourceFile {
  /** From the root of the repository, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface Problem {
  readonly path: string;
  /** Counted from 1; 0 when the file as a whole is meant. */
  readonly line: number;
  readonly message: string;
}

export const MAX_FILE_LINES = 400;

/** Names that say nothing about what is inside. */
const EMPTY_WORDS = ["util", "utils", "helper", "helpers", "common", "manager", "service", "misc"];

/** Folders whose files are data or belong to another language's tools. */
const NOT_CODE = /^test\/vectors\/|^test\/clients\/[^/]+\/(?!.*\.ts$)/;
const CODE = /\.(ts|mjs|js)$/;

/** Put together from halves, so that this file does not hold what it looks for. */
const MACHINE_PATHS = [
  "wor" + "k/main",
  "wor" + "k/shared",
  "wor" + "k/scratch",
  "far" + "m/",
  "roo" + "t/",
  "home/[a-z]+/",
  "Users/[A-Za-z]+/",
];
const MACHINE_PATH = new RegExp(`(?<![\\w.~-])/(${MACHINE_PATHS.join("|")})`);
const FOCUSED_TEST = new RegExp(`\\b(it|test|describe)\\.${"only"}\\(`);
const LEFT_OVER = new RegExp(`\\b(${["TO" + "DO", "FIX" + "ME", "XX" + "X"].join("|")})\\b`);

type Rule = (file: SourceFile, all: ReadonlySet<string>) => Problem[];

const RULES: readonly Rule[] = [names, length, lines, imports, deadPaths];

/** Everything that is untidy in the files. */
export function tidy(files: readonly SourceFile[]): Problem[] {
  const all = new Set(files.flatMap(({ path }) => withFolders(path)));
  return files.flatMap((file) => RULES.flatMap((rule) => rule(file, all)));
}

function withFolders(path: string): string[] {
  const parts = path.split("/");
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

function names({ path }: SourceFile): Problem[] {
  const words = path
    .replace(/\.[a-z.]+$/, "")
    .split("/")
    .flatMap((part) => part.split("-"));
  const empty = words.find((word) => EMPTY_WORDS.includes(word.toLowerCase()));
  return empty ? [{ path, line: 0, message: `a name with "${empty}" doesn't say what is inside` }] : [];
}

function length({ path, text }: SourceFile): Problem[] {
  const lineCount = text.split("\n").length - 1;
  if (!CODE.test(path) || NOT_CODE.test(path) || lineCount < MAX_FILE_LINES) return [];
  return [{ path, line: 0, message: `${lineCount} lines, the limit is ${MAX_FILE_LINES}: split it by what it does` }];
}

function lines({ path, text }: SourceFile): Problem[] {
  const rules: [RegExp, string][] = [
    [MACHINE_PATH, "a path of one machine"],
    [FOCUSED_TEST, "a focused test keeps all others from running"],
    [LEFT_OVER, "a note that nobody will find: an issue, or do it"],
  ];
  return text
    .split("\n")
    .flatMap((content, index) =>
      rules.filter(([pattern]) => pattern.test(content)).map(([, message]) => ({ path, line: index + 1, message })),
    );
}

const IMPORT =
  /^\s*(?:import|export)\b[^"'`;]*?\bfrom\s*"([^"]+)"|^\s*import\s+"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gm;

/** A text over several lines that a script writes into another file, whose imports are that file's. */
const WRITTEN_ELSEWHERE = /= `\n[^`]*`/g;

function imports({ path, text }: SourceFile): Problem[] {
  if (!CODE.test(path) || NOT_CODE.test(path)) return [];
  const problems: Problem[] = [];
  const own = text.replace(WRITTEN_ELSEWHERE, (written) => written.replace(/[^\n]/g, " "));
  for (const match of own.matchAll(IMPORT)) {
    const message = whyNot(path, (match[1] ?? match[2] ?? match[3]) as string);
    const line = own.slice(0, match.index).split("\n").length + (/^\s*\n/.test(match[0]) ? 1 : 0);
    if (message) problems.push({ path, line, message });
  }
  return problems;
}

/** Why the file may not import this; undefined when it may. */
function whyNot(path: string, specifier: string): string | undefined {
  const name = roomOf(path);
  if (name === undefined) return undefined;
  const room = WALLS[name];
  if (!room) return `the room ${name} stands in no row of scripts/walls.ts`;
  if (specifier.startsWith(".")) {
    const target = posix.join(posix.dirname(path), specifier);
    if (target.startsWith("build/") || roomOf(target) === name) return undefined;
    return isBootstrap(path) ? undefined : `a relative import must not leave its room: ${specifier}`;
  }
  if (!specifier.startsWith("#")) {
    return mayImportPackage(room, specifier) ? undefined : `${name} may not import the package ${specifier}`;
  }
  const target = specifier.slice(1, specifier.indexOf("/"));
  if (target === name) return `inside a room imports are relative: ${specifier}`;
  return mayImportRoom(room, target) ? undefined : `${name} may not import from ${target}`;
}

/** The scripts that older Nodes run, which find nothing by package.json's `imports`. */
function isBootstrap(path: string): boolean {
  return path.endsWith(".mjs");
}

/** A path below one of the top folders, or the target of a link. `NN` and `NNNN` stand for numbers yet to come. */
const DOC_PATH =
  /`((?:assembly|bench|cli|docs|examples|scripts|src|test|worker)\/(?![^`]*NN)[\w./-]*)`|\]\((?!https?:|#)([^)\s#]+)/g;

/** Every path that a document names must be there. */
function deadPaths({ path, text }: SourceFile, all: ReadonlySet<string>): Problem[] {
  if (!path.endsWith(".md")) return [];
  const problems: Problem[] = [];
  text.split("\n").forEach((content, index) => {
    for (const match of content.matchAll(DOC_PATH)) {
      const candidates = [
        posix.normalize(match[1] ?? match[2] ?? "").replace(/\/$/, ""),
        posix.join(posix.dirname(path), match[1] ?? match[2] ?? "").replace(/\/$/, ""),
      ];
      const isThere = candidates.some((candidate) => all.has(candidate) || candidate.startsWith("build"));
      if (!isThere) problems.push({ path, line: index + 1, message: `there is no ${match[1] ?? match[2]}` });
    }
  });
  return problems;
}
