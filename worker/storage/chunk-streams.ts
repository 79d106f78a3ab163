import type { Unavailable } from "#ports/object-store.ts";

/** Runs what asks a store; an exception of the runtime means that it can't be reached. */
export async function attempt<T>(run: () => Promise<T | Unavailable>): Promise<T | Unavailable> {
  try {
    return await run();
  } catch (error) {
    return { kind: "unavailable", reason: error instanceof Error ? error.message : String(error) };
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
