/** The way between records and the batches that a broker takes and gives. */
import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, codecOf, lastOffsetOf, timestampTypeOf } from "#records/batch.ts";
import { type Compression, decompress } from "#records/compression.ts";
import { readBatches } from "#records/reader.ts";
import { type NewRecord, readRecord, type Record as StoredRecord } from "#records/record.ts";

export type { StoredRecord };

/** The most that a record's own numbers take: lengths, deltas, attributes and the header count. */
const RECORD_OVERHEAD_BYTES = 30;
const HEADER_OVERHEAD_BYTES = 10;
/** UTF-8 never needs more than three bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

/** What a record takes in a batch at most. */
export function estimatedBytes(record: NewRecord): number {
  let size = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers ?? []) {
    size += HEADER_OVERHEAD_BYTES + key.length * MAX_BYTES_PER_UNIT + (value?.length ?? 0);
  }
  return size;
}

/** One batch of a fetch answer, not opened yet. */
export interface FetchedBatch {
  /** The offset behind its last record: where to read on. */
  readonly nextOffset: number;
  /**
   * Its records from an offset on, one at a time; none for a control batch. Keys and values are views. Throws
   * MalformedMessageError when the batch can't be opened within `maxBytes` or its records lie about their lengths.
   */
  records(compression: Compression, fromOffset: number, maxBytes: number): Generator<StoredRecord>;
  /** The same in two steps, for whoever counts what an opened batch holds. */
  open(compression: Compression, maxBytes: number): OpenedBatch;
}

/** A batch whose records can be read. */
export interface OpenedBatch {
  /** What it takes beyond the fetch answer: 0 where it was not compressed. */
  readonly inflatedBytes: number;
  records(fromOffset: number): Generator<StoredRecord>;
}

const NO_RECORDS: OpenedBatch = { inflatedBytes: 0, *records() {} };

/** The whole batches of a fetch answer, in order. Throws MalformedMessageError where the bytes are no batches of magic 2. */
export function* fetchedBatches(bytes: Uint8Array): Generator<FetchedBatch> {
  for (const { header, at, control } of readBatches(bytes)) {
    const packed = bytes.subarray(at + BATCH_HEADER_BYTES, at + header.sizeInBytes);
    const open = (compression: Compression, maxBytes: number): OpenedBatch => {
      if (control) return NO_RECORDS;
      const opened = decompress(compression, codecOf(header.attributes), packed, maxBytes);
      if (!opened.ok) throw new MalformedMessageError(`a compressed record batch cannot be opened: ${opened.reason}`);
      const { bytes: plain } = opened;
      const inflatedBytes = plain === packed ? 0 : plain.length;
      return { inflatedBytes, records: (fromOffset) => recordsFrom(plain, header, fromOffset) };
    };
    yield {
      nextOffset: lastOffsetOf(header) + 1,
      open,
      *records(compression, fromOffset, maxBytes) {
        if (lastOffsetOf(header) >= fromOffset) yield* open(compression, maxBytes).records(fromOffset);
      },
    };
  }
}

function* recordsFrom(bytes: Uint8Array, header: BatchHeader, fromOffset: number): Generator<StoredRecord> {
  const reader = new Reader(bytes);
  const isAppendTime = timestampTypeOf(header.attributes) === "LogAppendTime";
  const base = {
    baseOffset: header.baseOffset,
    baseTimestamp: header.baseTimestamp,
    logAppendTimestamp: isAppendTime ? header.maxTimestamp : null,
  };
  for (let index = 0; index < header.recordCount; index++) {
    const record = readRecord(reader, base);
    if (record.offset >= fromOffset) yield record;
  }
}
