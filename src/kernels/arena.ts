/** What we use of a WebAssembly.Memory. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

const PAGE_BYTES = 64 * 1024;
/** Memory grows by at least this much, so that slightly larger inputs don't each cost a growth. */
const GROWTH_BYTES = 1024 * 1024;
const ALIGNMENT = 16;

/** Kernels may read and write this far beyond a buffer; what lies there means nothing. */
export const SLACK_BYTES = 64;
/** The linear memory of the kernels never grows beyond this: input and output of one call together. */
export const MAX_MEMORY_BYTES = 44 * 1024 * 1024;

/**
 * A stack of buffers in linear memory, from `start` up. A call takes a mark, lays out its buffers and releases them all by that
 * mark; nothing outlives the call. Growing memory detaches every view on it, so views are made anew here and never kept elsewhere.
 */
export class Arena {
  bytes: Uint8Array<ArrayBuffer>;
  doubles: Float64Array<ArrayBuffer>;
  words: Int32Array<ArrayBuffer>;
  private readonly memory: WasmMemory;
  private top: number;

  constructor(memory: WasmMemory, start: number) {
    this.memory = memory;
    this.top = align(start);
    this.bytes = new Uint8Array(memory.buffer);
    this.doubles = new Float64Array(memory.buffer);
    this.words = new Int32Array(memory.buffer);
  }

  mark(): number {
    return this.top;
  }

  release(mark: number): void {
    this.top = mark;
  }

  /** Whether buffers of `length` bytes altogether, with room for their slack, can be had at all. */
  hasRoom(length: number): boolean {
    return this.top + length + 4 * (SLACK_BYTES + ALIGNMENT) <= MAX_MEMORY_BYTES;
  }

  /** The address of `length` fresh bytes; ask `hasRoom` first. */
  take(length: number): number {
    const at = this.top;
    this.top = align(at + length + SLACK_BYTES);
    if (this.top > this.bytes.length) this.grow();
    return at;
  }

  /** The address of a copy of `bytes`. */
  put(bytes: Uint8Array): number {
    const at = this.take(bytes.length);
    this.bytes.set(bytes, at);
    return at;
  }

  private grow(): void {
    if (this.top > MAX_MEMORY_BYTES) throw new Error("the arena is asked for more than its limit");
    const wanted = Math.min(Math.max(this.top, this.bytes.length + GROWTH_BYTES), MAX_MEMORY_BYTES);
    this.memory.grow(Math.ceil((wanted - this.bytes.length) / PAGE_BYTES));
    this.bytes = new Uint8Array(this.memory.buffer);
    this.doubles = new Float64Array(this.memory.buffer);
    this.words = new Int32Array(this.memory.buffer);
  }
}

function align(address: number): number {
  return Math.ceil(address / ALIGNMENT) * ALIGNMENT;
}
