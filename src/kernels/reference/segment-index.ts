/** The walk over the batches of a segment (magic 2, layout in `#records/batch.ts`), as Kafka makes the indexes of a segment anew. */
import { type IndexedChunk, SegmentFault, type SegmentWalk } from "../kernels.ts";
import { crc32c } from "./crc32c.ts";

const HEADER_BYTES = 61;
const OVERHEAD_BYTES = 12;
const LENGTH_AT = 8;
const MAGIC_AT = 16;
const CRC_AT = 17;
const ATTRIBUTES_AT = 21;
const LAST_OFFSET_DELTA_AT = 23;
const MAX_TIMESTAMP_AT = 35;
const MAGIC_V2 = 2;
const MAX_RELATIVE_OFFSET = 2 ** 31 - 1;

export const OFFSET_ENTRY_BYTES = 8;
export const TIME_ENTRY_BYTES = 12;

/** How many entries a chunk can bring at most: batches that have one are apart. */
export function maxEntries(walk: SegmentWalk, chunkBytes: number): number {
  return Math.ceil(chunkBytes / Math.max(walk.intervalBytes + 1, HEADER_BYTES)) + 1;
}

export function indexBatches(walk: SegmentWalk, chunk: Uint8Array): IndexedChunk {
  const entries = new Entries(maxEntries(walk, chunk.length));
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  let fault: SegmentFault = SegmentFault.NONE;
  let at = 0;
  for (;;) {
    if (walk.batchBytesLeft > 0) {
      const length = Math.min(walk.batchBytesLeft, chunk.length - at);
      if (walk.verifies) walk.crc = crc32c(chunk.subarray(at, at + length), walk.crc);
      at += length;
      walk.batchBytesLeft -= length;
      if (walk.batchBytesLeft > 0) break;
    } else {
      if (chunk.length - at < HEADER_BYTES) break;
      fault = beginBatch(walk, view, at);
      if (fault !== SegmentFault.NONE) break;
      if (walk.verifies) walk.crc = crc32c(chunk.subarray(at + ATTRIBUTES_AT, at + HEADER_BYTES));
      at += HEADER_BYTES;
    }
    if (walk.batchBytesLeft > 0) continue;
    if (walk.verifies && walk.crc !== walk.batchCrc) {
      fault = SegmentFault.CRC;
      break;
    }
    endBatch(walk, entries, walk.position + at);
  }
  walk.position += at;
  return { fault, consumedBytes: at, offsetEntries: entries.offsets(), timeEntries: entries.times() };
}

function beginBatch(walk: SegmentWalk, view: DataView, at: number): SegmentFault {
  const sizeInBytes = OVERHEAD_BYTES + view.getInt32(at + LENGTH_AT);
  if (sizeInBytes < HEADER_BYTES) return SegmentFault.LENGTH;
  if (view.getInt8(at + MAGIC_AT) !== MAGIC_V2) return SegmentFault.MAGIC;
  const baseOffset = readInt64(view, at);
  const lastOffsetDelta = view.getInt32(at + LAST_OFFSET_DELTA_AT);
  const lastOffset = baseOffset + lastOffsetDelta;
  const isOrdered = baseOffset >= walk.nextOffset && lastOffsetDelta >= 0;
  if (!isOrdered || lastOffset - walk.baseOffset > MAX_RELATIVE_OFFSET) return SegmentFault.OFFSET;
  walk.batchBytesLeft = sizeInBytes - HEADER_BYTES;
  walk.batchLastOffset = lastOffset;
  walk.batchMaxTimestamp = readInt64(view, at + MAX_TIMESTAMP_AT);
  walk.batchCrc = view.getUint32(at + CRC_AT);
  return SegmentFault.NONE;
}

function endBatch(walk: SegmentWalk, entries: Entries, end: number): void {
  if (walk.batchMaxTimestamp > walk.maxTimestamp) {
    walk.maxTimestamp = walk.batchMaxTimestamp;
    walk.offsetOfMaxTimestamp = walk.batchLastOffset;
  }
  if (walk.batchAt - walk.indexedAt > walk.intervalBytes) {
    entries.addOffset(walk.batchLastOffset - walk.baseOffset, walk.batchAt);
    if (walk.maxTimestamp > walk.timeEntryMs) {
      entries.addTime(walk.maxTimestamp, walk.offsetOfMaxTimestamp - walk.baseOffset);
      walk.timeEntryMs = walk.maxTimestamp;
    }
    walk.indexedAt = walk.batchAt;
  }
  walk.nextOffset = walk.batchLastOffset + 1;
  walk.batchCount += 1;
  walk.batchAt = end;
}

class Entries {
  private readonly offsetView: DataView;
  private readonly timeView: DataView;
  private offsetBytes = 0;
  private timeBytes = 0;

  constructor(most: number) {
    this.offsetView = new DataView(new ArrayBuffer(most * OFFSET_ENTRY_BYTES));
    this.timeView = new DataView(new ArrayBuffer(most * TIME_ENTRY_BYTES));
  }

  addOffset(relativeOffset: number, position: number): void {
    this.offsetView.setInt32(this.offsetBytes, relativeOffset);
    this.offsetView.setInt32(this.offsetBytes + 4, position);
    this.offsetBytes += OFFSET_ENTRY_BYTES;
  }

  addTime(timestamp: number, relativeOffset: number): void {
    this.timeView.setBigInt64(this.timeBytes, BigInt(timestamp));
    this.timeView.setInt32(this.timeBytes + 8, relativeOffset);
    this.timeBytes += TIME_ENTRY_BYTES;
  }

  offsets(): Uint8Array {
    return new Uint8Array(this.offsetView.buffer).slice(0, this.offsetBytes);
  }

  times(): Uint8Array {
    return new Uint8Array(this.timeView.buffer).slice(0, this.timeBytes);
  }
}

/** Beyond the safe integers it stays at their end, as in a batch header. */
function readInt64(view: DataView, at: number): number {
  const value = view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
  return Math.min(Math.max(value, Number.MIN_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}

export function searchOffsetIndex(index: Uint8Array, relativeOffset: number): number {
  const view = new DataView(index.buffer, index.byteOffset, index.length);
  let low = 0;
  let high = Math.floor(index.length / OFFSET_ENTRY_BYTES);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (view.getInt32(middle * OFFSET_ENTRY_BYTES) <= relativeOffset) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : view.getInt32((low - 1) * OFFSET_ENTRY_BYTES + 4);
}

export function searchTimeIndex(index: Uint8Array, timestampMs: number): number {
  const view = new DataView(index.buffer, index.byteOffset, index.length);
  let low = 0;
  let high = Math.floor(index.length / TIME_ENTRY_BYTES);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (readInt64(view, middle * TIME_ENTRY_BYTES) <= timestampMs) low = middle + 1;
    else high = middle;
  }
  return low === 0 ? 0 : view.getInt32((low - 1) * TIME_ENTRY_BYTES + 8);
}
