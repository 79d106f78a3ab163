import { UUID_BYTES, type Uuid, uuidToBytes } from "./uuid.ts";

const FIRST_CAPACITY_BYTES = 256;
/** A buffer that grew beyond this isn't kept by `reset`: one large message must not hold its memory for good. */
export const MAX_KEPT_BYTES = 1 << 20;
/** Up to this length a string is tried as ASCII first, without a call of the encoder. */
const SHORT_TEXT_CHARACTERS = 64;
const HIGH_WORD = 0x1_0000_0000;
const INT64_MAX = 0x7fff_ffff_ffff_ffffn;
const INT64_MIN = -0x8000_0000_0000_0000n;
/** UTF-8 never needs more than three bytes for one UTF-16 unit. */
const MAX_BYTES_PER_UNIT = 3;

const encoder = new TextEncoder();

/** A place in the own buffer at which a foreign chunk is to stand. */
interface Splice {
  readonly at: number;
  readonly chunk: Uint8Array;
}

/**
 * Big-endian bytes into one growing buffer. Chunks of at least `spliceFromBytes` aren't copied but remembered; `segments()` then
 * returns the message as a list whose parts can be sent one after the other, `finish()` joins them.
 */
export class Writer {
  private target: Uint8Array;
  private view: DataView;
  private position = 0;
  private splices: Splice[] = [];
  private splicedBytes = 0;
  private readonly spliceFromBytes: number;

  constructor(capacityBytes = FIRST_CAPACITY_BYTES, spliceFromBytes = Number.MAX_SAFE_INTEGER) {
    this.target = new Uint8Array(capacityBytes);
    this.view = new DataView(this.target.buffer);
    this.spliceFromBytes = spliceFromBytes;
  }

  /** How many bytes have been written so far. */
  get size(): number {
    return this.position + this.splicedBytes;
  }

  /** Forgets what was written and keeps the buffer, if it isn't too large. Views returned by `finish` and `segments` become invalid. */
  reset(): void {
    this.position = 0;
    this.splices = [];
    this.splicedBytes = 0;
    if (this.target.length > MAX_KEPT_BYTES) {
      this.target = new Uint8Array(FIRST_CAPACITY_BYTES);
      this.view = new DataView(this.target.buffer);
    }
  }

  /** Makes room for `length` bytes, moves the cursor over them and returns where they start. */
  private claim(length: number): number {
    const at = this.position;
    const next = at + length;
    if (next > this.target.length) this.grow(next);
    this.position = next;
    return at;
  }

  private grow(capacity: number): void {
    const wider = new Uint8Array(Math.max(capacity, this.target.length * 2));
    wider.set(this.target.subarray(0, this.position));
    this.target = wider;
    this.view = new DataView(wider.buffer);
  }

  int8(value: number): void {
    const at = this.claim(1);
    this.target[at] = value;
  }

  int16(value: number): void {
    // The claim comes first: it may replace the view.
    const at = this.claim(2);
    this.view.setInt16(at, value);
  }

  uint16(value: number): void {
    const at = this.claim(2);
    this.view.setUint16(at, value);
  }

  int32(value: number): void {
    const at = this.claim(4);
    this.view.setInt32(at, value);
  }

  uint32(value: number): void {
    const at = this.claim(4);
    this.view.setUint32(at, value);
  }

