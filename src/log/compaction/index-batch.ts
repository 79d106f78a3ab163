import { MalformedMessageError } from "#bytes/malformed.ts";
import { Codec, codecOf, isControl, isTransactional, lastOffsetOf, readBatchHeader } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { type OpenedBatch, openBatch } from "#records/reader.ts";
import { markerOf } from "./clean-batch.ts";
import type { OffsetMap } from "./offset-map.ts";
import { RecordWalk } from "./record-walk.ts";
import type { TransactionWalk } from "./transactions.ts";

/**
 * Notes the keys of one batch at or after `fromOffset` in the map; those of aborted transactions don't count. False when the map is full: it
 * then knows all keys up to its `latestOffset`, which lies before the record that found no room.
 *
 * @param batch exactly one batch
 */
export function indexBatch(
  compression: Compression,
  batch: Uint8Array,
  into: { readonly latest: OffsetMap; readonly fromOffset: number },
  transactions: TransactionWalk,
): boolean {
  const header = readBatchHeader(batch, 0);
  const lastOffset = lastOffsetOf(header);
  try {
    if (isControl(header.attributes)) {
      transactions.isObsolete(header.producerId, markerOf(batch), lastOffset);
    } else if (!transactions.isAborted(header.producerId, isTransactional(header.attributes), lastOffset)) {
      const opened = openBatch(compression, batch, 0);
      if (codecOf(header.attributes) !== Codec.NONE) checkRecords(opened);
      const walk = new RecordWalk(opened);
      while (walk.next()) {
        if (!walk.hasKey || walk.offset < into.fromOffset) continue;
        if (into.latest.put(walk.bytes, walk.keyFrom, walk.keyEnd, walk.offset)) continue;
        into.latest.reaches(walk.offset - 1);
        return false;
      }
    }
  } catch (error) {
    // It stays as it is, and its keys replace nothing.
    if (!(error instanceof MalformedMessageError)) throw error;
  }
  if (lastOffset >= into.fromOffset) into.latest.reaches(lastOffset);
  return true;
}

/** A compressed batch may have been stored unopened: before one of its keys counts, all of it must be sound. */
function checkRecords(opened: OpenedBatch): void {
  for (const walk = new RecordWalk(opened); walk.next(); );
}
