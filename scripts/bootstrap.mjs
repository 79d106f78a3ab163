/**
 * What `npm start` and `npm test` do before anything else. Plain JavaScript, because the machine's own Node runs it: it may be
 * older than TypeScript or wrangler want, and nothing may be installed yet.
 */

import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync, statSync, symlinkSync, utimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const lockFile = join(root, "package-lock.json");
const installedLockFile = join(root, "node_modules", ".package-lock.json");
const windows = process.platform === "win32";
const ownNode = join(root, "node_modules", "node", "bin", windows ? "node.exe" : "node");

/** Why node_modules can't be used as it is, or undefined when it can. */
function whyInstall() {
  if (!existsSync(installedLockFile)) return "nothing is installed yet";
  if (statSync(installedLockFile).mtimeMs >= statSync(lockFile).mtimeMs) return undefined;
  const wanted = JSON.parse(readFileSync(lockFile, "utf8")).packages;
  const installed = JSON.parse(readFileSync(installedLockFile, "utf8")).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === "" || (entry.optional && !installed[path])) continue;
    if (installed[path]?.version !== entry.version) return `${path} is not at version ${entry.version}`;
  }
  const now = new Date();
  utimesSync(installedLockFile, now, now);
  return undefined;
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, { cwd, stdio: "inherit", shell: windows });
  if (status === 0) return;
  console.error(`kedge: \`${command} ${args.join(" ")}\` failed${error ? `: ${error.message}` : ""}`);
  process.exit(1);
}

/** Installs the dependencies where they are missing or differ from package-lock.json, and Kedge's own Node among them. */
export function install() {
  const reason = whyInstall();
  if (reason) {
    console.log(`kedge: installing dependencies with \`npm ci\` (${reason})`);
    run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"], root);
  }
  if (existsSync(ownNode)) return;
  // An npm that blocks install scripts leaves the `node` package without its binary: its installer is run here instead.
  console.log("kedge: fetching the Node that Kedge runs on");
  run(process.execPath, ["installArchSpecificPackage"], join(root, "node_modules", "node"));
  const link = join(root, "node_modules", ".bin", "node");
  if (!windows && !existsSync(link)) symlinkSync("../node/bin/node", link);
}

/** True when this process is already a Node that runs TypeScript. */
export function isOwnNode() {
  return Number(process.versions.node.split(".")[0]) >= 24;
}

/** Runs the script again on Kedge's own Node and exits with its code. Signals go to the child, which decides when to end. */
export function runOnOwnNode(script) {
  const child = spawn(ownNode, [script, ...process.argv.slice(2)], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}

// `npm start` runs this file alone when there is no Node of Kedge's own yet, to go on without the machine's.
if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) install();
