import { mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "smol-toml";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const FOLDER = join(ROOT, "build", "vitest");

/**
 * wrangler.toml without its `connect`, for a file in another folder: tests in workerd call the Worker themselves, and a fixed TCP port would
 * keep two of them, or one of them and a running Kedge, from being there at once. As JSON, which is TOML's equal for wrangler.
 */
export function withoutConnect(wranglerToml: string, pathToRoot: string): string {
  const { connect: _, build: __, main, ...rest } = parse(wranglerToml);
  return JSON.stringify({ ...rest, main: `${pathToRoot}/${main}` }, null, 2);
}

/** Writes that config and returns its path. In one step, since several runs may do so at once. */
export function writeWorkerdTestsConfig(): string {
  const path = join(FOLDER, "wrangler.json");
  mkdirSync(FOLDER, { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, withoutConnect(readFileSync(join(ROOT, "wrangler.toml"), "utf8"), relative(FOLDER, ROOT)));
  renameSync(draft, path);
  return path;
}

/** An empty folder for the tests' objects. */
export function makeSegmentsFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "kedge-segments-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
