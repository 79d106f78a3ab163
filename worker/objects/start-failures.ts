/**
 * Which brokers of one process could not be opened the last time, and why. An object that fails so is gone, and whoever called it gets
 * an error like any other: here the reason stays, for `GET /health` and with it for the launcher, which must not wait for what can't come.
 */
export class StartFailures {
  private readonly reasons = new Map<number, string>();

  /** Opens a broker, and takes down how that went. @throws what `open` throws. */
  async watch(brokerId: number, open: () => Promise<void>): Promise<void> {
    try {
      await open();
      this.reasons.delete(brokerId);
    } catch (error) {
      this.reasons.set(brokerId, error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** A sentence; null when nothing has failed. */
  get reason(): string | null {
    return this.reasons.values().next().value ?? null;
  }
}

export const startFailures = new StartFailures();
