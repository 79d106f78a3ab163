import { partitionKey, type TopicPartition } from "../../topic-partition.ts";
import { type AssignorMember, inOrder, wantedPartitions } from "./assignor.ts";

/** What members hold, each partition with one owner. */
export type Ownership = ReadonlyMap<string, string>;

/** A claim on a partition, and how old it is. */
export interface Claim extends TopicPartition {
  readonly memberId: string;
  readonly generationId: number;
}

/** Who held what: the youngest claim counts; of two that are equally young, none. Keys are `partitionKey`s. */
export function settleClaims(claims: readonly Claim[]): Ownership {
  const youngest = new Map<string, Claim | null>();
  const generations = new Map<string, number>();
  for (const claim of claims) {
    const key = partitionKey(claim);
    const known = generations.get(key) ?? Number.NEGATIVE_INFINITY;
    if (claim.generationId < known) continue;
    youngest.set(key, claim.generationId > known ? claim : null);
    generations.set(key, claim.generationId);
  }
  return new Map([...youngest].flatMap(([key, claim]) => (claim === null ? [] : [[key, claim.memberId] as const])));
}

/**
 * Shares the partitions evenly among the members that want their topics, and leaves with its owner whatever can stay: first what was
 * held, then each free partition to the member with the least, then from those with too many to those with too few until no move of a
 * partition makes two members more alike.
 */
export function balance(
  members: readonly AssignorMember[],
  partitionCounts: ReadonlyMap<string, number>,
  ownership: Ownership,
): Map<string, TopicPartition[]> {
  const ordered = inOrder(members);
  const topicsOf = new Map(ordered.map(({ memberId, topics }) => [memberId, new Set(topics)]));
  const loads = new Map(ordered.map(({ memberId }) => [memberId, 0]));
  const owners = new Map<string, string>();
  const partitions = wantedPartitions(members, partitionCounts);
  const candidates = new Map<string, string[]>();
  for (const { topic } of partitions) {
    if (!candidates.has(topic)) {
      candidates.set(
        topic,
        ordered.filter(({ memberId }) => topicsOf.get(memberId)?.has(topic)).map(({ memberId }) => memberId),
      );
    }
  }
  const give = (partition: TopicPartition, memberId: string): void => {
    const before = owners.get(partitionKey(partition));
    if (before !== undefined) loads.set(before, load(before) - 1);
    owners.set(partitionKey(partition), memberId);
    loads.set(memberId, load(memberId) + 1);
  };
  const load = (memberId: string): number => loads.get(memberId) ?? 0;
  const lightest = (topic: string): string => {
    const [first, ...others] = candidates.get(topic) ?? [];
    return others.reduce((least, memberId) => (load(memberId) < load(least) ? memberId : least), first);
  };
  for (const partition of partitions) {
    const owner = ownership.get(partitionKey(partition));
    if (owner !== undefined && topicsOf.get(owner)?.has(partition.topic)) give(partition, owner);
  }
  for (const partition of partitions)
    if (!owners.has(partitionKey(partition))) give(partition, lightest(partition.topic));
  // Each move brings two loads closer together, so that the moves come to an end.
  for (let isMoved = true; isMoved; ) {
    isMoved = false;
    // From the end: what a member got first stays the longest.
    for (const partition of partitions.toReversed()) {
      const owner = owners.get(partitionKey(partition)) as string;
      const taker = lightest(partition.topic);
      if (load(owner) - load(taker) < 2) continue;
      give(partition, taker);
      isMoved = true;
    }
  }
  const assigned = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]));
  for (const partition of partitions) assigned.get(owners.get(partitionKey(partition)) as string)?.push(partition);
  return assigned;
}
