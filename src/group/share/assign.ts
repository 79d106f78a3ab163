import type { Uuid } from "#bytes/uuid.ts";
import { type Assignment, type AssignmentDraft, addPartition } from "../assignors/assignor.ts";

/** A member as the assignor sees it. */
export interface ShareMemberToAssign {
  readonly memberId: string;
  /** Topics that are there. */
  readonly topicIds: ReadonlySet<Uuid>;
  /** What it was to have until now. */
  readonly owned: Assignment;
}

/** What may be assigned: partitions whose state is there. */
export type AssignablePartitions = ReadonlyMap<Uuid, ReadonlySet<number>>;

interface Place {
  readonly topicId: Uuid;
  readonly partitionIndex: number;
}

/**
 * Kafka's assignor `simple` for share groups: every partition has as many members as every other, one at least, and members have as many
 * partitions as each other; of what they have they keep what they can. Members with different subscriptions are treated topic by topic. The
 * answer doesn't depend on the order of the members.
 */
export function assignSimply(
  members: readonly ShareMemberToAssign[],
  assignable: AssignablePartitions,
): ReadonlyMap<string, Assignment> {
  const sorted = [...members].sort((one, other) => (one.memberId < other.memberId ? -1 : 1));
  const assignments = new Map<string, AssignmentDraft>(sorted.map(({ memberId }) => [memberId, new Map()]));
  const topicIds = [...new Set(sorted.flatMap((member) => [...member.topicIds]))].sort();
  if (isHomogeneous(sorted))
    shareOut(
      topicIds.flatMap((topicId) => placesOf(topicId, assignable)),
      sorted,
      assignments,
    );
  else {
    for (const topicId of topicIds) {
      const subscribers = sorted.filter((member) => member.topicIds.has(topicId));
      shareOut(placesOf(topicId, assignable), subscribers, assignments);
    }
  }
  return assignments;
}

function isHomogeneous(members: readonly ShareMemberToAssign[]): boolean {
  const [first] = members;
  return members.every(
    ({ topicIds }) =>
      topicIds.size === first.topicIds.size && [...topicIds].every((topicId) => first.topicIds.has(topicId)),
  );
}

function placesOf(topicId: Uuid, assignable: AssignablePartitions): Place[] {
  const partitions = [...(assignable.get(topicId) ?? [])].sort((one, other) => one - other);
  return partitions.map((partitionIndex) => ({ topicId, partitionIndex }));
}

function shareOut(
  places: readonly Place[],
  members: readonly ShareMemberToAssign[],
  assignments: ReadonlyMap<string, AssignmentDraft>,
): void {
  if (places.length === 0 || members.length === 0) return;
  /** So many members has each partition. */
  const sharing = Math.ceil(members.length / places.length);
  const wanted = wantedCounts(members.length, (sharing * places.length) / members.length);
  const holders = new Map(places.map((place) => [nameOf(place), new Set<number>()]));
  const counts = members.map((member, at) => keepOwned(member, wanted[at], sharing, { places, holders, at }));
  let next = 0;
  for (const place of places) {
    const own = holders.get(nameOf(place)) as Set<number>;
    // Each member once around: who has the partition, or has enough, is passed over.
    for (let tried = 0; own.size < sharing && tried < members.length; tried++) {
      const at = next;
      next = (next + 1) % members.length;
      if (counts[at] >= wanted[at] || own.has(at)) continue;
      own.add(at);
      counts[at] += 1;
    }
  }
  for (const place of places) {
    for (const at of holders.get(nameOf(place)) as Set<number>) {
      const draft = assignments.get(members[at].memberId) as AssignmentDraft;
      addPartition(draft, place.topicId, place.partitionIndex);
    }
  }
}

/** As many for each as for the others, give or take one. */
function wantedCounts(members: number, each: number): number[] {
  return Array.from({ length: members }, (_, at) => Math.ceil(each * (at + 1)) - Math.ceil(each * at));
}

interface Sharing {
  readonly places: readonly Place[];
  readonly holders: ReadonlyMap<string, Set<number>>;
  readonly at: number;
}

/** How many partitions the member keeps of those that it has: no more than it should have, and none that has members enough. */
function keepOwned(
  member: ShareMemberToAssign,
  wanted: number,
  sharing: number,
  { places, holders, at }: Sharing,
): number {
  let kept = 0;
  for (const place of places) {
    if (kept >= wanted) break;
    const own = holders.get(nameOf(place)) as Set<number>;
    if (own.size >= sharing || !member.owned.get(place.topicId)?.has(place.partitionIndex)) continue;
    own.add(at);
    kept += 1;
  }
  return kept;
}

function nameOf({ topicId, partitionIndex }: Place): string {
  return `${partitionIndex}/${topicId}`;
}
