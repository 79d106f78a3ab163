import type { Pieces } from "#broker/dispatch.ts";

const SIZE_BYTES = 4;

/**
 * An answer without its size, as it goes back over RPC: a copy of its own, for what crosses takes its whole backing buffer along.
 * With it the answer is written, and the log may use the memory again that it was read into.
 */
export function rpcAnswer(pieces: Pieces): Uint8Array {
  const size = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const joined = new Uint8Array(size - SIZE_BYTES);
  let at = -SIZE_BYTES;
  for (const piece of pieces) {
    if (at < 0) joined.set(piece.subarray(SIZE_BYTES), 0);
    else joined.set(piece, at);
    at += piece.length;
  }
  pieces.whenWritten?.();
  return joined;
}
