import type { Failure, Outcome } from "../outcome.ts";
import type { GroupMetadata, TopicPartition } from "../topic-partition.ts";

/** What the application is told about its partitions. All of it happens inside `poll` and `close`, which wait for what is returned. */
export interface RebalanceListener {
  /** New ones, beside those that it has. */
  onPartitionsAssigned?(partitions: readonly TopicPartition[]): unknown;
  /** They go to another member next: the last moment to commit them. */
  onPartitionsRevoked?(partitions: readonly TopicPartition[]): unknown;
  /** They may have another owner already; `onPartitionsRevoked` is called where this is missing. */
  onPartitionsLost?(partitions: readonly TopicPartition[]): unknown;
}

/** What a group protocol asks of the consumer that takes part. */
export interface RebalanceHost {
  owned(): readonly TopicPartition[];
  /** Topics that are subscribed to now, by name or because a pattern matches. */
  topics(): readonly string[];
  /** A pattern for the broker, in RE2's syntax; null without. */
  regex(): string | null;
  assign(added: readonly TopicPartition[]): Promise<void>;
  /** Commits if that is the consumer's to do, and tells the listener. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>;
  lose(partitions: readonly TopicPartition[]): Promise<void>;
}

/** One member's part in its group. */
export interface Membership {
  /**
   * Does what is due inside `poll`, at most until `deadlineMs` on the clock: callbacks, and waiting for an assignment that the consumer has
   * to have, until `isWoken` holds (`woken` says when to look). A failure is final.
   */
  poll(deadlineMs: number, isWoken: () => boolean): Promise<Outcome<void>>;
  woken(): void;
  /** `poll` has begun or ended: between two of them no more than `max.poll.interval.ms` may pass. */
  polling(isInside: boolean): void;
  /** The subscription is another one now. */
  subscriptionChanged(): void;
  metadata(): GroupMetadata;
  /**
   * Why this member can't commit: it has no place in the group, and what it holds may have another owner. Null when it can. REBALANCE_IN_PROGRESS:
   * it is joining; UNKNOWN_MEMBER_ID: it isn't.
   */
  refusal(): Failure | null;
  /**
   * A commit that was sent as this member was refused for this reason. True when the member will soon know better, and the commit may be
   * tried again. What is said of a generation or an epoch that is past says nothing about the one that is.
   */
  commitFailed(errorCode: number, sentAs: GroupMetadata): boolean;
  /** Leaves the group, once, unless a static member is to come back: then it only stays silent. */
  leave(): Promise<void>;
}
