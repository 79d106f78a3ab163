import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord, TransactionalProducer } from "#ports/coordinator-log.ts";
import type { ErrorCode } from "#protocol/errors.ts";
import type { Turn } from "./turn.ts";

/** The group protocols. All groups share one name space, and a group is of one kind at a time. */
export type GroupKind = "classic" | "consumer" | "share" | "streams";

/** Who wants to commit offsets. */
export interface CommitIdentity {
  readonly groupId: string;
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  /** Or the member epoch; -1 = the client doesn't take part in the group's protocol. */
  readonly generationId: number;
  /** Whose transaction it is part of, for TxnOffsetCommit. */
  readonly producer?: TransactionalProducer;
  /** OffsetCommit before version 9: members of consumer groups may not use it. */
  readonly isBeforeMemberEpochs?: boolean;
}

/** Says for one partition whether its offset may be committed. */
export type PartitionAdmission = (topicId: Uuid, topic: string, partitionIndex: number) => ErrorCode;

/** How the offsets of a group grow old. */
export interface OffsetExpiry {
  /** From when on the retention counts, in milliseconds since the epoch; null = from the commit of each offset. */
  readonly sinceMs: number | null;
}

/** One group, whatever its kind. What can be done with it is its protocol's (`GroupProtocol`). */
export interface Group {
  readonly kind: GroupKind;
  readonly groupId: string;
  /** Kafka's name of the state, as ListGroups tells it; `Empty` when it has no members and waits for none. */
  readonly state: string;
  /** Gives back what it holds of the broker's budgets. It isn't to be used afterwards. */
  release(): void;
}

/** The timer of a member of a group that isn't classic. */
export interface MemberTimer {
  readonly of: Exclude<GroupKind, "classic">;
  /** The protocol's own word, such as `session`. */
  readonly kind: string;
  readonly groupId: string;
  readonly memberId: string;
}

/** One group protocol in one coordinator: what the coordinator must be able to ask of every group of that kind. Verbs are its own. */
export interface GroupProtocol<G extends Group = Group> {
  readonly kind: GroupKind;
  /** How stored records are replayed, by the number that begins their keys. A group is added to the space by the first of its records. */
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;
  /** The group has been replayed: its timers begin to count. */
  restartTimers(group: G, turn: Turn): void;
  onTimer(timer: MemberTimer, turn: Turn): void;
  /** As ListGroups tells it: `consumer`, `share`, `streams`, or what the members of a classic group say. */
  listedProtocolType(group: G): string;
  /** What a load must find to know the group, as it is now; none of a group of which nothing is written. */
  liveRecords(group: G): Iterable<CoordinatorRecord>;
  liveRecordCount(group: G): number;
  /** Forgets the group in the log and cancels its timers; its offsets and its place in the space are somebody else's. */
  bury(group: G, turn: Turn): void;
  /** An error for all, or what decides for each partition. */
  admitCommit(group: G, identity: CommitIdentity, turn: Turn): ErrorCode | PartitionAdmission;
  /** OffsetFetch 9+ says who asks: a member id and its epoch, or null and -1. */
  admitFetch(group: G, memberId: string | null, memberEpoch: number): ErrorCode;
  admitOffsetDelete(group: G): ErrorCode;
  /** Offsets of topics that the group subscribes to don't expire and aren't deleted. */
  isSubscribedTo(group: G, topic: string): boolean;
  /** Null while no offset of the group may expire. */
  offsetExpiry(group: G): OffsetExpiry | null;
}

export interface ListedGroup {
  readonly groupId: string;
  readonly protocolType: string;
  readonly groupState: string;
  readonly groupType: string;
}

/** Filters as in ListGroups: an empty one lets everything pass, and upper and lower case are the same. */
export interface GroupFilters {
  readonly states: readonly string[];
  readonly types: readonly string[];
}

/** `protocolOf` finds the protocol of a group. */
export function listGroups(
  groups: Iterable<Group>,
  filters: GroupFilters,
  protocolOf: (group: Group) => GroupProtocol,
): ListedGroup[] {
  const states = new Set(filters.states.map((state) => state.trim().toLowerCase()));
  const types = new Set(filters.types.map((type) => type.toLowerCase()));
  const listed: ListedGroup[] = [];
  for (const group of groups) {
    const { groupId, kind, state } = group;
    if (states.size > 0 && !states.has(state.toLowerCase())) continue;
    if (types.size > 0 && !types.has(kind)) continue;
    const protocolType = protocolOf(group).listedProtocolType(group);
    listed.push({ groupId, protocolType, groupState: state, groupType: kind });
  }
  return listed;
}
