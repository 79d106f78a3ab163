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
export const FEATURES: readonly Feature[] = [];
