import type { Uuid } from "#bytes/uuid.ts";
import type { GroupTopics } from "#ports/coordinator-log.ts";
import type { Turn } from "../turn.ts";
import type { SharedPartitions, SharedTopic } from "./changes.ts";
import type { ShareGroup } from "./group.ts";
import { INITIALIZE_RETRY_MS, MAX_SHARED_PARTITIONS } from "./limits.ts";
import { change, type StateToInitialize, type TopicPartitions } from "./world.ts";

// Which partitions have their state with the share coordinators. A partition is assigned once its state is there.

/** Where a partition begins of which the group hasn't had the topic, and one that a topic has got since. */
const WHEREVER = -1;
const AT_THE_BEGINNING = 0;

type SharedTopics = ReadonlyMap<Uuid, SharedTopic>;

/** Begins to share what members subscribe to and isn't shared yet. Null when there is no such thing. */
export function beginSharing(group: ShareGroup, topics: GroupTopics, turn: Turn): StateToInitialize | null {
  const { initialized, initializing } = group.shared;
  const isWaiting = turn.nowMs - group.initializingSinceMs < INITIALIZE_RETRY_MS;
  let room = MAX_SHARED_PARTITIONS - countOf(initialized) - countOf(initializing);
  const missing = new Map<Uuid, SharedTopic>();
  for (const name of group.subscribedTopics) {
    const topicId = topics.topicId(name);
    if (topicId === undefined) continue;
    const known = [initialized.get(topicId), isWaiting ? initializing.get(topicId) : undefined];
    const partitions = partitionsBut(topics.partitionCountOf(name), known);
    if (partitions.size === 0 || partitions.size > room) continue;
    room -= partitions.size;
    missing.set(topicId, { name, partitions });
  }
  if (missing.size === 0) return null;
  const startOffset = (topicId: Uuid, partitionIndex: number) => {
    if (initialized.has(topicId)) return AT_THE_BEGINNING;
    const asked = initializing.get(topicId)?.partitions;
    // Nothing was heard of the first try: the group still hasn't had the topic.
    return asked === undefined || asked.has(partitionIndex) ? WHEREVER : AT_THE_BEGINNING;
  };
  noteInitializing(group, missing, turn);
  return {
    groupId: group.groupId,
    stateEpoch: group.epoch,
    topics: [...missing].map(([topicId, { partitions }]) => ({
      topicId,
      partitions: [...partitions].map((partitionIndex) => ({
        partitionIndex,
        startOffset: startOffset(topicId, partitionIndex),
      })),
    })),
  };
}

function countOf(topics: SharedTopics): number {
  let count = 0;
  for (const { partitions } of topics.values()) count += partitions.size;
  return count;
}

function partitionsBut(count: number, known: readonly (SharedTopic | undefined)[]): Set<number> {
  const partitions = new Set<number>();
  for (let index = 0; index < count; index++) {
    if (!known.some((topic) => topic?.partitions.has(index))) partitions.add(index);
  }
  return partitions;
}

/** Notes that the state of these partitions is being made. */
export function noteInitializing(group: ShareGroup, topics: SharedTopics, turn: Turn): void {
  const { shared } = group;
  const deleting = new Map([...shared.deleting].filter(([topicId]) => !topics.has(topicId)));
  group.initializingSinceMs = turn.nowMs;
  store(group, { ...shared, initializing: together(shared.initializing, topics), deleting }, turn);
}

/** The state of these partitions is there. */
export function initialized(group: ShareGroup, topics: readonly TopicPartitions[], turn: Turn): void {
  const { shared } = group;
  const named = new Map<Uuid, SharedTopic>();
  for (const { topicId, partitions } of topics) {
    const name = shared.initializing.get(topicId)?.name ?? shared.initialized.get(topicId)?.name;
    if (name !== undefined) named.set(topicId, { name, partitions: new Set(partitions) });
  }
  if (named.size === 0) return;
  const initializing = apart(shared.initializing, named);
  store(group, { ...shared, initialized: together(shared.initialized, named), initializing }, turn);
}

/** The state of these partitions couldn't be made; a later heartbeat tries again. */
export function notInitialized(group: ShareGroup, topics: readonly TopicPartitions[], turn: Turn): void {
  const { shared } = group;
  const named = new Map(
    topics.map(({ topicId, partitions }) => [topicId, { name: "", partitions: new Set(partitions) }]),
  );
  if (![...named.keys()].some((topicId) => shared.initializing.has(topicId))) return;
  store(group, { ...shared, initializing: apart(shared.initializing, named) }, turn);
}

