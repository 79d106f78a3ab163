/**
 * `npm run lock`: writes package-lock.json anew and completes it.
 *
 * npm leaves an optional package out of the lockfile when the registry that it asked doesn't carry it, which is what a mirror for one
 * platform does with the binaries of all others. `npm ci` then refuses the lockfile, there and everywhere else. Versions of these
 * packages are exact and their platform stands in their name, so that the missing entries can be written down without asking anyone.
 */

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

export interface LockEntry {
  version?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
  libc?: string[];
  optionalDependencies?: Record<string, string>;
}

const OPERATING_SYSTEMS = [
  "aix",
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = ["arm64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x", "wasm32", "x64"];

/** What the name of a binary package says about its platform; empty where it says nothing. */
export function platformOf(name: string): Pick<LockEntry, "os" | "cpu" | "libc"> {
  const words = (name.split("/").at(-1) ?? name)
    .replace("linuxmusl", "linux-musl")
    .replace(/windows-64$/, "win32-x64")
    .replace(/(darwin|linux)-64$/, "$1-x64")
    .split("-");
  const os = OPERATING_SYSTEMS.find((candidate) => words.includes(candidate));
  const cpu = PROCESSORS.find((candidate) =>
    words.some((word) => (candidate === "x64" ? word === "x64" : word.startsWith(candidate))),
  );
  const libc = words.some((word) => word.startsWith("musl"))
    ? "musl"
    : words.some((word) => word.startsWith("gnu"))
      ? "glibc"
      : undefined;
  return { ...(os && { os: [os] }), ...(cpu && { cpu: [cpu] }), ...(libc && { libc: [libc] }) };
}

/** Adds what is missing and returns the names that were added. Only exact versions: a range would have to be asked about. */
export function completeLock(packages: Record<string, LockEntry>): string[] {
  const added: string[] = [];
  for (const [path, entry] of Object.entries(packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      const isExact = /^\d+\.\d+\.\d+/.test(version);
      if (!isExact || !(platform.os || platform.cpu) || versionSeenFrom(packages, path, name) === version) continue;
      const atTop = `node_modules/${name}`;
      packages[packages[atTop] ? `${path}/${atTop}` : atTop] = { version, ...platform, dev: true, optional: true };
      added.push(`${name}@${version}`);
    }
  }
  return added;
}

/** The version that a `require` inside the folder would find. */
function versionSeenFrom(packages: Record<string, LockEntry>, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const found = packages[`${folder ? `${folder}/` : ""}node_modules/${name}`];
    if (found || !folder) return found?.version;
  }
}

if (import.meta.main) {
  execFileSync("npm", ["install", "--package-lock-only"], { stdio: "inherit" });
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
  const added = completeLock(lock.packages);
  const [root, ...rest] = Object.entries(lock.packages);
  lock.packages = Object.fromEntries([root!, ...rest.sort(([a], [b]) => (a < b ? -1 : 1))]);
  writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
  console.log(`package-lock.json: ${added.length} packages of other platforms added`);
}
