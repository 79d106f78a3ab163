/**
 * Cuts a socket's bytes into Kafka frames: an int32 size, then that many bytes.
 *
 * workerd hands out 4 KB chunks unless a reader brings its own buffer, and reading detaches the buffer that was brought
 * and returns it as another one. So one buffer travels to and fro: it begins small, because most connections are idle,
 * and doubles when a read fills it. A frame is handed on as a view on that buffer, valid until the next call.
 */

/** Kafka's `socket.request.max.bytes` is 100 MB; an object has 128 MB in all, for every connection. */
export const MAX_FRAME_BYTES = 32 * 1024 * 1024;

export const MIN_BUFFER_BYTES = 16 * 1024;

/** A connection keeps a buffer of up to so many bytes between frames: enough for a produce request of a stock client. */
export const MAX_IDLE_BUFFER_BYTES = 2 * 1024 * 1024;

const SIZE_BYTES = 4;

/** What all receive buffers of one object may hold together. */
export class ReceiveBudget {
  #left: number;

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get leftBytes(): number {
    return this.#left;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
  }
}

/** Why a connection's bytes can't be read on; the connection is closed, as Kafka does. */
export class UnreadableFrameError extends Error {}

export class FrameReader {
  readonly #source: ReadableStreamBYOBReader;
  readonly #budget: ReceiveBudget;
  #buffer: ArrayBuffer;
  /** What the budget gave. A read that fails keeps the buffer that was brought, so its length can't tell. */
  #takenBytes = MIN_BUFFER_BYTES;
  #start = 0;
  #end = 0;

  constructor(source: ReadableStreamBYOBReader, budget: ReceiveBudget) {
    this.#source = source;
    this.#budget = budget;
    if (!budget.take(MIN_BUFFER_BYTES)) throw new UnreadableFrameError("no room for another connection");
    this.#buffer = new ArrayBuffer(MIN_BUFFER_BYTES);
  }

  /** The next whole frame that has already arrived, or null. The view is valid until `fill` is called. */
  take(): Uint8Array | null {
    const available = this.#end - this.#start;
    if (available < SIZE_BYTES) return null;
    const size = this.#frameSize();
    if (available < SIZE_BYTES + size) return null;
    const frame = new Uint8Array(this.#buffer, this.#start + SIZE_BYTES, size);
    this.#start += SIZE_BYTES + size;
    return frame;
  }

  /** Reads more; false when the client has finished. Bytes of a frame that never became whole are dropped. */
  async fill(): Promise<boolean> {
    this.#makeRoom();
    const room = this.#buffer.byteLength - this.#end;
    const { done, value } = await this.#source.read(new Uint8Array(this.#buffer, this.#end, room));
    if (value !== undefined) this.#buffer = value.buffer as ArrayBuffer;
    if (done || value === undefined) return false;
    this.#end += value.byteLength;
    if (value.byteLength === room && this.#buffer.byteLength < MAX_IDLE_BUFFER_BYTES) {
      this.#resize(this.#buffer.byteLength * 2);
    }
    return true;
  }

  close(): void {
    this.#budget.give(this.#takenBytes);
    this.#takenBytes = 0;
    this.#buffer = new ArrayBuffer(0);
  }

  #frameSize(): number {
    const size = new DataView(this.#buffer, this.#start, SIZE_BYTES).getInt32(0);
    if (size < 0 || size > MAX_FRAME_BYTES) throw new UnreadableFrameError(`a frame of ${size} bytes`);
    return size;
  }

  /** Leaves room for at least one more byte, and for the whole frame at hand if it may fit. */
  #makeRoom(): void {
    const held = this.#end - this.#start;
    const capacity = this.#buffer.byteLength;
    if (held === 0) {
      this.#start = 0;
      this.#end = 0;
      if (capacity > MAX_IDLE_BUFFER_BYTES) this.#resize(MAX_IDLE_BUFFER_BYTES);
      return;
    }
    const wanted = held < SIZE_BYTES ? SIZE_BYTES : SIZE_BYTES + this.#frameSize();
    // A size may lie: the buffer grows with what has arrived, not with what is announced.
    if (wanted > capacity && held === capacity) this.#resize(Math.min(wanted, capacity * 2));
    else if (this.#start + Math.min(wanted, capacity) > capacity) this.#compact();
  }

  #compact(): void {
    if (this.#start === 0) return;
    new Uint8Array(this.#buffer).copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  #resize(capacity: number): void {
    const grown = capacity - this.#buffer.byteLength;
    if (grown > 0 && !this.#budget.take(grown)) {
      // Larger is only faster below the idle limit; above it the frame can't be held.
      if (capacity <= MAX_IDLE_BUFFER_BYTES && this.#end - this.#start < this.#buffer.byteLength) return;
      throw new UnreadableFrameError("the object's receive buffers are full");
    }
    const next = new ArrayBuffer(capacity);
    new Uint8Array(next).set(new Uint8Array(this.#buffer, this.#start, this.#end - this.#start));
    if (grown < 0) this.#budget.give(-grown);
    this.#takenBytes = capacity;
    this.#buffer = next;
    this.#end -= this.#start;
    this.#start = 0;
  }
}
