/**
 * The kernels in this process: WASM against its TypeScript twin, against lz4-wasm and against what node:zlib has. Prints one JSON line
 * per figure. bench/kernels.ts runs it with --disable-wasm-trap-handler, because workerd runs WASM without V8's trap handler:
 * plain Node would flatter the kernels.
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import * as lz4Wasm from "lz4-wasm/lz4_wasm_bg.js";
import type { Kernels } from "#kernels/kernels.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { createWasmKernels } from "#kernels/wasm.ts";
import { inRounds, type Sample } from "./measure.ts";

const ROOT = path.join(import.meta.dirname, "..");
const SAMPLE_MS = 60;
const MAX_BYTES = 4 * 1024 * 1024;
const CRC_SIZES = [1024, 16_384, 1_048_576];
const CODEC_BYTES = 65_536;

type Operation = () => unknown;

interface Contender {
  readonly name: string;
  /** Case name → operation over so many bytes. */
  readonly operations: ReadonlyMap<string, { readonly bytes: number; readonly run: Operation }>;
}

function input(bytes: number): Uint8Array {
  const lines: string[] = [];
  for (let index = 0, size = 0; size < bytes; index++) {
    const line = JSON.stringify({
      id: index * 7919,
      user: `user-${(index * 31) % 997}`,
      action: index % 3 ? "view" : "buy",
      price: index % 89,
    });
    lines.push(line);
    size += line.length;
  }
  return Buffer.from(lines.join("\n")).subarray(0, bytes);
}

function kernelContender(kernels: Kernels): Contender {
  const operations = new Map<string, { bytes: number; run: Operation }>();
  for (const bytes of CRC_SIZES) {
    const data = input(bytes);
    operations.set(`crc32c ${label(bytes)}`, { bytes, run: () => kernels.crc32c(data) });
  }
  const data = input(CODEC_BYTES);
  const lz4 = kernels.lz4Compress(data);
  const snappy = kernels.snappyCompress(data);
  const add = (name: string, run: Operation) => operations.set(`${name} JSON 64 KB`, { bytes: CODEC_BYTES, run });
  add("lz4 compress", () => kernels.lz4Compress(data));
  add("lz4 decompress", () => kernels.lz4Decompress(lz4, MAX_BYTES));
  add("snappy compress", () => kernels.snappyCompress(data));
  add("snappy decompress", () => kernels.snappyDecompress(snappy, MAX_BYTES));
  return { name: kernels.name === "wasm" ? "our WASM kernel" : "our TypeScript twin", operations };
}

function lz4WasmContender(): Contender {
  const data = input(CODEC_BYTES);
  const lz4 = lz4Wasm.compress(data);
  const operations = new Map([
    ["lz4 compress JSON 64 KB", { bytes: CODEC_BYTES, run: () => lz4Wasm.compress(data) as unknown }],
    ["lz4 decompress JSON 64 KB", { bytes: CODEC_BYTES, run: () => lz4Wasm.decompress(lz4) as unknown }],
  ]);
  return { name: "lz4-wasm", operations };
}

function zlibContender(): Contender {
  const data = input(CODEC_BYTES);
  const zstd = zstdCompressSync(data);
  const operations = new Map([
    ["zstd compress JSON 64 KB", { bytes: CODEC_BYTES, run: () => zstdCompressSync(data) as unknown }],
    ["zstd decompress JSON 64 KB", { bytes: CODEC_BYTES, run: () => zstdDecompressSync(zstd) as unknown }],
  ]);
  return { name: "node:zlib", operations };
}

function label(bytes: number): string {
  return bytes >= 1_048_576 ? `${bytes / 1_048_576} MB` : `${bytes / 1024} KB`;
}

async function sample(contender: Contender): Promise<Sample[]> {
  return [...contender.operations].map(([name, { bytes, run }]) => {
    const startedAt = performance.now();
    let runs = 0;
    let elapsedMs = 0;
    while (elapsedMs < SAMPLE_MS) {
      for (let burst = 0; burst < 8; burst++) run();
      runs += 8;
      elapsedMs = performance.now() - startedAt;
    }
    return { name, unit: "MB/s", value: (runs * bytes) / 1000 / elapsedMs };
  });
}

const rounds = Number(process.argv[2] ?? 5);
const wasm = createWasmKernels(new WebAssembly.Module(readFileSync(path.join(ROOT, "build/kernels.wasm"))));
const contenders = [kernelContender(wasm), kernelContender(referenceKernels), lz4WasmContender(), zlibContender()];
// One round for the compilers before it counts.
for (const contender of contenders) await sample(contender);
const measured = await inRounds(
  rounds,
  contenders.map((contender) => ({ name: contender.name, subject: contender })),
  sample,
);
for (const one of measured) console.log(JSON.stringify(one));
