import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { decodeStoredKey, encodeStoredKey } from "#protocol/stored/record.ts";
import * as stored from "#protocol/stored/streams-group.ts";
import {
  type ChangeDecoders,
  type Decoded,
  draftOfTargetEpoch,
  storedValue,
  type TargetEpoch,
  targetEpochOf,
  valueOf,
} from "../change.ts";
import { type CurrentTasks, type MemberInfo, MemberState } from "./member.ts";
import { type HeldTasks, type RoleTasks, sortedTasks, type TasksSince, tasksOf } from "./tasks.ts";
import { encodeTopology, type Topology } from "./topology.ts";

// What can happen to a streams group, as the records of Apache Kafka 4.4 say it: the live group and a load both change by these alone.

export interface GroupMetadata {
  readonly epoch: number;
  readonly metadataHash: number;
  /** The topology that was found to be ready with the topics as they were; -1 = it wasn't. */
  readonly validatedTopologyEpoch: number;
  /** Under which the last target was made, in the order of their names. */
  readonly assignmentConfigs: ReadonlyMap<string, string>;
}

/** `value` null = it is no more. */
export type StreamsGroupChange =
  | { readonly kind: "group"; readonly value: GroupMetadata | null }
  | { readonly kind: "topology"; readonly value: Topology | null }
  | { readonly kind: "member"; readonly memberId: string; readonly value: MemberInfo | null }
  | { readonly kind: "target-epoch"; readonly value: TargetEpoch | null }
  | { readonly kind: "target"; readonly memberId: string; readonly value: RoleTasks | null }
  | { readonly kind: "current"; readonly memberId: string; readonly value: CurrentTasks | null };

export function encodeChange(groupId: string, change: StreamsGroupChange): CoordinatorRecord {
  switch (change.kind) {
    case "group":
      return {
        key: encodeStoredKey(stored.StreamsGroupMetadataKey, { groupId }),
        value: storedValue(stored.StreamsGroupMetadataValue, change.value, (value) => ({
          epoch: value.epoch,
          metadataHash: value.metadataHash,
          validatedTopologyEpoch: value.validatedTopologyEpoch,
          lastAssignmentConfigs: pairsOf(value.assignmentConfigs),
        })),
      };
    case "topology":
      return {
        key: encodeStoredKey(stored.StreamsGroupTopologyKey, { groupId }),
        value: change.value === null ? null : encodeTopology(change.value),
      };
    case "member":
      return {
        key: encodeStoredKey(stored.StreamsGroupMemberMetadataKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.StreamsGroupMemberMetadataValue, change.value, ({ groupInstanceId, ...value }) => ({
          ...value,
          instanceId: groupInstanceId,
          clientTags: pairsOf(value.clientTags).sort((one, other) => (one.key < other.key ? -1 : 1)),
        })),
      };
    case "target-epoch":
      return {
        key: encodeStoredKey(stored.StreamsGroupTargetAssignmentMetadataKey, { groupId }),
        value: storedValue(stored.StreamsGroupTargetAssignmentMetadataValue, change.value, draftOfTargetEpoch),
      };
    case "target":
      return {
        key: encodeStoredKey(stored.StreamsGroupTargetAssignmentMemberKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.StreamsGroupTargetAssignmentMemberValue, change.value, (value) => ({
          activeTasks: sortedTasks(value.active),
          standbyTasks: sortedTasks(value.standby),
          warmupTasks: sortedTasks(value.warmup),
        })),
      };
    case "current":
      return {
        key: encodeStoredKey(stored.StreamsGroupCurrentMemberAssignmentKey, { groupId, memberId: change.memberId }),
        value: storedValue(stored.StreamsGroupCurrentMemberAssignmentValue, change.value, (value) => ({
          memberEpoch: value.memberEpoch,
          previousMemberEpoch: value.previousMemberEpoch,
          state: value.state,
          activeTasks: withEpochs(value.assigned.active),
          standbyTasks: sortedTasks(value.assigned.standby),
          warmupTasks: sortedTasks(value.assigned.warmup),
          activeTasksPendingRevocation: withEpochs(value.pendingRevocation.active),
          standbyTasksPendingRevocation: sortedTasks(value.pendingRevocation.standby),
          warmupTasksPendingRevocation: sortedTasks(value.pendingRevocation.warmup),
        })),
      };
  }
}

function pairsOf(map: ReadonlyMap<string, string>) {
  return [...map].map(([key, value]) => ({ key, value }));
}

function withEpochs(tasks: TasksSince) {
  return sortedTasks(tasks).map(({ subtopologyId, partitions }) => ({
    subtopologyId,
    partitions,
    assignmentEpochs: partitions.map((partition) => tasks.get(subtopologyId)?.get(partition) ?? 0),
  }));
}

