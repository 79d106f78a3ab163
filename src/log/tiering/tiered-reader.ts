import type { Kernels } from "#kernels/kernels.ts";
import type { SegmentObject } from "#ports/log-store.ts";
import type { ObjectStore } from "#ports/object-store.ts";
import { lastOffsetOf } from "#records/batch.ts";
import { positionOfOffset, positionOfTimestamp } from "#records/segment-index.ts";
import type { BatchTimestamps, TimestampOffset } from "../offsets-for-times.ts";
import type { PartitionLog } from "../partition-log.ts";
import type { ReadBatches, ReadLimits } from "../read.ts";
import type { Segment } from "../segments.ts";
import { BatchWindow } from "./batch-window.ts";
import { MAX_TIERED_READS, MAX_WAITING_TIERED_READS, TIERED_READ_MAX_BYTES } from "./limits.ts";
import { ObjectPieces, type ReadFailure } from "./object-pieces.ts";
import type { Patience } from "./patience.ts";

export interface TieredFailure {
  readonly kind: "failed";
  /** `late`: whoever asked waits no longer; what was read by then is there for the next one. */
  readonly failure: ReadFailure | "late";
}

/** Reads segments whose rows have left the store. Batches are given as they were stored, by ranges of the object. */
export class TieredReader {
  private readonly kernels: Kernels;
  private readonly pieces: ObjectPieces;
  private readsUnderWay = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(objects: ObjectStore, kernels: Kernels) {
    this.kernels = kernels;
    this.pieces = new ObjectPieces(objects, kernels);
  }

  /**
   * `read` from the tiered segment that holds `fromOffset` on. Compaction may have left nothing at the end of a segment before it was
   * tiered: then the batches come from the next one. Nothing, and `nextOffset` where the rows begin, when no tiered one has any.
   */
  async readFrom(
    log: PartitionLog,
    fromOffset: number,
    limits: ReadLimits,
    patience: Patience,
  ): Promise<ReadBatches | TieredFailure> {
    let nextOffset = fromOffset;
    for (let segment = log.tieredSegmentAt(nextOffset); segment !== null; segment = log.tieredSegmentAt(nextOffset)) {
      const read = await this.read(segment, nextOffset, limits, patience);
      const isGap = read.kind === "read" && read.sizeInBytes === 0 && read.nextOffset > nextOffset;
      if (!isGap) return read;
      nextOffset = read.nextOffset;
    }
    return batchesRead([], nextOffset);
  }

  /**
   * Whole batches from the one that holds `fromOffset` on, up to the segment's end, TIERED_READ_MAX_BYTES or the limits. Nothing, and
   * `nextOffset` at the segment's end, when it holds no record at or behind `fromOffset`.
   */
  read(
    segment: Segment,
    fromOffset: number,
    limits: ReadLimits,
    patience: Patience,
  ): Promise<ReadBatches | TieredFailure> {
    const run = async (object: SegmentObject) => {
      const indexes = await this.pieces.indexesOf(object);
      if (!indexes.ok) return failed(indexes.failure);
      if (!patience.lasts) return LATE;
      const window = new BatchWindow(object, this.pieces);
      const from = positionOfOffset(this.kernels, { baseOffset: segment.baseOffset, ...indexes.value }, fromOffset);
      const maxBytes = Math.min(limits.maxBytes, TIERED_READ_MAX_BYTES);
      await window.ensure(from, from + Math.max(maxBytes, 1));
      const first = await firstReaching(window, from, fromOffset);
      if (window.failure !== null) return failed(window.failure);
      if (first === window.end) return batchesRead([], segment.endOffset);
      const { end, nextOffset } = await collect(window, first, { ...limits, maxBytes });
      if (window.failure !== null || !(await window.ensure(first, end))) return failed(window.failure ?? "broken");
      if (end === window.end) return batchesRead(window.loadedRange(first, end) ?? [], segment.endOffset);
      // As much again as it asks for now; of several readers each leaves the others room for theirs.
      window.readAhead(end, this.readsUnderWay === 1 ? maxBytes : 0);
      return batchesRead(window.loadedRange(first, end) ?? [], nextOffset ?? fromOffset);
    };
    return this.inTurn(segment, run, patience);
  }

  /** The first record of the segment with a timestamp of at least `timestampMs` that `batches` accepts, or null. */
  firstAt(
    segment: Segment,
    timestampMs: number,
    batches: BatchTimestamps,
    patience: Patience,
  ): Promise<TimestampOffset | null | TieredFailure> {
    const pick = (batch: Uint8Array) => batches.first(batch, timestampMs);
    return this.search(segment, { timestampMs, pick }, patience);
  }

  /** The first of the records from `fromOffset` on that have the largest timestamp of them, or null when there are none. */
  largest(
    segment: Segment,
    fromOffset: number,
    batches: BatchTimestamps,
    patience: Patience,
  ): Promise<TimestampOffset | null | TieredFailure> {
    if (segment.baseOffset < fromOffset) return this.largestOfRest(segment, fromOffset, batches, patience);
    const pick = (batch: Uint8Array) => batches.largest(batch);
    return this.search(segment, { timestampMs: segment.maxTimestamp, pick }, patience);
  }

