import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import {
  decodeStoredKey,
  decodeStoredValue,
  encodeStoredKey,
  encodeStoredValue,
  storedKind,
} from "#protocol/stored/record.ts";
import {
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
} from "#protocol/stored/share-state.ts";
import type { ShareKey } from "./share-key.ts";
import type { StateBatch } from "./state-batches.ts";

// The state of a share coordinator as the records of its partition of `__share_group_state`, in the versions that Apache Kafka 4.4 writes.

const VERSION = 0;

/** All of a share partition's state. */
export interface ShareSnapshot {
  readonly snapshotEpoch: number;
  readonly stateEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly createTimestamp: number;
  readonly writeTimestamp: number;
  readonly stateBatches: readonly StateBatch[];
}

/** What has changed since the last record. */
export interface ShareUpdate {
  readonly snapshotEpoch: number;
  readonly leaderEpoch: number;
  readonly startOffset: number;
  readonly deliveryCompleteCount: number;
  readonly stateBatches: readonly StateBatch[];
}

/** What a stored record says; `unknown` is a kind that this version of Kedge doesn't write. */
export type StoredShareChange =
  | { readonly kind: "snapshot"; readonly key: ShareKey; readonly snapshot: ShareSnapshot | null }
  | { readonly kind: "update"; readonly key: ShareKey; readonly update: ShareUpdate | null }
  | { readonly kind: "unknown" };

export function snapshotRecord(key: ShareKey, snapshot: ShareSnapshot): CoordinatorRecord {
  return { key: snapshotKey(key), value: encodeStoredValue(ShareSnapshotValue, snapshot, VERSION) };
}

export function updateRecord(key: ShareKey, update: ShareUpdate): CoordinatorRecord {
  const { groupId, topicId, partitionIndex } = key;
  return {
    key: encodeStoredKey(ShareUpdateKey, { groupId, topicId, partition: partitionIndex }),
    value: encodeStoredValue(ShareUpdateValue, update, VERSION),
  };
}

export function stateTombstone(key: ShareKey): CoordinatorRecord {
  return { key: snapshotKey(key), value: null };
}

function snapshotKey({ groupId, topicId, partitionIndex }: ShareKey): Uint8Array {
  return encodeStoredKey(ShareSnapshotKey, { groupId, topicId, partition: partitionIndex });
}

/** Reads a record of the log. Bytes that are no such record throw `MalformedMessageError`: the log is damaged. */
export function readShareRecord({ key, value }: CoordinatorRecord): StoredShareChange {
  const kind = storedKind(key);
  if (kind === ShareSnapshotKey.apiKey) {
    const snapshot = value === null ? null : decodeStoredValue(ShareSnapshotValue, value);
    return { kind: "snapshot", key: keyOf(decodeStoredKey(ShareSnapshotKey, key)), snapshot };
  }
  if (kind === ShareUpdateKey.apiKey) {
    const update = value === null ? null : decodeStoredValue(ShareUpdateValue, value);
    return { kind: "update", key: keyOf(decodeStoredKey(ShareUpdateKey, key)), update };
  }
  return { kind: "unknown" };
}

function keyOf({ groupId, topicId, partition }: ShareSnapshotKey): ShareKey {
  return { groupId, topicId, partitionIndex: partition };
}
