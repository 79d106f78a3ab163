import { readFileSync } from "node:fs";
import type { Kernels } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { createWasmKernels } from "#kernels/wasm.ts";

const WASM = new URL("../../build/kernels.wasm", import.meta.url);

export const wasmKernels: Kernels = createWasmKernels(new WebAssembly.Module(readFileSync(WASM)));

/** Both implementations; every case runs over each. */
export const twins: readonly Kernels[] = [referenceKernels, wasmKernels];
