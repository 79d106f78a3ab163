/** Bodies of answers, handed on piece by piece as the client takes them. */
import type { TimerHandle, Timers } from "#ports/timers.ts";
import type { Lease } from "./budget.ts";
import { ANSWER_PIECE_BYTES, SLOW_READER_MS } from "./limits.ts";

/**
 * Bytes that wait for a client, with their share of a budget. A client that hasn't taken them in `SLOW_READER_MS` doesn't get
 * the others: `isDropped`. Otherwise a few clients that don't read would keep everybody from reading.
 */
export class PacedBytes {
  isDropped = false;
  private bytes: Uint8Array;
  private readonly lease: Lease;
  private readonly timeout: TimerHandle;

  constructor(bytes: Uint8Array, lease: Lease, timers: Timers) {
    this.bytes = bytes;
    this.lease = lease;
    this.timeout = timers.set(() => {
      this.isDropped = true;
      this.drop();
    }, SLOW_READER_MS);
  }

  /** Null when all were taken, or dropped. */
  next(): Uint8Array | null {
    if (this.bytes.length === 0) return null;
    // A copy: a view would keep the whole buffer for as long as the client takes.
    const piece = this.bytes.slice(0, ANSWER_PIECE_BYTES);
    this.bytes = this.bytes.subarray(ANSWER_PIECE_BYTES);
    if (this.bytes.length === 0) this.drop();
    return piece;
  }

  drop(): void {
    this.timeout.cancel();
    this.bytes = new Uint8Array(0);
    this.lease.release();
  }
}

/** All of the bytes as the body of an answer, which breaks off where the client is too slow. */
export function pacedBody(paced: PacedBytes): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = paced.next();
        if (piece !== null) controller.enqueue(piece);
        else if (paced.isDropped) controller.error(new Error("the client took too long for the answer"));
        else controller.close();
      },
      cancel: () => paced.drop(),
    },
    { highWaterMark: 0 },
  );
}
