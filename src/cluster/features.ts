/** A feature whose level all brokers and their clients agree on (KIP-584). */
export interface Feature {
  readonly name: string;
  /** The levels that this broker can serve. */
  readonly minLevel: number;
  readonly maxLevel: number;
  /** The level that the cluster is at; 0 for a feature that is off. */
  readonly finalizedLevel: number;
}

/** The levels don't change while a cluster lives: there is nothing older in it. */
export const FINALIZED_FEATURES_EPOCH = 0;

/** In the order of their names. A feature stands here once what it promises works. */
export const FEATURES: readonly Feature[] = [
  // Consumer groups (KIP-848).
  { name: "group.version", minLevel: 0, maxLevel: 1, finalizedLevel: 1 },
  // Share groups (KIP-932); level 2 brings dead-letter queues (KIP-1191).
  { name: "share.version", minLevel: 0, maxLevel: 2, finalizedLevel: 2 },
  // Streams groups (KIP-1071).
  { name: "streams.version", minLevel: 0, maxLevel: 1, finalizedLevel: 1 },
  // Clients of transactions V2 (KIP-890) are those that see level 2 and send EndTxn 5; all others speak V1.
  { name: "transaction.version", minLevel: 0, maxLevel: 2, finalizedLevel: 2 },
];
