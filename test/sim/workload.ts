import type { Fault } from "./faults.ts";

/** Everything that one run does, as plain data made from a seed. */
export interface Workload {
  readonly seed: number;
  /** When faults and new records end and the quiet time begins. */
  readonly untilMs: number;
  readonly brokers: number;
  readonly topics: readonly TopicSpec[];
  readonly producers: readonly ProducerSpec[];
  readonly readers: readonly ReaderSpec[];
  readonly members: readonly MemberSpec[];
  readonly watchers: readonly WatcherSpec[];
  readonly copiers: readonly CopierSpec[];
  readonly consumers?: readonly ConsumerSpec[];
  readonly sharers?: readonly SharerSpec[];
  readonly surveyors?: readonly SurveyorSpec[];
  readonly writers?: readonly WriterSpec[];
  readonly admin: readonly AdminAction[];
  readonly faults: readonly Fault[];
}

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  /** Topic configs; none are the defaults. */
  readonly configs?: Readonly<Record<string, string>>;
}

export interface ProducerSpec {
  readonly name: string;
  readonly topics: readonly string[];
  readonly acks: -1 | 0 | 1;
  readonly idempotent: boolean;
  readonly maxInFlight: number;
  readonly version: number;
  readonly codec: 0 | 1 | 2 | 3 | 4;
  readonly meanGapMs: number;
  readonly maxRecords: number;
  readonly valueBytes: number;
  readonly startMs: number;
  readonly deliveryTimeoutMs: number;
  readonly requestTimeoutMs: number;
  /** How often it sends to a broker that doesn't lead the partition, as with metadata that are out of date. */
  readonly strayShare: number;
  /** After a batch was given up it goes on with its producer id and the next epoch (KIP-360), not with a new id. */
  readonly bumpsEpoch?: boolean;
  /** Its records have keys: of so many different ones. */
  readonly keys?: number;
  /** So many of them delete their key. */
  readonly tombstoneShare?: number;
  /** Its records are older the later they are sent: a past is written from its end. */
  readonly goesBack?: boolean;
}

export interface FetchSpec {
  readonly version: number;
  readonly hasSessions: boolean;
  readonly maxWaitMs: number;
  /** What the application takes for the records of one answer. */
  readonly pollGapMs: number;
  readonly maxBytes: number;
  readonly partitionMaxBytes: number;
  /** isolation.level=read_committed */
  readonly isCommittedOnly: boolean;
}

export interface ReaderSpec {
  readonly name: string;
  readonly topics: readonly string[];
  readonly fetch: FetchSpec;
  readonly startMs: number;
}

/** Asks for the committed offsets of a group again and again, as a dashboard does. */
export interface WatcherSpec {
  readonly name: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly gapMs: number;
  /** Waits for transactions that are being ended. */
  readonly isStable?: boolean;
}

/** How a member ends, and when it comes back (-1: never). */
export interface MemberEnd {
  readonly atMs: number;
  readonly how: "leave" | "die" | "vanish";
  readonly returnAfterMs: number;
}

export interface MemberSpec {
  readonly name: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly instanceId: string | null;
  readonly joinVersion: number;
  readonly commitVersion: number;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  /** How often it takes seconds between joining and syncing. */
  readonly slowShare: number;
  readonly heartbeatMs: number;
  readonly commitEveryMs: number;
  readonly fetch: FetchSpec;
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

/** A member of a consumer group of KIP-848. */
export interface ConsumerSpec {
  readonly name: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly instanceId: string | null;
  readonly assignor: "uniform" | "range" | null;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
  readonly commitEveryMs: number;
  /** How often it takes seconds to give back what it is told to. */
  readonly slowShare: number;
  /** From then on it subscribes to one of its topics only. */
  readonly narrowsAtMs: number;
  readonly fetch: FetchSpec;
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

/** A member of a share group. */
export interface SharerSpec {
  readonly name: string;
  readonly group: string;
  readonly topics: readonly string[];
  readonly version: 1 | 2;
  readonly maxRecords: number;
  readonly heartbeatMs: number;
  readonly pollGapMs: number;
  /** How long it holds what it gets, and how often so long that it loses it. */
  readonly holdMs: number;
  readonly slowShare: number;
  readonly releaseShare: number;
  readonly rejectShare: number;
  /** It acknowledges with the next fetch, not by itself. */
  readonly isImplicit: boolean;
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

/** How a copier is a member of a group. */
export interface SeatSpec {
  readonly protocol: "classic" | "consumer";
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
}

/** Reads topics and writes what it has read to another one, in transactions that also hold how far it has read. */
export interface CopierSpec {
  readonly name: string;
  /** Two copiers with one id fence each other. */
  readonly transactionalId: string;
  readonly group: string;
  readonly from: readonly string[];
  readonly to: string;
  /** Transactions V2 (KIP-890): no AddPartitionsToTxn, and an epoch for each transaction. */
  readonly isV2: boolean;
  readonly maxRecords: number;
  readonly pollGapMs: number;
  /** How often it aborts, and how often it thinks for seconds before it ends a transaction. */
  readonly abortShare: number;
  readonly slowShare: number;
  /** How often a batch is held up under way so long that its transaction has been aborted when it arrives. */
  readonly lateShare?: number;
  /** Nobody takes its id in the end: what it leaves open is for the coordinator to abort. */
  readonly isAbandoned?: boolean;
  /**
   * It shares its topics out with others of its group, and its commits name its generation and member id (KIP-447). Each life has a
   * transactional id of its own, so that nothing but the group fences it.
   */
  readonly seat?: SeatSpec;
  readonly transactionTimeoutMs: number;
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

/** Asks a topic's partitions for all the offsets that ListOffsets has a name for, again and again. */
export interface SurveyorSpec {
  readonly name: string;
  readonly topics: readonly string[];
  readonly gapMs: number;
}

/** Writes records with keys in transactions, some of which it aborts or leaves open. */
export interface WriterSpec {
  readonly name: string;
  readonly transactionalId: string;
  readonly to: string;
  readonly isV2: boolean;
  readonly keys: number;
  readonly tombstoneShare: number;
  readonly maxRecords: number;
  readonly gapMs: number;
  readonly abortShare: number;
  readonly slowShare: number;
  readonly transactionTimeoutMs: number;
  readonly startMs: number;
}

export type AdminAction =
  | {
      readonly action: "create";
      readonly atMs: number;
      readonly topic: string;
      readonly partitions: number;
      readonly configs?: Readonly<Record<string, string>>;
    }
  | { readonly action: "delete"; readonly atMs: number; readonly topic: string }
  | { readonly action: "grow"; readonly atMs: number; readonly topic: string; readonly partitions: number }
  | {
      readonly action: "delete-records";
      readonly atMs: number;
      readonly topic: string;
      readonly partition: number;
      readonly share: number;
    };
