import type { Assignment } from "../assignors/assignor.ts";
import { MEMBER_OVERHEAD_BYTES } from "../limits.ts";

/** The epochs that a heartbeat may carry besides those that a member was given. */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;

/** What a member says about itself, and is stored whenever it changes. */
export interface ShareSubscription {
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Ascending, each once. */
  readonly topicNames: readonly string[];
}

/** What a member has of the group's partitions. */
export interface ShareAssignment {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly assigned: Assignment;
}

/** Members are values: a change makes a new one. */
export interface ShareGroupMember extends ShareSubscription, ShareAssignment {
  readonly memberId: string;
}

export const NO_ASSIGNMENT: Assignment = new Map();

export function newShareMember(memberId: string): ShareGroupMember {
  return {
    memberId,
    rackId: null,
    clientId: "",
    clientHost: "",
    topicNames: [],
    memberEpoch: 0,
    previousMemberEpoch: -1,
    assigned: NO_ASSIGNMENT,
  };
}

export function isSameSubscription(one: ShareSubscription, other: ShareSubscription): boolean {
  return (
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    areSameNames(one.topicNames, other.topicNames)
  );
}

export function areSameNames(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, at) => name === other[at]);
}

export function isSameAssignment(one: Assignment, other: Assignment): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partitionIndex of partitions) if (!others.has(partitionIndex)) return false;
  }
  return true;
}

/** What a member is taken to hold of the broker's memory besides its partitions; a string may take two bytes per UTF-16 unit. */
export function memberBytes({ memberId, rackId, clientId, clientHost, topicNames }: ShareGroupMember): number {
  let units = memberId.length + (rackId?.length ?? 0) + clientId.length + clientHost.length;
  for (const name of topicNames) units += name.length + 8;
  return MEMBER_OVERHEAD_BYTES + 2 * units;
}
