import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** Everything that a bundle is made from. */
const SOURCES = [
  "assembly",
  "src",
  "worker",
  "wrangler.toml",
  "package.json",
  "package-lock.json",
  "scripts/build-worker.ts",
  "scripts/build-kernels.ts",
];

/** The name that workerd's config has inside a bundle's folder. */
export const CONFIG_FILE = "kedge.capnp";

/**
 * The folder of the Worker's bundle and of workerd's config for the sources as they are now. Its name is their fingerprint, so that a
 * second start finds it by looking at file times alone, without a bundler.
 */
export function bundleDir(): string {
  return join(ROOT, "build", "worker", fingerprint(SOURCES));
}

/** The bundle's folder, built first where it is missing. Throws when it can't be built; the builder has said why by then. */
export function ensureBundle(): string {
  const dir = bundleDir();
  if (existsSync(join(dir, CONFIG_FILE))) return dir;
  console.log("kedge: building the Worker (once for every change of its sources)");
  const builder = join(ROOT, "scripts", "build-worker.ts");
  const { status } = spawnSync(process.execPath, ["--no-warnings", builder], { cwd: ROOT, stdio: "inherit" });
  const built = bundleDir();
  if (status !== 0 || !existsSync(join(built, CONFIG_FILE))) throw new Error("the Worker could not be built");
  return built;
}

/** A short hash over names, sizes and times of all files under the paths. */
function fingerprint(paths: readonly string[]): string {
  const hash = createHash("sha256");
  for (const path of paths) addToHash(hash, path);
  return hash.digest("hex").slice(0, 16);
}

function addToHash(hash: ReturnType<typeof createHash>, path: string): void {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (stat?.isDirectory()) {
    for (const name of readdirSync(join(ROOT, path)).sort()) addToHash(hash, `${path}/${name}`);
  } else {
    hash.update(`${path}\0${stat?.size}\0${stat?.mtimeMs}\n`);
  }
}
