/**
 * What clients saw of a Kafka cluster, one event per request and partition. Any cluster and any client can write it: times are
 * milliseconds on one clock that all clients share, a record is named by an id that is unique in the history (its value holds it), and
 * a topic by a name that is unique to its incarnation (`orders#<topicId>` where topics come and go, else just the name).
 *
 * `completedMs` is null where no answer came: then the request may have been carried out, at any time after `invokedMs`.
 */
export type HistoryEvent =
  | ProduceEvent
  | FetchEvent
  | OffsetsEvent
  | DeleteRecordsEvent
  | CommitEvent
  | CommittedEvent
  | JoinEvent
  | AssignmentEvent
  | HeartbeatEvent
  | AcquisitionEvent
  | AcknowledgementEvent
  | ProducerIdEvent
  | TransactionEvent
  | CopierEvent
  | TopicEvent
  | TopicsSeenEvent
  | QuietEvent;

interface Exchange {
  readonly client: string;
  readonly invokedMs: number;
  readonly completedMs: number | null;
}

/** An event that is written down when its request is sent, and completed when the answer comes. */
export type Pending<Event> = { -readonly [Name in keyof Event]: Event[Name] };

export interface PartitionOf {
  readonly topic: string;
  readonly partition: number;
}

/** One batch, from its first send to its end: acknowledged, refused for certain, or nobody knows. */
export interface ProduceEvent extends Exchange, PartitionOf {
  readonly type: "produce";
  readonly acks: -1 | 0 | 1;
  readonly idempotent: boolean;
  /** Batches of one session and partition are appended in the order of `order`, or the session says that it doesn't promise so. */
  readonly session: string;
  readonly ordered: boolean;
  readonly order: number;
  /** How often it was sent. */
  readonly attempts: number;
  readonly ids: readonly string[];
  readonly outcome: "acknowledged" | "refused" | "unknown";
  /** -1 where the answer didn't say. */
  readonly baseOffset: number;
  /** The transaction that it is part of. */
  readonly transaction?: string;
  /** What each record is a copy of, by id, where a program writes what it has read. */
  readonly copies?: readonly string[];
  /** The key of each record, where they have keys, and which of them delete theirs. */
  readonly keys?: readonly string[];
  readonly tombstones?: readonly boolean[];
  /** The timestamp of its records, on the clock of this history: by it they expire. */
  readonly timestampMs?: number;
  /** As it was sent. */
  readonly sizeInBytes?: number;
  /** Kafka's error code of the last answer. 45 (OUT_OF_ORDER_SEQUENCE_NUMBER) only for a batch that was the next in order. */
  readonly errorCode: number;
}

/** The answer for one partition of one Fetch. */
export interface FetchEvent extends Exchange, PartitionOf {
  readonly type: "fetch";
  readonly group: string | null;
  readonly offset: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  /** Missing or -1 where the answer didn't say. Readers of committed records are shown nothing from there on. */
  readonly lastStableOffset?: number;
  /** -1 where the answer didn't say. */
  readonly logStartOffset: number;
  /** The offset behind the last batch of the answer; the offset asked for when there was none. */
  readonly nextOffset: number;
  readonly minBytes: number;
  /** The reader wants only what is committed, and leaves out what the answer calls aborted. */
  readonly isCommittedOnly?: boolean;
  /** From `offset` on. A value that isn't whole has the id `"?"`. */
  readonly records: readonly SeenRecord[];
}

export interface SeenRecord {
  readonly offset: number;
  readonly id: string;
}

/** ListOffsets for one of the places that it has a name for; -1 = there is none. `max-timestamp` is a record's. */
export interface OffsetsEvent extends Exchange, PartitionOf {
  readonly type: "offsets";
  /** `stable` is the end for readers of committed records. */
  readonly which:
    | "earliest"
    | "latest"
    | "max-timestamp"
    | "earliest-local"
    | "latest-tiered"
    | "earliest-pending"
    | "stable";
  readonly offset: number;
}

export interface DeleteRecordsEvent extends Exchange, PartitionOf {
  readonly type: "delete-records";
  readonly beforeOffset: number;
  readonly outcome: "acknowledged" | "refused" | "unknown";
  readonly lowWatermark: number;
}

/** OffsetCommit for one partition; or TxnOffsetCommit, which is asked for and answered by the end of its transaction. */
export interface CommitEvent extends Exchange, PartitionOf {
  readonly type: "commit";
  readonly group: string;
  readonly memberId: string;
  /** -1 where the client is in no group. */
  readonly generation: number;
  readonly offset: number;
  /** Part of a transaction. */
  readonly isTransactional?: boolean;
  readonly outcome: "acknowledged" | "refused" | "unknown";
}

/** OffsetFetch for one partition: -1 = nothing committed. */
export interface CommittedEvent extends Exchange, PartitionOf {
  readonly type: "committed";
  readonly group: string;
  readonly offset: number;
}

/** A JoinGroup that was answered with a generation. */
export interface JoinEvent extends Exchange {
  readonly type: "join";
  readonly group: string;
  readonly memberId: string;
  readonly generation: number;
}

