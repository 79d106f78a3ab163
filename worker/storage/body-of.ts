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
