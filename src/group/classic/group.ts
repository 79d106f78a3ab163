import type { RequestToken } from "#coordinator/machine.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { Group } from "../group.ts";
import { MEMBER_OVERHEAD_BYTES } from "../limits.ts";
import { MemberBudget } from "../member-budget.ts";
import type { JoinedMember } from "../turn.ts";
import { NO_BYTES } from "../turn.ts";
import { subscribedTopicsOf } from "./subscription.ts";

/** Kafka's names of the states, as DescribeGroups and ListGroups tell them. `Dead` is the state of a group that isn't there. */
export type ClassicState = "Empty" | "PreparingRebalance" | "CompletingRebalance" | "Stable";

export const DEAD_STATE = "Dead";

/** The protocol type of consumers; only with it do the metadata bytes mean something to a coordinator. */
const CONSUMER_PROTOCOL_TYPE = "consumer";

const UNCOUNTED_RECORD_BYTES = 128;

export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

export interface ClassicMember {
  readonly memberId: string;
  readonly groupInstanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  rebalanceTimeoutMs: number;
  sessionTimeoutMs: number;
  /** In the order of the member's preference. */
  protocols: readonly MemberProtocol[];
  /** What the leader gave it in the current generation; empty until then. Changed by `ClassicGroup.assign` alone, as `protocols` by its own. */
  assignment: Uint8Array;
  /** It has never got a reply to its join, so it can't send heartbeats and its timer runs even while it is parked. */
  isNew: boolean;
  awaitingJoin: RequestToken | null;
  awaitingSync: RequestToken | null;
}

export type NewMember = Pick<
  ClassicMember,
  "memberId" | "groupInstanceId" | "clientId" | "clientHost" | "rebalanceTimeoutMs" | "sessionTimeoutMs" | "protocols"
>;

/**
 * A classic group: its members, what they can do together, and where it stands in its rebalance. It keeps its own counts right and
 * knows nothing of replies, timers or records; the verbs beside this file decide.
 *
 * Invariants: `state` is Empty exactly when the last generation has no members and no join has begun since; `leaderId` is null or a member;
 * `awaitingJoinCount` is the number of members with a parked join; every value of `staticMembers` is a member with that instance id;
 * `pendingMembers` and `members` are disjoint; in Stable and CompletingRebalance `protocolName` is offered by every member.
 */
export class ClassicGroup implements Group {
  readonly kind = "classic";
  readonly groupId: string;
  state: ClassicState = "Empty";
  /** Where the group was before `state`; after a replay nothing is known, and it is taken to have been in `state`. */
  previousState: ClassicState = "Empty";
  /** When `state` began, in milliseconds since the epoch; -1 when the stored record didn't say. */
  stateTimestampMs: number;
  protocolType: string | null = null;
  protocolName: string | null = null;
  generationId = 0;
  leaderId: string | null = null;
  /** In the order in which they came. */
  readonly members = new Map<string, ClassicMember>();
  /** Member ids by group instance id. */
  readonly staticMembers = new Map<string, string>();
  private readonly pending = new Set<string>();
  /** Members of this generation that haven't sent their SyncGroup yet. */
  readonly pendingSyncMembers = new Set<string>();
  /** Somebody joined since the initial rebalance delay began, which makes it longer. */
  newMemberAdded = false;
  /** What the running initial delay is, and how much of the rebalance timeout may still be added to it. */
  initialDelay = { delayMs: 0, remainingMs: 0 };
  /** What all members of the generation subscribe to; null when that isn't known (no consumers, or bytes that can't be read). */
  subscribedTopics: ReadonlySet<string> | null = null;
  awaitingJoinCount = 0;
  /** How many members offer a protocol. */
  private readonly protocolCounts = new Map<string, number>();
  private readonly budget: MemberBudget;
  /** What of the budget is this group's. */
  private heldBytes = 0;
  private stored: CoordinatorRecord | null = null;

  constructor(groupId: string, stateTimestampMs: number, budget = new MemberBudget()) {
    this.groupId = groupId;
    this.stateTimestampMs = stateTimestampMs;
    this.budget = budget;
  }

  /** Member ids that were given out with MEMBER_ID_REQUIRED and haven't come back yet. */
  get pendingMembers(): ReadonlySet<string> {
    return this.pending;
  }

  addPending(memberId: string): void {
    this.pending.add(memberId);
    this.budget.pendingMembers++;
    this.hold(pendingBytes(memberId));
  }

  private removePending(memberId: string): void {
    if (!this.pending.delete(memberId)) return;
    this.budget.pendingMembers--;
    this.hold(-pendingBytes(memberId));
  }

