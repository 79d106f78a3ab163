import type { TopicPartition } from "../../topic-partition.ts";

/** A member of a classic group as its leader sees it. */
export interface AssignorMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly topics: readonly string[];
  readonly userData: Uint8Array | null;
  /** What it holds while the group rebalances; nothing where it gave up all before. */
  readonly ownedPartitions: readonly TopicPartition[];
  /** In which it got them; -1 unknown. */
  readonly generationId: number;
}

/** Decides in the leader which member of a classic group reads what. */
export interface Assignor {
  /** As members must call it the same: the protocol's name in JoinGroup. */
  readonly name: string;
  /** May members keep what they hold during a rebalance (KIP-429)? */
  readonly isCooperative: boolean;
  /** What a member tells the leader beside its topics. */
  userData?(held: readonly TopicPartition[], generationId: number): Uint8Array | null;
  /** Of every member, in any order; topics without an entry in `partitionCounts` don't exist. */
  assign(
    members: readonly AssignorMember[],
    partitionCounts: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, readonly TopicPartition[]>;
}

/** Static members first, by their instance ids, then the others by their ids: the same order in every generation. */
export function inOrder(members: readonly AssignorMember[]): AssignorMember[] {
  return members.toSorted((one, other) => {
    if (one.groupInstanceId !== null && other.groupInstanceId !== null) {
      return compare(one.groupInstanceId, other.groupInstanceId);
    }
    if (one.groupInstanceId !== null || other.groupInstanceId !== null) return one.groupInstanceId === null ? 1 : -1;
    return compare(one.memberId, other.memberId);
  });
}

export function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

/** The partitions of the topics that some member wants, by topic and number. */
export function wantedPartitions(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
): TopicPartition[] {
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort(compare);
  return topics.flatMap((topic) =>
    Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
  );
}
