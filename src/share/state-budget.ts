import { MAX_STATE_BATCHES } from "./limits.ts";

/**
 * How many state batches all share coordinators of a broker hold together. Each counts for itself; a write asks for room before it adds to
 * it. A load of a log adds without asking: what was admitted once is never refused.
 */
export class StateBudget {
  readonly maxBatches: number;
  heldBatches = 0;

  constructor(maxBatches = MAX_STATE_BATCHES) {
    this.maxBatches = maxBatches;
  }

  hasRoomFor(batches: number): boolean {
    return this.heldBatches + batches <= this.maxBatches;
  }
}