  /** The last record that was written of the group: what a load finds, even while the group is in the middle of a rebalance. */
  get storedRecord(): CoordinatorRecord | null {
    return this.stored;
  }

  set storedRecord(record: CoordinatorRecord | null) {
    this.hold(storedBytes(record) - storedBytes(this.stored));
    this.stored = record;
  }

  /** Whether the broker has the memory to keep the group as this record says it; its members are counted already. */
  hasRoomFor(record: CoordinatorRecord): boolean {
    return this.budget.hasRoomFor(storedBytes(record) - storedBytes(this.stored));
  }

  /** Gives back what the group holds of the budget. It isn't to be used afterwards. */
  release(): void {
    this.hold(-this.heldBytes);
    this.budget.pendingMembers -= this.pending.size;
    this.pending.clear();
  }

  private hold(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.heldBytes += bytes;
  }

  transitionTo(state: ClassicState, nowMs: number): void {
    this.previousState = this.state;
    this.state = state;
    this.stateTimestampMs = nowMs;
  }

  isLeader(memberId: string): boolean {
    return this.leaderId === memberId;
  }

  /** The members of a group that was empty are being gathered, for as long as the initial rebalance delay says. */
  get isInitialRebalance(): boolean {
    return this.state === "PreparingRebalance" && this.previousState === "Empty";
  }

  get usesConsumerProtocol(): boolean {
    return this.protocolType === CONSUMER_PROTOCOL_TYPE;
  }

  /** Every known member is parked in its join, and nobody who was given a member id is still to come. */
  get hasAllMembersJoined(): boolean {
    return this.members.size === this.awaitingJoinCount && this.pendingMembers.size === 0;
  }

  /** The longest of the members' rebalance timeouts. */
  get rebalanceTimeoutMs(): number {
    let longest = 0;
    for (const member of this.members.values()) longest = Math.max(longest, member.rebalanceTimeoutMs);
    return longest;
  }

  add(draft: NewMember, protocolType: string, token: RequestToken | null): ClassicMember {
    const member: ClassicMember = {
      ...draft,
      assignment: NO_BYTES,
      isNew: token !== null,
      awaitingJoin: token,
      awaitingSync: null,
    };
    if (this.members.size === 0) this.protocolType = protocolType;
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, member.memberId);
    this.leaderId ??= member.memberId;
    this.members.set(member.memberId, member);
    this.hold(memberBytes(member));
    this.countProtocols(member.protocols, 1);
    if (token !== null) this.awaitingJoinCount++;
    this.removePending(member.memberId);
    return member;
  }

  /** Forgets a member or a pending member. Its parked requests must have been answered before. */
  remove(memberId: string): void {
    const member = this.members.get(memberId);
    if (member !== undefined) {
      this.members.delete(memberId);
      this.hold(-memberBytes(member));
      this.countProtocols(member.protocols, -1);
      if (member.awaitingJoin !== null) this.awaitingJoinCount--;
      if (member.groupInstanceId !== null) this.staticMembers.delete(member.groupInstanceId);
    }
    if (this.isLeader(memberId)) this.leaderId = this.members.keys().next().value ?? null;
    this.removePending(memberId);
    this.pendingSyncMembers.delete(memberId);
  }

  /** Gives a static member's place, protocols and assignment to a new member id. The old one's parked requests must have been answered. */
  replaceStaticMember(old: ClassicMember, newMemberId: string): ClassicMember {
    const member: ClassicMember = {
      ...old,
      memberId: newMemberId,
      isNew: false,
      awaitingJoin: null,
      awaitingSync: null,
    };
    this.members.delete(old.memberId);
    this.members.set(newMemberId, member);
    this.hold(memberBytes(member) - memberBytes(old));
    if (this.isLeader(old.memberId)) this.leaderId = newMemberId;
    if (member.groupInstanceId !== null) this.staticMembers.set(member.groupInstanceId, newMemberId);
    if (this.pendingSyncMembers.delete(old.memberId)) this.pendingSyncMembers.add(newMemberId);
    return member;
  }

  updateProtocols(member: ClassicMember, protocols: readonly MemberProtocol[]): void {
    this.countProtocols(member.protocols, -1);
    this.hold(protocolBytes(protocols) - protocolBytes(member.protocols));
    member.protocols = protocols;
    this.countProtocols(protocols, 1);
  }

  assign(member: ClassicMember, assignment: Uint8Array): void {
    this.hold(assignment.length - member.assignment.length);
    member.assignment = assignment;
  }

  setAwaitingJoin(member: ClassicMember, token: RequestToken | null): void {
    if (member.awaitingJoin === null && token !== null) this.awaitingJoinCount++;
    if (member.awaitingJoin !== null && token === null) this.awaitingJoinCount--;
    member.awaitingJoin = token;
  }

  private countProtocols(protocols: readonly MemberProtocol[], change: 1 | -1): void {
    for (const name of namesOf(protocols)) {
      const count = (this.protocolCounts.get(name) ?? 0) + change;
      if (count === 0) this.protocolCounts.delete(name);
      else this.protocolCounts.set(name, count);
    }
  }

  /** Whether a member with this type and these protocols could share a protocol with all the others. */
  supports(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (this.state === "Empty") return protocolType !== "" && protocols.length > 0;
    if (protocolType !== this.protocolType) return false;
    return protocols.some((protocol) => (this.protocolCounts.get(protocol.name) ?? 0) === this.members.size);
  }

  /**
   * The protocol that most members prefer among those that all of them offer. Between equals the one whose first vote came first wins,
   * so that the choice depends on nothing but the members. Null when they have none in common.
   */
  selectProtocol(): string | null {
    const votes = new Map<string, number>();
    for (const member of this.members.values()) {
      const vote = member.protocols.find((protocol) => this.protocolCounts.get(protocol.name) === this.members.size);
      if (vote !== undefined) votes.set(vote.name, (votes.get(vote.name) ?? 0) + 1);
    }
    let winner: string | null = null;
    let most = 0;
    for (const [name, count] of votes) {
      if (count <= most) continue;
      winner = name;
      most = count;
    }
    return winner;
  }

  /** When the leader hasn't rejoined, the first member that has becomes the leader. False when nobody has. */
  electJoinedLeader(): boolean {
    const leader = this.leaderId === null ? undefined : this.members.get(this.leaderId);
    if (leader === undefined) return false;
    if (leader.awaitingJoin !== null) return true;
    for (const member of this.members.values()) {
      if (member.awaitingJoin === null) continue;
      this.leaderId = member.memberId;
      return true;
    }
    return false;
  }

  /** The next generation, of the members that are here now: CompletingRebalance, or Empty without any. */
  beginGeneration(nowMs: number): void {
    this.generationId++;
    this.protocolName = this.members.size === 0 ? null : this.selectProtocol();
    this.refreshSubscribedTopics();
    this.pendingSyncMembers.clear();
    this.transitionTo(this.members.size === 0 ? "Empty" : "CompletingRebalance", nowMs);
  }

  refreshSubscribedTopics(): void {
    this.subscribedTopics = this.usesConsumerProtocol ? subscribedTopicsOf(this.currentMembers()) : null;
  }

  /** The members with the metadata that belongs to the group's protocol: what the leader assigns by. */
  currentMembers(): JoinedMember[] {
    const { protocolName } = this;
    return [...this.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      metadata: protocolName === null ? NO_BYTES : metadataOf(member, protocolName),
    }));
  }
}