/** The topics that have all of their state, and of which not all is assigned: an epoch is to begin. */
export function isAssignmentPending(group: ShareGroup): boolean {
  if (group.members.size === 0) return false;
  const assigned = new Map<Uuid, Set<number>>();
  for (const target of group.allTargets.values()) {
    for (const [topicId, partitions] of target) {
      const all = assigned.get(topicId) ?? new Set();
      for (const partitionIndex of partitions) all.add(partitionIndex);
      assigned.set(topicId, all);
    }
  }
  for (const [topicId, { name, partitions }] of group.shared.initialized) {
    if (!group.subscribedTopics.has(name)) continue;
    const own = assigned.get(topicId);
    if (own?.size !== partitions.size || [...partitions].some((partitionIndex) => !own.has(partitionIndex)))
      return true;
  }
  return false;
}

/** The group is to be forgotten, or its offsets: nothing is shared from now on, and all state is to be deleted. */
export function deleteAll(group: ShareGroup, topics: GroupTopics, turn: Turn): TopicPartitions[] {
  const { initializing, initialized: there, deleting } = group.shared;
  const candidates = new Map(together(there, initializing));
  for (const [topicId, name] of deleting) {
    const count = topics.topicName(topicId) === name ? topics.partitionCountOf(name) : 0;
    if (count > 0 && !candidates.has(topicId)) candidates.set(topicId, { name, partitions: partitionsBut(count, []) });
  }
  const names = new Map([...candidates].map(([topicId, { name }]) => [topicId, name]));
  store(group, { initializing: new Map(), initialized: new Map(), deleting: names }, turn);
  return [...candidates].map(([topicId, { partitions }]) => ({ topicId, partitions: [...partitions] }));
}

/** Stops to share a topic. Null when nothing of it is shared; then there is nothing to delete. */
export function deleteTopic(group: ShareGroup, topicId: Uuid, topics: GroupTopics, turn: Turn): TopicPartitions | null {
  const { shared } = group;
  const own = shared.initialized.get(topicId);
  const name = own?.name ?? shared.deleting.get(topicId);
  if (name === undefined) return null;
  const there = new Map(shared.initialized);
  there.delete(topicId);
  store(group, { ...shared, initialized: there, deleting: new Map(shared.deleting).set(topicId, name) }, turn);
  const partitions = own?.partitions ?? partitionsBut(topics.partitionCountOf(name), []);
  return { topicId, partitions: [...partitions] };
}

/** The state of these topics is gone. */
export function deleted(group: ShareGroup, topicIds: readonly Uuid[], turn: Turn): void {
  const deleting = new Map(group.shared.deleting);
  for (const topicId of topicIds) deleting.delete(topicId);
  if (deleting.size !== group.shared.deleting.size) store(group, { ...group.shared, deleting }, turn);
}

/** The cluster has lost topics: nothing of them is shared any more, and the share coordinators forget them by themselves. */
export function forgetTopics(group: ShareGroup, topics: GroupTopics, turn: Turn): void {
  const { initializing, initialized: there, deleting } = group.shared;
  const isThere = ([topicId]: readonly [Uuid, unknown]) => topics.topicName(topicId) !== undefined;
  const left = {
    initializing: new Map([...initializing].filter(isThere)),
    initialized: new Map([...there].filter(isThere)),
    deleting: new Map([...deleting].filter(isThere)),
  };
  const isLess =
    left.initializing.size + left.initialized.size + left.deleting.size <
    initializing.size + there.size + deleting.size;
  if (isLess) store(group, left, turn);
}

function store(group: ShareGroup, value: SharedPartitions, turn: Turn): void {
  change(group, turn, { kind: "partitions", value });
}

function together(one: SharedTopics, other: SharedTopics): SharedTopics {
  const topics = new Map(one);
  for (const [topicId, { name, partitions }] of other) {
    topics.set(topicId, { name, partitions: new Set([...(one.get(topicId)?.partitions ?? []), ...partitions]) });
  }
  return topics;
}

function apart(one: SharedTopics, taken: SharedTopics): SharedTopics {
  const topics = new Map<Uuid, SharedTopic>();
  for (const [topicId, { name, partitions }] of one) {
    const left = new Set(
      [...partitions].filter((partitionIndex) => !taken.get(topicId)?.partitions.has(partitionIndex)),
    );
    if (left.size > 0) topics.set(topicId, { name, partitions: left });
  }
  return topics;
}
