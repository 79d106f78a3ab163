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
  readonly transactionTimeoutMs: number;
  readonly startMs: number;
  readonly ends: readonly MemberEnd[];
}

export type AdminAction =
  | { readonly action: "create"; readonly atMs: number; readonly topic: string; readonly partitions: number }
  | { readonly action: "delete"; readonly atMs: number; readonly topic: string }
  | { readonly action: "grow"; readonly atMs: number; readonly topic: string; readonly partitions: number }
  | {
      readonly action: "delete-records";
      readonly atMs: number;
      readonly topic: string;
      readonly partition: number;
      readonly share: number;
    };
