import type { Unavailable } from "#ports/object-store.ts";

/** A body for a request, from chunks, without a length. */
export class BodyOf {
  readonly stream: ReadableStream<Uint8Array>;
  /** What the iterator threw. */
  failure: { readonly error: unknown } | null = null;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    const { readable, writable } = new IdentityTransformStream();
    this.stream = readable;
    void this.pump(chunks, writable.getWriter());
  }

  private async pump(
    chunks: AsyncIterable<Uint8Array>,
    writer: WritableStreamDefaultWriter<Uint8Array>,
  ): Promise<void> {
    const iterator = chunks[Symbol.asyncIterator]();
    try {
      for (;;) {
        const { done, value } = await this.next(iterator);
        if (done === true) break;
        await writer.write(value);
      }
      await writer.close();
    } catch {
      // Either the chunks broke off, or whoever reads has gone: the request's own outcome tells.
      await iterator.return?.().catch(() => undefined);
      await writer.abort().catch(() => undefined);
    }
  }

  private async next(iterator: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    try {
      return await iterator.next();
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

/** Runs what asks a store; an exception of the runtime means that it can't be reached. */
export async function attempt<T>(run: () => Promise<T | Unavailable>): Promise<T | Unavailable> {
  try {
    return await run();
  } catch (error) {
    return { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
  }
}

/** The chunks cut and joined to parts of exactly `partBytes`; the last one is shorter, and there is one at least. */
export async function* partsOf(chunks: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array> {
  let part = new Uint8Array(partBytes);
  let filled = 0;
  let isFirst = true;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === partBytes) {
        yield part;
        isFirst = false;
        part = new Uint8Array(partBytes);
        filled = 0;
      }
      const taken = chunk.subarray(at, at + partBytes - filled);
      part.set(taken, filled);
      filled += taken.length;
      at += taken.length;
    }
  }
  if (filled > 0 || isFirst) yield part.subarray(0, filled);
}
