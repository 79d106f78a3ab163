import { MalformedMessageError } from "#bytes/malformed.ts";
import type { GroupTopics } from "#ports/coordinator-log.ts";
import {
  ConsumerProtocolAssignment,
  ConsumerProtocolSubscription,
  decodeConsumerProtocol,
  encodeConsumerProtocol,
} from "#protocol/stored/consumer-protocol.ts";
import type { Assignment } from "../assignors/assignor.ts";
import type { OwnedPartitions } from "./member.ts";
import type { ReportedPartitions } from "./reconcile.ts";

// What members of the classic protocol put into JoinGroup and SyncGroup, by topic names: a coordinator that has them in a consumer group reads
// their subscriptions and writes their assignments.

/** Null when the bytes are no subscription. */
export function readSubscription(metadata: Uint8Array): ConsumerProtocolSubscription | null {
  return unlessMalformed(() => decodeConsumerProtocol(ConsumerProtocolSubscription, metadata));
}

/** Null when the bytes are no assignment; empty bytes are an empty one. */
export function readAssignment(
  topics: GroupTopics,
  bytes: Uint8Array,
): { readonly partitions: Assignment; readonly hasUserData: boolean } | null {
  if (bytes.length === 0) return { partitions: new Map(), hasUserData: false };
  const read = unlessMalformed(() => decodeConsumerProtocol(ConsumerProtocolAssignment, bytes));
  if (read === null) return null;
  const hasUserData = (read.userData?.length ?? 0) > 0;
  return { partitions: byTopicId(topics, read.assignedPartitions) ?? new Map(), hasUserData };
}

const VERSION_BYTES = 2;

/** An assignment in the version that the member's own subscription has; 0 where that says none. */
export function writeAssignment(
  topics: GroupTopics,
  assignment: Assignment | OwnedPartitions,
  metadata: Uint8Array,
): Uint8Array {
  const view = new DataView(metadata.buffer, metadata.byteOffset, metadata.byteLength);
  const version = metadata.length < VERSION_BYTES ? 0 : Math.max(0, view.getInt16(0));
  const assignedPartitions = [...assignment].flatMap(([topicId, partitions]) => {
    const topic = topics.topicName(topicId);
    return topic === undefined ? [] : [{ topic, partitions: [...partitions.keys()].sort((one, other) => one - other) }];
  });
  assignedPartitions.sort((one, other) => (one.topic < other.topic ? -1 : 1));
  const known = Math.min(version, ConsumerProtocolAssignment.max);
  return encodeConsumerProtocol(ConsumerProtocolAssignment, { assignedPartitions, userData: null }, known);
}

/** What a member says it has. */
export function ownedBy(topics: GroupTopics, subscription: ConsumerProtocolSubscription): ReportedPartitions {
  return byTopicId(topics, subscription.ownedPartitions);
}

function byTopicId(
  topics: GroupTopics,
  named: readonly { readonly topic: string; readonly partitions: readonly number[] }[],
): Map<string, Set<number>> {
  const byId = new Map<string, Set<number>>();
  for (const { topic, partitions } of named) {
    const topicId = topics.topicId(topic);
    if (topicId !== undefined) byId.set(topicId, new Set(partitions));
  }
  return byId;
}

function unlessMalformed<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof MalformedMessageError) return null;
    throw error;
  }
}
