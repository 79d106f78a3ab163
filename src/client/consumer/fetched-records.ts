import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { type BatchHeader, isTransactional, lastOffsetOf, NO_PRODUCER_ID, timestampTypeOf } from "#records/batch.ts";
import type { Compression } from "#records/compression.ts";
import { type BatchView, openBatch, readBatches } from "#records/reader.ts";
import { readRecord, type Record as StoredRecord } from "#records/record.ts";
import type { Position } from "./assignment.ts";

/** A transaction of `producerId` that was aborted, and began at `firstOffset` or behind it. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

export interface FetchedBytes {
  /** Whole batches; the last may be cut off. */
  readonly bytes: Uint8Array;
  readonly fetchOffset: number;
  /** Null under read_uncommitted. */
  readonly aborted: readonly AbortedTransaction[] | null;
  readonly checksCrcs: boolean;
  /** To how much one batch may inflate. */
  readonly maxBatchBytes: number;
}

export interface FetchedRecord extends StoredRecord {
  readonly leaderEpoch: number;
}

/** Where in the CRC's own field and behind it the bytes begin that it covers. */
const CRC_COVERS_FROM = 21;
const ABORT_MARKER = 0;

/**
 * The records of a fetch answer that a consumer may see, one at a time: behind where it asked from, no control records, and under
 * read_committed none of an aborted transaction. `position` is where to read on, also behind what was left out.
 */
export class FetchedRecords {
  position: Position;
  private readonly compression: Compression;
  private readonly fetched: FetchedBytes;
  private readonly batches: Generator<BatchView>;
  /** Those not begun yet, by offset. */
  private readonly aborted: AbortedTransaction[];
  /** Producers in whose aborted transaction the reader is now. */
  private readonly abortedProducers = new Set<number>();
  private open: { readonly header: BatchHeader; readonly reader: Reader; left: number } | null = null;

  constructor(compression: Compression, fetched: FetchedBytes, position: Position) {
    this.compression = compression;
    this.fetched = fetched;
    this.position = position;
    this.batches = readBatches(fetched.bytes);
    this.aborted = (fetched.aborted ?? []).toSorted((one, other) => one.firstOffset - other.firstOffset);
  }

  /** Null at the end. Throws MalformedMessageError where the bytes aren't what they say. */
  next(): FetchedRecord | null {
    for (;;) {
      const record = this.nextInBatch();
      if (record !== null) return record;
      const { value: batch, done } = this.batches.next();
      if (done) return null;
      this.begin(batch);
    }
  }

  private nextInBatch(): FetchedRecord | null {
    const { open } = this;
    if (open === null) return null;
    const { header, reader } = open;
    const base = {
      baseOffset: header.baseOffset,
      baseTimestamp: header.baseTimestamp,
      logAppendTimestamp: timestampTypeOf(header.attributes) === "LogAppendTime" ? header.maxTimestamp : null,
    };
    while (open.left > 0) {
      open.left--;
      const record = readRecord(reader, base);
      if (record.offset < this.fetched.fetchOffset) continue;
      const isLast = open.left === 0;
      if (isLast) this.end(header);
      else this.position = { offset: record.offset + 1, offsetEpoch: header.partitionLeaderEpoch };
      return { ...record, leaderEpoch: header.partitionLeaderEpoch };
    }
    this.end(header);
    return null;
  }

  /** A compacted batch may end behind its last record. */
  private end(header: BatchHeader): void {
    this.open = null;
    const offset = lastOffsetOf(header) + 1;
    if (offset > this.position.offset) this.position = { offset, offsetEpoch: header.partitionLeaderEpoch };
  }

  private begin({ header, at, control }: BatchView): void {
    const { bytes, fetchOffset, checksCrcs, maxBatchBytes, aborted } = this.fetched;
    if (checksCrcs) {
      const crc = this.compression.kernels.crc32c(bytes.subarray(at + CRC_COVERS_FROM, at + header.sizeInBytes));
      if (crc !== header.crc)
        throw new MalformedMessageError(`the batch at offset ${header.baseOffset} has another CRC`);
    }
    const isHidden = aborted !== null && this.isAborted(header);
    if (control) {
      if (aborted !== null && this.endsAborted(header, at)) this.abortedProducers.delete(header.producerId);
      this.end(header);
      return;
    }
    if (isHidden || lastOffsetOf(header) < fetchOffset || header.recordCount === 0) {
      this.end(header);
      return;
    }
    const opened = openBatch(this.compression, bytes, at, maxBatchBytes);
    this.open = { header, reader: new Reader(opened.bytes), left: header.recordCount };
  }

  /** Is the batch part of an aborted transaction? Takes those into account that begin within or before it. */
  private isAborted(header: BatchHeader): boolean {
    while (this.aborted.length > 0 && this.aborted[0].firstOffset <= lastOffsetOf(header)) {
      this.abortedProducers.add((this.aborted.shift() as AbortedTransaction).producerId);
    }
    if (header.producerId === NO_PRODUCER_ID || !isTransactional(header.attributes)) return false;
    return this.abortedProducers.has(header.producerId);
  }

  /** Does the control batch say that its producer's transaction was aborted? Its key is a version and a type, both int16. */
  private endsAborted(header: BatchHeader, at: number): boolean {
    const { bytes, maxBatchBytes } = this.fetched;
    const opened = openBatch(this.compression, bytes, at, maxBatchBytes);
    if (header.recordCount < 1) return false;
    const base = { baseOffset: header.baseOffset, baseTimestamp: header.baseTimestamp, logAppendTimestamp: null };
    const { key } = readRecord(new Reader(opened.bytes), base);
    if (key === null) return false;
    const reader = new Reader(key);
    reader.int16();
    return reader.int16() === ABORT_MARKER;
  }
}