  /** Without its first records nothing says where the newest one is: every header of the rest is looked at. */
  private largestOfRest(
    segment: Segment,
    fromOffset: number,
    batches: BatchTimestamps,
    patience: Patience,
  ): Promise<TimestampOffset | null | TieredFailure> {
    const run = async (object: SegmentObject) => {
      const indexes = await this.pieces.indexesOf(object);
      if (!indexes.ok) return failed(indexes.failure);
      const window = new BatchWindow(object, this.pieces);
      let best: TimestampOffset | null = null;
      let at = positionOfOffset(this.kernels, { baseOffset: segment.baseOffset, ...indexes.value }, fromOffset);
      while (at < window.end) {
        if (!patience.lasts) return LATE;
        const header = await window.header(at);
        if (header === null) return failed(window.failure ?? "broken");
        if (lastOffsetOf(header) >= fromOffset && header.maxTimestamp > (best?.timestampMs ?? -1)) {
          const batch = await window.batch(at, header.sizeInBytes);
          if (batch === null) return failed(window.failure ?? "broken");
          const found = batches.largest(batch);
          if (found !== null && found.timestampMs > (best?.timestampMs ?? -1)) best = found;
        }
        at += header.sizeInBytes;
        window.dropBefore(at);
      }
      return best;
    };
    return this.inTurn(segment, run, patience);
  }

  private search(
    segment: Segment,
    { timestampMs, pick }: { timestampMs: number; pick: (batch: Uint8Array) => TimestampOffset | null },
    patience: Patience,
  ): Promise<TimestampOffset | null | TieredFailure> {
    const run = async (object: SegmentObject) => {
      const indexes = await this.pieces.indexesOf(object);
      if (!indexes.ok) return failed(indexes.failure);
      const window = new BatchWindow(object, this.pieces);
      let at = positionOfTimestamp(this.kernels, indexes.value, timestampMs);
      while (at < window.end) {
        if (!patience.lasts) return LATE;
        const header = await window.header(at);
        if (header === null) return failed(window.failure ?? "broken");
        if (header.maxTimestamp >= timestampMs) {
          const batch = await window.batch(at, header.sizeInBytes);
          if (batch === null) return failed(window.failure ?? "broken");
          const found = pick(batch);
          if (found !== null) return found;
        }
        at += header.sizeInBytes;
        window.dropBefore(at);
      }
      return null;
    };
    return this.inTurn(segment, run, patience);
  }

  /**
   * A bounded number of reads is under way at once, so that what they hold is bounded, too; and a bounded number waits. One whose time is
   * over keeps its turn until the call ends that it is at: only then is what it holds free.
   */
  private async inTurn<T>(
    segment: Segment,
    run: (object: SegmentObject) => Promise<T | TieredFailure>,
    patience: Patience,
  ): Promise<T | TieredFailure> {
    if (this.readsUnderWay < MAX_TIERED_READS) this.readsUnderWay += 1;
    else if (this.waiting.length >= MAX_WAITING_TIERED_READS) return failed("unavailable");
    else if (!(await this.turn(patience))) return LATE;
    return Promise.race([this.run(segment, run, patience), patience.over.then(() => LATE)]);
  }

  /** False when the time is over first. */
  private turn({ over }: Patience): Promise<boolean> {
    return new Promise((resolve) => {
      const take = () => resolve(true);
      this.waiting.push(take);
      void over.then(() => {
        const at = this.waiting.indexOf(take);
        if (at === -1) return;
        this.waiting.splice(at, 1);
        resolve(false);
      });
    });
  }

  private async run<T>(
    segment: Segment,
    run: (object: SegmentObject) => Promise<T | TieredFailure>,
    patience: Patience,
  ): Promise<T | TieredFailure> {
    try {
      // What was waited for may have been deleted meanwhile, and whoever wanted it may have gone.
      if (segment.isRemoved || segment.object === null) return failed("missing");
      return patience.lasts ? await run(segment.object) : LATE;
    } finally {
      // Whoever ends hands its turn over, also one that had no use for it: nobody else would wake those that wait.
      const next = this.waiting.shift();
      if (next === undefined) this.readsUnderWay -= 1;
      else next();
    }
  }
}

const LATE: TieredFailure = { kind: "failed", failure: "late" };

function failed(failure: ReadFailure): TieredFailure {
  return { kind: "failed", failure };
}

/** The position of the first batch that ends at or behind `offset`; the window's end when there is none, or after a failure. */
async function firstReaching(window: BatchWindow, from: number, offset: number): Promise<number> {
  for (let at = from; at < window.end; ) {
    const header = window.loadedHeader(at) ?? (await window.header(at));
    if (header === null) break;
    if (lastOffsetOf(header) >= offset) return at;
    at += header.sizeInBytes;
  }
  return window.end;
}

/** How far a read from the batch at `first` goes within its limits. */
async function collect(window: BatchWindow, first: number, limits: ReadLimits) {
  let end = first;
  let nextOffset: number | null = null;
  while (end < window.end) {
    const header = window.loadedHeader(end) ?? (await window.header(end));
    if (header === null) break;
    const size = end + header.sizeInBytes - first;
    const isFirst = limits.minOneMessage && end === first;
    if (lastOffsetOf(header) >= limits.upperBound || (size > limits.maxBytes && !isFirst)) break;
    end += header.sizeInBytes;
    nextOffset = lastOffsetOf(header) + 1;
  }
  return { end, nextOffset };
}

function batchesRead(chunks: Uint8Array[], nextOffset: number): ReadBatches {
  const sizeInBytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return { kind: "read", chunks, sizeInBytes, nextOffset, release: () => {} };
}
