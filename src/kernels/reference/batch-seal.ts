/** Finishes a record batch (magic 2, layout in `#records/batch.ts`): packs its records, and writes its length and its CRC. */
import { type BatchDraft, type Decoded, type Repacked, type Repacking, ScanFault } from "../kernels.ts";
import { crc32c } from "./crc32c.ts";
import { lz4Compress, lz4Decompress } from "./lz4-frame.ts";
import { scanRecords } from "./record-scan.ts";
import { snappyCompress, snappyDecompress } from "./snappy.ts";

const HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const BASE_TIMESTAMP_AT = 27;
const MAX_TIMESTAMP_AT = 35;
const RECORD_COUNT_AT = 57;
const CODEC_MASK = 7;
const LZ4_CODEC = 3;
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

export function repackBatch(batch: Uint8Array, how: Repacking): Repacked {
  const opened = how.opened === null ? openRecords(batch, how.maxBytes) : { ok: true as const, bytes: how.opened };
  if (!opened.ok) return opened;
  const records = opened.bytes;
  const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
  const baseTimestamp = Number(view.getBigInt64(BASE_TIMESTAMP_AT));
  const scan = scanRecords(records, view.getInt32(RECORD_COUNT_AT), baseTimestamp);
  const maxTimestamp = scan.fault === ScanFault.NONE ? how.stamp(scan) : null;
  if (maxTimestamp === null) return { ok: true, scan, bytes: null };
  const write = (target: Uint8Array, at: number) => {
    target.set(batch.subarray(0, HEADER_BYTES), at);
    target.set(records, at + HEADER_BYTES);
    writeStamps(target, at, how.attributes, maxTimestamp);
    return at + HEADER_BYTES + records.length;
  };
  return {
    ok: true,
    scan,
    bytes: sealBatch({ roomBytes: HEADER_BYTES + records.length, packing: how.packing, write }),
  };
}

function openRecords(batch: Uint8Array, maxBytes: number): Decoded {
  const packed = batch.subarray(HEADER_BYTES);
  const codec = batch[ATTRIBUTES_AT + 1] & CODEC_MASK;
  if (codec === 0) return { ok: true, bytes: packed };
  return codec === LZ4_CODEC ? lz4Decompress(packed, maxBytes) : snappyDecompress(packed, maxBytes);
}

export function writeStamps(bytes: Uint8Array, at: number, attributes: number, maxTimestamp: number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_BYTES);
  view.setInt16(ATTRIBUTES_AT, attributes);
  view.setBigInt64(MAX_TIMESTAMP_AT, BigInt(maxTimestamp));
}
