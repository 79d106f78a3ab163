/** The offset and the time index of a segment, which is record batches back to back, in Kafka's own formats (drawn at `SegmentWalk`). */
import { joined } from "#bytes/joined.ts";
import { type Kernels, SegmentFault, type SegmentWalk } from "#kernels/kernels.ts";
import { BATCH_HEADER_BYTES, NO_TIMESTAMP } from "./batch.ts";

/** Kafka's default of `index.interval.bytes`. */
export const DEFAULT_INDEX_INTERVAL_BYTES = 4096;
/** Positions in an index are int32. */
export const MAX_SEGMENT_BYTES = 2 ** 31 - 1;
/** What the kernels take at once: a piece that stays in the cache. */
const PIECE_BYTES = 256 * 1024;

export interface SegmentOptions {
  /** The offset to which the entries are relative: the first one of the segment, as a rule. */
  readonly baseOffset: number;
  /** Default DEFAULT_INDEX_INTERVAL_BYTES. */
  readonly intervalBytes?: number;
  /** Checks the CRC of every batch. Default false. */
  readonly verifies?: boolean;
}

/** What is known of a segment, up to its last whole and sound batch. */
export interface IndexedSegment {
  readonly baseOffset: number;
  readonly sizeInBytes: number;
  readonly batchCount: number;
  /** The offset behind the last record. */
  readonly nextOffset: number;
  /** Milliseconds; -1 without any. */
  readonly maxTimestamp: number;
  /** The last offset of the first batch that has `maxTimestamp`; `baseOffset` without any. */
  readonly offsetOfMaxTimestamp: number;
  readonly offsetIndex: Uint8Array;
  readonly timeIndex: Uint8Array;
}

/** Makes the indexes of a segment whose bytes come in any chunks, so that it never needs to be in memory as a whole. */
export class SegmentIndexer {
  private readonly kernels: Kernels;
  private readonly walk: SegmentWalk;
  private readonly offsetParts: Uint8Array[] = [];
  private readonly timeParts: Uint8Array[] = [];
  /** The part of a header that the last chunk's end cut off. */
  private cutOff = new Uint8Array(0);
  private faultSeen: SegmentFault = SegmentFault.NONE;

  constructor(kernels: Kernels, options: SegmentOptions) {
    this.kernels = kernels;
    this.walk = beginWalk(options);
  }

  /** Why the walk stopped. Bytes that come after a fault are ignored. */
  get fault(): SegmentFault {
    return this.faultSeen;
  }

  /** The next bytes of the segment; they aren't kept. */
  add(chunk: Uint8Array): void {
    if (this.walk.position + this.cutOff.length + chunk.length > MAX_SEGMENT_BYTES) {
      throw new Error("a segment is larger than its index can say");
    }
    let at = 0;
    if (this.cutOff.length > 0) {
      at = Math.min(chunk.length, BATCH_HEADER_BYTES - this.cutOff.length);
      const header = joined([this.cutOff, chunk.subarray(0, at)]);
      this.cutOff = header.slice(this.index(header));
    }
    while (at < chunk.length && this.faultSeen === SegmentFault.NONE) {
      const piece = chunk.subarray(at, at + PIECE_BYTES);
      const consumedBytes = this.index(piece);
      if (consumedBytes === 0) {
        this.cutOff = piece.slice();
        return;
      }
      at += consumedBytes;
    }
  }

  private index(piece: Uint8Array): number {
    const made = this.kernels.indexBatches(this.walk, piece);
    if (made.offsetEntries.length > 0) this.offsetParts.push(made.offsetEntries);
    if (made.timeEntries.length > 0) this.timeParts.push(made.timeEntries);
    this.faultSeen = made.fault;
    return made.consumedBytes;
  }

  /** What came so far; a batch that is not whole yet, or has a fault, is left out. Call it once, at the end. */
  finish(): IndexedSegment {
    const { walk } = this;
    // Kafka, too, lets the time index of a segment that will not grow end with its greatest timestamp.
    if (walk.maxTimestamp > walk.timeEntryMs) this.timeParts.push(lastTimeEntry(walk));
    return {
      baseOffset: walk.baseOffset,
      sizeInBytes: walk.batchAt,
      batchCount: walk.batchCount,
      nextOffset: walk.nextOffset,
      maxTimestamp: walk.maxTimestamp,
      offsetOfMaxTimestamp: walk.offsetOfMaxTimestamp,
      offsetIndex: joined(this.offsetParts),
      timeIndex: joined(this.timeParts),
    };
  }
}

/** A walk before its first byte. */
function beginWalk(options: SegmentOptions): SegmentWalk {
  return {
    baseOffset: options.baseOffset,
    intervalBytes: options.intervalBytes ?? DEFAULT_INDEX_INTERVAL_BYTES,
    verifies: options.verifies ?? false,
    position: 0,
    batchAt: 0,
    batchBytesLeft: 0,
    batchLastOffset: 0,
    batchMaxTimestamp: 0,
    batchCrc: 0,
    crc: 0,
    indexedAt: 0,
    timeEntryMs: NO_TIMESTAMP,
    maxTimestamp: NO_TIMESTAMP,
    offsetOfMaxTimestamp: options.baseOffset,
    nextOffset: options.baseOffset,
    batchCount: 0,
  };
}

/**
 * Where in the segment to begin reading, batch by batch, for the batch that holds `offset`, or for the next one behind a gap: at most
 * an interval and a batch before it. 0 for an offset before the segment.
 */
export function positionOfOffset(
  kernels: Kernels,
  { baseOffset, offsetIndex }: Pick<IndexedSegment, "baseOffset" | "offsetIndex">,
  offset: number,
): number {
  return kernels.searchOffsetIndex(offsetIndex, offset - baseOffset);
}

/** Where in the segment to begin reading for the first record whose timestamp is at least `timestampMs`. */
export function positionOfTimestamp(
  kernels: Kernels,
  indexes: Pick<IndexedSegment, "offsetIndex" | "timeIndex">,
  timestampMs: number,
): number {
  return kernels.searchOffsetIndex(indexes.offsetIndex, kernels.searchTimeIndex(indexes.timeIndex, timestampMs));
}

function lastTimeEntry(walk: SegmentWalk): Uint8Array {
  const view = new DataView(new ArrayBuffer(12));
  view.setBigInt64(0, BigInt(walk.maxTimestamp));
  view.setInt32(8, walk.offsetOfMaxTimestamp - walk.baseOffset);
  return new Uint8Array(view.buffer);
}
