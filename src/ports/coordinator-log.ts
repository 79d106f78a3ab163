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

/** The partitions of `__consumer_offsets` that this broker leads, as the log of the group coordinators. */
export interface CoordinatorLog {
  /**
   * Appends the records as one batch (in their order, stamped with the broker's clock) and resolves when it is durable and
   * committed. Calls for one partition get their offsets in the order of the calls, and may overlap. NOT_LEADER_OR_FOLLOWER when this
   * broker doesn't lead the partition (any more). After an error the coordinator is reloaded from the log.
   */
  append(partitionIndex: number, records: readonly CoordinatorRecord[]): Promise<ErrorCode>;

  /**
   * Gives every record of the partition, from the log start to the log end, in offset order; others get their turn in between. The bytes
   * may be views that are only valid during the visit. Answers NONE, or why the log can't be read (NOT_LEADER_OR_FOLLOWER, KAFKA_STORAGE_ERROR).
   */
  replay(partitionIndex: number, visit: (record: CoordinatorRecord) => void): Promise<ErrorCode>;

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

/** What the group coordinators need of their broker. */
export interface GroupEnvironment {
  readonly log: CoordinatorLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly timers: Timers;

  /** The id of `__consumer_offsets`: another one when the topic was deleted and created anew. Undefined while it doesn't exist. */
  offsetsTopicId(): Uuid | undefined;
  /** How many partitions `__consumer_offsets` has in the broker's cluster image; 0 while the topic doesn't exist. */
  offsetsPartitionCount(): number;
  /**
   * Creates `__consumer_offsets` through the controller when it isn't there (`offsets.topic.num.partitions` = 50, compacted, internal)
   * and resolves with its partition count, or with 0 when it could not be created now.
   */
  ensureOffsetsTopic(): Promise<number>;
  /** The leader epoch under which this broker leads the partition, or null when it doesn't. */
  leaderEpoch(partitionIndex: number): number | null;
  /** The broker that leads the partition, or null when none does or its address isn't known. */
  leader(partitionIndex: number): BrokerEndpoint | null;

  topicName(topicId: Uuid): string | undefined;
  topicId(topicName: string): Uuid | undefined;
  hasPartition(topicName: string, partitionIndex: number): boolean;
}
