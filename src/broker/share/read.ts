import { MalformedMessageError } from "#bytes/malformed.ts";
import type { ReadBatches } from "#log/read.ts";
import { UnreadableLogError } from "#log/unreadable.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, isControl, isTransactional, readBatchHeader } from "#records/batch.ts";
import { readMarker } from "#records/control-record.ts";
import { abortedRanges, without } from "#share/aborted.ts";
import type { AcquireCommand, AcquiredRange } from "#share/acquire.ts";
import type { LoadedSharePartition, SharePartitions } from "./partitions.ts";
import type { SharePreread } from "./tiered-reads.ts";

/** Batches that one fetch of a share partition looks at; the next one goes on behind them. */
const MAX_BATCHES_READ = 10_000;

/** What one fetch reads of a share partition at most, whatever its limit: it acquires some hundred records of it. */
export const MAX_READ_BYTES = 1024 * 1024;

/** How a share partition is read. */
export interface ShareReadLimits {
  readonly maxBytes: number;
  /** Give the first batch even when it is larger. */
  readonly minOneMessage: boolean;
  readonly isReadCommitted: boolean;
}

export interface ShareRead {
  readonly ranges: readonly AcquiredRange[];
  readonly count: number;
  readonly chunks: readonly Uint8Array[];
  readonly sizeInBytes: number;
}

const NOTHING: ShareRead = { ranges: [], count: 0, chunks: [], sizeInBytes: 0 };

/** A batch in a row of chunks, which are to be thought of as put one after the other. */
interface PlacedBatch extends BatchHeader {
  readonly at: number;
  readonly lastOffset: number;
  readonly isAbortMarker: boolean;
}

/** Up to where a group reads: `share.isolation.level` says whether open transactions hold it up. */
export function upperBound({ led }: LoadedSharePartition, isReadCommitted: boolean): number {
  return isReadCommitted ? led.log.lastStableOffset : led.log.highWatermark;
}

/**
 * Reads what the group hasn't seen or somebody has released, and gives it to a member. An error, and nobody is given anything, where what is
 * stored can't be understood: which of the records were aborted nobody could tell.
 */
export function readAndAcquire(
  partitions: SharePartitions,
  loaded: LoadedSharePartition,
  command: Omit<AcquireCommand, "fetchOffset" | "batches">,
  limits: ShareReadLimits & { readonly preread: SharePreread | undefined },
): ShareRead | ErrorCode {
  const { partition } = loaded;
  const fetchOffset = partition.nextFetchOffset();
  const bound = upperBound(loaded, limits.isReadCommitted);
  if (fetchOffset >= bound) return NOTHING;
  const read = readFrom(loaded, fetchOffset, bound, limits);
  if (read === null) return NOTHING;
  const understood = understand(loaded, read, limits);
  if (typeof understood === "number") return understood;
  const { batches, aborted } = understood;
  const moment = partitions.momentOf(loaded.key.groupId);
  const acquired = partition.acquire({ ...command, fetchOffset, batches }, moment);
  if (aborted.length > 0) partition.archiveAborted(aborted);
  const ranges = without(acquired, aborted);
  partitions.locksChanged(loaded);
  if (ranges.length === 0) return NOTHING;
  const chunks = sliced(read, batches, ranges);
  return {
    ranges,
    count: ranges.reduce((sum, { first, last }) => sum + last - first + 1, 0),
    chunks,
    sizeInBytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
  };
}

/** Null where nothing can be read now. */
function readFrom(
  { led: { log } }: LoadedSharePartition,
  fetchOffset: number,
  bound: number,
  { preread, maxBytes, minOneMessage }: ShareReadLimits & { readonly preread: SharePreread | undefined },
): ReadBatches | null {
  let from = fetchOffset;
  // What was read meanwhile for another member is another one's turn.
  if (preread?.fetchOffset === fetchOffset && preread.read.kind === "read") {
    if (preread.read.sizeInBytes > 0) return preread.read;
    from = preread.read.nextOffset;
  }
  const limits = { maxBytes: Math.min(maxBytes, MAX_READ_BYTES), upperBound: bound, minOneMessage };
  const read = log.read(from, limits);
  return read.kind === "refused" ? null : read;
}

