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

  /**
   * The CRC-32C that a message gets when `difference` is xored into it with `bytesBehind` bytes following, if it was `crc`
   * before. The message itself isn't looked at.
   */
  crc32cPatched(crc: number, difference: Uint8Array, bytesBehind: number): number;

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

  /**
   * Makes of the record batch (magic 2) `batch`, whose CRC is known to be right, one with other stamps whose records are packed
   * otherwise. The result is a fresh array.
   */
  repackBatch(batch: Uint8Array, how: Repacking): Repacked;

  /** Walks bare records, such as a decompressed batch holds. */
  scanRecords(records: Uint8Array, recordCount: number, baseTimestamp: number): RecordScan;

  /**
   * Walks the batches (magic 2) of the next bytes of a segment and makes the entries of its offset and time index. Batches may begin
   * and end in different chunks; only a header that the chunk's end cuts off is left for the caller to bring again, whole.
   */
  indexBatches(walk: SegmentWalk, chunk: Uint8Array): IndexedChunk;

  /** The position of the last entry of an offset index whose relative offset is at most `relativeOffset`; 0 without any. */
  searchOffsetIndex(index: Uint8Array, relativeOffset: number): number;

  /** The relative offset of the last entry of a time index whose timestamp is at most `timestampMs`; 0 without any. */
  searchTimeIndex(index: Uint8Array, timestampMs: number): number;
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

export interface Repacking {
  /** The records, when the batch's codec is no kernel; null for one that is not compressed, or by LZ4 or Snappy. */
  readonly opened: Uint8Array | null;
  readonly packing: BatchDraft["packing"];
  /** The attributes of the new batch, its codec among them. */
  readonly attributes: number;
  /** What the records may inflate to. */
  readonly maxBytes: number;
  /** The greatest timestamp that the new header tells, after a look at the sound records; null to make no batch. */
  stamp(scan: RecordScan): number | null;
}

export type Repacked =
  /** `bytes` is null when the scan has a fault or `stamp` wanted no batch. */
  | { readonly ok: true; readonly scan: RecordScan; readonly bytes: Uint8Array | null }
  | { readonly ok: false; readonly reason: DecodeFailure };

/**
 * How far a walk over a segment is: plain data, which `indexBatches` moves on. The indexes have Kafka's own format, big-endian:
 *
 *    offset index, 8 bytes an entry:  relative offset of a batch's last record int32, position of the batch int32
 *    time index, 12 bytes an entry:   greatest timestamp so far in ms int64, relative offset of the last record of its batch int32
 *
 * A batch gets an entry when more than `intervalBytes` lie between it and the last one that has one; it gets one in the time index only
 * when the greatest timestamp has grown. Offsets are relative to `baseOffset`.
 */
export interface SegmentWalk {
  readonly baseOffset: number;
  /** `index.interval.bytes` */
  readonly intervalBytes: number;
  /** Whether the CRC of every batch is checked. */
  readonly verifies: boolean;
  /** Bytes of the segment that were consumed. */
  position: number;
  /** Where the batch begins that is underway, or the next one: all before it is whole and sound. */
  batchAt: number;
  /** Bytes that the batch underway still lacks; 0 between batches. */
  batchBytesLeft: number;
  batchLastOffset: number;
  batchMaxTimestamp: number;
  /** What the batch underway says of itself, and the CRC of its bytes so far. */
  batchCrc: number;
  crc: number;
  /** The position of the last offset entry. */
  indexedAt: number;
  /** The timestamp of the last time entry; -1 without any. */
  timeEntryMs: number;
  /** Over all whole batches; -1 without any. */
  maxTimestamp: number;
  /** The last offset of the first batch that has `maxTimestamp`. */
  offsetOfMaxTimestamp: number;
  /** The offset behind the last whole batch. */
  nextOffset: number;
  batchCount: number;
}

/** Why a walk over a segment stopped. The numbers are those that the AssemblyScript kernel returns. */
export const SegmentFault = {
  NONE: 0,
  /** A batch shorter than its header. */
  LENGTH: 1,
  /** A magic other than 2. */
  MAGIC: 2,
  CRC: 3,
  /** Offsets that fall, or that lie more than 2^31 - 1 beyond the segment's first. */
  OFFSET: 4,
} as const;
export type SegmentFault = (typeof SegmentFault)[keyof typeof SegmentFault];

export interface IndexedChunk {
  /** The batch that has it begins at the walk's `batchAt`; nothing behind it was looked at. */
  readonly fault: SegmentFault;
  /** All of the chunk, but for a header that it cuts off; less with a fault. */
  readonly consumedBytes: number;
  /** The entries of the batches that ended in this chunk. */
  readonly offsetEntries: Uint8Array;
  readonly timeEntries: Uint8Array;
}
