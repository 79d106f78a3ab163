/**
 * `npm run build:worker`: lets wrangler bundle the Worker and its kernels, and writes workerd's config
 * beside the bundle. The result lies in a folder named after the sources, which cli/worker-bundle.ts finds.
 */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { bundleDir, CONFIG_FILE, ROOT } from "#cli/worker-bundle.ts";
import { workerdConfig } from "./workerd-config.ts";

const BUNDLES_KEPT = 4;

/** The bundle's modules with the entry first; what wrangler leaves beside them (source maps, a note) is no part of the Worker. */
export function modulesIn(dir: string): string[] {
  const files = readdirSync(dir).filter(
    (file) => !file.endsWith(".map") && !file.endsWith(".md") && !file.endsWith(".capnp"),
  );
  return files.sort((a, b) => Number(b === "index.js") - Number(a === "index.js") || (a < b ? -1 : 1));
}

function buildWorker(): string {
  mkdirSync(join(ROOT, "build", "worker"), { recursive: true });
  const target = bundleDir();
  if (existsSync(join(target, CONFIG_FILE))) return target;
  const draft = `${target}.${process.pid}`;
  runNode(["node_modules/wrangler/bin/wrangler.js", "deploy", "--dry-run", "--outdir", draft]);
  const config = workerdConfig(readFileSync(join(ROOT, "wrangler.toml"), "utf8"), modulesIn(draft));
  writeFileSync(join(draft, CONFIG_FILE), config);
  // Another process may have built the same sources meanwhile; its result is as good.
  if (existsSync(target)) rmSync(draft, { recursive: true });
  else renameSync(draft, target);
  removeOldBundles();
  return target;
}

/** Runs a script with this Node and shows what it said only if it fails. */
function runNode(args: readonly string[]): void {
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"]}`,
    WRANGLER_SEND_METRICS: "false",
    WRANGLER_LOG_PATH: join(ROOT, "build", "wrangler-logs"),
    CI: "1",
  };
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--no-warnings", ...args], {
    cwd: ROOT,
    env,
    encoding: "utf8",
  });
  if (status === 0) return;
  console.error(`${stdout}${stderr}\nkedge: \`node ${args.join(" ")}\` failed`);
  process.exit(1);
}

function removeOldBundles(): void {
  const parent = join(ROOT, "build", "worker");
  const byAge = readdirSync(parent)
    .map((name) => ({ path: join(parent, name), mtimeMs: statSync(join(parent, name)).mtimeMs }))
    .sort((a, b) => b.mtimeMs - a.mtimeMs);
  for (const { path } of byAge.slice(BUNDLES_KEPT)) rmSync(path, { recursive: true, force: true });
}

if (import.meta.main) console.log(`kedge: the Worker is in ${buildWorker().slice(ROOT.length + 1)}`);
