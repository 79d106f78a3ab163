import { describe, expect, it } from "vitest";
import { createWasmKernels } from "#kernels/wasm.ts";
import module from "../../build/kernels.wasm";
import { runKernelCases } from "./cases.ts";

const kernels = createWasmKernels(module);
runKernelCases(kernels);

describe("the kernels in workerd", () => {
  it("are those of WebAssembly", () => {
    expect(kernels.name).toBe("wasm");
  });
});
