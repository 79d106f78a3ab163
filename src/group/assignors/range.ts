import type { Uuid } from "#bytes/uuid.ts";
import {
  type Assignment,
  type AssignmentDraft,
  compareTexts,
  type GroupToAssign,
  type MemberToAssign,
} from "./assignor.ts";

interface Range {
  readonly partitionCount: number;
  subscribers: number;
  /** How many subscribers still get one partition more than the others; -1 = nobody has got any yet. */
  extras: number;
  next: number;
}

/**
 * `range` (KIP-848): the partitions of each topic are cut into one range per subscriber, the first ones a partition longer. Static members
 * come first, by their instance ids, then the others by their member ids, so that partition n of all topics goes to the same member where
 * subscriptions and partition counts are the same. What members had before doesn't matter, as in Kafka 4.4.
 */
export function assignRanges(group: GroupToAssign): ReadonlyMap<string, Assignment> {
  const members = [...group.members].sort(compareMembers);
  const ranges = new Map<Uuid, Range>();
  for (const { topicIds } of members) {
    for (const topicId of topicIds) {
      const range = ranges.get(topicId);
      if (range !== undefined) range.subscribers++;
      else ranges.set(topicId, { partitionCount: group.partitionCount(topicId), subscribers: 1, extras: -1, next: 0 });
    }
  }
  const assigned = new Map<string, Assignment>();
  for (const { memberId, topicIds } of members) {
    const draft: AssignmentDraft = new Map();
    for (const topicId of topicIds) {
      const range = ranges.get(topicId);
      if (range === undefined) continue;
      const partitions = takeRange(range);
      if (partitions.size > 0) draft.set(topicId, partitions);
    }
    assigned.set(memberId, draft);
  }
  return assigned;
}

function takeRange(range: Range): Set<number> {
  const { partitionCount, subscribers } = range;
  if (range.extras === -1) range.extras = partitionCount % subscribers;
  let length = Math.floor(partitionCount / subscribers);
  if (range.extras > 0) {
    length++;
    range.extras--;
  }
  const partitions = new Set<number>();
  const end = Math.min(range.next + length, partitionCount);
  while (range.next < end) partitions.add(range.next++);
  return partitions;
}

function compareMembers(one: MemberToAssign, other: MemberToAssign): number {
  const [first, second] = [one.groupInstanceId, other.groupInstanceId];
  if (first !== null && second !== null) return compareTexts(first, second);
  if (first !== null) return -1;
  if (second !== null) return 1;
  return compareTexts(one.memberId, other.memberId);
}
