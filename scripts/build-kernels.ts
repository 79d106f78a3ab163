/**
 * `node scripts/build-kernels.ts`: compiles assembly/ to build/kernels.wasm with AssemblyScript's `asc`, unless the module is
 * newer than every source. The module has no imports, so anything that knows WebAssembly can instantiate it.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const OUTPUT = join("build", "kernels.wasm");
/** Written first and then renamed, so that whoever loads the module meanwhile finds a whole one. */
const DRAFT = join("build", `kernels.${process.pid}.wasm`);
const ENTRY = join("assembly", "index.ts");
/** MAX_MEMORY_BYTES of src/kernels/arena.ts, in pages of 64 KB. */
const MAXIMUM_PAGES = 704;
const INITIAL_PAGES = 2;

const FLAGS = [
  ["--outFile", DRAFT],
  ["--runtime", "stub"],
  ["-O3"],
  ["--noAssert"],
  ["--converge"],
  ["--uncheckedBehavior", "always"],
  ["--enable", "simd"],
  ["--enable", "relaxed-simd"],
  ["--initialMemory", String(INITIAL_PAGES)],
  ["--maximumMemory", String(MAXIMUM_PAGES)],
].flat();

function modifiedMs(path: string): number {
  return statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function isUpToDate(): boolean {
  const sources = readdirSync(join(ROOT, "assembly")).map((name) => join("assembly", name));
  const inputs = [
    ...sources,
    join("scripts", "build-kernels.ts"),
    join("node_modules", "assemblyscript", "package.json"),
  ];
  const built = modifiedMs(OUTPUT);
  return built > 0 && inputs.every((input) => modifiedMs(input) < built);
}

if (isUpToDate()) {
  console.log(`${OUTPUT} is up to date`);
} else {
  console.log(`compiling ${ENTRY} to ${OUTPUT}`);
  mkdirSync(join(ROOT, dirname(OUTPUT)), { recursive: true });
  const asc = join(ROOT, "node_modules", "assemblyscript", "bin", "asc.js");
  const run = spawnSync(process.execPath, [asc, ENTRY, ...FLAGS], {
    cwd: ROOT,
    stdio: ["ignore", "inherit", "pipe"],
    encoding: "utf8",
  });
  // Binaryen may remark that its last pass changed little; that is no error, and everything else is shown.
  const remarks = run.stderr.split("\n").filter((line) => line !== "" && !line.includes("converge was suboptimal"));
  if (remarks.length > 0) console.error(remarks.join("\n"));
  if (run.status !== 0) process.exit(run.status ?? 1);
  const module = new WebAssembly.Module(readFileSync(join(ROOT, DRAFT)));
  if (WebAssembly.Module.imports(module).length > 0) throw new Error("the kernels must not import anything");
  renameSync(join(ROOT, DRAFT), join(ROOT, OUTPUT));
  console.log(`${OUTPUT} has ${statSync(join(ROOT, OUTPUT)).size} bytes`);
}
