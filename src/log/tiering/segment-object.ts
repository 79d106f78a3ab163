/**
 * The object of a sealed segment, written once:
 *
 *    batches                as in the log, back to back           length in the manifest, and in the trailer
 *    offset index           Kafka's .index (`#records/segment-index.ts`)             "
 *    time index             Kafka's .timeindex                                       "
 *    crc32c                 uint32 of the two indexes
 *    aborted transactions   Kafka's .txnindex                                        in the trailer
 *    snapshot               the partition at the segment's end (`../snapshot.ts`)    "
 *    trailer                44 bytes, below; all integers big-endian
 *
 * A reader that has the manifest needs one range for both indexes and ranges of the batches. The rest is for a log whose manifest is lost.
 */
import { Writer } from "#bytes/writer.ts";
import type { Kernels } from "#kernels/kernels.ts";
import { SegmentFault } from "#kernels/kernels.ts";
import type { SegmentObject } from "#ports/log-store.ts";
import { SegmentIndexer } from "#records/segment-index.ts";
import type { PartitionSegments } from "../partition-segments.ts";
import type { Segment } from "../segments.ts";

const MAGIC = 0x4b534547;
const VERSION = 1;
const CRC_BYTES = 4;

export type ObjectLayout = Omit<SegmentObject, "key">;

/** The segment has been deleted, or is not what it should be: no object comes of it. */
export class PackingEnded extends Error {
  readonly isFault: boolean;

  constructor(message: string, isFault: boolean) {
    super(message);
    this.isFault = isFault;
  }
}

/** Packs one claimed segment, a slice at a time. */
export class SegmentPacker {
  private readonly kernels: Kernels;
  private readonly segments: PartitionSegments;
  private readonly segment: Segment;
  private readonly indexIntervalBytes: number;
  private finished: ObjectLayout | null = null;

  constructor(kernels: Kernels, segments: PartitionSegments, segment: Segment, indexIntervalBytes: number) {
    this.kernels = kernels;
    this.segments = segments;
    this.segment = segment;
    this.indexIntervalBytes = indexIntervalBytes;
  }

  /** Known once all chunks have been taken. */
  get layout(): ObjectLayout {
    if (this.finished === null) throw new Error("the segment isn't packed yet");
    return this.finished;
  }

  /** @throws PackingEnded when the segment is deleted meanwhile, or its batches are broken. */
  async *chunks(): AsyncGenerator<Uint8Array> {
    const { segment, segments } = this;
    const { baseOffset, number } = segment;
    const intervalBytes = this.indexIntervalBytes;
    const indexer = new SegmentIndexer(this.kernels, { baseOffset, intervalBytes, verifies: true });
    for (let next = segment.fromSequence; ; ) {
      if (segment.isRemoved) throw new PackingEnded("the segment has been deleted", false);
      const slice = segments.readSlice(segment, next);
      if (slice === null) break;
      indexer.add(slice.bytes);
      if (indexer.fault !== SegmentFault.NONE) {
        throw new PackingEnded(`segment ${number} at ${baseOffset} has a broken batch: fault ${indexer.fault}`, true);
      }
      yield slice.bytes;
      next = slice.endSequence;
    }
    const { sizeInBytes, offsetIndex, timeIndex } = indexer.finish();
    yield this.footer(sizeInBytes, offsetIndex, timeIndex);
  }

  private footer(batchBytes: number, offsetIndex: Uint8Array, timeIndex: Uint8Array): Uint8Array {
    const { snapshot, aborted } = this.segments.state(this.segment);
    const writer = new Writer();
    writer.bytes(offsetIndex);
    writer.bytes(timeIndex);
    writer.int32(this.kernels.crc32c(writer.finish()) | 0);
    writer.bytes(aborted);
    writer.bytes(snapshot);
    writer.int32(MAGIC);
    writer.int16(VERSION);
    writer.int16(0);
    writer.int64(this.segment.baseOffset);
    writer.int64(this.segment.endOffset);
    writer.int32(batchBytes);
    for (const part of [offsetIndex, timeIndex, aborted, snapshot]) writer.int32(part.length);
    this.finished = { batchBytes, offsetIndexBytes: offsetIndex.length, timeIndexBytes: timeIndex.length };
    return writer.finish();
  }
}

export interface SegmentIndexes {
  readonly offsetIndex: Uint8Array;
  readonly timeIndex: Uint8Array;
}

/** Where an object's indexes lie. */
export function indexRange(object: ObjectLayout): { readonly from: number; readonly length: number } {
  return { from: object.batchBytes, length: object.offsetIndexBytes + object.timeIndexBytes + CRC_BYTES };
}

/** Null when the bytes aren't what was written. */
export function readIndexes(kernels: Kernels, object: ObjectLayout, bytes: Uint8Array): SegmentIndexes | null {
  const end = object.offsetIndexBytes + object.timeIndexBytes;
  const indexes = bytes.subarray(0, end);
  const stored = new DataView(bytes.buffer, bytes.byteOffset + end, CRC_BYTES).getInt32(0);
  if ((kernels.crc32c(indexes) | 0) !== stored) return null;
  return {
    offsetIndex: indexes.subarray(0, object.offsetIndexBytes),
    timeIndex: indexes.subarray(object.offsetIndexBytes),
  };
}
