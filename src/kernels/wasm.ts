/** The twin over `build/kernels.wasm`, compiled from `assembly/`. What does not fit its memory goes to the plain twin. */
import { Arena, type WasmMemory } from "./arena.ts";
import type { BatchDraft, BatchScan, Decoded, DecodeFailure, Kernels, RecordScan, ScanFault } from "./kernels.ts";
import { referenceKernels } from "./reference.ts";

/** The exports of the module: pointers and lengths in, numbers out (assembly/index.ts). */
interface Exports {
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
}

// The core has no DOM or Node types; this is all it needs of the engine.
declare const WebAssembly: { readonly Instance: new (module: object) => { readonly exports: unknown } };

/** A checksum needs its input only once, so long inputs pass through memory in pieces that stay in the cache. */
const CHECKSUM_PIECE_BYTES = 256 * 1024;
const BATCH_HEADER_BYTES = 61;
const LENGTH_AT = 8;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
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
    const { packing, roomBytes } = draft;
    const packedBytes = packing === "lz4" ? lz4Bound(roomBytes) : packing === "snappy" ? snappyBound(roomBytes) : 0;
    if (!this.arena.hasRoom(roomBytes + packedBytes)) return referenceKernels.sealBatch(draft);
    const mark = this.arena.mark();
    try {
      const batch = this.arena.take(roomBytes);
      // What is taken before anything is written stays where it is: growth would detach the view that `write` has.
      const packed = this.arena.take(packedBytes);
      const end = draft.write(this.arena.bytes, batch);
      if (end > batch + roomBytes) throw new Error("a batch is larger than the room that its draft asked for");
      if (typeof packing === "function")
        return this.sealPacked(batch, packing(this.arena.bytes.subarray(batch + BATCH_HEADER_BYTES, end)));
      if (packing === "none") return this.sealPlain(batch, end);
      const codec = packing === "lz4" ? LZ4_CODEC : SNAPPY_CODEC;
      const length = this.wasm.packBatch(batch, end - batch, codec, packed);
      return this.arena.bytes.slice(packed, packed + length);
    } finally {
      this.arena.release(mark);
    }
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
    const reason = FAILURES[code];
    if (reason === undefined) throw new Error(`a kernel returned ${code}`);
    return { ok: false, reason };
  }
}

/** The worst case of a block, a length field for each, the frame's header and end mark. */
function lz4Bound(length: number): number {
  return length + Math.ceil(length / 255) + Math.ceil(length / 65536) * 20 + 11;
}

/** Snappy's own bound for each block, a length field for each, and the framing's header. */
function snappyBound(length: number): number {
  return length + Math.ceil(length / 6) + Math.ceil(length / 65536) * 40 + 16;
}

function writeInt32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
