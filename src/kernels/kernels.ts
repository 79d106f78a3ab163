/**
 * What the kernels offer. Two twins implement it: `reference.ts` in plain TypeScript, and `wasm.ts` over the
 * AssemblyScript in `assembly/`. One case list (`test/kernels/`) runs over both.
 *
 * Inputs are never kept or changed, outputs belong to the caller. A decoder answers bad input with a value.
 */
export interface Kernels {
  readonly name: "reference" | "wasm";

  /** CRC-32C (Castagnoli, RFC 3720) as an unsigned 32-bit number; `seed` is the CRC of what came before. */
  crc32c(bytes: Uint8Array, seed?: number): number;

  /** xxHash, 32 bits, as an unsigned number. */
  xxhash32(bytes: Uint8Array, seed?: number): number;

  /** One LZ4 frame of independent 64 KB blocks without checksums, which is what Kafka's own producer writes. */
  lz4Compress(bytes: Uint8Array): Uint8Array;

  /** Exactly one LZ4 frame: independent or linked blocks, every checksum verified, no dictionary, nothing after it. */
  lz4Decompress(bytes: Uint8Array, maxBytes: number): Decoded;

  /** Snappy blocks in the xerial framing of snappy-java, which is what Kafka's own producer writes. */
  snappyCompress(bytes: Uint8Array): Uint8Array;

  /** Snappy in the xerial framing, or one raw block when the framing's magic is absent. */
  snappyDecompress(bytes: Uint8Array, maxBytes: number): Decoded;

  /**
   * Checks the CRC of the record batch (magic 2) at `at` and, when it is not compressed, walks its records.
   * The caller guarantees `sizeInBytes >= 61` and that this many bytes are there.
   */
  scanBatch(bytes: Uint8Array, at: number, sizeInBytes: number): BatchScan;

  /** Makes a record batch of what `draft` writes. The result is a fresh array. */
  sealBatch(draft: BatchDraft): Uint8Array;

  /** Walks bare records, such as a decompressed batch holds. */
  scanRecords(records: Uint8Array, recordCount: number, baseTimestamp: number): RecordScan;
}

/** An outcome of a decoder. */
export type Decoded =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: DecodeFailure };

/**
 * - `corrupt`: the bytes are no such stream, or it is cut off or followed by something else;
 * - `checksum`: a checksum inside the stream does not match;
 * - `too-large`: the output would exceed the limit;
 * - `unsupported`: a legal stream that we refuse (a dictionary, another version of the frame).
 */
export type DecodeFailure = "corrupt" | "checksum" | "too-large" | "unsupported";

/** Why a walk over records stopped. The numbers are those that the AssemblyScript kernel returns. */
export const ScanFault = {
  NONE: 0,
  /** A record's length is negative, or reaches beyond the end of the records. */
  RECORD_LENGTH: 1,
  /** A field inside a record runs over the record's end, or does not fill it. */
  RECORD_STRUCTURE: 2,
  /** The number of headers is negative or cannot fit, or a header's key is null. */
  RECORD_HEADERS: 3,
  /** The offset deltas are not 0, 1, 2, … */
  OFFSET_DELTA: 4,
  /** Bytes remain after the declared number of records. */
  BYTES_REMAIN: 5,
  /** The declared number of records is negative. */
  RECORD_COUNT: 6,
} as const;
export type ScanFault = (typeof ScanFault)[keyof typeof ScanFault];

/** What a walk over records found. With a fault, the other fields cover the records before it. */
export interface RecordScan {
  readonly fault: ScanFault;
  /** Records walked; with a fault, the index of the record that has it. */
  readonly recordCount: number;
  /** Records with a null key. */
  readonly keylessCount: number;
  /** The least timestamp other than -1 (none), in milliseconds; Infinity without any. */
  readonly minTimestamp: number;
  /** The greatest timestamp in milliseconds; -1 without any. */
  readonly maxTimestamp: number;
}

export interface BatchScan {
  readonly crcMatches: boolean;
  /** Null for a compressed batch, and when the CRC does not match. */
  readonly records: RecordScan | null;
}

/** A record batch (magic 2) in the making. Its bytes are written where the kernels work on them, so that they need no copy. */
export interface BatchDraft {
  /** At least what `write` writes. */
  readonly roomBytes: number;
  /** What the records behind the header become; a function stands for a codec that is no kernel. */
  readonly packing: "none" | "lz4" | "snappy" | ((records: Uint8Array) => Uint8Array);
  /** Writes header and records to `target` from `at` on, but not the batch's length and CRC. Returns the end. */
  write(target: Uint8Array, at: number): number;
}