/** What was read, or what is wrong with it: bytes of the store are not the client's fault, nor that of its other partitions. */
function understand(loaded: LoadedSharePartition, read: ReadBatches, { isReadCommitted }: ShareReadLimits) {
  try {
    const batches = placed(read, isReadCommitted);
    return { batches, aborted: isReadCommitted ? abortedIn(loaded, batches) : [] };
  } catch (error) {
    if (error instanceof MalformedMessageError) return ErrorCode.CORRUPT_MESSAGE;
    if (error instanceof UnreadableLogError) return ErrorCode.KAFKA_STORAGE_ERROR;
    throw error;
  }
}

/** The batches before the first damaged one. @throws MalformedMessageError where there is none before it. */
function placed({ chunks }: ReadBatches, isReadCommitted: boolean): PlacedBatch[] {
  const batches: PlacedBatch[] = [];
  let at = 0;
  let chunkAt = 0;
  for (const [index, chunk] of chunks.entries()) {
    // A batch that is larger than a row goes on in the chunks behind its first one; those of the object store end anywhere.
    while (at < chunkAt + chunk.length && batches.length < MAX_BATCHES_READ) {
      try {
        const batch = { ...batchAt(chunks, index, at - chunkAt, isReadCommitted), at };
        batches.push(batch);
        at += batch.sizeInBytes;
      } catch (error) {
        // What comes before it is whole: it is delivered first.
        if (error instanceof MalformedMessageError && batches.length > 0) return batches;
        throw error;
      }
    }
    chunkAt += chunk.length;
  }
  return batches;
}

/** @throws MalformedMessageError */
function batchAt(chunks: readonly Uint8Array[], index: number, from: number, isReadCommitted: boolean) {
  const header = readBatchHeader(...inOnePiece(chunks, index, from, BATCH_HEADER_BYTES));
  // Without a size a batch would be followed by itself.
  if (header.sizeInBytes < BATCH_HEADER_BYTES) throw new MalformedMessageError("a batch shorter than its header");
  const isAbortMarker =
    isReadCommitted &&
    isControl(header.attributes) &&
    readMarker(...inOnePiece(chunks, index, from, header.sizeInBytes))?.isCommit === false;
  return { ...header, lastOffset: header.baseOffset + header.lastOffsetDelta, isAbortMarker };
}

/** Bytes and a position in them from which so many lie together, as far as there are so many. */
function inOnePiece(
  chunks: readonly Uint8Array[],
  index: number,
  from: number,
  length: number,
): [bytes: Uint8Array, at: number] {
  const chunk = chunks[index];
  if (chunk.length - from >= length || index === chunks.length - 1) return [chunk, from];
  const joined = new Uint8Array(length);
  let filled = 0;
  let start = from;
  for (let at = index; at < chunks.length && filled < length; at++) {
    const part = chunks[at].subarray(start, start + length - filled);
    joined.set(part, filled);
    filled += part.length;
    start = 0;
  }
  return [joined.subarray(0, filled), 0];
}

/** Where records of aborted transactions lie, in order. @throws UnreadableLogError */
function abortedIn({ led }: LoadedSharePartition, batches: readonly PlacedBatch[]) {
  const last = batches.at(-1);
  if (last === undefined) return [];
  const aborted = led.log.abortedTransactions(batches[0].baseOffset, last.lastOffset + 1);
  if (aborted.length === 0) return [];
  const transactional = batches.map((batch) => ({ ...batch, isTransactional: isTransactional(batch.attributes) }));
  return abortedRanges(transactional, aborted);
}

/** The batches from the first acquired record to the last one. */
function sliced(
  { chunks }: ReadBatches,
  batches: readonly PlacedBatch[],
  ranges: readonly AcquiredRange[],
): Uint8Array[] {
  const first = batches.find(({ lastOffset }) => lastOffset >= ranges[0].first);
  const last = batches.findLast(({ baseOffset }) => baseOffset <= ranges[ranges.length - 1].last);
  if (first === undefined || last === undefined) return [];
  const end = last.at + last.sizeInBytes;
  const slices: Uint8Array[] = [];
  let at = 0;
  for (const chunk of chunks) {
    const slice = chunk.subarray(Math.max(0, first.at - at), Math.max(0, end - at));
    if (slice.length > 0) slices.push(slice);
    at += chunk.length;
  }
  return slices;
}
