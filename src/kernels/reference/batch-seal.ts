/** Finishes a record batch (magic 2, layout in `#records/batch.ts`): packs its records, and writes its length and its CRC. */
import type { BatchDraft } from "../kernels.ts";
import { crc32c } from "./crc32c.ts";
import { lz4Compress } from "./lz4-frame.ts";
import { snappyCompress } from "./snappy.ts";

const HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
/** What stands before the bytes that the length counts. */
const OVERHEAD_BYTES = 12;

export function sealBatch(draft: BatchDraft): Uint8Array {
  const room = new Uint8Array(draft.roomBytes);
  const plain = room.subarray(0, draft.write(room, 0));
  const { packing } = draft;
  let batch: Uint8Array;
  if (packing === "none") batch = plain.slice();
  else if (packing === "lz4") batch = withRecords(plain, lz4Compress(plain.subarray(HEADER_BYTES)));
  else if (packing === "snappy") batch = withRecords(plain, snappyCompress(plain.subarray(HEADER_BYTES)));
  else batch = withRecords(plain, packing(plain.subarray(HEADER_BYTES)));
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  view.setInt32(LENGTH_AT, batch.length - OVERHEAD_BYTES);
  view.setUint32(CRC_AT, crc32c(batch.subarray(ATTRIBUTES_AT)));
  return batch;
}

function withRecords(plain: Uint8Array, records: Uint8Array): Uint8Array {
  const batch = new Uint8Array(HEADER_BYTES + records.length);
  batch.set(plain.subarray(0, HEADER_BYTES));
  batch.set(records, HEADER_BYTES);
  return batch;
}
