import type { WasmMemory } from "./arena.ts";

/** The exports of the module: pointers and lengths in, numbers out (assembly/index.ts). */
export interface Exports {
  readonly memory: WasmMemory;
  arenaStart(): number;
  crc32c(seed: number, from: number, length: number): number;
  crc32cSpending(seed: number, from: number, length: number): number;
  packBatch(batch: number, size: number, codec: number, to: number): number;
  xxhash32(from: number, length: number, seed: number): number;
  lz4Compress(from: number, length: number, to: number): number;
  lz4Measure(from: number, length: number, maxBytes: number): number;
  lz4Decompress(from: number, to: number, room: number, maxBytes: number): number;
  snappyCompress(from: number, length: number, to: number): number;
  snappyMeasure(from: number, length: number, maxBytes: number): number;
  snappyDecompress(from: number, length: number, to: number, total: number): number;
  scanBatch(batch: number, size: number, out: number): number;
  scanRecords(from: number, length: number, recordCount: number, baseTimestamp: number, out: number): number;
  indexBatches(walk: number, chunk: number, length: number, offsets: number, times: number): number;
}

/** The worst case of a block, a length field for each, the frame's header and end mark. */
export function lz4Bound(length: number): number {
  return length + Math.ceil(length / 255) + Math.ceil(length / 65536) * 20 + 11;
}

/** Snappy's own bound for each block, a length field for each, and the framing's header. */
export function snappyBound(length: number): number {
  return length + Math.ceil(length / 6) + Math.ceil(length / 65536) * 40 + 16;
}