/** What a member holds in memory. */
export function memberBytes(member: NewMember & { readonly assignment: Uint8Array }): number {
  const { memberId, groupInstanceId, clientId, clientHost, assignment } = member;
  const names = memberId.length + (groupInstanceId?.length ?? 0) + clientId.length + clientHost.length;
  return MEMBER_OVERHEAD_BYTES + names + assignment.length + protocolBytes(member.protocols);
}

export function protocolBytes(protocols: readonly MemberProtocol[]): number {
  return protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);
}

function pendingBytes(memberId: string): number {
  return MEMBER_OVERHEAD_BYTES + memberId.length;
}

/** What the record holds beyond what an idle group needs: groups without members are limited by their number. */
function storedBytes(record: CoordinatorRecord | null): number {
  return Math.max((record?.value?.length ?? 0) - UNCOUNTED_RECORD_BYTES, 0);
}

/** Empty when the member doesn't offer the protocol. */
export function metadataOf(member: ClassicMember, protocolName: string): Uint8Array {
  return member.protocols.find((protocol) => protocol.name === protocolName)?.metadata ?? NO_BYTES;
}

/** A new member may be reaped while it is parked; all others need no heartbeat while they wait for a reply. */
export function hasSatisfiedHeartbeat(member: ClassicMember): boolean {
  return !member.isNew && (member.awaitingJoin !== null || member.awaitingSync !== null);
}

/** Whether the member offers just these protocols, in this order and with the same metadata. */
export function offersSame(member: ClassicMember, protocols: readonly MemberProtocol[]): boolean {
  if (member.protocols.length !== protocols.length) return false;
  return member.protocols.every(
    (own, index) => own.name === protocols[index].name && equalBytes(own.metadata, protocols[index].metadata),
  );
}

function namesOf(protocols: readonly MemberProtocol[]): Set<string> {
  return new Set(protocols.map((protocol) => protocol.name));
}

function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}
