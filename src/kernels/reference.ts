/** The twin in plain TypeScript: the meaning of each kernel, and the fallback where WASM is not there. */
import type { Kernels } from "./kernels.ts";
import { repackBatch, sealBatch } from "./reference/batch-seal.ts";
import { crc32c, crc32cPatched } from "./reference/crc32c.ts";
import { lz4Compress, lz4Decompress } from "./reference/lz4-frame.ts";
import { scanBatch, scanRecords } from "./reference/record-scan.ts";
import { indexBatches, searchOffsetIndex, searchTimeIndex } from "./reference/segment-index.ts";
import { snappyCompress, snappyDecompress } from "./reference/snappy.ts";
import { xxhash32 } from "./reference/xxhash32.ts";

export const referenceKernels: Kernels = {
  name: "reference",
  crc32c,
  crc32cPatched,
  xxhash32,
  lz4Compress,
  lz4Decompress,
  snappyCompress,
  snappyDecompress,
  scanBatch,
  sealBatch,
  repackBatch,
  scanRecords,
  indexBatches,
  searchOffsetIndex,
  searchTimeIndex,
};