export const CHANGE_DECODERS: ChangeDecoders<StreamsGroupChange> = new Map([
  [stored.StreamsGroupMetadataKey.apiKey, decodeGroup],
  [stored.StreamsGroupTopologyKey.apiKey, decodeTopology],
  [stored.StreamsGroupMemberMetadataKey.apiKey, decodeMember],
  [stored.StreamsGroupTargetAssignmentMetadataKey.apiKey, decodeTargetEpoch],
  [stored.StreamsGroupTargetAssignmentMemberKey.apiKey, decodeTarget],
  [stored.StreamsGroupCurrentMemberAssignmentKey.apiKey, decodeCurrent],
]);

function mapOf(pairs: readonly { readonly key: string; readonly value: string }[] | null): ReadonlyMap<string, string> {
  return new Map((pairs ?? []).map(({ key, value }) => [key, value]));
}

function decodeGroup(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId } = decodeStoredKey(stored.StreamsGroupMetadataKey, record.key);
  const value = valueOf(stored.StreamsGroupMetadataValue, record, (group) => ({
    epoch: group.epoch,
    metadataHash: group.metadataHash,
    validatedTopologyEpoch: group.validatedTopologyEpoch,
    assignmentConfigs: mapOf(group.lastAssignmentConfigs),
  }));
  return { groupId, change: { kind: "group", value } };
}

function decodeTopology(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId } = decodeStoredKey(stored.StreamsGroupTopologyKey, record.key);
  return {
    groupId,
    change: { kind: "topology", value: valueOf(stored.StreamsGroupTopologyValue, record, (it) => it) },
  };
}

function decodeMember(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.StreamsGroupMemberMetadataKey, record.key);
  const value = valueOf(stored.StreamsGroupMemberMetadataValue, record, (member) => ({
    groupInstanceId: member.instanceId,
    rackId: member.rackId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeoutMs: member.rebalanceTimeoutMs,
    topologyEpoch: member.topologyEpoch,
    processId: member.processId,
    userEndpoint: member.userEndpoint,
    clientTags: mapOf(member.clientTags),
  }));
  return { groupId, change: { kind: "member", memberId, value } };
}

function decodeTargetEpoch(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId } = decodeStoredKey(stored.StreamsGroupTargetAssignmentMetadataKey, record.key);
  const value = valueOf(stored.StreamsGroupTargetAssignmentMetadataValue, record, targetEpochOf);
  return { groupId, change: { kind: "target-epoch", value } };
}

function decodeTarget(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.StreamsGroupTargetAssignmentMemberKey, record.key);
  const value = valueOf(stored.StreamsGroupTargetAssignmentMemberValue, record, (target) => ({
    active: tasksOf(target.activeTasks),
    standby: tasksOf(target.standbyTasks),
    warmup: tasksOf(target.warmupTasks),
  }));
  return { groupId, change: { kind: "target", memberId, value } };
}

function decodeCurrent(record: CoordinatorRecord): Decoded<StreamsGroupChange> {
  const { groupId, memberId } = decodeStoredKey(stored.StreamsGroupCurrentMemberAssignmentKey, record.key);
  const value = valueOf(stored.StreamsGroupCurrentMemberAssignmentValue, record, (current): CurrentTasks => {
    const { memberEpoch, previousMemberEpoch } = current;
    const assigned: HeldTasks = {
      active: sinceOf(current.activeTasks, memberEpoch),
      standby: tasksOf(current.standbyTasks),
      warmup: tasksOf(current.warmupTasks),
    };
    const pendingRevocation: HeldTasks = {
      active: sinceOf(current.activeTasksPendingRevocation, memberEpoch),
      standby: tasksOf(current.standbyTasksPendingRevocation),
      warmup: tasksOf(current.warmupTasksPendingRevocation),
    };
    return { memberEpoch, previousMemberEpoch, state: stateOf(current.state), assigned, pendingRevocation };
  });
  return { groupId, change: { kind: "current", memberId, value } };
}

/** A state that a newer coordinator wrote: the member goes on from what it has. */
function stateOf(state: number): MemberState {
  const isKnown = state === MemberState.UNREVOKED_TASKS || state === MemberState.UNRELEASED_TASKS;
  return isKnown ? state : MemberState.STABLE;
}

interface StoredTasks {
  readonly subtopologyId: string;
  readonly partitions: readonly number[];
  readonly assignmentEpochs: readonly number[] | null;
}

/** Records from before epochs were kept for each task have the member's for all. */
function sinceOf(tasks: readonly StoredTasks[], memberEpoch: number): TasksSince {
  return new Map(
    tasks.map(({ subtopologyId, partitions, assignmentEpochs }) => [
      subtopologyId,
      new Map(partitions.map((partition, at) => [partition, assignmentEpochs?.[at] ?? Math.max(memberEpoch, 0)])),
    ]),
  );
}