  /** A safe integer as 64 bits; another number is a bug. */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw new Error(`not a safe integer: ${value}`);
    const at = this.claim(8);
    this.view.setInt32(at, Math.floor(value / HIGH_WORD));
    this.view.setUint32(at + 4, value >>> 0);
  }

  /** The counterpart of `Reader.int64Saturated`: the ends of the safe range are written as the ends of the 64-bit range. */
  int64Saturated(value: number): void {
    if (value >= Number.MAX_SAFE_INTEGER) this.bigint64(INT64_MAX);
    else if (value <= Number.MIN_SAFE_INTEGER) this.bigint64(INT64_MIN);
    else this.int64(value);
  }

  bigint64(value: bigint): void {
    const at = this.claim(8);
    this.view.setBigInt64(at, value);
  }

  float64(value: number): void {
    const at = this.claim(8);
    this.view.setFloat64(at, value);
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0);
  }

  uuid(value: Uuid): void {
    const at = this.claim(UUID_BYTES);
    uuidToBytes(value, this.target, at);
  }

  unsignedVarint(value: number): void {
    let rest = value >>> 0;
    while (rest > 0x7f) {
      this.int8((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.int8(rest);
  }

  varint(value: number): void {
    this.unsignedVarint((value << 1) ^ (value >> 31));
  }

  /** A safe integer, zigzag-coded. */
  varlong(value: number): void {
    if (!Number.isSafeInteger(value)) throw new Error(`not a safe integer: ${value}`);
    // Zigzag doubles the magnitude: 54 bits, one more than a number holds, so the lowest bit is kept apart.
    const magnitude = value < 0 ? -(value + 1) : value;
    let group = ((magnitude % 64) << 1) | (value < 0 ? 1 : 0);
    let rest = Math.floor(magnitude / 64);
    while (rest > 0) {
      this.int8(group | 0x80);
      group = rest % 128;
      rest = Math.floor(rest / 128);
    }
    this.int8(group);
  }

  /** Bytes as they are, without a length. */
  bytes(chunk: Uint8Array): void {
    if (chunk.length >= this.spliceFromBytes) {
      this.splices.push({ at: this.position, chunk });
      this.splicedBytes += chunk.length;
      return;
    }
    const at = this.claim(chunk.length);
    this.target.set(chunk, at);
  }

  /** UTF-8 without a length; returns how many bytes it took. Lone surrogates become U+FFFD. */
  text(value: string): number {
    const at = this.position;
    if (value.length <= SHORT_TEXT_CHARACTERS && this.asciiText(value)) return value.length;
    this.claim(value.length * MAX_BYTES_PER_UNIT);
    const { written } = encoder.encodeInto(value, this.target.subarray(at));
    this.position = at + written;
    return written;
  }

  /** Writes `value` if it is ASCII; else leaves the cursor where it was. */
  private asciiText(value: string): boolean {
    const at = this.claim(value.length);
    const target = this.target;
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      if (code > 0x7f) {
        this.position = at;
        return false;
      }
      target[at + i] = code;
    }
    return true;
  }

  /** UTF-8 behind a 16-bit length. */
  shortText(value: string): void {
    const at = this.claim(2);
    const length = this.text(value);
    if (length > 0x7fff) throw new Error(`a string of ${length} bytes is too long for the protocol`);
    this.view.setInt16(at, length);
  }

  /** UTF-8 behind an unsigned varint of its length plus one. */
  compactText(value: string): void {
    // A guess of one length byte holds for ASCII up to 126 bytes, which is nearly all there is.
    const at = this.claim(1);
    const length = this.text(value);
    if (length > 0x7fff) throw new Error(`a string of ${length} bytes is too long for the protocol`);
    if (length < 0x7f) {
      this.target[at] = length + 1;
      return;
    }
    this.position = at;
    const encoded = this.target.slice(at + 1, at + 1 + length);
    this.unsignedVarint(length + 1);
    this.bytes(encoded);
  }

  /** Overwrites 4 bytes that were written before, `at` bytes from the start; no chunk may have been spliced in before them. */
  setInt32(at: number, value: number): void {
    if (at + 4 > this.position || (this.splices.length > 0 && this.splices[0].at < at + 4))
      throw new Error("not yet written");
    this.view.setInt32(at, value);
  }

  /** What was written, in one piece: a view on the buffer, or a copy if chunks were spliced in. */
  finish(): Uint8Array {
    if (this.splices.length === 0) return this.target.subarray(0, this.position);
    const joined = new Uint8Array(this.size);
    let at = 0;
    for (const segment of this.segments()) {
      joined.set(segment, at);
      at += segment.length;
    }
    return joined;
  }

  /** What was written, as views in order: parts of the buffer and, uncopied, the chunks that were spliced in. */
  segments(): Uint8Array[] {
    const segments: Uint8Array[] = [];
    let from = 0;
    for (const { at, chunk } of this.splices) {
      if (at > from) segments.push(this.target.subarray(from, at));
      segments.push(chunk);
      from = at;
    }
    if (this.position > from) segments.push(this.target.subarray(from, this.position));
    return segments;
  }
}
