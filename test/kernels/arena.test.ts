import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Arena, MAX_MEMORY_BYTES } from "#kernels/arena.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { createWasmKernels } from "#kernels/wasm.ts";

const PAGE_BYTES = 65_536;

/** Kernels with their memory in sight. */
function kernelsWithMemory() {
  const module = new WebAssembly.Module(readFileSync(new URL("../../build/kernels.wasm", import.meta.url)));
  let memory: WebAssembly.Memory | undefined;
  const Original = WebAssembly.Instance;
  try {
    WebAssembly.Instance = class extends Original {
      constructor(compiled: WebAssembly.Module) {
        super(compiled);
        memory = this.exports.memory as WebAssembly.Memory;
      }
    };
    const kernels = createWasmKernels(module);
    if (memory === undefined) throw new Error("the kernels made no instance");
    return { kernels, memory };
  } finally {
    WebAssembly.Instance = Original;
  }
}

describe("the memory of the kernels", () => {
  it("does not grow when inputs repeat, nor beyond its limit", () => {
    const { kernels, memory } = kernelsWithMemory();
    const packed = referenceKernels.lz4Compress(new Uint8Array(30_000_000));
    expect(kernels.lz4Decompress(packed, 30_000_000).ok).toBe(true);
    const grown = memory.buffer.byteLength;
    expect(kernels.lz4Decompress(packed, 30_000_000).ok).toBe(true);
    expect(memory.buffer.byteLength).toBe(grown);
    // What does not fit takes the other twin's way, with the same outcome.
    const larger = referenceKernels.lz4Compress(new Uint8Array(50_000_000));
    expect(kernels.lz4Decompress(larger, 50_000_000).ok).toBe(true);
    expect(kernels.crc32c(new Uint8Array(50_000_000))).toBe(referenceKernels.crc32c(new Uint8Array(50_000_000)));
    expect(memory.buffer.byteLength).toBeLessThanOrEqual(MAX_MEMORY_BYTES);
  });

  it("may be as large as the module allows, and no larger", () => {
    const { memory } = kernelsWithMemory();
    const left = (MAX_MEMORY_BYTES - memory.buffer.byteLength) / PAGE_BYTES;
    expect(() => memory.grow(left + 1)).toThrow(RangeError);
    memory.grow(left);
  });

  it("holds buffers apart and gives them back by mark", () => {
    const memory = new WebAssembly.Memory({ initial: 1 }) as { buffer: ArrayBuffer; grow(pages: number): number };
    const arena = new Arena(memory, 1001);
    const mark = arena.mark();
    const first = arena.put(new Uint8Array(10).fill(1));
    const second = arena.put(new Uint8Array(200_000).fill(2));
    expect(second).toBeGreaterThanOrEqual(first + 10 + 64);
    expect([arena.bytes[first + 9], arena.bytes[second], arena.bytes[second + 199_999]]).toEqual([1, 2, 2]);
    arena.release(mark);
    expect(arena.take(1)).toBe(first);
    expect(arena.hasRoom(MAX_MEMORY_BYTES)).toBe(false);
  });
});
