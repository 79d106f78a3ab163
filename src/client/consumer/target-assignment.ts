import type { Uuid } from "#bytes/uuid.ts";
import { partitionKey, type TopicPartition } from "../topic-partition.ts";

/** What the coordinator wants a member to hold, by topic id. */
export type Target = readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[];

export interface NamedTopics {
  topicById(topicId: Uuid): { readonly name: string } | undefined;
}

export interface TargetStep {
  readonly revoked: readonly TopicPartition[];
  readonly added: readonly TopicPartition[];
  /** Topics whose names must be asked for before their partitions can be added. */
  readonly unknown: readonly Uuid[];
}

/** What to give up and what to take to get from what is held to the target, as far as the topics' names are known. */
export function stepTo(target: Target, owned: readonly TopicPartition[], topics: NamedTopics): TargetStep {
  const unknown: Uuid[] = [];
  const wanted: TopicPartition[] = [];
  for (const { topicId, partitions } of target) {
    const topic = topics.topicById(topicId)?.name;
    if (topic === undefined) unknown.push(topicId);
    else wanted.push(...partitions.map((partition) => ({ topic, partition })));
  }
  const wantedKeys = new Set(wanted.map(partitionKey));
  const ownedKeys = new Set(owned.map(partitionKey));
  return {
    revoked: owned.filter((partition) => !wantedKeys.has(partitionKey(partition))),
    added: wanted.filter((partition) => !ownedKeys.has(partitionKey(partition))),
    unknown,
  };
}
