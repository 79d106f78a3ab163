import type { Uuid } from "#bytes/uuid.ts";
import { type Assignment, type AssignmentDraft, addPartition, compareTexts, type GroupToAssign } from "./assignor.ts";

/** How often all topics are balanced over and over: a topic that is moved can put another one out of balance. */
const MAX_ROUNDS = 16;

interface Loaded {
  readonly memberId: string;
  readonly draft: AssignmentDraft;
  /** Partitions of all topics. */
  load: number;
}

interface Topic {
  readonly topicId: Uuid;
  readonly subscribers: Loaded[];
  /** By partition. */
  readonly owners: (Loaded | null)[];
}

/** `uniform` where members subscribe to different topics: keep what may be kept, give the rest to who has least, then even out. */
export function assignHeterogeneous(group: GroupToAssign): ReadonlyMap<string, Assignment> {
  const members = [...group.members].sort((one, other) => compareTexts(one.memberId, other.memberId));
  const loaded = members.map(({ memberId }): Loaded => ({ memberId, draft: new Map(), load: 0 }));
  const topics = new Map<Uuid, Topic>();
  for (const [index, { topicIds, owned }] of members.entries()) {
    const member = loaded[index];
    for (const topicId of topicIds) {
      const topic = topics.get(topicId) ?? newTopic(topicId, group.partitionCount(topicId));
      topics.set(topicId, topic);
      topic.subscribers.push(member);
      for (const partitionIndex of owned.get(topicId) ?? []) {
        if (partitionIndex < topic.owners.length && topic.owners[partitionIndex] === null)
          give(topic, partitionIndex, member);
      }
    }
  }
  const sorted = [...topics.values()].sort(compareTopics);
  for (const topic of sorted) assignRest(topic);
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let moved = 0;
    for (const topic of sorted) moved += balance(topic);
    if (moved === 0) break;
  }
  return new Map(loaded.map(({ memberId, draft }) => [memberId, draft]));
}

function newTopic(topicId: Uuid, partitionCount: number): Topic {
  return { topicId, subscribers: [], owners: Array<Loaded | null>(partitionCount).fill(null) };
}

/** Topics with many partitions for each subscriber come first; those with few subscribers leave little to choose. */
function compareTopics(one: Topic, other: Topic): number {
  const byRatio = other.owners.length / other.subscribers.length - one.owners.length / one.subscribers.length;
  const bySubscribers = one.subscribers.length - other.subscribers.length;
  return byRatio || bySubscribers || compareTexts(one.topicId, other.topicId);
}

function give(topic: Topic, partitionIndex: number, member: Loaded): void {
  const { topicId, owners } = topic;
  const former = owners[partitionIndex];
  if (former !== null) {
    former.draft.get(topicId)?.delete(partitionIndex);
    former.load--;
  }
  owners[partitionIndex] = member;
  addPartition(member.draft, topicId, partitionIndex);
  member.load++;
}

function assignRest(topic: Topic): void {
  const free = [...topic.owners.keys()].filter((partitionIndex) => topic.owners[partitionIndex] === null);
  if (free.length === 0) return;
  const byLoad = new LoadQueue(topic.subscribers);
  for (const partitionIndex of free) {
    const member = byLoad.least();
    give(topic, partitionIndex, member);
    byLoad.advance();
  }
}

/** Moves partitions of the topic from who has most to who has least, while that makes them more even. How many were moved. */
function balance(topic: Topic): number {
  const byLoad = new LoadQueue(topic.subscribers);
  const ownedBy = new Map<Loaded, number[]>();
  for (const [partitionIndex, owner] of topic.owners.entries()) {
    if (owner === null) continue;
    const owned = ownedBy.get(owner);
    if (owned === undefined) ownedBy.set(owner, [partitionIndex]);
    else owned.push(partitionIndex);
  }
  const givers = [...ownedBy.keys()].sort((one, other) => other.load - one.load);
  let moved = 0;
  for (const giver of givers) {
    const owned = ownedBy.get(giver) ?? [];
    while (owned.length > 0) {
      const taker = byLoad.least();
      if (giver.load - taker.load <= 1) break;
      const partitionIndex = owned.pop();
      if (partitionIndex === undefined) break;
      give(topic, partitionIndex, taker);
      byLoad.advance();
      moved++;
    }
  }
  return moved;
}

/**
 * Members by their load. Loads only grow by one at a time here for those that are asked of it, or shrink for members that give away; the
 * latter are never below the least one, since nobody gives to who has more.
 */
class LoadQueue {
  private readonly sorted: Loaded[];
  private level: number;
  private at = 0;

  constructor(members: readonly Loaded[]) {
    this.sorted = [...members].sort((one, other) => one.load - other.load);
    this.level = this.sorted[0].load;
  }

  /** A member with the least load; the first such by its place. */
  least(): Loaded {
    for (;;) {
      for (; this.at < this.sorted.length; this.at++) {
        const member = this.sorted[this.at];
        if (member.load <= this.level) return member;
      }
      this.at = 0;
      this.level++;
    }
  }

  /** The least one has got something. */
  advance(): void {
    this.at++;
  }
}
