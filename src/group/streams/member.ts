import { MEMBER_OVERHEAD_BYTES } from "../limits.ts";
import { areSameHeldTasks, type HeldTasks, NO_HELD_TASKS } from "./tasks.ts";

/** Where a member stands on its way to its target; the numbers are stored. */
export const MemberState = { STABLE: 1, UNREVOKED_TASKS: 2, UNRELEASED_TASKS: 3 } as const;
export type MemberState = (typeof MemberState)[keyof typeof MemberState];

/** The epochs that a heartbeat may carry besides those that a member was given. */
export const JOIN_EPOCH = 0;
export const LEAVE_EPOCH = -1;
/** A static member goes and means to come back. */
export const STATIC_LEAVE_EPOCH = -2;

/** Where an instance of the application answers queries of others. */
export interface UserEndpoint {
  readonly host: string;
  readonly port: number;
}

/** What a member says about itself, and is stored whenever it changes. */
export interface MemberInfo {
  readonly groupInstanceId: string | null;
  readonly rackId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  readonly rebalanceTimeoutMs: number;
  /** Of the topology that it runs; -1 before it has said so. */
  readonly topologyEpoch: number;
  /** Members of one process share its memory and disk. */
  readonly processId: string;
  readonly userEndpoint: UserEndpoint | null;
  readonly clientTags: ReadonlyMap<string, string>;
}

/** What a member has of the group's tasks. */
export interface CurrentTasks {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: HeldTasks;
  /** Taken away, and not given back yet. */
  readonly pendingRevocation: HeldTasks;
}

/** Members are values: a change makes a new one. */
export interface StreamsMember extends MemberInfo, CurrentTasks {
  readonly memberId: string;
}

const NO_TAGS: ReadonlyMap<string, string> = new Map();

export function newStreamsMember(memberId: string): StreamsMember {
  return {
    memberId,
    groupInstanceId: null,
    rackId: null,
    clientId: "",
    clientHost: "",
    rebalanceTimeoutMs: -1,
    topologyEpoch: -1,
    processId: "",
    userEndpoint: null,
    clientTags: NO_TAGS,
    memberEpoch: 0,
    previousMemberEpoch: 0,
    state: MemberState.STABLE,
    assigned: NO_HELD_TASKS,
    pendingRevocation: NO_HELD_TASKS,
  };
}

export function isReconciledTo({ state, memberEpoch }: CurrentTasks, targetEpoch: number): boolean {
  return state === MemberState.STABLE && memberEpoch === targetEpoch;
}

export function isSameEndpoint(one: UserEndpoint | null, other: UserEndpoint | null): boolean {
  return one === other || (one?.host === other?.host && one?.port === other?.port);
}

export function isSameInfo(one: MemberInfo, other: MemberInfo): boolean {
  return (
    isSameForAssignment(one, other) &&
    one.groupInstanceId === other.groupInstanceId &&
    one.clientId === other.clientId &&
    one.clientHost === other.clientHost &&
    one.rebalanceTimeoutMs === other.rebalanceTimeoutMs &&
    isSameEndpoint(one.userEndpoint, other.userEndpoint)
  );
}

/** Of a static member, nothing else makes a new assignment. */
export function isSameForAssignment(one: MemberInfo, other: MemberInfo): boolean {
  return (
    one.topologyEpoch === other.topologyEpoch &&
    one.rackId === other.rackId &&
    one.processId === other.processId &&
    isSameTags(one.clientTags, other.clientTags)
  );
}

function isSameTags(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  if (one === other) return true;
  if (one.size !== other.size) return false;
  for (const [key, value] of one) if (other.get(key) !== value) return false;
  return true;
}

export function isSameCurrent(one: CurrentTasks, other: CurrentTasks): boolean {
  return (
    one.memberEpoch === other.memberEpoch &&
    one.previousMemberEpoch === other.previousMemberEpoch &&
    one.state === other.state &&
    areSameHeldTasks(one.assigned, other.assigned) &&
    areSameHeldTasks(one.pendingRevocation, other.pendingRevocation)
  );
}

/** What a member holds in memory besides its tasks; a string may take two bytes per UTF-16 unit. */
export function memberInfoBytes(memberId: string, info: MemberInfo): number {
  const { groupInstanceId, rackId, clientId, clientHost, processId, userEndpoint, clientTags } = info;
  const names = [memberId, groupInstanceId ?? "", rackId ?? "", clientId, clientHost, processId];
  const texts = [...names, userEndpoint?.host ?? "", ...[...clientTags].flat()];
  return 2 * MEMBER_OVERHEAD_BYTES + texts.reduce((sum, text) => sum + 2 * text.length + 16, 0);
}

/** The part of a member that is stored when it says something new about itself. */
export function infoOf(member: MemberInfo): MemberInfo {
  const { groupInstanceId, rackId, clientId, clientHost, rebalanceTimeoutMs } = member;
  const { topologyEpoch, processId, userEndpoint, clientTags } = member;
  const who = { groupInstanceId, rackId, clientId, clientHost, rebalanceTimeoutMs };
  return { ...who, topologyEpoch, processId, userEndpoint, clientTags };
}

/** The part of a member that is stored when its tasks change. */
export function currentOf(member: CurrentTasks): CurrentTasks {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member;
  return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation };
}
