/** What a client process is told, as JSON in its only argument. The drivers in Java and Python take the same. */
export interface ClientJob {
  /**
   * `clients`: produces and consumes, until the line `finish` ends its producers (it answers `finished`) and the line `end` its members.
   * `read`: reads the whole topic, and what the groups have committed, and ends.
   */
  readonly mode: "clients" | "read";
  readonly bootstrap: string;
  readonly topic: string;
  readonly partitions: number;
  readonly seed: number;
  /** Where its history goes. */
  readonly history: string;
  /** Of all its producers together. */
  readonly recordsPerS: number;
  /** Members to run (`clients`), groups to ask about (`read`). */
  readonly groups: readonly { readonly group: string; readonly members: number }[];
  /** A member lives for about so long before it leaves, vanishes or hangs; 0 = it stays. */
  readonly memberLivesMs: number;
}
