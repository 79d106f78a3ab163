/** Kafka's numbers for the states of a transaction, as stored. */
export const TransactionStatus = {
  EMPTY: 0,
  ONGOING: 1,
  PREPARE_COMMIT: 2,
  PREPARE_ABORT: 3,
  COMPLETE_COMMIT: 4,
  COMPLETE_ABORT: 5,
  DEAD: 6,
  PREPARE_EPOCH_FENCE: 7,
} as const;
export type TransactionStatus = (typeof TransactionStatus)[keyof typeof TransactionStatus];

const NAMES: { readonly [status in TransactionStatus]: string } = {
  [TransactionStatus.EMPTY]: "Empty",
  [TransactionStatus.ONGOING]: "Ongoing",
  [TransactionStatus.PREPARE_COMMIT]: "PrepareCommit",
  [TransactionStatus.PREPARE_ABORT]: "PrepareAbort",
  [TransactionStatus.COMPLETE_COMMIT]: "CompleteCommit",
  [TransactionStatus.COMPLETE_ABORT]: "CompleteAbort",
  [TransactionStatus.DEAD]: "Dead",
  [TransactionStatus.PREPARE_EPOCH_FENCE]: "PrepareEpochFence",
};

/** The name that DescribeTransactions and ListTransactions give. */
export function statusName(status: TransactionStatus): string {
  return NAMES[status];
}

export function isStatusName(name: string): boolean {
  return Object.values(NAMES).includes(name);
}

/** The levels of the feature `transaction.version`. From 2 on every EndTxn begins a new epoch (KIP-890). */
export const TransactionVersion = { V0: 0, V1: 1, V2: 2 } as const;
export type TransactionVersion = (typeof TransactionVersion)[keyof typeof TransactionVersion];

export const NO_PRODUCER_ID = -1;
export const NO_PRODUCER_EPOCH = -1;
export const NO_TIMESTAMP = -1;

/** No producer ever gets this epoch: with it the coordinator can always fence the one before. */
export const MAX_PRODUCER_EPOCH = 32_767;
export const LAST_PRODUCER_EPOCH = MAX_PRODUCER_EPOCH - 1;

export interface TopicPartition {
  readonly topic: string;
  readonly partitionIndex: number;
}

/** Partition indexes by topic. */
export type PartitionSet = ReadonlyMap<string, ReadonlySet<number>>;

export const NO_PARTITIONS: PartitionSet = new Map();

/** What the coordinator knows of one transactional id. Never changed, only replaced. */
export interface Transaction {
  readonly transactionalId: string;
  readonly producerId: number;
  /** The one before the last change of state. */
  readonly previousProducerId: number;
  /** For the next transaction, where the epochs of this one's producer id are used up. */
  readonly nextProducerId: number;
  readonly producerEpoch: number;
  /** Before the last one that this producer was given; -1 when another one might have it. Not stored. */
  readonly lastProducerEpoch: number;
  readonly timeoutMs: number;
  readonly status: TransactionStatus;
  readonly partitions: PartitionSet;
  readonly startMs: number;
  readonly lastUpdateMs: number;
  /** What the client spoke when the transaction changed its state last. */
  readonly clientVersion: TransactionVersion;
}

export function isEpochExhausted(producerEpoch: number): boolean {
  return producerEpoch >= LAST_PRODUCER_EPOCH;
}

/** When its coordinator has something to do about it by itself; infinity for never. */
export function dueMsOf(transaction: Transaction): number {
  if (isPrepared(transaction)) return transaction.lastUpdateMs;
  if (transaction.status !== TransactionStatus.ONGOING) return Number.POSITIVE_INFINITY;
  return transaction.startMs + transaction.timeoutMs + 1;
}

export function isPrepared({ status }: Transaction): boolean {
  return status === TransactionStatus.PREPARE_COMMIT || status === TransactionStatus.PREPARE_ABORT;
}

/** Nothing is under way: a producer may begin, and an id that nobody uses may be forgotten. */
export function isSettled({ status }: Transaction): boolean {
  const { EMPTY, COMPLETE_COMMIT, COMPLETE_ABORT } = TransactionStatus;
  return status === EMPTY || status === COMPLETE_COMMIT || status === COMPLETE_ABORT;
}

export function hasPartition(set: PartitionSet, { topic, partitionIndex }: TopicPartition): boolean {
  return set.get(topic)?.has(partitionIndex) ?? false;
}

export function withPartitions(set: PartitionSet, added: readonly TopicPartition[]): PartitionSet {
  const grown = new Map([...set].map(([topic, indexes]) => [topic, new Set(indexes)]));
  for (const { topic, partitionIndex } of added) {
    const indexes = grown.get(topic);
    if (indexes === undefined) grown.set(topic, new Set([partitionIndex]));
    else indexes.add(partitionIndex);
  }
  return grown;
}

export function listPartitions(set: PartitionSet): TopicPartition[] {
  return [...set].flatMap(([topic, indexes]) => [...indexes].map((partitionIndex) => ({ topic, partitionIndex })));
}
