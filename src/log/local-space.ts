import type { LogStore } from "#ports/log-store.ts";

export interface SpaceLimits {
  /** Above so much what can move to the object store does. */
  readonly crowdedBytes: number;
  /** Above so much clients' appends are refused, until there is room again. */
  readonly fullBytes: number;
  /** Until then every append is refused: the last commit before this start has failed, and the next one may, too. */
  readonly refuseUntilMs?: number;
}

/** After how many appended bytes the store is asked for its size again. */
const ASK_EVERY_BYTES = 4 << 20;
/** How often it is asked while it is full: room comes by deletions, which append nothing. */
const ASK_WHEN_FULL_EVERY_MS = 1_000;

/** How much room the log store has left, asked now and then. */
export class LocalSpace {
  readonly limits: SpaceLimits;
  private readonly store: LogStore;
  private usedBytes: number;
  private appendedBytes = 0;
  private askedWhenFullMs = Number.NEGATIVE_INFINITY;

  constructor(store: LogStore, limits: SpaceLimits) {
    this.store = store;
    this.limits = limits;
    this.usedBytes = store.sizeInBytes();
  }

  noteAppended(bytes: number): void {
    this.appendedBytes += bytes;
    if (this.appendedBytes >= ASK_EVERY_BYTES) this.ask();
  }

  /** The size as of now. */
  ask(): number {
    this.appendedBytes = 0;
    this.usedBytes = this.store.sizeInBytes();
    return this.usedBytes;
  }

  /** So much is on its way out. */
  noteFreed(bytes: number): void {
    this.usedBytes -= bytes;
  }

  get sizeInBytes(): number {
    return this.usedBytes + this.appendedBytes;
  }

  get isCrowded(): boolean {
    return this.sizeInBytes > this.limits.crowdedBytes;
  }

  /** Would it still be crowded with so much less in it? */
  isCrowdedBeyond(leavingBytes: number): boolean {
    return this.sizeInBytes - leavingBytes > this.limits.crowdedBytes;
  }

  /** Whether an append may not even be tried. Clients go first: what coordinators write is little, and much hangs on it. */
  refuses(origin: "client" | "coordinator", nowMs: number): boolean {
    if (nowMs < (this.limits.refuseUntilMs ?? 0)) return true;
    return origin === "client" && this.isFull && this.isStillFull(nowMs);
  }

  private isStillFull(nowMs: number): boolean {
    if (Math.abs(nowMs - this.askedWhenFullMs) >= ASK_WHEN_FULL_EVERY_MS) {
      this.askedWhenFullMs = nowMs;
      this.ask();
    }
    return this.isFull;
  }

  private get isFull(): boolean {
    return this.sizeInBytes > this.limits.fullBytes;
  }
}
