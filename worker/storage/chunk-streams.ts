import type { Unavailable } from "#ports/object-store.ts";

/** How long a store may be silent, as with S3: for a question, and for one that takes a part of 8 MB along. */
export const SILENCE_MS = 10_000;
export const SEND_SILENCE_MS = 60_000;

/** The silence of a store during one attempt: it ends the attempt when it has lasted for too long. */
export class Silence {
  private readonly limitMs: number;
  private readonly end = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(limitMs: number) {
    this.limitMs = limitMs;
    this.broken();
  }

  get signal(): AbortSignal {
    return this.end.signal;
  }

  /** The store has said or taken something: its time begins anew. */
  broken(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end.abort(new Error("the object store took too long")), this.limitMs);
  }

  /** Rejects at the limit. */
  lasted(): Promise<never> {
    return new Promise((_, reject) => {
      this.signal.addEventListener("abort", () => reject(this.signal.reason));
    });
  }

  over(): void {
    clearTimeout(this.timer);
  }
}

/**
 * Runs what asks a store; an exception of the runtime means that it can't be reached, and a silence of `silenceMs` is as good as one: a call
 * that never comes back would hold for ever what waits for it. What it brings later is nobody's any more.
 */
export async function attempt<T>(
  silenceMs: number,
  run: (silence: Silence) => Promise<T | Unavailable>,
): Promise<T | Unavailable> {
  const silence = new Silence(silenceMs);
  try {
    return await Promise.race([run(silence), silence.lasted()]);
  } catch (error) {
    return { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
  } finally {
    silence.over();
  }
}

/** The chunks cut and joined to parts of exactly `partBytes`; the last one is shorter, and there is one at least. */
async function* partsOf(chunks: AsyncIterable<Uint8Array>, partBytes: number): AsyncGenerator<Uint8Array<ArrayBuffer>> {
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

/** What is to be put: one part where that is enough, parts otherwise. */
export async function wholeOrParts(
  chunks: AsyncIterable<Uint8Array>,
  partBytes: number,
): Promise<Uint8Array<ArrayBuffer> | AsyncGenerator<Uint8Array<ArrayBuffer>>> {
  const parts = partsOf(chunks, partBytes);
  const first = await parts.next();
  const second = await parts.next();
  return second.done === true ? first.value : follow([first.value, second.value], parts);
}

async function* follow<T>(begun: T[], rest: AsyncIterable<T>): AsyncGenerator<T> {
  yield* begun.splice(0);
  yield* rest;
}
