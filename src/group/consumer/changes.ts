import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { Message } from "#protocol/schema.ts";
import * as stored from "#protocol/stored/consumer-group.ts";
import { decodeStoredKey, decodeStoredValue, encodeStoredKey, encodeStoredValue } from "#protocol/stored/record.ts";
import type { Assignment } from "../assignors/assignor.ts";
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
  | { readonly kind: "target-epoch"; readonly value: { readonly epoch: number; readonly timestampMs: number } | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: Assignment | null }
  | { readonly kind: "current"; readonly memberId: string; readonly value: CurrentAssignment | null }
  | { readonly kind: "regex"; readonly regex: string; readonly value: ResolvedRegex | null };

const VALUE_VERSION = 0;

export function encodeChange(groupId: string, change: ConsumerGroupChange): CoordinatorRecord {
  switch (change.kind) {
    case "group":
      return {
        key: encodeStoredKey(stored.ConsumerGroupMetadataKey, { groupId }),
        value: encoded(stored.ConsumerGroupMetadataValue, change.value, (value) => value),
      };
    case "subscription":
      return {
        key: encodeStoredKey(stored.ConsumerGroupMemberMetadataKey, { groupId, memberId: change.memberId }),
        value: encoded(stored.ConsumerGroupMemberMetadataValue, change.value, draftOfSubscription),
      };
    case "target-epoch":
      return {
        key: encodeStoredKey(stored.ConsumerGroupTargetAssignmentMetadataKey, { groupId }),
        value: encoded(stored.ConsumerGroupTargetAssignmentMetadataValue, change.value, (value) => ({
          assignmentEpoch: value.epoch,
          assignmentTimestamp: value.timestampMs,
        })),
      };
    case "target":
      return {
        key: encodeStoredKey(stored.ConsumerGroupTargetAssignmentMemberKey, { groupId, memberId: change.memberId }),
        value: encoded(stored.ConsumerGroupTargetAssignmentMemberValue, change.value, (value) => ({
          topicPartitions: [...value].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] })),
        })),
      };
    case "current":
      return {
        key: encodeStoredKey(stored.ConsumerGroupCurrentMemberAssignmentKey, { groupId, memberId: change.memberId }),
        value: encoded(stored.ConsumerGroupCurrentMemberAssignmentValue, change.value, (value) => ({
          ...value,
          assignedPartitions: draftOfPartitions(value.assigned),
          partitionsPendingRevocation: draftOfPartitions(value.pendingRevocation),
        })),
      };
    case "regex":
      return {
        key: encodeStoredKey(stored.ConsumerGroupRegularExpressionKey, { groupId, regularExpression: change.regex }),
        value: encoded(stored.ConsumerGroupRegularExpressionValue, change.value, (value) => ({
          topics: [...value.topics].sort(),
          version: value.version,
          timestamp: value.timestampMs,
        })),
      };
  }
}

