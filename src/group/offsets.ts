import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ClassicGroup } from "./classic/group.ts";
import { OFFSET_OVERHEAD_BYTES, OFFSET_TOPIC_OVERHEAD_BYTES } from "./limits.ts";
import { OffsetBudget } from "./offset-budget.ts";
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

const NO_OFFSET = { offset: -1, leaderEpoch: -1, metadata: "" };

type ByPartition = Map<number, CommittedOffset>;
type ByTopic = Map<string, ByPartition>;

/** All offsets committed by the groups of one coordinator. It changes only by `apply`, which is what a replayed record does. */
export class CommittedOffsets {
  private readonly byGroup = new Map<string, ByTopic>();
  private readonly budget: OffsetBudget;
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

  /** Null forgets the offset. */
  apply(position: OffsetPosition, committed: CommittedOffset | null): void {
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

  *ofGroup(groupId: string): Generator<[OffsetPosition, CommittedOffset], undefined> {
    for (const [topic, partitions] of this.byGroup.get(groupId) ?? []) {
      for (const [partitionIndex, committed] of partitions) yield [{ groupId, topic, partitionIndex }, committed];
    }
  }

  fetch(groupId: string, topics: readonly TopicToFetch[]): FetchedTopic[] {
    const known = this.byGroup.get(groupId);
    return topics.map(({ topic, topicId, partitionIndexes }) => {
      const partitions = known?.get(topic);
      return {
        topic,
        topicId,
        partitions: partitionIndexes.map((index) => fetched(index, partitions?.get(index), topicId)),
      };
    });
  }

  /**
   * By topic and partition, so that the answer doesn't depend on the order of the commits. What was committed for another topic of the same
   * name isn't there.
   */
  fetchAll(groupId: string, directory: TopicDirectory): FetchedTopic[] {
    const topics = [...(this.byGroup.get(groupId) ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
    return topics
      .map(([topic, partitions]) => {
        const topicId = directory.topicId(topic) ?? ZERO_UUID;
        const own = [...partitions].filter(([, committed]) => !isOfAnotherTopic(committed, topicId));
        own.sort(([one], [other]) => one - other);
        return { topic, topicId, partitions: own.map(([index, committed]) => fetched(index, committed, topicId)) };
      })
      .filter(({ partitions }) => partitions.length > 0);
  }
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
  return { partitionIndex, offset, leaderEpoch, metadata };
}

function isOfAnotherTopic(committed: CommittedOffset, topicId: Uuid): boolean {
  return committed.topicId !== ZERO_UUID && topicId !== ZERO_UUID && committed.topicId !== topicId;
}

export interface CommitCommand {
  readonly groupId: string;
  readonly topics: readonly TopicToCommit[];
  /** -1 = as long as the broker keeps offsets. */
  readonly retentionTimeMs: number;
}

/**
 * The group has already agreed to the commit; what is left to object to is the size of a partition's metadata, and that the broker holds too
 * much for one more: both leave what was committed for the partition before.
 */
export function commitOffsets(offsets: CommittedOffsets, command: CommitCommand, turn: Turn): CommitOutcome {
  const { groupId, retentionTimeMs } = command;
  const expireTimestampMs = retentionTimeMs === -1 ? null : turn.nowMs + retentionTimeMs;
  return command.topics.map(({ topic, topicId, partitions }) =>
    partitions.map(({ partitionIndex, offset, leaderEpoch, metadata }) => {
      if (metadata !== null && metadata.length > turn.config.offsetMetadataMaxBytes) {
        return { partitionIndex, errorCode: ErrorCode.OFFSET_METADATA_TOO_LARGE };
      }
      const position = { groupId, topic, partitionIndex };
      const committed = {
        offset,
        leaderEpoch,
        metadata: metadata ?? "",
        commitTimestampMs: turn.nowMs,
        expireTimestampMs,
        topicId,
      };
      if (!offsets.hasRoomFor(position, committed)) return { partitionIndex, errorCode: ErrorCode.POLICY_VIOLATION };
      turn.records.push(offsetRecord(position, committed));
      offsets.apply(position, committed);
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
  for (const [position, { topicId }] of offsets.all()) {
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

/**
 * The offsets of a group whose time is over (KIP-211): those of an empty group count from the moment when it became empty, those of a
 * standalone consumer from their commit, and in a live group of consumers only topics that nobody subscribes to any more expire. All other
 * live groups keep theirs.
 */
export function expiredOffsets(offsets: CommittedOffsets, group: ClassicGroup, turn: Turn): OffsetPosition[] {
  const isStandalone = group.protocolType === null;
  const isEmpty = group.state === "Empty";
  const isKnown = group.state === "Stable" && group.usesConsumerProtocol && group.subscribedTopics !== null;
  if (!isStandalone && !isEmpty && !isKnown) return [];

  const expired: OffsetPosition[] = [];
  for (const [position, committed] of offsets.ofGroup(group.groupId)) {
    if (isKnown && group.subscribedTopics?.has(position.topic)) continue;
    const isSinceEmpty = !isStandalone && isEmpty && group.stateTimestampMs !== -1;
    const sinceMs = isSinceEmpty ? group.stateTimestampMs : committed.commitTimestampMs;
    const deadlineMs = committed.expireTimestampMs ?? sinceMs + turn.config.offsetsRetentionMs;
    if (turn.nowMs >= deadlineMs) expired.push(position);
  }
  return expired;
}
