import { MalformedMessageError } from "#bytes/malformed.ts";
import { Reader } from "#bytes/reader.ts";
import { timestampTypeOf } from "#records/batch.ts";
import type { OpenedBatch } from "#records/reader.ts";

/** A record has seven fields of a byte at least. */
const MIN_RECORD_BYTES = 7;

/** Timestamps beyond are legal, but the differences between them need not be safe integers. */
export const MAX_TIMESTAMP_MS = 2 ** 52 - 1;

/**
 * Walks the records of an opened batch without making anything of them: the fields tell of the record that `next` has gone to, by positions
 * in `bytes`. Throws MalformedMessageError when records and header don't agree; offsets must rise.
 */
export class RecordWalk {
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Where the record begins, with its length. */
  from = 0;
  end = 0;
  /** Where its offset delta begins: what stands before it changes with the batch's base timestamp. */
  deltaFrom = 0;
  offset = -1;
  /** Beyond MAX_TIMESTAMP_MS only about right. */
  timestampMs = -1;
  /** The key's bytes are [keyFrom, keyEnd). */
  keyFrom = 0;
  keyEnd = 0;
  hasKey = false;
  hasValue = false;
  private readonly reader: Reader;
  private readonly baseOffset: number;
  private readonly lastOffset: number;
  private readonly baseTimestamp: number;
  private readonly appendTimeMs: number | null;
  private walked = 0;

  constructor({ header, bytes }: OpenedBatch) {
    this.bytes = bytes;
    this.count = header.recordCount;
    this.reader = new Reader(bytes);
    this.baseOffset = header.baseOffset;
    this.lastOffset = header.baseOffset + header.lastOffsetDelta;
    this.baseTimestamp = header.baseTimestamp;
    this.appendTimeMs = timestampTypeOf(header.attributes) === "LogAppendTime" ? header.maxTimestamp : null;
    if (this.count < 0 || this.count * MIN_RECORD_BYTES > bytes.length) {
      throw new MalformedMessageError("a record batch holds fewer records than it says");
    }
  }

  /** How many records it has gone past, the present one included. */
  get position(): number {
    return this.walked;
  }

  /** Goes to the next record; false after the last. */
  next(): boolean {
    const { reader } = this;
    if (this.walked === this.count) {
      if (reader.remaining > 0) throw new MalformedMessageError("bytes remain after the last record of a batch");
      return false;
    }
    this.from = reader.position;
    const length = reader.varint();
    this.end = reader.position + length;
    if (length < 0 || this.end > this.bytes.length)
      throw new MalformedMessageError("a record reaches beyond its batch");
    reader.skip(1);
    this.timestampMs = this.baseTimestamp + readAnyVarlong(reader);
    this.deltaFrom = reader.position;
    const offset = this.baseOffset + reader.varint();
    if (offset <= this.offset || offset < this.baseOffset || offset > this.lastOffset) {
      throw new MalformedMessageError("the offsets of a batch's records do not rise within it");
    }
    this.offset = offset;
    if (this.appendTimeMs !== null) this.timestampMs = this.appendTimeMs;
    const keyLength = reader.varint();
    this.hasKey = keyLength >= 0;
    this.keyFrom = reader.position;
    if (keyLength > 0) reader.skip(keyLength);
    this.keyEnd = reader.position;
    this.hasValue = reader.varint() >= 0;
    if (reader.position > this.end) throw new MalformedMessageError("a field of a record reaches beyond it");
    reader.position = this.end;
    this.walked += 1;
    return true;
  }
}

/** A zigzag-coded 64-bit integer of any size, as a double. */
function readAnyVarlong(reader: Reader): number {
  let raw = 0;
  for (let scale = 1; scale < 2 ** 70; scale *= 128) {
    const byte = reader.uint8();
    raw += (byte & 0x7f) * scale;
    if (byte < 0x80) return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2;
  }
  throw new MalformedMessageError("a varlong of more than 10 bytes");
}
