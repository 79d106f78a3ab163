/** Runs bench/kernel-cases.ts as workerd would run the kernels. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import type { Measured } from "./measure.ts";

const ROOT = path.join(import.meta.dirname, "..");

export function measureKernels(rounds: number): Measured[] {
  node([path.join(ROOT, "scripts/build-kernels.ts")]);
  const cases = path.join(import.meta.dirname, "kernel-cases.ts");
  const lines = node(["--disable-wasm-trap-handler", cases, `${rounds}`])
    .trim()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as Measured);
}

function node(options: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, options, { cwd: ROOT, encoding: "utf8" });
  if (status !== 0) throw new Error(`node ${options.join(" ")} failed:\n${stdout}${stderr}`);
  return stdout;
}
