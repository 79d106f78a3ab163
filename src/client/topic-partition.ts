/** Names of things that producer, consumer and admin have in common. */

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** Where a group goes on in one partition. */
export interface OffsetAndMetadata extends TopicPartition {
  /** The next offset to be read. */
  readonly offset: number;
  /** The leader epoch of the record before it; null or missing: unknown. */
  readonly leaderEpoch?: number | null;
  /** The application's own words; empty without. */
  readonly metadata?: string | null;
}

/** Who commits offsets. A group's member proves that it still is one; without the rest only an empty group takes the offsets. */
export interface GroupMetadata {
  readonly groupId: string;
  /** The generation of a classic group, the member epoch of a consumer group. */
  readonly generationIdOrMemberEpoch?: number;
  readonly memberId?: string;
  readonly groupInstanceId?: string | null;
}

/** Is it the same member, in the same generation or epoch? */
export function isSameMember(one: GroupMetadata, other: GroupMetadata): boolean {
  return one.memberId === other.memberId && one.generationIdOrMemberEpoch === other.generationIdOrMemberEpoch;
}

/** Can it be an offset? */
export function isOffset(offset: number): boolean {
  return Number.isSafeInteger(offset) && offset >= 0;
}

/** A topic's name has no slash, so that this is one-to-one. */
export function partitionKey({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`;
}
