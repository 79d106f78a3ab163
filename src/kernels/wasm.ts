/** The twin over `build/kernels.wasm`, compiled from `assembly/`. What does not fit its memory goes to the plain twin. */
import { Arena } from "./arena.ts";
import type {
  BatchDraft,
  BatchScan,
  Decoded,
  DecodeFailure,
  IndexedChunk,
  Kernels,
  RecordScan,
  Repacked,
  Repacking,
  ScanFault,
  SegmentFault,
  SegmentWalk,
} from "./kernels.ts";
import { writeStamps } from "./reference/batch-seal.ts";
import { maxEntries, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from "./reference/segment-index.ts";
import { referenceKernels } from "./reference.ts";
import { loadWalk, storeWalk, WALK_BYTES } from "./walk-fields.ts";
import { type Exports, lz4Bound, snappyBound } from "./wasm-exports.ts";

// The core has no DOM or Node types; this is all it needs of the engine.
declare const WebAssembly: { readonly Instance: new (module: object) => { readonly exports: unknown } };

/** A checksum needs its input only once, so long inputs pass through memory in pieces that stay in the cache. */
const CHECKSUM_PIECE_BYTES = 256 * 1024;
const BATCH_HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const BASE_TIMESTAMP_AT = 27;
const RECORD_COUNT_AT = 57;
const CODEC_MASK = 7;
/** What stands before the bytes that a batch's length counts. */
const OVERHEAD_BYTES = 12;
const LZ4_CODEC = 3;
const SNAPPY_CODEC = 2;
/** The scan's result: recordCount and keylessCount as int32, minTimestamp and maxTimestamp as float64. */
const SCAN_RESULT_BYTES = 24;
const CRC_MISMATCH = -1;
const MAX_INT32 = 2 ** 31 - 1;

const FAILURES: { readonly [code: number]: DecodeFailure } = {
  [-1]: "corrupt",
  [-2]: "checksum",
  [-3]: "too-large",
  [-4]: "unsupported",
};

/** Instantiates the kernels, at once. `module` is a WebAssembly.Module, which workerd gives for `import m from "….wasm"`. */
export function createWasmKernels(module: object): Kernels {
  return new WasmKernels(new WebAssembly.Instance(module).exports as Exports);
}

class WasmKernels implements Kernels {
  readonly name = "wasm";
  private readonly wasm: Exports;
  private readonly arena: Arena;

  constructor(wasm: Exports) {
    this.wasm = wasm;
    this.arena = new Arena(wasm.memory, wasm.arenaStart());
  }

  crc32c(bytes: Uint8Array, seed = 0): number {
    const mark = this.arena.mark();
    const crc = bytes.length <= CHECKSUM_PIECE_BYTES ? this.crcOfPiece(seed, bytes) : this.crcInPieces(seed, bytes);
    this.arena.release(mark);
    return crc >>> 0;
  }

  private crcOfPiece(crc: number, bytes: Uint8Array): number {
    return this.wasm.crc32cSpending(crc, this.arena.put(bytes), bytes.length);
  }

  private crcInPieces(seed: number, bytes: Uint8Array): number {
    const mark = this.arena.mark();
    let crc = seed;
    for (let from = 0; from < bytes.length; from += CHECKSUM_PIECE_BYTES) {
      crc = this.crcOfPiece(crc, bytes.subarray(from, from + CHECKSUM_PIECE_BYTES));
      this.arena.release(mark);
    }
    return crc;
  }

  // 22 bytes and some 20 products of two words: there is nothing for WASM to win.
  crc32cPatched(crc: number, difference: Uint8Array, bytesBehind: number): number {
    return referenceKernels.crc32cPatched(crc, difference, bytesBehind);
  }

  xxhash32(bytes: Uint8Array, seed = 0): number {
    if (!this.arena.hasRoom(bytes.length)) return referenceKernels.xxhash32(bytes, seed);
    const mark = this.arena.mark();
    const hash = this.wasm.xxhash32(this.arena.put(bytes), bytes.length, seed);
    this.arena.release(mark);
    return hash >>> 0;
  }

  lz4Compress(bytes: Uint8Array): Uint8Array {
    const room = lz4Bound(bytes.length);
    if (!this.arena.hasRoom(bytes.length + room)) return referenceKernels.lz4Compress(bytes);
    const mark = this.arena.mark();
    const from = this.arena.put(bytes);
    const to = this.arena.take(room);
    return this.copyOut(mark, to, this.wasm.lz4Compress(from, bytes.length, to));
  }

  lz4Decompress(bytes: Uint8Array, maxBytes: number): Decoded {
    if (!this.arena.hasRoom(bytes.length)) return referenceKernels.lz4Decompress(bytes, maxBytes);
    const limit = Math.min(maxBytes, MAX_INT32);
    const mark = this.arena.mark();
    const from = this.arena.put(bytes);
    const room = this.wasm.lz4Measure(from, bytes.length, limit);
    if (room < 0) return this.fail(mark, room);
    if (!this.arena.hasRoom(room)) {
      this.arena.release(mark);
      return referenceKernels.lz4Decompress(bytes, maxBytes);
    }
    const to = this.arena.take(room);
    const length = this.wasm.lz4Decompress(from, to, room, limit);
    return length < 0 ? this.fail(mark, length) : { ok: true, bytes: this.copyOut(mark, to, length) };
  }

  snappyCompress(bytes: Uint8Array): Uint8Array {
    const room = snappyBound(bytes.length);
    if (!this.arena.hasRoom(bytes.length + room)) return referenceKernels.snappyCompress(bytes);
    const mark = this.arena.mark();
    const from = this.arena.put(bytes);
    const to = this.arena.take(room);
    return this.copyOut(mark, to, this.wasm.snappyCompress(from, bytes.length, to));
  }

  snappyDecompress(bytes: Uint8Array, maxBytes: number): Decoded {
    if (!this.arena.hasRoom(bytes.length)) return referenceKernels.snappyDecompress(bytes, maxBytes);
    const mark = this.arena.mark();
    const from = this.arena.put(bytes);
    const total = this.wasm.snappyMeasure(from, bytes.length, Math.min(maxBytes, MAX_INT32));
    if (total < 0) return this.fail(mark, total);
    if (!this.arena.hasRoom(total)) {
      this.arena.release(mark);
      return referenceKernels.snappyDecompress(bytes, maxBytes);
    }
    const to = this.arena.take(total);
    const length = this.wasm.snappyDecompress(from, bytes.length, to, total);
    return length < 0 ? this.fail(mark, length) : { ok: true, bytes: this.copyOut(mark, to, length) };
  }

  scanBatch(bytes: Uint8Array, at: number, sizeInBytes: number): BatchScan {
    if (!this.arena.hasRoom(sizeInBytes)) return referenceKernels.scanBatch(bytes, at, sizeInBytes);
    const mark = this.arena.mark();
    const out = this.arena.take(SCAN_RESULT_BYTES);
    const batch = this.arena.put(bytes.subarray(at, at + sizeInBytes));
    const code = this.wasm.scanBatch(batch, sizeInBytes, out);
    const records = code < 0 ? null : this.readScan(out, code);
    this.arena.release(mark);
    return { crcMatches: code !== CRC_MISMATCH, records };
  }

  sealBatch(draft: BatchDraft): Uint8Array {
    const packedBytes = packedBound(draft.packing, draft.roomBytes);
    if (!this.arena.hasRoom(draft.roomBytes + packedBytes)) return referenceKernels.sealBatch(draft);
    const mark = this.arena.mark();
    try {
      const batch = this.arena.take(draft.roomBytes);
      // What is taken before anything is written stays where it is: growth would detach the view that `write` has.
      const packed = this.arena.take(packedBytes);
      const end = draft.write(this.arena.bytes, batch);
      if (end > batch + draft.roomBytes) throw new Error("a batch is larger than the room that its draft asked for");
      return this.seal(batch, end, draft.packing, packed);
    } finally {
      this.arena.release(mark);
    }
  }

  /** Finishes the batch from `batch` to `end`, whose packed form has room at `packed`. */
  private seal(batch: number, end: number, packing: BatchDraft["packing"], packed: number): Uint8Array {
    if (typeof packing === "function") {
      return this.sealPacked(batch, packing(this.arena.bytes.subarray(batch + BATCH_HEADER_BYTES, end)));
    }
    if (packing === "none") return this.sealPlain(batch, end);
    const codec = packing === "lz4" ? LZ4_CODEC : SNAPPY_CODEC;
    const length = this.wasm.packBatch(batch, end - batch, codec, packed);
    return this.arena.bytes.slice(packed, packed + length);
  }

  /** The batch from `batch` to `end`. It is copied out first, so that the kernel may overwrite it, which is the faster way. */
  private sealPlain(batch: number, end: number): Uint8Array {
    const bytes = this.arena.bytes.slice(batch, end);
    const crc = this.wasm.crc32cSpending(0, batch + ATTRIBUTES_AT, bytes.length - ATTRIBUTES_AT);
    writeInt32(bytes, LENGTH_AT, bytes.length - OVERHEAD_BYTES);
    writeInt32(bytes, CRC_AT, crc);
    return bytes;
  }

  /** The batch at `batch` with other records behind its header. */
  private sealPacked(batch: number, records: Uint8Array): Uint8Array {
    const header = this.arena.bytes.slice(batch, batch + BATCH_HEADER_BYTES);
    return this.sealBatch({
      roomBytes: BATCH_HEADER_BYTES + records.length,
      packing: "none",
      write: (target, at) => {
        target.set(header, at);
        target.set(records, at + BATCH_HEADER_BYTES);
        return at + BATCH_HEADER_BYTES + records.length;
      },
    });
  }

  repackBatch(batch: Uint8Array, how: Repacking): Repacked {
    const mark = this.arena.mark();
    try {
      return this.repack(batch, how) ?? referenceKernels.repackBatch(batch, how);
    } finally {
      this.arena.release(mark);
    }
  }

  /** Null when memory hasn't enough room. Between the codecs the records stay where the first has put them, behind the header. */
  private repack(batch: Uint8Array, how: Repacking): Repacked | null {
    const plain = how.opened === null ? this.open(batch, how.maxBytes) : this.putOpened(batch, how.opened);
    if (plain === null) return null;
    if (plain.length < 0) return { ok: false, reason: reasonOf(plain.length) };
    const view = new DataView(batch.buffer, batch.byteOffset, batch.byteLength);
    const baseTimestamp = Number(view.getBigInt64(BASE_TIMESTAMP_AT));
    const recordCount = view.getInt32(RECORD_COUNT_AT);
    const out = this.arena.take(SCAN_RESULT_BYTES);
    const records = plain.at + BATCH_HEADER_BYTES;
    const fault = this.wasm.scanRecords(records, plain.length, recordCount, baseTimestamp, out);
    const scan = this.readScan(out, fault);
    const maxTimestamp = fault === 0 ? how.stamp(scan) : null;
    if (maxTimestamp === null) return { ok: true, scan, bytes: null };
    const packedBytes = packedBound(how.packing, BATCH_HEADER_BYTES + plain.length);
    if (!this.arena.hasRoom(packedBytes)) return null;
    const packed = this.arena.take(packedBytes);
    writeStamps(this.arena.bytes, plain.at, how.attributes, maxTimestamp);
    return { ok: true, scan, bytes: this.seal(plain.at, records + plain.length, how.packing, packed) };
  }

  /** The batch with its records opened: where it is, and how long they are, or why they can't be opened. */
  private open(batch: Uint8Array, maxBytes: number): PlainBatch | null {
    const codec = batch[ATTRIBUTES_AT + 1] & CODEC_MASK;
    if (!this.arena.hasRoom(batch.length)) return null;
    const from = this.arena.put(batch);
    const length = batch.length - BATCH_HEADER_BYTES;
    if (codec === 0) return { at: from, length };
    const limit = Math.min(maxBytes, MAX_INT32);
    const packed = from + BATCH_HEADER_BYTES;
    const room =
      codec === LZ4_CODEC
        ? this.wasm.lz4Measure(packed, length, limit)
        : this.wasm.snappyMeasure(packed, length, limit);
    if (room < 0) return { at: 0, length: room };
    if (!this.arena.hasRoom(BATCH_HEADER_BYTES + room)) return null;
    const at = this.arena.take(BATCH_HEADER_BYTES + room);
    this.arena.bytes.copyWithin(at, from, packed);
    const to = at + BATCH_HEADER_BYTES;
    const opened =
      codec === LZ4_CODEC
        ? this.wasm.lz4Decompress(packed, to, room, limit)
        : this.wasm.snappyDecompress(packed, length, to, room);
    return { at, length: opened };
  }

  private putOpened(batch: Uint8Array, records: Uint8Array): PlainBatch | null {
    if (!this.arena.hasRoom(BATCH_HEADER_BYTES + records.length)) return null;
    const at = this.arena.take(BATCH_HEADER_BYTES + records.length);
    this.arena.bytes.set(batch.subarray(0, BATCH_HEADER_BYTES), at);
    this.arena.bytes.set(records, at + BATCH_HEADER_BYTES);
    return { at, length: records.length };
  }

  scanRecords(records: Uint8Array, recordCount: number, baseTimestamp: number): RecordScan {
    if (!this.arena.hasRoom(records.length)) {
      return referenceKernels.scanRecords(records, recordCount, baseTimestamp);
    }
    const mark = this.arena.mark();
    const out = this.arena.take(SCAN_RESULT_BYTES);
    const from = this.arena.put(records);
    const fault = this.wasm.scanRecords(from, records.length, recordCount, baseTimestamp, out);
    const scan = this.readScan(out, fault);
    this.arena.release(mark);
    return scan;
  }

  indexBatches(walk: SegmentWalk, chunk: Uint8Array): IndexedChunk {
    // Without CRCs a walk reads a few bytes of each batch, which takes less than copying them all.
    if (!walk.verifies) return referenceKernels.indexBatches(walk, chunk);
    const most = maxEntries(walk, chunk.length);
    if (!this.arena.hasRoom(WALK_BYTES + chunk.length + most * (OFFSET_ENTRY_BYTES + TIME_ENTRY_BYTES))) {
      return referenceKernels.indexBatches(walk, chunk);
    }
    const mark = this.arena.mark();
    const fields = this.arena.take(WALK_BYTES);
    const offsets = this.arena.take(most * OFFSET_ENTRY_BYTES);
    const times = this.arena.take(most * TIME_ENTRY_BYTES);
    const from = this.arena.put(chunk);
    storeWalk(walk, this.arena.doubles, fields / 8);
    const fault = this.wasm.indexBatches(fields, from, chunk.length, offsets, times);
    const made = loadWalk(walk, this.arena.doubles, fields / 8);
    const { bytes } = this.arena;
    this.arena.release(mark);
    return {
      fault: fault as SegmentFault,
      consumedBytes: made.consumedBytes,
      offsetEntries: bytes.slice(offsets, made.offsetEntriesEnd),
      timeEntries: bytes.slice(times, made.timeEntriesEnd),
    };
  }

  // An index rests in JavaScript's memory, and bringing it here costs more than searching it there.
  searchOffsetIndex(index: Uint8Array, relativeOffset: number): number {
    return referenceKernels.searchOffsetIndex(index, relativeOffset);
  }

  searchTimeIndex(index: Uint8Array, timestampMs: number): number {
    return referenceKernels.searchTimeIndex(index, timestampMs);
  }

  private readScan(out: number, fault: number): RecordScan {
    const { words, doubles } = this.arena;
    return {
      fault: fault as ScanFault,
      recordCount: words[out / 4],
      keylessCount: words[out / 4 + 1],
      minTimestamp: doubles[out / 8 + 1],
      maxTimestamp: doubles[out / 8 + 2],
    };
  }

  private copyOut(mark: number, from: number, length: number): Uint8Array {
    const bytes = this.arena.bytes.slice(from, from + length);
    this.arena.release(mark);
    return bytes;
  }

  private fail(mark: number, code: number): Decoded {
    this.arena.release(mark);
    return { ok: false, reason: reasonOf(code) };
  }
}

/** A batch in linear memory whose records are not packed; a negative length is a failure. */
interface PlainBatch {
  readonly at: number;
  readonly length: number;
}

function reasonOf(code: number): DecodeFailure {
  const reason = FAILURES[code];
  if (reason === undefined) throw new Error(`a kernel returned ${code}`);
  return reason;
}

function packedBound(packing: BatchDraft["packing"], length: number): number {
  return packing === "lz4" ? lz4Bound(length) : packing === "snappy" ? snappyBound(length) : 0;
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
