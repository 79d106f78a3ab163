/** The clock of the shell. The core never reads one by itself. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  nowMs(): number;
}
