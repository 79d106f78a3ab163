import type { Uuid } from "#bytes/uuid.ts";

/** Partitions by topic. */
export type Assignment = ReadonlyMap<Uuid, ReadonlySet<number>>;

/** The same while it is built. */
export type AssignmentDraft = Map<Uuid, Set<number>>;

export interface MemberToAssign {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Topics that are there. */
  readonly topicIds: ReadonlySet<Uuid>;
  /** What it was to have until now. */
  readonly owned: Assignment;
}

/** What an assignor decides on. Only topics that have partitions are named. */
export interface GroupToAssign {
  readonly members: readonly MemberToAssign[];
  partitionCount(topicId: Uuid): number;
}

/**
 * Gives every partition of every subscribed topic to exactly one of its subscribers. The answer depends on nothing but what is asked, not on
 * the order of the members; members that get nothing have an empty assignment or none.
 */
export type Assignor = (group: GroupToAssign) => ReadonlyMap<string, Assignment>;

export function addPartition(draft: AssignmentDraft, topicId: Uuid, partitionIndex: number): void {
  const partitions = draft.get(topicId);
  if (partitions === undefined) draft.set(topicId, new Set([partitionIndex]));
  else partitions.add(partitionIndex);
}

export function isHomogeneous({ members }: GroupToAssign): boolean {
  const [first] = members;
  return members.every(({ topicIds }) => topicIds === first.topicIds || isSameSet(topicIds, first.topicIds));
}

function isSameSet(one: ReadonlySet<Uuid>, other: ReadonlySet<Uuid>): boolean {
  if (one.size !== other.size) return false;
  for (const topicId of one) if (!other.has(topicId)) return false;
  return true;
}

/** Two texts in the order of their UTF-16 units, as Java compares strings. */
export function compareTexts(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
