/** The twin over `build/kernels.wasm`, compiled from `assembly/`. What does not fit its memory goes to the plain twin. */
import { Arena, type WasmMemory } from "./arena.ts";
import type { BatchScan, Decoded, DecodeFailure, Kernels, RecordScan, ScanFault } from "./kernels.ts";
import { referenceKernels } from "./reference.ts";

/** The exports of the module: pointers and lengths in, numbers out (assembly/index.ts). */
interface Exports {
  readonly memory: WasmMemory;
  arenaStart(): number;
  crc32c(seed: number, from: number, length: number): number;
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
    const at = this.arena.take(Math.min(bytes.length, CHECKSUM_PIECE_BYTES));
    let crc = seed;
    for (let from = 0; from < bytes.length; from += CHECKSUM_PIECE_BYTES) {
      const piece = bytes.subarray(from, from + CHECKSUM_PIECE_BYTES);
      this.arena.bytes.set(piece, at);
      crc = this.wasm.crc32c(crc, at, piece.length);
    }
    this.arena.release(mark);
    return crc >>> 0;
  }

  xxhash32(bytes: Uint8Array, seed = 0): number {
    if (!this.arena.hasRoom(bytes.length)) return referenceKernels.xxhash32(bytes, seed);
    const mark = this.arena.mark();
    const hash = this.wasm.xxhash32(this.arena.put(bytes), bytes.length, seed);
    this.arena.release(mark);
    return hash >>> 0;
  }

  lz4Compress(bytes: Uint8Array): Uint8Array {
    // The worst case of a block, a length field for each, the frame's header and end mark.
    const room = bytes.length + Math.ceil(bytes.length / 255) + Math.ceil(bytes.length / 65536) * 20 + 11;
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
    // Snappy's own bound for each block, a length field for each, and the framing's header.
    const room = bytes.length + Math.ceil(bytes.length / 6) + Math.ceil(bytes.length / 65536) * 40 + 16;
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
