import { MalformedMessageError } from "./malformed.ts";
import { UUID_BYTES, type Uuid, uuidFromBytes } from "./uuid.ts";

/** Up to this length a string is built character by character, which is faster than a call of the decoder. */
const SHORT_TEXT_BYTES = 40;
const HIGH_WORD = 0x1_0000_0000;
/** The largest high word of a safe integer, 2^53 - 1, and the smallest. */
const SAFE_HIGH = 0x1f_ffff;

const decoder = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });

/**
 * A cursor over big-endian bytes. Every read is checked against `end` and throws `MalformedMessageError` when it would pass it.
 * Nothing is copied: `bytes` returns views on the input. Integers are put together from bytes, since a reader is made for each frame and
 * making a DataView costs more than all the integers of a small one.
 */
export class Reader {
  position: number;
  readonly end: number;
  private readonly source: Uint8Array;

  constructor(bytes: Uint8Array, position = 0, end = bytes.length) {
    if (position < 0 || end > bytes.length || position > end) throw new Error("a reader must lie within its bytes");
    this.source = bytes;
    this.position = position;
    this.end = end;
  }

  get remaining(): number {
    return this.end - this.position;
  }

  /** Moves the cursor over `length` bytes and returns where they start. */
  private take(length: number): number {
    const at = this.position;
    if (length > this.end - at) this.tooShort(length);
    this.position = at + length;
    return at;
  }

  private tooShort(length: number): never {
    throw new MalformedMessageError(`${length} bytes expected at ${this.position}, ${this.remaining} left`);
  }

  private wordAt(at: number): number {
    const source = this.source;
    return (source[at] << 24) | (source[at + 1] << 16) | (source[at + 2] << 8) | source[at + 3];
  }

  private rareView(length: number): DataView {
    return new DataView(this.source.buffer, this.source.byteOffset + this.take(length), length);
  }

  int8(): number {
    return (this.source[this.take(1)] << 24) >> 24;
  }

  uint8(): number {
    return this.source[this.take(1)];
  }

  int16(): number {
    return (this.uint16() << 16) >> 16;
  }

  uint16(): number {
    const at = this.take(2);
    return (this.source[at] << 8) | this.source[at + 1];
  }

  int32(): number {
    return this.wordAt(this.take(4));
  }

  uint32(): number {
    return this.wordAt(this.take(4)) >>> 0;
  }

  /** A 64-bit integer that must be a safe one; others are malformed. */
  int64(): number {
    const at = this.take(8);
    const value = this.wordAt(at) * HIGH_WORD + (this.wordAt(at + 4) >>> 0);
    if (!Number.isSafeInteger(value)) throw new MalformedMessageError("a 64-bit integer outside the safe range");
    return value;
  }

  /** A 64-bit integer; what lies outside the safe range becomes `Number.MAX_SAFE_INTEGER` or `Number.MIN_SAFE_INTEGER`. */
  int64Saturated(): number {
    const at = this.take(8);
    const high = this.wordAt(at);
    if (high > SAFE_HIGH) return Number.MAX_SAFE_INTEGER;
    const value = high * HIGH_WORD + (this.wordAt(at + 4) >>> 0);
    return Math.max(value, Number.MIN_SAFE_INTEGER);
  }

  bigint64(): bigint {
    return this.rareView(8).getBigInt64(0);
  }

  float64(): number {
    return this.rareView(8).getFloat64(0);
  }

  boolean(): boolean {
    return this.source[this.take(1)] !== 0;
  }

  uuid(): Uuid {
    return uuidFromBytes(this.source, this.take(UUID_BYTES));
  }

  /** At most 5 bytes, little groups first, as an unsigned 32-bit number. */
  unsignedVarint(): number {
    let value = 0;
    for (let shift = 0; shift < 32; shift += 7) {
      const byte = this.source[this.take(1)];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
    throw new MalformedMessageError("a varint of more than 5 bytes");
  }

  /** A zigzag-coded 32-bit integer. */
  varint(): number {
    const raw = this.unsignedVarint();
    return (raw >>> 1) ^ -(raw & 1);
  }

  /** A zigzag-coded 64-bit integer that must be a safe one; others are malformed. */
  varlong(): number {
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.source[this.take(1)];
      const group = byte & 0x7f;
      if (shift < 28) low |= group << shift;
      else if (shift === 28) {
        low |= (group & 0xf) << 28;
        high = group >>> 4;
      } else if (shift < 63) high |= group << (shift - 32);
      else high |= (group & 1) << 31;
      if (byte < 0x80) return this.unzigzag(low >>> 0, high >>> 0);
    }
    throw new MalformedMessageError("a varlong of more than 10 bytes");
  }

  private unzigzag(low: number, high: number): number {
    const isNegative = (low & 1) === 1;
    const magnitude = Math.floor(high / 2) * HIGH_WORD + (high & 1) * 0x8000_0000 + (low >>> 1);
    const value = isNegative ? -magnitude - 1 : magnitude;
    if (!Number.isSafeInteger(value)) throw new MalformedMessageError("a varlong outside the safe range");
    return value;
  }

  /** A view on the next `length` bytes; a negative length is malformed. */
  bytes(length: number): Uint8Array {
    if (length < 0) throw new MalformedMessageError("a negative length");
    const at = this.take(length);
    return new Uint8Array(this.source.buffer, this.source.byteOffset + at, length);
  }

  skip(length: number): void {
    if (length < 0) throw new MalformedMessageError("a negative length");
    this.take(length);
  }

  /** `length` bytes as UTF-8. Bytes that are no UTF-8 become U+FFFD, as in Kafka. */
  text(length: number): string {
    if (length < 0) throw new MalformedMessageError("a negative length");
    const at = this.take(length);
    if (length > SHORT_TEXT_BYTES) return this.longText(at, length);
    const source = this.source;
    const end = at + length;
    let text = "";
    let i = at;
    // Eight at a time: one call and one concatenation where there would be eight of each.
    for (; i + 8 <= end; i += 8) {
      const a = source[i];
      const b = source[i + 1];
      const c = source[i + 2];
      const d = source[i + 3];
      const e = source[i + 4];
      const f = source[i + 5];
      const g = source[i + 6];
      const h = source[i + 7];
      if ((a | b | c | d | e | f | g | h) > 0x7f) return this.longText(at, length);
      text += String.fromCharCode(a, b, c, d, e, f, g, h);
    }
    for (; i < end; i++) {
      const code = source[i];
      if (code > 0x7f) return this.longText(at, length);
      text += String.fromCharCode(code);
    }
    return text;
  }

  private longText(at: number, length: number): string {
    return decoder.decode(this.source.subarray(at, at + length));
  }
}
