import type { Uuid } from "#bytes/uuid.ts";
import type { GroupTopics } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import type { GroupSpace } from "../group-space.ts";
import type { ConsumerGroupConfig } from "../limits.ts";
import type { Turn } from "../turn.ts";
import { type ConsumerGroupChange, encodeChange } from "./changes.ts";
import type { ConsumerGroup } from "./group.ts";
import type { OwnedPartitions } from "./member.ts";

/** What the verbs of consumer groups have around them. */
export interface ConsumerWorld {
  readonly space: GroupSpace;
  /** What holds for this group: its own configs before the broker's. */
  configOf(groupId: string): ConsumerGroupConfig;
}

/** A request that is refused; nothing has changed. */
export interface Refusal {
  readonly kind: "refused";
  readonly errorCode: Exclude<ErrorCode, 0>;
  readonly message: string | null;
}

export function refuse(errorCode: Exclude<ErrorCode, 0>, message: string | null = null): Refusal {
  return { kind: "refused", errorCode, message };
}

export function isRefusal(value: object): value is Refusal {
  return "kind" in value && value.kind === "refused";
}

/** Changes the group and writes that down. */
export function change(group: ConsumerGroup, turn: Turn, one: ConsumerGroupChange): void {
  turn.records.push(encodeChange(group.groupId, one));
  group.apply(one);
}

/** The ids of those topics that are there. */
export function topicIdsOf(topics: GroupTopics, names: Iterable<string>): Set<Uuid> {
  const topicIds = new Set<Uuid>();
  for (const name of names) {
    const topicId = topics.topicId(name);
    if (topicId !== undefined) topicIds.add(topicId);
  }
  return topicIds;
}

const FNV_PRIME = 0x01000193;

/**
 * A number for names, ids and sizes of the topics that are there among these: another one when a topic has come, gone, or grown. It fits into
 * a safe integer. Kafka stores another hash of the same things; a coordinator only ever compares its own.
 */
export function metadataHashOf(topics: GroupTopics, names: Iterable<string>): number {
  let low = 0x811c9dc5;
  let high = 0x9747b28c;
  for (const name of [...names].sort()) {
    const topicId = topics.topicId(name);
    if (topicId === undefined) continue;
    const text = `${name} ${topicId} ${topics.partitionCountOf(name)}\n`;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      low = Math.imul(low ^ code, FNV_PRIME);
      high = Math.imul(high ^ (code + at), FNV_PRIME) ^ (low >>> 13);
    }
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** Sorted, so that answers depend on nothing but what they say. */
export function sortedPartitions(owned: OwnedPartitions | ReadonlyMap<Uuid, ReadonlySet<number>>) {
  return [...owned]
    .filter(([, partitions]) => partitions.size > 0)
    .map(([topicId, partitions]) => ({ topicId, partitions: [...partitions.keys()].sort((one, other) => one - other) }))
    .sort((one, other) => (one.topicId < other.topicId ? -1 : 1));
}
