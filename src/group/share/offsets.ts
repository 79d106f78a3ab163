import { type Uuid, ZERO_UUID } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type Refusal, refuse } from "../consumer/world.ts";
import type { Turn } from "../turn.ts";
import { ShareGroup, sharedTopicBytes } from "./group.ts";
import { deleteTopic, noteInitializing } from "./shared.ts";
import { type ShareWorld, type StateToInitialize, shareGroup, type TopicPartitions } from "./world.ts";

export interface TopicToAlter {
  readonly name: string;
  readonly partitions: readonly { readonly partitionIndex: number; readonly startOffset: number }[];
}

export interface AlteredTopic {
  readonly name: string;
  readonly topicId: Uuid;
  readonly partitions: readonly { readonly partitionIndex: number; readonly errorCode: ErrorCode }[];
}

/** What is to be deleted, and what there is nothing of. */
export interface DeletedTopicOffsets {
  readonly kind: "deleted";
  readonly state: readonly (TopicPartitions & { readonly name: string })[];
  readonly unknown: readonly { readonly name: string; readonly isThere: boolean }[];
}

function members(group: ShareGroup): Refusal | null {
  return group.members.size > 0 ? refuse(ErrorCode.NON_EMPTY_GROUP) : null;
}

/** AlterShareGroupOffsets: the group begins anew where it is told, and is made when it isn't there. */
export function alterOffsets(
  world: ShareWorld,
  { groupId, topics }: { readonly groupId: string; readonly topics: readonly TopicToAlter[] },
  turn: Turn,
):
  | Refusal
  | { readonly kind: "altered"; readonly topics: readonly AlteredTopic[]; readonly initialize: StateToInitialize } {
  const { space } = world;
  const known = space.get(groupId);
  if (known !== undefined && !(known instanceof ShareGroup)) {
    return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} is not a share group.`);
  }
  const group = known ?? new ShareGroup(groupId, space.budget);
  const objection = members(group);
  if (objection !== null) return objection;
  const altered = topics.map((topic) => alterTopic(world, topic));
  const good = altered.filter(({ good: partitions }) => partitions.size > 0);
  if (good.length > 0) {
    const added = good.filter(({ topicId }) => !group.shared.initialized.has(topicId));
    const addedBytes = added.reduce(
      (sum, { name, good: partitions }) => sum + sharedTopicBytes(name, partitions.size),
      0,
    );
    if (!group.hasRoomFor(addedBytes)) return refuse(ErrorCode.POLICY_VIOLATION);
    if (known === undefined && !space.add(group)) return refuse(ErrorCode.POLICY_VIOLATION);
    const named = good.map(({ topicId, name, good: partitions }) => {
      return [topicId, { name, partitions: new Set(partitions.keys()) }] as const;
    });
    noteInitializing(group, new Map(named), turn);
  }
  const initialize = {
    groupId,
    stateEpoch: group.epoch,
    topics: good.map(({ topicId, good: partitions }) => ({
      topicId,
      partitions: [...partitions].map(([partitionIndex, startOffset]) => ({ partitionIndex, startOffset })),
    })),
  };
  return { kind: "altered", topics: altered, initialize };
}

function alterTopic({ space: { topics } }: ShareWorld, { name, partitions }: TopicToAlter) {
  const topicId = topics.topicId(name) ?? ZERO_UUID;
  const count = topics.partitionCountOf(name);
  const good = new Map<number, number>();
  const outcomes = partitions.map(({ partitionIndex, startOffset }) => {
    const isThere = partitionIndex >= 0 && partitionIndex < count;
    if (isThere) good.set(partitionIndex, startOffset);
    return { partitionIndex, errorCode: isThere ? ErrorCode.NONE : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION };
  });
  return { name, topicId, partitions: outcomes, good };
}

/** DeleteShareGroupOffsets: the group has had nothing of these topics. */
export function deleteOffsets(
  world: ShareWorld,
  { groupId, names }: { readonly groupId: string; readonly names: readonly string[] },
  turn: Turn,
): Refusal | DeletedTopicOffsets {
  const group = shareGroup(world, groupId);
  if (group === undefined) return refuse(ErrorCode.GROUP_ID_NOT_FOUND, `Group ${groupId} not found.`);
  const objection = members(group);
  if (objection !== null) return objection;
  const { topics } = world.space;
  const state: (TopicPartitions & { name: string })[] = [];
  const unknown: { name: string; isThere: boolean }[] = [];
  for (const name of new Set(names)) {
    const topicId = topics.topicId(name);
    const own = topicId === undefined ? null : deleteTopic(group, topicId, topics, turn);
    if (own === null) unknown.push({ name, isThere: topicId !== undefined });
    else state.push({ ...own, name });
  }
  return { kind: "deleted", state, unknown };
}
