/** The fields of a walk over a segment in linear memory, float64 each, in the order of assembly/segment-index.ts. */
import type { SegmentWalk } from "./kernels.ts";

const FIELDS = 18;
export const WALK_BYTES = FIELDS * 8;

/** What the kernel leaves beside the walk itself. The ends are addresses. */
export interface MadeEntries {
  readonly consumedBytes: number;
  readonly offsetEntriesEnd: number;
  readonly timeEntriesEnd: number;
}

export function storeWalk(walk: SegmentWalk, doubles: Float64Array, at: number): void {
  doubles[at] = walk.baseOffset;
  doubles[at + 1] = walk.intervalBytes;
  doubles[at + 2] = walk.position;
  doubles[at + 3] = walk.batchAt;
  doubles[at + 4] = walk.batchBytesLeft;
  doubles[at + 5] = walk.batchLastOffset;
  doubles[at + 6] = walk.batchMaxTimestamp;
  doubles[at + 7] = walk.batchCrc;
  doubles[at + 8] = walk.crc;
  doubles[at + 9] = walk.indexedAt;
  doubles[at + 10] = walk.timeEntryMs;
  doubles[at + 11] = walk.maxTimestamp;
  doubles[at + 12] = walk.offsetOfMaxTimestamp;
  doubles[at + 13] = walk.nextOffset;
  doubles[at + 14] = walk.batchCount;
}

export function loadWalk(walk: SegmentWalk, doubles: Float64Array, at: number): MadeEntries {
  walk.position = doubles[at + 2];
  walk.batchAt = doubles[at + 3];
  walk.batchBytesLeft = doubles[at + 4];
  walk.batchLastOffset = doubles[at + 5];
  walk.batchMaxTimestamp = doubles[at + 6];
  walk.batchCrc = doubles[at + 7];
  walk.crc = doubles[at + 8];
  walk.indexedAt = doubles[at + 9];
  walk.timeEntryMs = doubles[at + 10];
  walk.maxTimestamp = doubles[at + 11];
  walk.offsetOfMaxTimestamp = doubles[at + 12];
  walk.nextOffset = doubles[at + 13];
  walk.batchCount = doubles[at + 14];
  return { consumedBytes: doubles[at + 15], offsetEntriesEnd: doubles[at + 16], timeEntriesEnd: doubles[at + 17] };
}
