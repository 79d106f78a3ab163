import type { Uuid } from "#bytes/uuid.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";
import type { Timers } from "./timers.ts";

/** A record of an internal topic: Kafka's key and value bytes. A null value is a tombstone. */
export interface CoordinatorRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}

/** On whose behalf records are written: they count once that producer's transaction is committed. */
export interface TransactionalProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
  /** What the log gave when the producer's transaction was about to be verified; without, it must have begun in the partition. */
  readonly guard?: number | null;
}

/** The control record that ends a producer's transaction in one partition. */
export interface TransactionMarker extends TransactionalProducer {
  readonly coordinatorEpoch: number;
  readonly isCommit: boolean;
  /** The `transaction.version` of the transaction; 0 without. */
  readonly transactionVersion?: number;
}

/** What a replay of a log gives, in offset order. The bytes may be views that are only valid during the visit. */
export interface CoordinatorLogVisitor {
  /** `producer` is null for a record that counts at once. */
  record(record: CoordinatorRecord, producer: TransactionalProducer | null): void;
  marker(marker: TransactionMarker): void;
}

/** The partitions of one internal topic that this broker leads, as the log of the coordinators over it. */
export interface CoordinatorLog {
  /**
   * Appends the records as one batch (in their order, stamped with the broker's clock; a transactional batch when there is a producer) and
   * resolves when it is durable and committed. Calls for one partition get their offsets in the order of the calls, and may overlap.
   * NOT_LEADER_OR_FOLLOWER when this broker doesn't lead the partition (any more). After an error the coordinator is reloaded from the log.
   */
  append(
    partitionIndex: number,
    records: readonly CoordinatorRecord[],
    producer: TransactionalProducer | null,
  ): Promise<ErrorCode>;

  /** Appends the marker as a control batch; else as `append`. */
  appendMarker(partitionIndex: number, marker: TransactionMarker): Promise<ErrorCode>;

  /**
   * Why the log would refuse what comes from a producer or from the coordinator of its transaction (an old epoch, nothing that vouches for
   * it), or NONE: to be asked in the turn of the decision that writes it, since the error of an append is the end of the coordinator.
   */
  objectionTo(partitionIndex: number, write: TransactionalProducer | TransactionMarker): ErrorCode;

  /**
   * Gives every record of the partition, from the log start to the log end, in offset order; others get their turn in between. Answers NONE,
   * or why the log can't be read (NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR).
   */
  replay(partitionIndex: number, visitor: CoordinatorLogVisitor): Promise<ErrorCode>;

  /** Where the next append goes, or null when this broker doesn't lead the partition. */
  endOffset(partitionIndex: number): number | null;

  /**
   * Moves the log start to an offset that is committed, and resolves when that is durable: later replays begin there. NOT_LEADER_OR_FOLLOWER,
   * or why the log can't be cut there.
   */
  trimBefore(partitionIndex: number, offset: number): Promise<ErrorCode>;
}

/** Where clients reach a broker. */
export interface BrokerEndpoint {
  readonly brokerId: number;
  readonly host: string;
  readonly port: number;
}

/** What the coordinators over one internal topic (`__consumer_offsets` and its like) need of their broker. */
export interface CoordinatorEnvironment {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;

  /** The id of the internal topic: another one when the topic was deleted and created anew. Undefined while it doesn't exist. */
  internalTopicId(): Uuid | undefined;
  /** How many partitions the internal topic has in the broker's cluster image; 0 while the topic doesn't exist. */
  partitionCount(): number;
  /**
   * Creates the internal topic through the controller when it isn't there (as the broker's configs say) and resolves with its partition
   * count, or with 0 when it could not be created now.
   */
  ensureInternalTopic(): Promise<number>;
  /** The leader epoch under which this broker leads the partition, or null when it doesn't. */
  leaderEpoch(partitionIndex: number): number | null;
  /** The broker that leads the partition, or null when none does or its address isn't known. */
  leader(partitionIndex: number): BrokerEndpoint | null;
}

/** The topics of the cluster image, as the coordinators of groups see them. */
export interface GroupTopics {
  /** Grows with every change of the cluster image; what is told here stays the same while it stays the same. */
  imageVersion(): number;
  topicName(topicId: Uuid): string | undefined;
  topicId(topicName: string): Uuid | undefined;
  /** How many partitions the topic has; 0 without such a topic. */
  partitionCountOf(topicName: string): number;
  /** All names, internal topics included. */
  topicNames(): Iterable<string>;
}

/** What the group coordinators need of their broker. */
export interface GroupEnvironment extends CoordinatorEnvironment, GroupTopics {
  hasPartition(topicName: string, partitionIndex: number): boolean;
  /** What one consumer group has set for itself (`consumer.*`); missing: nothing. */
  ownConsumerConfig?(groupId: string): {
    readonly sessionTimeoutMs?: number;
    readonly heartbeatIntervalMs?: number;
    readonly assignmentIntervalMs?: number;
  };
  /** What holds for one share group (`share.*`, or the broker's `group.share.*`); missing: the defaults. */
  shareConfig?(groupId: string): {
    readonly sessionTimeoutMs: number;
    readonly heartbeatIntervalMs: number;
    readonly assignmentIntervalMs: number;
    readonly maxSize: number;
  };
  /** What holds for one streams group (`streams.*`, or the broker's `group.streams.*`); missing: the defaults. */
  streamsConfig?(groupId: string): {
    readonly sessionTimeoutMs: number;
    readonly heartbeatIntervalMs: number;
    readonly assignmentIntervalMs: number;
    readonly initialRebalanceDelayMs: number;
    readonly standbyReplicas: number;
    readonly rackAwareTags: readonly string[];
    readonly maxSize: number;
  };
}
