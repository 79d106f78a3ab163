// What build/kernels.wasm exports: pointers and lengths in, numbers out. The caller lays out memory from `arenaStart` on
// and leaves SLACK_BYTES after every buffer, since copies may run over the end of what they copy.
export { crc32c, crc32cSpending } from "./crc32c";
export { xxhash32 } from "./xxhash32";
export { lz4Compress, lz4Decompress, lz4Measure } from "./lz4-frame";
export { snappyCompress, snappyDecompress, snappyMeasure } from "./snappy";
export { packBatch } from "./batch-seal";
export { scanBatch, scanRecords } from "./batch-scan";
export { indexBatches } from "./segment-index";

/** The first free byte behind the static tables. */
export function arenaStart(): i32 {
  return <i32>__heap_base;
}
