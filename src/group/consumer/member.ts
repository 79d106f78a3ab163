import type { Uuid } from "#bytes/uuid.ts";
import type { MemberProtocol } from "../classic/group.ts";
import { MEMBER_OVERHEAD_BYTES } from "../limits.ts";

/** Where a member stands on its way to its target; the numbers are stored. */
export const MemberState = { STABLE: 0, UNREVOKED_PARTITIONS: 1, UNRELEASED_PARTITIONS: 2 } as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** The epochs that a heartbeat may carry besides those that a member was given. */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
/** A static member goes and means to come back. */
export const STATIC_LEAVE_EPOCH = -2;

/** Partitions by topic, each with the epoch at which the member got it. */
export type OwnedPartitions = ReadonlyMap<Uuid, ReadonlyMap<number, number>>;

/** What a member says about itself, and is stored whenever it changes. */
export interface Subscription {
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  /** Ascending, each once. */
  readonly topicNames: readonly string[];
  /** Empty = none. */
  readonly topicRegex: string;
  readonly rebalanceTimeoutMs: number;
  /** Null = whatever the group uses. */
  readonly serverAssignor: string | null;
  /** Of a member that speaks the classic protocol (KIP-848's online migration). */
  readonly classic: ClassicSide | null;
}

export interface ClassicSide {
  readonly sessionTimeoutMs: number;
  readonly protocols: readonly MemberProtocol[];
}

/** What a member has of the group's partitions. */
export interface CurrentAssignment {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: OwnedPartitions;
  /** Taken away, and not given back yet. */
  readonly pendingRevocation: OwnedPartitions;
}

/** Members are values: a change makes a new one. */
export interface ConsumerMember extends Subscription, CurrentAssignment {
  readonly memberId: string;
}

export const NO_PARTITIONS: OwnedPartitions = new Map();

export function newMember(memberId: string): ConsumerMember {
  return {
    memberId,
    groupInstanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    topicNames: [],
    topicRegex: "",
    rebalanceTimeoutMs: -1,
    serverAssignor: null,
    classic: null,
    memberEpoch: 0,
    previousMemberEpoch: -1,
    state: MemberState.STABLE,
    assigned: NO_PARTITIONS,
    pendingRevocation: NO_PARTITIONS,
  };
}

/** It has all that its target names, and nothing else. */
export function isReconciledTo(member: ConsumerMember, targetEpoch: number): boolean {
  return member.state === MemberState.STABLE && member.memberEpoch === targetEpoch;
}

export function isSamePartitions(one: OwnedPartitions, other: OwnedPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const [partitionIndex, epoch] of partitions) if (others.get(partitionIndex) !== epoch) return false;
  }
  return true;
}

/** Whether a client would see another assignment: pending revocations and epochs are no part of it. */
export function isSameAssignment(one: OwnedPartitions, other: OwnedPartitions): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partitionIndex of partitions.keys()) if (!others.has(partitionIndex)) return false;
  }
  return true;
}

export function isSameSubscription(one: Subscription, other: Subscription): boolean {
  return (
    one.groupInstanceId === other.groupInstanceId &&
    one.rackId === other.rackId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.topicRegex === other.topicRegex &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    one.serverAssignor === other.serverAssignor &&
    isSameList(one.topicNames, other.topicNames) &&
    isSameClassic(one.classic, other.classic)
  );
}

export function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index]);
}

function isSameClassic(one: ClassicSide | null, other: ClassicSide | null): boolean {
  if (one === other) return true;
  if (one === null || other === null || one.sessionTimeoutMs !== other.sessionTimeoutMs) return false;
  if (one.protocols.length !== other.protocols.length) return false;
  return one.protocols.every(({ name, metadata }, index) => {
    const { name: otherName, metadata: bytes } = other.protocols[index];
    return name === otherName && metadata.length === bytes.length && metadata.every((byte, at) => byte === bytes[at]);
  });
}

/** What a member holds in memory besides its partitions. */
export function subscriptionBytes(memberId: string, subscription: Subscription): number {
  const { groupInstanceId, rackId, clientId, clientHost, topicNames, topicRegex, classic } = subscription;
  const names = [memberId, groupInstanceId ?? "", rackId ?? "", clientId, clientHost, topicRegex, ...topicNames];
  const protocols = (classic?.protocols ?? []).reduce(
    (sum, { name, metadata }) => sum + name.length + metadata.length,
    0,
  );
  return 2 * MEMBER_OVERHEAD_BYTES + names.reduce((sum, name) => sum + 2 * name.length + 16, 0) + protocols;
}

/** The part of a member that is stored when it says something new about itself. */
export function subscriptionOf(member: ConsumerMember): Subscription {
  const { groupInstanceId, rackId, clientId, clientHost, topicNames, topicRegex, rebalanceTimeoutMs } = member;
  const { serverAssignor, classic } = member;
  return {
    groupInstanceId,
    rackId,
    clientId,
    clientHost,
    topicNames,
    topicRegex,
    rebalanceTimeoutMs,
    serverAssignor,
    classic,
  };
}

/** The part of a member that is stored when its partitions change. */
export function currentOf(member: ConsumerMember): CurrentAssignment {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
}
