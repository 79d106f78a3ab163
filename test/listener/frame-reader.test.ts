import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  FrameReader,
  MAX_FRAME_BYTES,
  MAX_IDLE_BUFFER_BYTES,
  MIN_BUFFER_BYTES,
  UnreadableFrameError,
} from "#worker/listener/frame-reader.ts";
import { ReceiveBudget } from "#worker/listener/receive-budget.ts";

/** A socket that delivers these chunks, one a read, split where the reader's buffer is smaller. */
function socketOf(chunks: readonly Uint8Array[]): ReadableStreamBYOBReader {
  // Copies of their own: what is delivered is detached, and a Buffer's slice is only a view.
  const left = chunks.map((chunk) => new Uint8Array(chunk));
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const next = left.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
      // A byte stream that closes answers the read that waits with what it has.
      if (next === undefined) controller.byobRequest?.respond(0);
    },
  });
  return stream.getReader({ mode: "byob" });
}

function framed(...frames: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const size = Buffer.alloc(4);
      size.writeInt32BE(frame.length);
      return [size, frame];
    }),
  );
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = Math.max(1, sizes[i % sizes.length]);
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

async function readAll(chunks: readonly Uint8Array[], budget = new ReceiveBudget(1 << 27)): Promise<Uint8Array[]> {
  const reader = new FrameReader(socketOf(chunks), budget);
  const frames: Uint8Array[] = [];
  try {
    do {
      for (let frame = reader.take(); frame !== null; frame = reader.take()) frames.push(frame.slice());
    } while (await reader.fill());
  } finally {
    reader.close();
  }
  return frames;
}

describe("the frame reader", () => {
  it("gives every frame whole, however the socket cuts the bytes", async () => {
    const frames = fc.array(fc.uint8Array({ maxLength: 40_000 }), { maxLength: 8 });
    const sizes = fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(frames, sizes, async (sent, cuts) => {
        const budget = new ReceiveBudget(1 << 24);
        const received = await readAll(cut(framed(...sent), cuts), budget);
        expect(received.map((frame) => Buffer.from(frame))).toEqual(sent.map((frame) => Buffer.from(frame)));
        expect(budget.leftBytes).toBe(1 << 24);
      }),
      { numRuns: 60 },
    );
  });

  it("takes a frame that is larger than any buffer it keeps", async () => {
    const large = new Uint8Array(MAX_IDLE_BUFFER_BYTES * 2 + 17).map((_, i) => i * 7);
    const small = Uint8Array.of(1, 2, 3);
    const received = await readAll(cut(framed(small, large, small), [100_000, 3]));
    expect(received.map((frame) => frame.length)).toEqual([3, large.length, 3]);
    expect(Buffer.compare(received[1], large)).toBe(0);
  });

  it.each([-1, MAX_FRAME_BYTES + 1, 0x7fffffff])("refuses a size of %i before it reads on", async (size) => {
    const bytes = Buffer.alloc(100);
    bytes.writeInt32BE(size);
    await expect(readAll([bytes])).rejects.toThrow(UnreadableFrameError);
  });

  it("takes memory for what has arrived, not for what a size announces", async () => {
    const bytes = Buffer.alloc(1000);
    bytes.writeInt32BE(MAX_FRAME_BYTES);
    const budget = new ReceiveBudget(1 << 27);
    const reader = new FrameReader(socketOf([bytes]), budget);
    expect(await reader.fill()).toBe(true);
    expect(reader.take()).toBeNull();
    expect(await reader.fill()).toBe(false);
    expect((1 << 27) - budget.leftBytes).toBe(MIN_BUFFER_BYTES);
    reader.close();
    expect(budget.leftBytes).toBe(1 << 27);
  });

  it("waits for room that others hold, and takes it when it is given back", async () => {
    const budget = new ReceiveBudget(128 * 1024);
    budget.take(100 * 1024);
    const reading = readAll(cut(framed(new Uint8Array(60_000)), [10_000]), budget);
    await new Promise((resolve) => setTimeout(resolve, 20));
    budget.give(100 * 1024);
    expect((await reading).map((frame) => frame.length)).toEqual([60_000]);
    expect(budget.leftBytes).toBe(128 * 1024);
  });

  it("keeps less between frames the less is left", async () => {
    const budget = new ReceiveBudget(256 * 1024);
    const frame = framed(new Uint8Array(100_000));
    const reader = new FrameReader(socketOf([...cut(frame, [5_000]), Uint8Array.of(0)]), budget);
    let taken: Uint8Array | null = null;
    while (taken === null && (await reader.fill())) taken = reader.take();
    expect(taken?.length).toBe(100_000);
    await reader.fill();
    expect(256 * 1024 - budget.leftBytes).toBeLessThanOrEqual(64 * 1024);
    reader.close();
    expect(budget.leftBytes).toBe(256 * 1024);
  });

  it("refuses a connection that finds no room at all", () => {
    expect(() => new FrameReader(socketOf([]), new ReceiveBudget(10))).toThrow(UnreadableFrameError);
  });
});

describe("the receive budget", () => {
  it("serves claims in their order, and lets go of one that waited for too long", async () => {
    const budget = new ReceiveBudget(10);
    expect(budget.take(10)).toBe(true);
    const order: string[] = [];
    const late = budget.claim(8, 5).then((granted) => order.push(`late ${granted}`));
    await late;
    const first = budget.claim(6).then((granted) => order.push(`first ${granted}`));
    const second = budget.claim(4).then((granted) => order.push(`second ${granted}`));
    budget.give(5);
    budget.give(5);
    await Promise.all([first, second]);
    expect(order).toEqual(["late false", "first true", "second true"]);
    expect(budget.leftBytes).toBe(0);
  });
});
