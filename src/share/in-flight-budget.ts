import { MAX_IN_FLIGHT_RECORDS } from "./limits.ts";

/**
 * How many records all share partitions of a broker have in flight together. Each counts for itself; it asks for room before it acquires
 * records that it hasn't had before. A load of stored state adds without asking.
 */
export class InFlightBudget {
  readonly maxRecords: number;
  heldRecords = 0;

  constructor(maxRecords = MAX_IN_FLIGHT_RECORDS) {
    this.maxRecords = maxRecords;
  }

  get leftRecords(): number {
    return Math.max(0, this.maxRecords - this.heldRecords);
  }
}
