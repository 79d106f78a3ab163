import type { CoordinatorRecord } from "#ports/coordinator-log.ts";

/**
 * What one append holds, so that clients with the usual limits can read it (`max.message.bytes` = 1048588), unless a single record is longer:
 * the limits of the coordinators keep each below MAX_BATCH_BYTES, which is what the log takes of them.
 */
const MAX_APPEND_BYTES = 1_000_000;
/** What one append of a rewrite holds: requests that come meanwhile wait for it. */
const MAX_REWRITE_BYTES = 256 * 1024;
/** Lengths, deltas and the like around a key and a value. */
const RECORD_OVERHEAD_BYTES = 32;

/** The records in batches that can be appended, in their order. */
export function batchesOf(records: readonly CoordinatorRecord[]): CoordinatorRecord[][] {
  const batches: CoordinatorRecord[][] = [];
  let batch: CoordinatorRecord[] = [];
  let sizeInBytes = 0;
  for (const record of records) {
    const recordBytes = sizeOf(record);
    if (batch.length === 0 || sizeInBytes + recordBytes > MAX_APPEND_BYTES) {
      batch = [];
      batches.push(batch);
      sizeInBytes = 0;
    }
    batch.push(record);
    sizeInBytes += recordBytes;
  }
  return batches;
}

/** The next records of a rewrite; at least one while there are any. The source is asked no further than it is used. */
export function nextBatch(records: Iterator<CoordinatorRecord>): CoordinatorRecord[] {
  const batch: CoordinatorRecord[] = [];
  let sizeInBytes = 0;
  while (sizeInBytes < MAX_REWRITE_BYTES) {
    const next = records.next();
    if (next.done) break;
    // A group's record alone may be almost as large as a batch can be.
    sizeInBytes += sizeOf(next.value);
    batch.push(next.value);
  }
  return batch;
}

function sizeOf(record: CoordinatorRecord): number {
  return record.key.length + (record.value?.length ?? 0) + RECORD_OVERHEAD_BYTES;
}
