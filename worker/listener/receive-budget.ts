/** How long a connection waits for room before it is closed: others give theirs back when their frames are done. */
const CLAIM_TIMEOUT_MS = 30_000;

interface Claim {
  readonly bytes: number;
  readonly settle: (granted: boolean) => void;
}

/** What all receive buffers of one object may hold together. */
export class ReceiveBudget {
  #left: number;
  readonly #claims: Claim[] = [];

  constructor(bytes: number) {
    this.#left = bytes;
  }

  get leftBytes(): number {
    return this.#left;
  }

  take(bytes: number): boolean {
    if (bytes > this.#left) return false;
    this.#left -= bytes;
    return true;
  }

  give(bytes: number): void {
    this.#left += bytes;
    while (this.#claims.length > 0 && this.take(this.#claims[0].bytes)) this.#claims.shift()?.settle(true);
  }

  /** Takes the bytes when there is room for them, in the order of the claims; false when there was none for too long. */
  async claim(bytes: number, timeoutMs = CLAIM_TIMEOUT_MS): Promise<boolean> {
    if (this.#claims.length === 0 && this.take(bytes)) return true;
    const granted = Promise.withResolvers<boolean>();
    const claim = { bytes, settle: granted.resolve };
    this.#claims.push(claim);
    const timeout = setTimeout(() => {
      this.#claims.splice(this.#claims.indexOf(claim), 1);
      granted.resolve(false);
    }, timeoutMs);
    try {
      return await granted.promise;
    } finally {
      clearTimeout(timeout);
    }
  }
}
