import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { Message } from "#protocol/schema.ts";
import { decodeStoredValue, encodeStoredValue } from "#protocol/stored/record.ts";
import type { Assignment } from "./assignors/assignor.ts";
import type { Group } from "./group.ts";
import type { GroupSpace } from "./group-space.ts";
import type { MemberBudget } from "./member-budget.ts";

// What the changes of groups with server-side assignment have in common, as records.

/** The version in which Apache Kafka 4.4 writes them all. */
const VALUE_VERSION = 0;

/** What a record says, and of which group. */
export interface Decoded<Change> {
  readonly groupId: string;
  readonly change: Change;
}

/** By the number that begins a key. Bytes that are no such record throw `MalformedMessageError`. */
export type ChangeDecoders<Change> = ReadonlyMap<number, (record: CoordinatorRecord) => Decoded<Change>>;

/** Which epoch of the group a target was made for. */
export interface TargetEpoch {
  readonly epoch: number;
  readonly timestampMs: number;
}

/** A record's value; a tombstone for what is no more. */
export function storedValue<T, V>(
  table: Message<T>,
  value: V | null,
  draftOf: (value: V) => Parameters<Message<T>["encode"]>[1],
): Uint8Array | null {
  return value === null ? null : encodeStoredValue(table, draftOf(value), VALUE_VERSION);
}

/** What a record's value says; null for a tombstone. */
export function valueOf<T, V>(table: Message<T>, { value }: CoordinatorRecord, read: (value: T) => V): V | null {
  return value === null ? null : read(decodeStoredValue(table, value));
}

export function draftOfTargetEpoch({ epoch, timestampMs }: TargetEpoch) {
  return { assignmentEpoch: epoch, assignmentTimestamp: timestampMs };
}

export function targetEpochOf(value: {
  readonly assignmentEpoch: number;
  readonly assignmentTimestamp: number;
}): TargetEpoch {
  return { epoch: value.assignmentEpoch, timestampMs: value.assignmentTimestamp };
}

export function draftOfAssignment(assignment: Assignment) {
  return [...assignment].map(([topicId, partitions]) => ({ topicId, partitions: [...partitions] }));
}

export function assignmentOf(
  topics: readonly { readonly topicId: Uuid; readonly partitions: readonly number[] }[],
): Assignment {
  return new Map(topics.map(({ topicId, partitions }) => [topicId, new Set(partitions)]));
}

interface StoredChange {
  readonly kind: string;
  /** Null = it is no more; of a `group`, all of it. */
  readonly value: unknown;
}

/** How the records of one kind of group are replayed. The first one of a group adds it, in place of one of another kind that ended before. */
export function replaysInto<Change extends StoredChange, G extends Group & { apply(change: Change): void }>(
  space: GroupSpace,
  decoders: ChangeDecoders<Change>,
  Kind: new (groupId: string, budget: MemberBudget) => G,
): ReadonlyMap<number, (record: CoordinatorRecord) => void> {
  const replay = ({ groupId, change }: Decoded<Change>) => {
    const known = space.get(groupId);
    if (change.value === null) {
      // Another kind of group may have taken the name since.
      if (!(known instanceof Kind)) return;
      if (change.kind === "group") space.remove(groupId);
      else known.apply(change);
      return;
    }
    const group = known instanceof Kind ? known : new Kind(groupId, space.budget);
    if (group !== known) space.put(group);
    group.apply(change);
  };
  return new Map([...decoders].map(([kind, decode]) => [kind, (record) => replay(decode(record))]));
}
