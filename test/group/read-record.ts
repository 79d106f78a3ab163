import type { CommittedOffset } from "#group/offsets.ts";
import { type OffsetPosition, readOffset } from "#group/stored.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { GroupMetadataKey, GroupMetadataValue } from "#protocol/stored/group-metadata.ts";
import { OffsetCommitKey } from "#protocol/stored/offset-commit.ts";
import { decodeStoredKey, decodeStoredValue, storedKind } from "#protocol/stored/record.ts";

/** What a stored record says; `unknown` is a kind that other group protocols write. */
export type StoredChange =
  | { readonly kind: "offset"; readonly position: OffsetPosition; readonly committed: CommittedOffset | null }
  | { readonly kind: "group"; readonly groupId: string; readonly value: GroupMetadataValue | null }
  | { readonly kind: "unknown" };

export function readRecord(record: CoordinatorRecord): StoredChange {
  const kind = storedKind(record.key);
  if (kind === OffsetCommitKey.apiKey) return { kind: "offset", ...readOffset(record) };
  if (kind !== GroupMetadataKey.apiKey) return { kind: "unknown" };
  const { group: groupId } = decodeStoredKey(GroupMetadataKey, record.key);
  const value = record.value === null ? null : decodeStoredValue(GroupMetadataValue, record.value);
  return { kind: "group", groupId, value };
}