function encoded<T, D>(
  table: Message<T>,
  value: D | null,
  draftOf: (value: D) => Parameters<Message<T>["encode"]>[1],
): Uint8Array | null {
  return value === null ? null : encodeStoredValue(table, draftOf(value), VALUE_VERSION);
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

/** The group of a change and what it says, by the number that begins a key. Bytes that are no such record throw `MalformedMessageError`. */
export const CHANGE_DECODERS: ReadonlyMap<
  number,
  (record: CoordinatorRecord) => { readonly groupId: string; readonly change: ConsumerGroupChange }
> = new Map(
  [
    [stored.ConsumerGroupMetadataKey.apiKey, decodeGroup],
    [stored.ConsumerGroupMemberMetadataKey.apiKey, decodeSubscription],
    [stored.ConsumerGroupTargetAssignmentMetadataKey.apiKey, decodeTargetEpoch],
    [stored.ConsumerGroupTargetAssignmentMemberKey.apiKey, decodeTarget],
    [stored.ConsumerGroupCurrentMemberAssignmentKey.apiKey, decodeCurrent],
    [stored.ConsumerGroupRegularExpressionKey.apiKey, decodeRegex],
  ].map(([apiKey, decode]) => [apiKey as number, decode as (record: CoordinatorRecord) => Decoded]),
);

interface Decoded {
  readonly groupId: string;
  readonly change: ConsumerGroupChange;
}

function valueOf<T>(table: Message<T>, { value }: CoordinatorRecord): T | null {
  return value === null ? null : decodeStoredValue(table, value);
}

function decodeGroup(record: CoordinatorRecord): Decoded {
  const { groupId } = decodeStoredKey(stored.ConsumerGroupMetadataKey, record.key);
  return { groupId, change: { kind: "group", value: valueOf(stored.ConsumerGroupMetadataValue, record) } };
}

function decodeSubscription(record: CoordinatorRecord): Decoded {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupMemberMetadataKey, record.key);
  const value = valueOf(stored.ConsumerGroupMemberMetadataValue, record);
  if (value === null) return { groupId, change: { kind: "subscription", memberId, value: null } };
  const { classicMemberMetadata } = value;
  const subscription: Subscription = {
    groupInstanceId: value.instanceId,
    rackId: value.rackId,
    clientId: value.clientId,
    clientHost: value.clientHost,
    topicNames: [...new Set(value.subscribedTopicNames)].sort(),
    topicRegex: value.subscribedTopicRegex ?? "",
    rebalanceTimeoutMs: value.rebalanceTimeoutMs,
    serverAssignor: value.serverAssignor,
    classic:
      classicMemberMetadata === null
        ? null
        : {
            sessionTimeoutMs: classicMemberMetadata.sessionTimeoutMs,
            // Copies: the record's bytes are only lent.
            protocols: classicMemberMetadata.supportedProtocols.map(({ name, metadata }) => ({
              name,
              metadata: metadata.slice(),
            })),
          },
  };
  return { groupId, change: { kind: "subscription", memberId, value: subscription } };
}

function decodeTargetEpoch(record: CoordinatorRecord): Decoded {
  const { groupId } = decodeStoredKey(stored.ConsumerGroupTargetAssignmentMetadataKey, record.key);
  const value = valueOf(stored.ConsumerGroupTargetAssignmentMetadataValue, record);
  if (value === null) return { groupId, change: { kind: "target-epoch", value: null } };
  const { assignmentEpoch: epoch, assignmentTimestamp: timestampMs } = value;
  return { groupId, change: { kind: "target-epoch", value: { epoch, timestampMs } } };
}

function decodeTarget(record: CoordinatorRecord): Decoded {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupTargetAssignmentMemberKey, record.key);
  const value = valueOf(stored.ConsumerGroupTargetAssignmentMemberValue, record);
  if (value === null) return { groupId, change: { kind: "target", memberId, value: null } };
  const assignment = new Map(value.topicPartitions.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
  return { groupId, change: { kind: "target", memberId, value: assignment } };
}

function decodeCurrent(record: CoordinatorRecord): Decoded {
  const { groupId, memberId } = decodeStoredKey(stored.ConsumerGroupCurrentMemberAssignmentKey, record.key);
  const value = valueOf(stored.ConsumerGroupCurrentMemberAssignmentValue, record);
  if (value === null) return { groupId, change: { kind: "current", memberId, value: null } };
  const { memberEpoch, previousMemberEpoch } = value;
  const current: CurrentAssignment = {
    memberEpoch,
    previousMemberEpoch,
    state: stateOf(value.state),
    assigned: partitionsOf(value.assignedPartitions, memberEpoch),
    pendingRevocation: partitionsOf(value.partitionsPendingRevocation, memberEpoch),
  };
  return { groupId, change: { kind: "current", memberId, value: current } };
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

function decodeRegex(record: CoordinatorRecord): Decoded {
  const key = decodeStoredKey(stored.ConsumerGroupRegularExpressionKey, record.key);
  const value = valueOf(stored.ConsumerGroupRegularExpressionValue, record);
  const { groupId, regularExpression: regex } = key;
  if (value === null) return { groupId, change: { kind: "regex", regex, value: null } };
  const { topics, version, timestamp: timestampMs } = value;
  return { groupId, change: { kind: "regex", regex, value: { topics: new Set(topics), version, timestampMs } } };
}
