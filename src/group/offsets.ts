import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { CoordinatorRecord, TransactionalProducer } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { Group, GroupProtocol, PartitionAdmission } from "./group.ts";
import { OFFSET_OVERHEAD_BYTES, OFFSET_TOPIC_OVERHEAD_BYTES } from "./limits.ts";
import { OffsetBudget } from "./offset-budget.ts";
import { PendingOffsets } from "./pending-offsets.ts";
import { type OffsetPosition, offsetRecord, offsetTombstone } from "./stored.ts";
import type { Turn } from "./turn.ts";

/** What a group has committed for one partition. */
export interface CommittedOffset {
  readonly offset: number;
  /** -1 = the client didn't say. */
  readonly leaderEpoch: number;
  readonly metadata: string;
  readonly commitTimestampMs: number;
  /** Only from clients that asked for a retention of their own; all others follow `offsets.retention.minutes`. */
  readonly expireTimestampMs: number | null;
  /** Zero when the commit named the topic only by its name and the cluster didn't know its id. */
  readonly topicId: Uuid;
}

export interface OffsetToCommit {
  readonly partitionIndex: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string | null;
}

export interface TopicToCommit {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partitions: readonly OffsetToCommit[];
}

export interface PartitionOutcome {
  readonly partitionIndex: number;
  readonly errorCode: ErrorCode;
}

/** Outcomes in the order of what was asked. */
export type CommitOutcome = readonly (readonly PartitionOutcome[])[];

export interface TopicToFetch {
  readonly topic: string;
  /** Zero = whatever topic has this name. An offset that was committed for another topic id counts as none. */
  readonly topicId: Uuid;
  readonly partitionIndexes: readonly number[];
}

/** The topics that the cluster has now. */
export interface TopicDirectory {
  topicName(topicId: Uuid): string | undefined;
  topicId(topicName: string): Uuid | undefined;
}

export interface FetchedOffset {
  /** UNSTABLE_OFFSET_COMMIT while a transaction is open, if that was asked. */
  readonly errorCode: ErrorCode;
  readonly partitionIndex: number;
  readonly offset: number;
  readonly leaderEpoch: number;
  readonly metadata: string;
}

export interface FetchedTopic {
  readonly topic: string;
  readonly topicId: Uuid;
  readonly partitions: readonly FetchedOffset[];
}

const NO_OFFSET = { errorCode: ErrorCode.NONE, offset: -1, leaderEpoch: -1, metadata: "" };

type ByPartition = Map<number, CommittedOffset>;
type ByTopic = Map<string, ByPartition>;

/**
 * All offsets committed by the groups of one coordinator. It changes only by `apply`, `applyPending` and `endTransaction`, which is what
 * replayed records and markers do.
 */
export class CommittedOffsets {
  private readonly byGroup = new Map<string, ByTopic>();
  private readonly budget: OffsetBudget;
  /** What transactions that are still open have committed. */
  private readonly pending = new PendingOffsets();
  private count = 0;
  private heldBytes = 0;

  constructor(budget = new OffsetBudget()) {
    this.budget = budget;
  }

  /** How many offsets there are. */
  get size(): number {
    return this.count;
  }

  get(position: OffsetPosition): CommittedOffset | undefined {
    return this.byGroup.get(position.groupId)?.get(position.topic)?.get(position.partitionIndex);
  }

  /** Whether the budget has room for what the offset would hold beyond what it takes the place of. */
  hasRoomFor(position: OffsetPosition, committed: CommittedOffset): boolean {
    const addedBytes = this.addedBytes(position, committed);
    return addedBytes <= 0 || this.budget.hasRoomFor(addedBytes);
  }

  /** Gives back what the offsets hold of the budget. They aren't to be changed afterwards. */
  release(): void {
    this.hold(-this.heldBytes);
  }

  /** Null forgets the offset, and what open transactions have committed for the partition. */
  apply(position: OffsetPosition, committed: CommittedOffset | null): void {
    if (committed !== null) this.pending.supersede(position);
    else this.pending.forget(position, (one) => this.hold(-pendingBytes(position, one)));
    this.place(position, committed);
  }

