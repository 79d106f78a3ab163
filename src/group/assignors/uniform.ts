import type { Uuid } from "#bytes/uuid.ts";
import {
  type Assignment,
  type AssignmentDraft,
  addPartition,
  compareTexts,
  type GroupToAssign,
  isHomogeneous,
  type MemberToAssign,
} from "./assignor.ts";
import { assignHeterogeneous } from "./heterogeneous.ts";

/**
 * `uniform` (KIP-848): every member gets as many partitions as any other, give or take one, over all topics together, and keeps as much as
 * possible of what it had. Where members subscribe to different topics, as even as their subscriptions allow.
 */
export function assignUniformly(group: GroupToAssign): ReadonlyMap<string, Assignment> {
  if (group.members.length === 0) return new Map();
  return isHomogeneous(group) ? assignHomogeneous(group) : assignHeterogeneous(group);
}

interface Share {
  readonly memberId: string;
  readonly draft: AssignmentDraft;
  count: number;
  quota: number;
}

function assignHomogeneous(group: GroupToAssign): ReadonlyMap<string, Assignment> {
  const members = [...group.members].sort((one, other) => compareTexts(one.memberId, other.memberId));
  const topicIds = [...members[0].topicIds].sort(compareTexts);
  const total = topicIds.reduce((sum, topicId) => sum + group.partitionCount(topicId), 0);
  const quota = Math.floor(total / members.length);
  let extras = total % members.length;
  const taken = new Map(topicIds.map((topicId) => [topicId, new Set<number>()]));
  const shares = members.map((member) => shareOf(member, topicIds, quota));
  // Who would have to give a partition away gets the extra one first.
  for (const needsMore of [true, false]) {
    for (const [index, share] of shares.entries()) {
      const hasMore = ownedCount(members[index], taken) > quota;
      if (extras === 0 || hasMore !== needsMore) continue;
      share.quota++;
      extras--;
    }
  }
  for (const [index, share] of shares.entries()) keepOwned(share, members[index].owned, { group, taken });
  let next = 0;
  for (const topicId of topicIds) {
    for (let partitionIndex = 0; partitionIndex < group.partitionCount(topicId); partitionIndex++) {
      if (taken.get(topicId)?.has(partitionIndex)) continue;
      while (shares[next].count >= shares[next].quota) next++;
      addPartition(shares[next].draft, topicId, partitionIndex);
      shares[next].count++;
    }
  }
  return new Map(shares.map(({ memberId, draft }) => [memberId, draft]));
}

function shareOf({ memberId }: MemberToAssign, topicIds: readonly Uuid[], quota: number): Share {
  return { memberId, draft: new Map(topicIds.map((topicId) => [topicId, new Set<number>()])), count: 0, quota };
}

function ownedCount({ owned }: MemberToAssign, topics: ReadonlyMap<Uuid, unknown>): number {
  let count = 0;
  for (const [topicId, partitions] of owned) if (topics.has(topicId)) count += partitions.size;
  return count;
}

/** The member keeps what it had of the topics that are there, up to its quota. */
function keepOwned(
  share: Share,
  owned: Assignment,
  world: { readonly group: GroupToAssign; readonly taken: ReadonlyMap<Uuid, Set<number>> },
): void {
  for (const [topicId, taken] of world.taken) {
    const count = world.group.partitionCount(topicId);
    for (const partitionIndex of [...(owned.get(topicId) ?? [])].sort((one, other) => one - other)) {
      if (share.count >= share.quota) return;
      if (partitionIndex >= count || taken.has(partitionIndex)) continue;
      taken.add(partitionIndex);
      addPartition(share.draft, topicId, partitionIndex);
      share.count++;
    }
  }
}
