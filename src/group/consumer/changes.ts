import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import * as stored from "#protocol/stored/consumer-group.ts";
import { decodeStoredKey, encodeStoredKey } from "#protocol/stored/record.ts";
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
import { type CurrentAssignment, MemberState, type OwnedPartitions, type Subscription } from "./member.ts";

// What can happen to a consumer group, as the records of Apache Kafka 4.4 say it: the live group and a load both change by these alone.

export interface ResolvedRegex {
  readonly topics: ReadonlySet<string>;
  /** Of the cluster image that it was resolved with. */
  readonly version: number;
  readonly timestampMs: number;
}

/** `value` null = it is no more. */
export type ConsumerGroupChange =
  | { readonly kind: "group"; readonly value: { readonly epoch: number; readonly metadataHash: number } | null }
  | { readonly kind: "subscription"; readonly memberId: string; readonly value: Subscription | null }
  | { readonly kind: "target-epoch"; readonly value: TargetEpoch | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: "current"; readonly memberId: string; readonly value: CurrentAssignment | null }
  | { readonly kind: "regex"; readonly regex: string; readonly value: ResolvedRegex | null };

export function encodeChange(groupId: string, change: ConsumerGroupChange): CoordinatorRecord {
  switch (change.kind) {
    case "group":
      return {
        key: encodeStoredKey(stored.ConsumerGroupMetadataKey, { groupId }),
        value: storedValue(stored.ConsumerGroupMetadataValue, change.value, (value) => value),
      };
    case "subscription":
      return {
        key: encodeStoredKey(stored.ConsumerGroupMemberMetadataKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ConsumerGroupMemberMetadataValue, change.value, draftOfSubscription),
      };
    case "target-epoch":
      return {
        key: encodeStoredKey(stored.ConsumerGroupTargetAssignmentMetadataKey, { groupId }),
        value: storedValue(stored.ConsumerGroupTargetAssignmentMetadataValue, change.value, draftOfTargetEpoch),
      };
    case "target":
      return {
        key: encodeStoredKey(stored.ConsumerGroupTargetAssignmentMemberKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ConsumerGroupTargetAssignmentMemberValue, change.value, (value) => ({
          topicPartitions: draftOfAssignment(value),
        })),
      };
    case "current":
      return {
        key: encodeStoredKey(stored.ConsumerGroupCurrentMemberAssignmentKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.ConsumerGroupCurrentMemberAssignmentValue, change.value, (value) => ({
          ...value,
          assignedPartitions: draftOfPartitions(value.assigned),
          partitionsPendingRevocation: draftOfPartitions(value.pendingRevocation),
        })),
      };
    case "regex":
      return {
        key: encodeStoredKey(stored.ConsumerGroupRegularExpressionKey, { groupId, regularExpression: change.regex }),
        value: storedValue(stored.ConsumerGroupRegularExpressionValue, change.value, (value) => ({
          topics: [...value.topics].sort(),
          version: value.version,
          timestamp: value.timestampMs,
        })),
      };
  }
}

function draftOfSubscription(subscription: Subscription) {
  const { groupInstanceId, rackId, clientId, clientHost, topicNames, topicRegex, classic } = subscription;
  return {
    instanceId: groupInstanceId,
    rackId,
    clientId,
    clientHost,
    subscribedTopicNames: topicNames,
    subscribedTopicRegex: topicRegex,
    rebalanceTimeoutMs: subscription.rebalanceTimeoutMs,
    serverAssignor: subscription.serverAssignor,
    classicMemberMetadata:
      classic === null ? null : { sessionTimeoutMs: classic.sessionTimeoutMs, supportedProtocols: classic.protocols },
  };
}

function draftOfPartitions(owned: OwnedPartitions) {
  return [...owned].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }));
}

export const CHANGE_DECODERS: ChangeDecoders<ConsumerGroupChange> = new Map([
  [stored.ConsumerGroupMetadataKey.apiKey, decodeGroup],
  [stored.ConsumerGroupMemberMetadataKey.apiKey, decodeSubscription],
  [stored.ConsumerGroupTargetAssignmentMetadataKey.apiKey, decodeTargetEpoch],
  [stored.ConsumerGroupTargetAssignmentMemberKey.apiKey, decodeTarget],
  [stored.ConsumerGroupCurrentMemberAssignmentKey.apiKey, decodeCurrent],
  [stored.ConsumerGroupRegularExpressionKey.apiKey, decodeRegex],
]);

