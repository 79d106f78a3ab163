import { joined } from "#bytes/joined.ts";
import { MalformedMessageError } from "#bytes/malformed.ts";
import type { SegmentObject } from "#ports/log-store.ts";
import { BATCH_HEADER_BYTES, type BatchHeader, readBatchHeader } from "#records/batch.ts";
import { PIECE_BYTES, READ_AHEAD_PIECES } from "./limits.ts";
import type { ObjectPieces, ReadFailure } from "./object-pieces.ts";

/** The part of an object's batches that one reader looks at: pieces next to each other, of which it can have more. */
export class BatchWindow {
  private readonly object: SegmentObject;
  private readonly source: ObjectPieces;
  private readonly pieces = new Map<number, Uint8Array>();
  failure: ReadFailure | null = null;

  constructor(object: SegmentObject, source: ObjectPieces) {
    this.object = object;
    this.source = source;
  }

  get end(): number {
    return this.object.batchBytes;
  }

  /** Loads what isn't there of [from, end). False when it can't be had; `failure` says why. */
  async ensure(from: number, end: number): Promise<boolean> {
    const numbers = numbersOf(from, Math.min(end, this.end)).filter((number) => !this.pieces.has(number));
    const loaded = await Promise.all(numbers.map((number) => this.source.piece(this.object, number)));
    for (const [i, piece] of loaded.entries()) {
      if (piece.ok) this.pieces.set(numbers[i], piece.value);
      else this.failure = piece.failure;
    }
    return this.failure === null;
  }

  /** Begins to load what a reader that goes on at `position` will want: READ_AHEAD_PIECES, or `bytes` if that is more. */
  readAhead(position: number, bytes: number): void {
    const end = Math.min(this.end, position + Math.max(bytes, READ_AHEAD_PIECES * PIECE_BYTES));
    for (const number of numbersOf(position, end)) void this.source.piece(this.object, number);
  }

  /** Lets go of the pieces that end before `position`. */
  dropBefore(position: number): void {
    for (const number of this.pieces.keys()) if ((number + 1) * PIECE_BYTES <= position) this.pieces.delete(number);
  }

  /** The header of the batch at `position`, which is loaded first where it must be. Null when it can't be had or is none. */
  async header(position: number): Promise<BatchHeader | null> {
    return this.loadedHeader(position) ?? (await this.loadHeader(position));
  }

  private async loadHeader(position: number): Promise<BatchHeader | null> {
    if (!(await this.ensure(position, position + BATCH_HEADER_BYTES))) return null;
    const header = this.loadedHeader(position);
    if (header === null) this.failure = "broken";
    return header;
  }

  /** The same without waiting: null also when it isn't loaded. `failure` is "broken" after what can't be a header. */
  loadedHeader(position: number): BatchHeader | null {
    if (position + BATCH_HEADER_BYTES > this.end) return null;
    const at = position % PIECE_BYTES;
    const piece = this.pieces.get((position - at) / PIECE_BYTES);
    if (piece === undefined) return null;
    if (at + BATCH_HEADER_BYTES <= piece.length) return this.believed(position, piece, at);
    const parts = this.loadedRange(position, position + BATCH_HEADER_BYTES);
    return parts === null ? null : this.believed(position, joined(parts), 0);
  }

  /** A reader that goes on by a size which no batch has would come to no end, or behind the window's. */
  private believed(position: number, bytes: Uint8Array, at: number): BatchHeader | null {
    const header = headerIn(bytes, at);
    const sizeInBytes = header?.sizeInBytes ?? 0;
    if (sizeInBytes >= BATCH_HEADER_BYTES && position + sizeInBytes <= this.end) return header;
    this.failure = "broken";
    return null;
  }

  /** Views on the bytes of [from, end), or null when they aren't all loaded. */
  loadedRange(from: number, end: number): Uint8Array[] | null {
    const parts: Uint8Array[] = [];
    for (const number of numbersOf(from, end)) {
      const piece = this.pieces.get(number);
      if (piece === undefined) return null;
      const start = number * PIECE_BYTES;
      parts.push(piece.subarray(Math.max(from - start, 0), Math.min(end - start, piece.length)));
    }
    return parts;
  }

  /** The bytes of one batch, or null. */
  async batch(position: number, sizeInBytes: number): Promise<Uint8Array | null> {
    if (!(await this.ensure(position, position + sizeInBytes))) return null;
    const parts = this.loadedRange(position, position + sizeInBytes);
    return parts === null ? null : joined(parts);
  }
}

/** The object store's bytes are not the client's: what is wrong with them must not close a connection. */
function headerIn(bytes: Uint8Array, at: number): BatchHeader | null {
  try {
    return readBatchHeader(bytes, at);
  } catch (error) {
    if (error instanceof MalformedMessageError) return null;
    throw error;
  }
}

function numbersOf(from: number, end: number): number[] {
  const first = Math.floor(from / PIECE_BYTES);
  const count = Math.max(0, Math.ceil(end / PIECE_BYTES) - first);
  return Array.from({ length: count }, (_, i) => first + i);
}