  /** An offset that counts once the producer's transaction is committed. */
  applyPending(producerId: number, position: OffsetPosition, committed: CommittedOffset): void {
    const former = this.pending.get(producerId, position);
    if (former !== undefined) this.hold(-pendingBytes(position, former));
    this.hold(pendingBytes(position, committed));
    this.pending.add(producerId, position, committed);
  }

  endTransaction(producerId: number, isCommitted: boolean): void {
    const { all, counting } = this.pending.end(producerId);
    for (const { position, committed } of all) this.hold(-pendingBytes(position, committed));
    if (!isCommitted) return;
    for (const pending of counting) {
      this.pending.supersedeBefore(pending);
      this.place(pending.position, pending.committed);
    }
  }

  /** Whether the budget has room for an offset of a transaction. */
  hasRoomForPending(position: OffsetPosition, committed: CommittedOffset): boolean {
    return this.budget.hasRoomFor(pendingBytes(position, committed));
  }

  get hasOpenTransactions(): boolean {
    return this.pending.hasAny;
  }

  /** Whether the group has committed anything, in open transactions as well. */
  hasGroup(groupId: string): boolean {
    return this.byGroup.has(groupId) || this.pending.hasGroup(groupId);
  }

  isOpen(position: OffsetPosition): boolean {
    return this.pending.isOpen(position);
  }

  has(position: OffsetPosition): boolean {
    return this.get(position) !== undefined || this.pending.isOpen(position);
  }

  private place(position: OffsetPosition, committed: CommittedOffset | null): void {
    this.hold(this.addedBytes(position, committed));
    const { groupId, topic, partitionIndex } = position;
    const topics = this.byGroup.get(groupId) ?? new Map<string, ByPartition>();
    const partitions = topics.get(topic) ?? new Map<number, CommittedOffset>();
    const sizeBefore = partitions.size;
    if (committed === null) partitions.delete(partitionIndex);
    else partitions.set(partitionIndex, committed);
    this.count += partitions.size - sizeBefore;
    if (partitions.size === 0) topics.delete(topic);
    else topics.set(topic, partitions);
    if (topics.size === 0) this.byGroup.delete(groupId);
    else this.byGroup.set(groupId, topics);
  }

  /** How much more (or, below zero, less) is held when this takes the place of what is there. */
  private addedBytes(position: OffsetPosition, committed: CommittedOffset | null): number {
    const partitions = this.byGroup.get(position.groupId)?.get(position.topic);
    const former = partitions?.get(position.partitionIndex);
    const bytes = bytesOf(committed) - bytesOf(former ?? null);
    const otherCount = (partitions?.size ?? 0) - (former === undefined ? 0 : 1);
    // The first offset of a topic brings the names, the last one takes them away.
    if (otherCount > 0 || (former === undefined) === (committed === null)) return bytes;
    return committed === null ? bytes - topicBytes(position) : bytes + topicBytes(position);
  }

  private hold(addedBytes: number): void {
    this.heldBytes += addedBytes;
    this.budget.heldBytes += addedBytes;
  }

  /**
   * Everything, as it is when it is asked for. Offsets may change between two steps: one that hasn't been touched since the first step comes
   * exactly once, since a map keeps the place of a key whose value changes.
   */
  *all(): Generator<[OffsetPosition, CommittedOffset], undefined> {
    for (const groupId of this.byGroup.keys()) yield* this.ofGroup(groupId);
  }

  /** Also the partitions for which only open transactions have committed offsets; some of these may come more than once. */
  *allAndPending(): Generator<[OffsetPosition, CommittedOffset], undefined> {
    yield* this.all();
    for (const entry of this.pending.positions()) if (this.get(entry[0]) === undefined) yield entry;
  }

  /** The partitions for which the group has committed anything, in open transactions as well; each once. */
  positionsOf(groupId: string): OffsetPosition[] {
    const positions = [...this.ofGroup(groupId)].map(([position]) => position);
    for (const position of this.pending.positionsOf(groupId)) {
      if (this.get(position) === undefined) positions.push(position);
    }
    return positions;
  }

