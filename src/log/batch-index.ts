import type { BatchHeader } from "#records/batch.ts";
import type { EndMarker } from "#records/control-record.ts";

/*
 * One entry of 48 bytes for each batch of a row, little-endian, so that replay and search read no batches:
 *
 *    0  float64  baseOffset            24  float64  maxTimestamp
 *    8  uint32   position in the row   32  float64  producerId
 *   12  uint32   sizeInBytes           40  int16    producerEpoch
 *   16  int32    lastOffsetDelta       42  uint16   attributes
 *   20  int32    partitionLeaderEpoch  44  int32    baseSequence
 *
 * The size of a batch that continues in the next rows goes beyond the bytes of its first row. Of a control batch, which has no sequence, the
 * last field holds the epoch of the coordinator, and two spare bits of the attributes say what its marker says.
 */
export const ENTRY_BYTES = 48;
const FIRST_ENTRIES = 4;
const MARKER_BIT = 0x8000;
const COMMIT_BIT = 0x4000;
const NO_SEQUENCE = -1;

/** What an entry keeps of a batch's header, and of the record of a control batch (`readMarker`). */
export type IndexedBatch = HeaderFields & { readonly marker?: EndMarker | null };

type HeaderFields = Pick<
  BatchHeader,
  | "baseOffset"
  | "sizeInBytes"
  | "lastOffsetDelta"
  | "partitionLeaderEpoch"
  | "maxTimestamp"
  | "producerId"
  | "producerEpoch"
  | "attributes"
  | "baseSequence"
>;

export class BatchIndex {
  private bytes: Uint8Array;
  private view: DataView;
  private entries: number;

  constructor(bytes: Uint8Array = new Uint8Array(FIRST_ENTRIES * ENTRY_BYTES), count = 0) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.entries = count;
  }

  static decode(bytes: Uint8Array): BatchIndex {
    if (bytes.length % ENTRY_BYTES !== 0) throw new Error("a stored batch index has a broken length");
    return new BatchIndex(bytes, bytes.length / ENTRY_BYTES);
  }

  /** A view; the index may not be appended to afterwards. */
  encode(): Uint8Array {
    return this.bytes.subarray(0, this.entries * ENTRY_BYTES);
  }

  get count(): number {
    return this.entries;
  }

  append(position: number, batch: IndexedBatch): void {
    const at = this.entries * ENTRY_BYTES;
    if (at === this.bytes.length) this.grow();
    const view = this.view;
    view.setFloat64(at, batch.baseOffset, true);
    view.setUint32(at + 8, position, true);
    view.setUint32(at + 12, batch.sizeInBytes, true);
    view.setInt32(at + 16, batch.lastOffsetDelta, true);
    view.setInt32(at + 20, batch.partitionLeaderEpoch, true);
    view.setFloat64(at + 24, batch.maxTimestamp, true);
    view.setFloat64(at + 32, batch.producerId, true);
    view.setInt16(at + 40, batch.producerEpoch, true);
    view.setUint16(at + 42, batch.attributes | markerBits(batch.marker), true);
    view.setInt32(at + 44, batch.marker?.coordinatorEpoch ?? batch.baseSequence, true);
    this.entries += 1;
  }

  private grow(): void {
    const wider = new Uint8Array(Math.max(this.bytes.length * 2, FIRST_ENTRIES * ENTRY_BYTES));
    wider.set(this.bytes);
    this.bytes = wider;
    this.view = new DataView(wider.buffer);
  }

  baseOffset(i: number): number {
    return this.view.getFloat64(i * ENTRY_BYTES, true);
  }

  position(i: number): number {
    return this.view.getUint32(i * ENTRY_BYTES + 8, true);
  }

  sizeInBytes(i: number): number {
    return this.view.getUint32(i * ENTRY_BYTES + 12, true);
  }

  lastOffset(i: number): number {
    return this.baseOffset(i) + this.view.getInt32(i * ENTRY_BYTES + 16, true);
  }

  maxTimestamp(i: number): number {
    return this.view.getFloat64(i * ENTRY_BYTES + 24, true);
  }

  partitionLeaderEpoch(i: number): number {
    return this.view.getInt32(i * ENTRY_BYTES + 20, true);
  }

  batch(i: number): IndexedBatch {
    const at = i * ENTRY_BYTES;
    const view = this.view;
    const flags = view.getUint16(at + 42, true);
    const number = view.getInt32(at + 44, true);
    const hasMarker = (flags & MARKER_BIT) !== 0;
    return {
      baseOffset: view.getFloat64(at, true),
      sizeInBytes: view.getUint32(at + 12, true),
      lastOffsetDelta: view.getInt32(at + 16, true),
      partitionLeaderEpoch: view.getInt32(at + 20, true),
      maxTimestamp: view.getFloat64(at + 24, true),
      producerId: view.getFloat64(at + 32, true),
      producerEpoch: view.getInt16(at + 40, true),
      attributes: flags & ~(MARKER_BIT | COMMIT_BIT),
      baseSequence: hasMarker ? NO_SEQUENCE : number,
      marker: hasMarker ? { isCommit: (flags & COMMIT_BIT) !== 0, coordinatorEpoch: number } : null,
    };
  }

  /** The first batch whose last offset is at least `offset`; `count` when there is none. */
  firstReachingOffset(offset: number): number {
    let low = 0;
    let high = this.entries;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.lastOffset(middle) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function markerBits(marker: EndMarker | null | undefined): number {
  if (marker === null || marker === undefined) return 0;
  return marker.isCommit ? MARKER_BIT | COMMIT_BIT : MARKER_BIT;
}
