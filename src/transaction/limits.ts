/** What can be set about transactions, under Kafka's names in lower camel. */
export interface TransactionConfig {
  /** `transaction.max.timeout.ms` */
  readonly maxTimeoutMs: number;
  /** `transactional.id.expiration.ms` */
  readonly transactionalIdExpirationMs: number;
  /** `transaction.remove.expired.transaction.cleanup.interval.ms` */
  readonly expirationCheckIntervalMs: number;
}

export const DEFAULT_TRANSACTION_CONFIG: TransactionConfig = {
  maxTimeoutMs: 900_000,
  transactionalIdExpirationMs: 604_800_000,
  expirationCheckIntervalMs: 3_600_000,
};

/** Transactional ids that one partition of `__transaction_state` may hold; InitProducerId with one more gets POLICY_VIOLATION. */
export const MAX_TRANSACTIONAL_IDS = 2_000;

/**
 * The largest value of a transaction's record, which names all of its partitions: it must fit into a batch of `__transaction_state`
 * (`max.message.bytes` = 1048588). A partition that would make it larger isn't added: UNKNOWN_SERVER_ERROR, as in Kafka.
 */
export const MAX_TRANSACTION_RECORD_BYTES = 1_000_000;
