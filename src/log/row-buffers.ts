import { MAX_ROW_BYTES, MIN_ROW_BUFFER_BYTES, SPARE_BUFFERS_MAX_BYTES } from "./limits.ts";

/**
 * Buffers for rows, of powers of two. A fresh buffer costs its zeroing and its page faults, a third of the time of a
 * large append, so those of forgotten rows that nobody looks at any more are used again.
 */
export class RowBuffers {
  private readonly spares = new Map<number, Uint8Array[]>();
  private spareBytes = 0;
  private ended: { readonly buffer: Uint8Array; isWanted(): boolean }[] = [];

  /** A buffer of at least `minBytes`, its content undefined. */
  take(minBytes: number): Uint8Array {
    const capacity = bufferBytesFor(minBytes);
    const spare = this.spares.get(capacity)?.pop();
    if (spare === undefined) return new Uint8Array(capacity);
    this.spareBytes -= capacity;
    return spare;
  }

  /** Takes a buffer back. The caller vouches that no view on it is alive. */
  give(buffer: Uint8Array): void {
    const capacity = buffer.length;
    if (capacity > MAX_ROW_BYTES || this.spareBytes + capacity > SPARE_BUFFERS_MAX_BYTES) {
      this.end(buffer);
      return;
    }
    const spares = this.spares.get(capacity);
    if (spares === undefined) this.spares.set(capacity, [buffer]);
    else spares.push(buffer);
    this.spareBytes += capacity;
  }

  /**
   * Gives a buffer's memory back at once, which the garbage collector would do hundreds of megabytes later: they are large and few. After the
   * present turn, since whoever let go of a row may have looked at it just before. The caller vouches that nobody looks later than that, or
   * says by then that somebody does.
   */
  end(buffer: Uint8Array, isWanted: () => boolean = () => false): void {
    this.ended.push({ buffer, isWanted });
    if (this.ended.length > 1) return;
    queueMicrotask(() => {
      const ended = this.ended;
      this.ended = [];
      for (const { buffer: view, isWanted: isStillWanted } of ended) if (!isStillWanted()) endBuffer(view);
    });
  }
}

function endBuffer({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && !buffer.detached) buffer.transfer(0);
}

export function bufferBytesFor(bytes: number): number {
  let capacity = MIN_ROW_BUFFER_BYTES;
  while (capacity < bytes) capacity *= 2;
  return capacity;
}
