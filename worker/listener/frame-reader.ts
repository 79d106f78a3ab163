import type { ReceiveBudget } from "./receive-budget.ts";

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

/** It keeps no more than this part of what is left of the budget, so that those who are idle leave room for those who aren't. */
const IDLE_PART_OF_BUDGET = 1 / 4;

const SIZE_BYTES = 4;

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
    await this.#makeRoom();
    const room = this.#buffer.byteLength - this.#end;
    const { done, value } = await this.#source.read(new Uint8Array(this.#buffer, this.#end, room));
    if (value !== undefined) this.#buffer = value.buffer as ArrayBuffer;
    if (done || value === undefined) return false;
    this.#end += value.byteLength;
    const doubled = this.#buffer.byteLength * 2;
    // There is more to come: a larger buffer is faster, where there is room for one.
    if (value.byteLength === room && doubled <= this.#idleBytes() && this.#budget.take(doubled / 2))
      this.#move(doubled);
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
  async #makeRoom(): Promise<void> {
    const held = this.#end - this.#start;
    const capacity = this.#buffer.byteLength;
    if (held === 0) {
      this.#start = 0;
      this.#end = 0;
      const kept = this.#idleBytes();
      if (capacity > kept) {
        this.#budget.give(capacity - kept);
        this.#move(kept);
      }
      return;
    }
    const wanted = held < SIZE_BYTES ? SIZE_BYTES : SIZE_BYTES + this.#frameSize();
    // A size may lie: the buffer grows with what has arrived, not with what is announced.
    if (wanted > capacity && held === capacity) await this.#grow(Math.min(wanted, capacity * 2));
    else if (this.#start + Math.min(wanted, capacity) > capacity) this.#compact();
  }

  /** What the buffer may be between frames, a power of two. */
  #idleBytes(): number {
    const part = (this.#budget.leftBytes + this.#takenBytes) * IDLE_PART_OF_BUDGET;
    let bytes = MAX_IDLE_BUFFER_BYTES;
    while (bytes > part && bytes > MIN_BUFFER_BYTES) bytes /= 2;
    return bytes;
  }

  #compact(): void {
    if (this.#start === 0) return;
    new Uint8Array(this.#buffer).copyWithin(0, this.#start, this.#end);
    this.#end -= this.#start;
    this.#start = 0;
  }

  async #grow(capacity: number): Promise<void> {
    if (!(await this.#budget.claim(capacity - this.#buffer.byteLength))) {
      throw new UnreadableFrameError("the object's receive buffers are full");
    }
    this.#move(capacity);
  }

  /** Moves what is held into a buffer of another size; the budget has been asked. */
  #move(capacity: number): void {
    const next = new ArrayBuffer(capacity);
    new Uint8Array(next).set(new Uint8Array(this.#buffer, this.#start, this.#end - this.#start));
    this.#takenBytes = capacity;
    this.#buffer = next;
    this.#end -= this.#start;
    this.#start = 0;
  }
}
