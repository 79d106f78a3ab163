import { spawnSync } from "node:child_process";
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

/** A short name for the names, sizes and times of all files under the paths. */
function fingerprint(paths: readonly string[]): string {
  return hash(paths.flatMap(describeFiles).join("\n"));
}

function describeFiles(path: string): string[] {
  const stat = statSync(join(ROOT, path), { throwIfNoEntry: false });
  if (!stat?.isDirectory()) return [`${path} ${stat?.size} ${stat?.mtimeMs}`];
  return readdirSync(join(ROOT, path))
    .sort()
    .flatMap((name) => describeFiles(`${path}/${name}`));
}

/** FNV-1a, twice with different seeds. No secret hangs on it, and node:crypto would cost the launcher 5 MB. */
function hash(text: string): string {
  const halves = [0x811c9dc5, 0x050c5d1f].map((seed) => {
    let state = seed;
    for (let at = 0; at < text.length; at++) state = Math.imul(state ^ text.charCodeAt(at), 0x01000193);
    return (state >>> 0).toString(16).padStart(8, "0");
  });
  return halves.join("");
}