  *ofGroup(groupId: string): Generator<[OffsetPosition, CommittedOffset], undefined> {
    for (const [topic, partitions] of this.byGroup.get(groupId) ?? []) {
      for (const [partitionIndex, committed] of partitions) yield [{ groupId, topic, partitionIndex }, committed];
    }
  }

  /** With `requireStable`, a partition for which a transaction is open gets UNSTABLE_OFFSET_COMMIT. */
  fetch(groupId: string, topics: readonly TopicToFetch[], requireStable = false): FetchedTopic[] {
    const known = this.byGroup.get(groupId);
    const isUnstable = this.instability(groupId, requireStable);
    return topics.map(({ topic, topicId, partitionIndexes }) => {
      const partitions = known?.get(topic);
      return {
        topic,
        topicId,
        partitions: partitionIndexes.map((index) =>
          isUnstable(topic, index) ? unstable(index) : fetched(index, partitions?.get(index), topicId),
        ),
      };
    });
  }

  /**
   * By topic and partition, so that the answer doesn't depend on the order of the commits. What was committed for another topic of the same
   * name isn't there.
   */
  fetchAll(groupId: string, directory: TopicDirectory, requireStable = false): FetchedTopic[] {
    const isUnstable = this.instability(groupId, requireStable);
    const topics = [...(this.byGroup.get(groupId) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
    return topics
      .map(([topic, committedOnes]) => {
        const topicId = directory.topicId(topic) ?? ZERO_UUID;
        const own = [...committedOnes].filter(([, committed]) => !isOfAnotherTopic(committed, topicId));
        own.sort(([one], [other]) => one - other);
        const partitions = own.map(([index, committed]) =>
          isUnstable(topic, index) ? unstable(index) : fetched(index, committed, topicId),
        );
        return { topic, topicId, partitions };
      })
      .filter(({ partitions }) => partitions.length > 0);
  }

  private instability(groupId: string, requireStable: boolean): (topic: string, partitionIndex: number) => boolean {
    if (!requireStable || !this.pending.hasGroup(groupId)) return () => false;
    return (topic, partitionIndex) => this.pending.isOpen({ groupId, topic, partitionIndex });
  }
}

function pendingBytes(position: OffsetPosition, committed: CommittedOffset): number {
  return bytesOf(committed) + topicBytes(position);
}

/** A string may take two bytes per UTF-16 unit. */
function bytesOf(committed: CommittedOffset | null): number {
  return committed === null ? 0 : OFFSET_OVERHEAD_BYTES + 2 * committed.metadata.length;
}

function topicBytes({ groupId, topic }: OffsetPosition): number {
  return OFFSET_TOPIC_OVERHEAD_BYTES + 2 * (groupId.length + topic.length);
}

function fetched(partitionIndex: number, committed: CommittedOffset | undefined, topicId: Uuid): FetchedOffset {
  if (committed === undefined || isOfAnotherTopic(committed, topicId)) return { partitionIndex, ...NO_OFFSET };
  const { offset, leaderEpoch, metadata } = committed;
  return { errorCode: ErrorCode.NONE, partitionIndex, offset, leaderEpoch, metadata };
}

function unstable(partitionIndex: number): FetchedOffset {
  return { ...NO_OFFSET, partitionIndex, errorCode: ErrorCode.UNSTABLE_OFFSET_COMMIT };
}

function isOfAnotherTopic(committed: CommittedOffset, topicId: Uuid): boolean {
  return committed.topicId !== ZERO_UUID && topicId !== ZERO_UUID && committed.topicId !== topicId;
}

export interface CommitCommand {
  readonly groupId: string;
  readonly topics: readonly TopicToCommit[];
  /** -1 = as long as the broker keeps offsets. */
  readonly retentionTimeMs: number;
  /** Whose transaction it is part of, if it is. */
  readonly producer?: TransactionalProducer;
}

/**
 * The group has already agreed to the commit as a whole; `admits` decides for each partition, and one that it refuses takes the whole commit
 * with it, as in Kafka. What is left to object to is the size of a partition's metadata, and that the broker holds too much for one more:
 * both leave what was committed for the partition before. With a producer the offsets count once its transaction is committed.
 */
export function commitOffsets(
  offsets: CommittedOffsets,
  command: CommitCommand,
  admits: PartitionAdmission | null,
  turn: Turn,
): CommitOutcome | ErrorCode {
  const { groupId, retentionTimeMs, producer } = command;
  const { nowMs, config } = turn;
  const isTooLong = (metadata: string | null) => metadata !== null && metadata.length > config.offsetMetadataMaxBytes;
  for (const { topic, topicId, partitions } of admits === null ? [] : command.topics) {
    for (const { partitionIndex, metadata } of partitions) {
      const errorCode = isTooLong(metadata) ? ErrorCode.NONE : admits?.(topicId, topic, partitionIndex);
      if (errorCode !== undefined && errorCode !== ErrorCode.NONE) return errorCode;
    }
  }
  const expireTimestampMs = retentionTimeMs === -1 ? null : nowMs + retentionTimeMs;
  turn.producer = producer;
  return command.topics.map(({ topic, topicId, partitions }) =>
    partitions.map(({ partitionIndex, offset, leaderEpoch, metadata }) => {
      if (isTooLong(metadata)) return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE };
      const position = { groupId, topic, partitionIndex };
      const whenMs = { commitTimestampMs: nowMs, expireTimestampMs };
      const committed = { offset, leaderEpoch, metadata: metadata ?? "", ...whenMs, topicId };
      const hasRoom =
        producer === undefined
          ? offsets.hasRoomFor(position, committed)
          : offsets.hasRoomForPending(position, committed);
      if (!hasRoom) return { partitionIndex, errorCode: ErrorCode.POLICY_VIOLATION };
      turn.records.push(offsetRecord(position, committed));
      if (producer === undefined) offsets.apply(position, committed);
      else offsets.applyPending(producer.producerId, position, committed);
      return { partitionIndex, errorCode: ErrorCode.NONE };
    }),
  );
}

/**
 * The offsets of topics that the cluster doesn't have: by the id that they were committed for, and by name where none was known. A topic that
 * was created anew under the name of a deleted one keeps its own.
 */
export function offsetsOfDeletedTopics(offsets: CommittedOffsets, directory: TopicDirectory): OffsetPosition[] {
  const gone: OffsetPosition[] = [];
  for (const [position, { topicId }] of offsets.allAndPending()) {
    const isThere =
      topicId === ZERO_UUID
        ? directory.topicId(position.topic) !== undefined
        : directory.topicName(topicId) !== undefined;
    if (!isThere) gone.push(position);
  }
  return gone;
}

/** Tombstones for these offsets; they are forgotten at once. */
export function forgetOffsets(offsets: CommittedOffsets, positions: readonly OffsetPosition[]): CoordinatorRecord[] {
  for (const position of positions) offsets.apply(position, null);
  return positions.map(offsetTombstone);
}

/** The offsets of a group whose time is over (KIP-211). `protocol` is the group's own. */
export function expiredOffsets(
  offsets: CommittedOffsets,
  group: Group,
  protocol: GroupProtocol,
  turn: Turn,
): OffsetPosition[] {
  const expiry = protocol.offsetExpiry(group);
  if (expiry === null) return [];
  const expired: OffsetPosition[] = [];
  for (const [position, committed] of offsets.ofGroup(group.groupId)) {
    if (protocol.isSubscribedTo(group, position.topic) || offsets.isOpen(position)) continue;
    const sinceMs = expiry.sinceMs ?? committed.commitTimestampMs;
    const deadlineMs = committed.expireTimestampMs ?? sinceMs + turn.config.offsetsRetentionMs;
    if (turn.nowMs >= deadlineMs) expired.push(position);
  }
  return expired;
}