function decodeGroup(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId } = decodeStoredKey(stored.ConsumerGroupMetadataKey, record.key);
  const value = valueOf(stored.ConsumerGroupMetadataValue, record, ({ epoch, metadataHash }) => ({
    epoch,
    metadataHash,
  }));
  return { groupId, change: { kind: "group", value } };
}

function decodeSubscription(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupMemberMetadataKey, record.key);
  const value = valueOf(stored.ConsumerGroupMemberMetadataValue, record, (member) => ({
    groupInstanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    topicNames: [...new Set(member.subscribedTopicNames)].sort(),
    topicRegex: member.subscribedTopicRegex ?? "",
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    serverAssignor: member.serverAssignor,
    classic: classicOf(member.classicMemberMetadata),
  }));
  return { groupId, change: { kind: "subscription", memberId, value } };
}

type StoredClassic = stored.ConsumerGroupMemberMetadataValue["classicMemberMetadata"];

/** Copies: the record's bytes are only lent. */
function classicOf(classic: StoredClassic): Subscription["classic"] {
  if (classic === null) return null;
  const protocols = classic.supportedProtocols.map(({ name, metadata }) => ({ name, metadata: metadata.slice() }));
  return { sessionTimeoutMs: classic.sessionTimeoutMs, protocols };
}

function decodeTargetEpoch(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId } = decodeStoredKey(stored.ConsumerGroupTargetAssignmentMetadataKey, record.key);
  const value = valueOf(stored.ConsumerGroupTargetAssignmentMetadataValue, record, targetEpochOf);
  return { groupId, change: { kind: "target-epoch", value } };
}

function decodeTarget(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupTargetAssignmentMemberKey, record.key);
  const value = valueOf(stored.ConsumerGroupTargetAssignmentMemberValue, record, (target) =>
    assignmentOf(target.topicPartitions),
  );
  return { groupId, change: { kind: "target", memberId, value } };
}

function decodeCurrent(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupCurrentMemberAssignmentKey, record.key);
  const value = valueOf(stored.ConsumerGroupCurrentMemberAssignmentValue, record, (current) => ({
    memberEpoch: current.memberEpoch,
    previousMemberEpoch: current.previousMemberEpoch,
    state: stateOf(current.state),
    assigned: partitionsOf(current.assignedPartitions, current.memberEpoch),
    pendingRevocation: partitionsOf(current.partitionsPendingRevocation, current.memberEpoch),
  }));
  return { groupId, change: { kind: "current", memberId, value } };
}

/** A state that a newer coordinator wrote: the member goes on from what it has. */
function stateOf(state: number): MemberState {
  const isKnown = state === MemberState.UNREVOKED_PARTITIONS || state === MemberState.UNRELEASED_PARTITIONS;
  return isKnown ? state : MemberState.STABLE;
}

interface StoredPartitions {
  readonly topicId: string;
  readonly partitions: readonly number[];
  readonly assignmentEpochs: readonly number[] | null;
}

/** Records from before epochs were kept for each partition have the member's for all. */
function partitionsOf(topics: readonly StoredPartitions[], memberEpoch: number): OwnedPartitions {
  return new Map(
    topics.map(({ topicId, partitions, assignmentEpochs }) => [
      topicId,
      new Map(
        partitions.map((partitionIndex, at) => [partitionIndex, assignmentEpochs?.[at] ?? Math.max(memberEpoch, 0)]),
      ),
    ]),
  );
}

function decodeRegex(record: CoordinatorRecord): Decoded<ConsumerGroupChange> {
  const { groupId, regularExpression: regex } = decodeStoredKey(stored.ConsumerGroupRegularExpressionKey, record.key);
  const value = valueOf(stored.ConsumerGroupRegularExpressionValue, record, (resolved) => ({
    topics: new Set(resolved.topics),
    version: resolved.version,
    timestampMs: resolved.timestamp,
  }));
  return { groupId, change: { kind: "regex", regex, value } };
}
