// Finishes a record batch of magic 2 that stands in memory. The layout is drawn in src/records/batch.ts, the twin is
// src/kernels/reference/batch-seal.ts.
import { crc32c } from "./crc32c";
import { lz4Compress } from "./lz4-frame";
import { snappyCompress } from "./snappy";

const HEADER_BYTES: u32 = 61;
const LENGTH_AT: usize = 8;
const CRC_AT: usize = 17;
const ATTRIBUTES_AT: u32 = 21;
/** What stands before the bytes that the length counts. */
const OVERHEAD_BYTES: u32 = 12;

const LZ4: u32 = 3;

/** Writes the length and the CRC of the `size` bytes at `batch`, header included. */
export function sealBatch(batch: usize, size: u32): void {
  store<u32>(batch, bswap(size - OVERHEAD_BYTES), LENGTH_AT);
  store<u32>(batch, bswap(crc32c(0, batch + ATTRIBUTES_AT, size - ATTRIBUTES_AT)), CRC_AT);
}

/** Makes at `to` the batch with its records packed by the codec LZ4 or, else, Snappy. Returns its size. */
export function packBatch(batch: usize, size: u32, codec: u32, to: usize): u32 {
  memory.copy(to, batch, HEADER_BYTES);
  const records = batch + HEADER_BYTES;
  const length = size - HEADER_BYTES;
  const packed = codec == LZ4 ? lz4Compress(records, length, to + HEADER_BYTES) : snappyCompress(records, length, to + HEADER_BYTES);
  sealBatch(to, HEADER_BYTES + <u32>packed);
  return HEADER_BYTES + <u32>packed;
}
