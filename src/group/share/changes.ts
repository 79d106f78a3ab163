import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { decodeStoredKey, encodeStoredKey } from "#protocol/stored/record.ts";
import * as stored from "#protocol/stored/share-group.ts";
import type { Assignment } from "../assignors/assignor.ts";
import {
  assignmentOf,
  type ChangeDecoders,
  type Decoded,
  draftOfAssignment,
  draftOfTargetEpoch,
  storedValue,
  type TargetEpoch,
  targetEpochOf,
  valueOf,
} from "../change.ts";
import type { ShareAssignment, ShareSubscription } from "./member.ts";

// What can happen to a share group, as the records of Apache Kafka 4.4 say it: the live group and a load both change by these alone.

/** The partitions of one topic whose state is being made, or is there. */
export interface SharedTopic {
  readonly name: string;
  readonly partitions: ReadonlySet<number>;
}

/** Which partitions the share coordinators keep state of for the group. */
export interface SharedPartitions {
  readonly initializing: ReadonlyMap<Uuid, SharedTopic>;
  readonly initialized: ReadonlyMap<Uuid, SharedTopic>;
  /** By topic id: the name. */
  readonly deleting: ReadonlyMap<Uuid, string>;
}

export const NO_SHARED_PARTITIONS: SharedPartitions = {
  initializing: new Map(),
  initialized: new Map(),
  deleting: new Map(),
};

/** `value` null = it is no more. */
export type ShareGroupChange =
  | { readonly kind: "group"; readonly value: { readonly epoch: number; readonly metadataHash: number } | null }
  | { readonly kind: "subscription"; readonly memberId: string; readonly value: ShareSubscription | null }
  | { readonly kind: "target-epoch"; readonly value: TargetEpoch | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: "current"; readonly memberId: string; readonly value: ShareAssignment | null }
  | { readonly kind: "partitions"; readonly value: SharedPartitions | null };

const STABLE = 0;

export function encodeChange(groupId: string, change: ShareGroupChange): CoordinatorRecord {
  switch (change.kind) {
    case "group":
      return {
        key: encodeStoredKey(stored.ShareGroupMetadataKey, { groupId }),
        value: storedValue(stored.ShareGroupMetadataValue, change.value, (value) => value),
      };
    case "subscription":
      return {
        key: encodeStoredKey(stored.ShareGroupMemberMetadataKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ShareGroupMemberMetadataValue, change.value, ({ topicNames, ...value }) => ({
          ...value,
          subscribedTopicNames: topicNames,
        })),
      };
    case "target-epoch":
      return {
        key: encodeStoredKey(stored.ShareGroupTargetAssignmentMetadataKey, { groupId }),
        value: storedValue(stored.ShareGroupTargetAssignmentMetadataValue, change.value, draftOfTargetEpoch),
      };
    case "target":
      return {
        key: encodeStoredKey(stored.ShareGroupTargetAssignmentMemberKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ShareGroupTargetAssignmentMemberValue, change.value, (value) => ({
          topicPartitions: draftOfAssignment(value),
        })),
      };
    case "current":
      return {
        key: encodeStoredKey(stored.ShareGroupCurrentMemberAssignmentKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ShareGroupCurrentMemberAssignmentValue, change.value, (value) => ({
          memberEpoch: value.memberEpoch,
          previousMemberEpoch: value.previousMemberEpoch,
          state: STABLE,
          assignedPartitions: draftOfAssignment(value.assigned),
        })),
      };
    case "partitions":
      return {
        key: encodeStoredKey(stored.ShareGroupStatePartitionMetadataKey, { groupId }),
        value: storedValue(stored.ShareGroupStatePartitionMetadataValue, change.value, (value) => ({
          initializingTopics: draftOfTopics(value.initializing),
          initializedTopics: draftOfTopics(value.initialized),
          deletingTopics: [...value.deleting].map(([topicId, topicName]) => ({ topicId, topicName })),
        })),
      };
  }
}

function draftOfTopics(topics: ReadonlyMap<Uuid, SharedTopic>) {
  return [...topics].map(([topicId, { name, partitions }]) => ({
    topicId,
    topicName: name,
    partitions: [...partitions],
  }));
}

export const CHANGE_DECODERS: ChangeDecoders<ShareGroupChange> = new Map([
  [stored.ShareGroupMetadataKey.apiKey, decodeGroup],
  [stored.ShareGroupMemberMetadataKey.apiKey, decodeSubscription],
  [stored.ShareGroupTargetAssignmentMetadataKey.apiKey, decodeTargetEpoch],
  [stored.ShareGroupTargetAssignmentMemberKey.apiKey, decodeTarget],
  [stored.ShareGroupCurrentMemberAssignmentKey.apiKey, decodeCurrent],
  [stored.ShareGroupStatePartitionMetadataKey.apiKey, decodePartitions],
]);

function decodeGroup(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId } = decodeStoredKey(stored.ShareGroupMetadataKey, record.key);
  const value = valueOf(stored.ShareGroupMetadataValue, record, ({ epoch, metadataHash }) => ({ epoch, metadataHash }));
  return { groupId, change: { kind: "group", value } };
}

function decodeSubscription(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ShareGroupMemberMetadataKey, record.key);
  const value = valueOf(stored.ShareGroupMemberMetadataValue, record, (member) => ({
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topicNames: [...new Set(member.subscribedTopicNames)].sort(),
  }));
  return { groupId, change: { kind: "subscription", memberId, value } };
}

function decodeTargetEpoch(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId } = decodeStoredKey(stored.ShareGroupTargetAssignmentMetadataKey, record.key);
  const value = valueOf(stored.ShareGroupTargetAssignmentMetadataValue, record, targetEpochOf);
  return { groupId, change: { kind: "target-epoch", value } };
}

function decodeTarget(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ShareGroupTargetAssignmentMemberKey, record.key);
  const value = valueOf(stored.ShareGroupTargetAssignmentMemberValue, record, (target) =>
    assignmentOf(target.topicPartitions),
  );
  return { groupId, change: { kind: "target", memberId, value } };
}

function decodeCurrent(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ShareGroupCurrentMemberAssignmentKey, record.key);
  const value = valueOf(stored.ShareGroupCurrentMemberAssignmentValue, record, (current) => ({
    memberEpoch: current.memberEpoch,
    previousMemberEpoch: current.previousMemberEpoch,
    assigned: assignmentOf(current.assignedPartitions),
  }));
  return { groupId, change: { kind: "current", memberId, value } };
}

function decodePartitions(record: CoordinatorRecord): Decoded<ShareGroupChange> {
  const { groupId } = decodeStoredKey(stored.ShareGroupStatePartitionMetadataKey, record.key);
  const value = valueOf(stored.ShareGroupStatePartitionMetadataValue, record, (partitions) => ({
    initializing: topicsOf(partitions.initializingTopics),
    initialized: topicsOf(partitions.initializedTopics),
    deleting: new Map(partitions.deletingTopics.map(({ topicId, topicName }) => [topicId, topicName])),
  }));
  return { groupId, change: { kind: "partitions", value } };
}

function topicsOf(
  topics: readonly { readonly topicId: Uuid; readonly topicName: string; readonly partitions: readonly number[] }[],
): ReadonlyMap<Uuid, SharedTopic> {
  return new Map(
    topics.map(({ topicId, topicName, partitions }) => [topicId, { name: topicName, partitions: new Set(partitions) }]),
  );
}
