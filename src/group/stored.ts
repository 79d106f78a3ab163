import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { GroupMetadataKey, GroupMetadataValue } from "#protocol/stored/group-metadata.ts";
import { OffsetCommitKey, OffsetCommitValue } from "#protocol/stored/offset-commit.ts";
import { decodeStoredKey, decodeStoredValue, encodeStoredKey, encodeStoredValue } from "#protocol/stored/record.ts";
import type { ClassicGroup } from "./classic/group.ts";
import { metadataOf } from "./classic/group.ts";
import { MAX_GROUP_RECORD_BYTES } from "./limits.ts";
import type { CommittedOffset } from "./offsets.ts";
import { NO_BYTES } from "./turn.ts";

// The state of a coordinator as the records of its partition of `__consumer_offsets`, in the versions that Apache Kafka 4.4 writes.

const GROUP_METADATA_VERSION = 3;
const OFFSET_COMMIT_VERSION = 4;
/** The only version with an expiry of its own, for clients that send `retentionTimeMs` (OffsetCommit 2 to 4). */
const OFFSET_COMMIT_WITH_EXPIRY_VERSION = 1;

export interface OffsetPosition {
  readonly groupId: string;
  readonly topic: string;
  readonly partitionIndex: number;
}

export function offsetRecord(position: OffsetPosition, committed: CommittedOffset): CoordinatorRecord {
  const version = committed.expireTimestampMs === null ? OFFSET_COMMIT_VERSION : OFFSET_COMMIT_WITH_EXPIRY_VERSION;
  const value = {
    offset: committed.offset,
    leaderEpoch: committed.leaderEpoch,
    metadata: committed.metadata,
    commitTimestamp: committed.commitTimestampMs,
    expireTimestamp: committed.expireTimestampMs ?? -1,
    topicId: committed.topicId,
  };
  return { key: offsetKey(position), value: encodeStoredValue(OffsetCommitValue, value, version) };
}

export function offsetTombstone(position: OffsetPosition): CoordinatorRecord {
  return { key: offsetKey(position), value: null };
}

function offsetKey({ groupId, topic, partitionIndex }: OffsetPosition): Uint8Array {
  return encodeStoredKey(OffsetCommitKey, { group: groupId, topic, partition: partitionIndex });
}

/** The group as it stands. Only groups that are Empty or have all their assignments are written. */
export function groupMetadataRecord(group: ClassicGroup): CoordinatorRecord {
  const { protocolName } = group;
  const members = [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    clientId: member.clientId,
    clientHost: member.clientHost,
    rebalanceTimeout: member.rebalanceTimeoutMs,
    sessionTimeout: member.sessionTimeoutMs,
    subscription: protocolName === null ? NO_BYTES : metadataOf(member, protocolName),
    assignment: member.assignment,
  }));
  const value = {
    protocolType: group.protocolType ?? "",
    generation: group.generationId,
    protocol: protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.stateTimestampMs,
    members,
  };
  return { key: groupKey(group.groupId), value: encodeStoredValue(GroupMetadataValue, value, GROUP_METADATA_VERSION) };
}

/** The same record in bytes of its own: those that a load gives are only lent. */
export function ownRecord({ key, value }: CoordinatorRecord): CoordinatorRecord {
  return { key: key.slice(), value: value === null ? null : value.slice() };
}

/** The group has members with so much metadata that its record wouldn't fit into a batch. */
export function isTooLarge(record: CoordinatorRecord): boolean {
  return record.value !== null && record.value.length > MAX_GROUP_RECORD_BYTES;
}

/** A group that has just been made and has had no generation. */
export function emptyGroupRecord(group: ClassicGroup): CoordinatorRecord {
  const value = {
    protocolType: "",
    generation: 0,
    protocol: null,
    leader: null,
    currentStateTimestamp: group.stateTimestampMs,
    members: [],
  };
  return { key: groupKey(group.groupId), value: encodeStoredValue(GroupMetadataValue, value, GROUP_METADATA_VERSION) };
}

export function groupTombstone(groupId: string): CoordinatorRecord {
  return { key: groupKey(groupId), value: null };
}

function groupKey(groupId: string): Uint8Array {
  return encodeStoredKey(GroupMetadataKey, { group: groupId });
}

/** Reads the record of a committed offset. Bytes that are no such record throw `MalformedMessageError`: the log is damaged. */
export function readOffset(record: CoordinatorRecord): {
  readonly position: OffsetPosition;
  readonly committed: CommittedOffset | null;
} {
  const key = decodeStoredKey(OffsetCommitKey, record.key);
  const position = { groupId: key.group, topic: key.topic, partitionIndex: key.partition };
  return { position, committed: record.value === null ? null : committedOffset(record.value) };
}

function committedOffset(bytes: Uint8Array): CommittedOffset {
  const value = decodeStoredValue(OffsetCommitValue, bytes);
  return {
    offset: value.offset,
    leaderEpoch: value.leaderEpoch,
    metadata: value.metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp === -1 ? null : value.expireTimestamp,
    topicId: value.topicId as Uuid,
  };
}
