/**
 * Where sealed segments rest: objects by key, written once, never changed. Slow and far away compared with a log store, and it
 * may be out of reach for a while; that is an outcome, not an exception.
 */
export interface ObjectStore {
  /**
   * How long after a successful `put` the object may still vanish with the machine's power; 0 where the answer itself is the promise.
   * Whoever deletes what the object replaces waits for so long first, in one run of the process.
   */
  readonly settleMs: number;

  /**
   * Writes an object, or nothing: a reader never meets half of one. The chunks are taken one by one as the store wants them. An iterator that throws ends the put without an object, and the put rejects with its error.
   */
  put(key: string, chunks: AsyncIterable<Uint8Array>): Promise<PutOutcome>;

  /** Exactly `length` bytes from position `from` on, which the object must have. */
  getRange(key: string, from: number, length: number): Promise<GetOutcome>;

  /** Deletes objects; those that aren't there are as good as deleted. At most MAX_DELETED_KEYS at once. */
  delete(keys: readonly string[]): Promise<DeleteOutcome>;

  /** Keys that begin with `prefix` (whole folders: it ends with a slash, or is empty), in no special order. */
  list(prefix: string): Promise<ListOutcome>;
}

export const MAX_DELETED_KEYS = 500;

/** Out of reach, out of space, or refusing: whatever was asked can be asked again. */
export interface Unavailable {
  readonly kind: "unavailable";
  /** For the operator's log. */
  readonly reason: string;
}

export type PutOutcome = { readonly kind: "stored" } | Unavailable;
export type GetOutcome =
  | { readonly kind: "found"; readonly bytes: Uint8Array }
  | { readonly kind: "missing" }
  | Unavailable;
export type DeleteOutcome = { readonly kind: "deleted" } | Unavailable;
export type ListOutcome = { readonly kind: "listed"; readonly keys: readonly string[] } | Unavailable;