/** A SyncGroup that was answered with an assignment. */
export interface AssignmentEvent extends Exchange {
  readonly type: "assignment";
  readonly group: string;
  readonly memberId: string;
  /** A static member that comes back takes its own place in the same generation. */
  readonly instanceId: string | null;
  readonly generation: number;
  readonly partitions: readonly PartitionOf[];
}

/** A ConsumerGroupHeartbeat that was taken (KIP-848). */
export interface HeartbeatEvent extends Exchange {
  readonly type: "heartbeat";
  readonly group: string;
  readonly memberId: string;
  readonly instanceId: string | null;
  /** The member's, 0 to join; and what it is from then on. */
  readonly epoch: number;
  readonly nextEpoch: number;
  /** What the member had when it sent this. */
  readonly owned: readonly PartitionOf[];
  /** What it is to have; null = as it was told before. */
  readonly assigned: readonly PartitionOf[] | null;
}

/** A ShareFetch's answer for one partition that acquired something (KIP-932). */
export interface AcquisitionEvent extends Exchange, PartitionOf {
  readonly type: "acquisition";
  readonly group: string;
  readonly memberId: string;
  readonly ranges: readonly { readonly first: number; readonly last: number; readonly deliveryCount: number }[];
}

/** What a member of a share group says of records that it has acquired, one partition and one answer. */
export interface AcknowledgementEvent extends Exchange, PartitionOf {
  readonly type: "acknowledgement";
  readonly group: string;
  readonly memberId: string;
  readonly said: readonly { readonly offset: number; readonly how: "accept" | "release" | "reject" | "gap" }[];
  readonly outcome: "acknowledged" | "refused" | "unknown";
}

export interface ProducerIdEvent extends Exchange {
  readonly type: "producer-id";
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** The end of a transaction, as its producer knows it; `invokedMs` is when the end was first asked for. */
export interface TransactionEvent extends Exchange {
  readonly type: "transaction";
  /** Unique in the history. */
  readonly transaction: string;
  readonly transactionalId: string;
  /** `aborted` also where nobody ever asked to commit it. */
  readonly outcome: "committed" | "aborted" | "unknown";
}

/** Copies the records of partitions exactly once, in transactions of this id, and has come to the end of all of them by now. */
export interface CopierEvent extends Exchange {
  readonly type: "copier";
  readonly transactionalId: string;
  /** All ids that its group copies in, where several share the partitions among them (KIP-447). */
  readonly crew?: readonly string[];
  readonly partitions: readonly PartitionOf[];
}

/** CreateTopics, CreatePartitions or DeleteTopics for one topic. */
export interface TopicEvent extends Exchange {
  readonly type: "topic";
  readonly action: "create" | "grow" | "delete";
  readonly topic: string;
  readonly name: string;
  /** The number of partitions that there are to be; 0 for a deletion. */
  readonly partitions: number;
  /** What a topic was created with, where that isn't Kafka's default: some rules depend on it. */
  readonly configs?: Readonly<Record<string, string>>;
  readonly outcome: "acknowledged" | "refused" | "unknown";
}

/** Metadata of all topics. */
export interface TopicsSeenEvent extends Exchange {
  readonly type: "topics-seen";
  readonly topics: readonly { readonly topic: string; readonly name: string; readonly partitions: number }[];
}

/** From now on nothing fails and nothing is slow: what must come at last must come now. */
export interface QuietEvent {
  readonly type: "quiet";
  readonly atMs: number;
}

/** What is wrong with a history, and under which rule of `docs/promises.md`. */
export interface Anomaly {
  readonly rule: Rule;
  readonly message: string;
}

export const RULES = [
  "lost",
  "duplicated",
  "reordered",
  "torn",
  "phantom",
  "diverged",
  "uncommitted-read",
  "went-back",
  "deleted-came-back",
  "log-start-moved",
  "vanished",
  "stale-value",
  "misplaced",
  "commit-lost",
  "commit-fenced",
  "two-owners",
  "generation-reused",
  "skipped",
  "producer-id-reused",
  "sequence-refused",
  "topic-lost",
  "late",
  "unread",
  "aborted-read",
  "torn-transaction",
  "copied-twice",
  "not-copied",
  "acquired-twice",
  "redelivered",
  "delivery-count",
  "undelivered",
] as const;
export type Rule = (typeof RULES)[number];

export interface CheckOptions {
  /**
   * Old instances may answer reads from memory for a while (a broker that was started twice, an old leader): then what a read misses is
   * held against it only in the quiet time.
   */
  readonly staleReads?: boolean;
  /** The history ends with a whole read of every partition: an acknowledged record that nobody read is an anomaly. */
  readonly isComplete?: boolean;
  /** After this long an answer to a parked fetch is late, in the quiet time. 0 = never. */
  readonly lateMs?: number;
  /** The clocks went on so far that empty groups which had committed nothing may have been forgotten. */
  readonly forgetsGroups?: boolean;
  /** How long a member of a share group holds what it gets; 0 = clocks jump, and nobody can tell. */
  readonly recordLockMs?: number;
  /** Only DeleteRecords moves the start of a log. */
  readonly noRetention?: boolean;
  /** How far brokers' clocks may be from that of this history: then topics whose configs are known expire as those say. */
  readonly clockSkewMs?: number;
}

/** The key of a partition in maps. */
export function keyOf({ topic, partition }: PartitionOf): string {
  return `${topic}/${partition}`;
}
