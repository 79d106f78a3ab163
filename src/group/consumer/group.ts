import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { AssignmentCount } from "../assignment-bytes.ts";
import type { Assignment } from "../assignors/assignor.ts";
import type { Group } from "../group.ts";
import type { MemberBudget } from "../member-budget.ts";
import { type ConsumerGroupChange, encodeChange, type ResolvedRegex } from "./changes.ts";
import {
  type ConsumerMember,
  isReconciledTo,
  MemberState,
  NO_PARTITIONS,
  newMember,
  type OwnedPartitions,
  type Subscription,
  subscriptionBytes,
} from "./member.ts";
import { type Matching, resolvedBytes } from "./regex.ts";

/** Kafka's names, as ListGroups and ConsumerGroupDescribe tell them. */
export type ConsumerGroupState = "Empty" | "Assigning" | "Reconciling" | "Stable";

const NO_TARGET: Assignment = new Map();

/**
 * A consumer group (KIP-848). It changes only by `apply`, of a live change as of a replayed record, and keeps its own counts right.
 *
 * Three epochs move it: the group epoch says that members, subscriptions or topics have changed; the target epoch that an assignment was made
 * for that; a member's epoch how far it has come on its way there. A partition has one owner at a time: who has it assigned, or has yet
 * to give it back (`ownerOf`).
 */
export class ConsumerGroup implements Group {
  readonly kind = "consumer";
  readonly groupId: string;
  /** 1 before the first record, as in Kafka: the first member makes it 2. */
  epoch = 1;
  metadataHash = 0;
  targetEpoch = 0;
  /** When the target was made; 0 = there was nobody, and the next one is made at once. */
  targetTimestampMs = 0;
  /** The version of the cluster image for which the topics were looked at last. Nothing of a load: the next heartbeat looks again. */
  checkedVersion = -1;
  /** The expressions that matched too much when they were matched last. Nothing of a load. */
  readonly overlong = new Set<string>();
  /** Matching took all that a heartbeat may take of it: from when on it may go on. Nothing of a load. */
  matchingResumesAtMs = Number.NEGATIVE_INFINITY;
  private begun: Matching | null = null;
  private readonly byId = new Map<string, ConsumerMember>();
  private readonly targets = new Map<string, Assignment>();
  private readonly owners = new Map<Uuid, Map<number, string>>();
  private readonly byInstance = new Map<string, string>();
  private readonly regexes = new Map<string, ResolvedRegex>();
  private readonly regexMembers = new Map<string, number>();
  private classicCount = 0;
  /** How many members subscribe to a topic by its name, and how many name an assignor. */
  private readonly nameCounts = new Map<string, number>();
  private readonly votes = new Map<string, number>();
  private names: ReadonlySet<string> | null = null;
  private readonly budget: MemberBudget;
  private readonly assignments = new AssignmentCount();
  private heldBytes = 0;

  constructor(groupId: string, budget: MemberBudget) {
    this.groupId = groupId;
    this.budget = budget;
  }

  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.byId;
  }

  get resolvedRegexes(): ReadonlyMap<string, ResolvedRegex> {
    return this.regexes;
  }

  get classicMemberCount(): number {
    return this.classicCount;
  }

  get state(): ConsumerGroupState {
    if (this.byId.size === 0) return "Empty";
    if (this.epoch > this.targetEpoch) return "Assigning";
    for (const member of this.byId.values()) if (!isReconciledTo(member, this.targetEpoch)) return "Reconciling";
    return "Stable";
  }

  target(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_TARGET;
  }

  hasTarget(memberId: string): boolean {
    return this.targets.has(memberId);
  }

  staticMember(groupInstanceId: string): ConsumerMember | undefined {
    const memberId = this.byInstance.get(groupInstanceId);
    return memberId === undefined ? undefined : this.byId.get(memberId);
  }

  /** The member that has the partition, or has yet to give it back. */
  ownerOf(topicId: Uuid, partitionIndex: number): string | undefined {
    return this.owners.get(topicId)?.get(partitionIndex);
  }

  /** How many members subscribe by this expression. */
  regexMemberCount(regex: string): number {
    return this.regexMembers.get(regex) ?? 0;
  }

  get regexCount(): number {
    return this.regexMembers.size;
  }

  /** How many members name each assignor. */
  get assignorVotes(): ReadonlyMap<string, number> {
    return this.votes;
  }

  subscribedRegexes(): Iterable<string> {
    return this.regexMembers.keys();
  }

  /** What all members subscribe to together, by name or by expression; some of it may not be there. */
  get subscribedTopics(): ReadonlySet<string> {
    if (this.names === null) {
      const names = new Set(this.nameCounts.keys());
      for (const { topics } of this.regexes.values()) for (const name of topics) names.add(name);
      this.names = names;
    }
    return this.names;
  }

  /** What one member subscribes to, by name and by expression. */
  topicsOf({ topicNames, topicRegex }: Pick<Subscription, "topicNames" | "topicRegex">): Iterable<string> {
    const resolved = topicRegex === "" ? undefined : this.regexes.get(topicRegex)?.topics;
    if (resolved === undefined || resolved.size === 0) return topicNames;
    return topicNames.length === 0 ? resolved : new Set([...topicNames, ...resolved]);
  }

  /** The expression that the next heartbeat goes on with. Nothing of a load. */
  get matching(): Matching | null {
    return this.begun;
  }

  keepMatching(matching: Matching | null): void {
    if (this.begun !== null) this.hold(-resolvedBytes(this.begun.regex, this.begun.topics));
    this.begun = matching;
    if (matching !== null) this.hold(resolvedBytes(matching.regex, matching.topics));
  }

  /** Whether the broker has room for so much more. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= 0 || this.budget.hasRoomFor(bytes);
  }

  apply(change: ConsumerGroupChange): void {
    switch (change.kind) {
      case "group":
        if (change.value === null) return;
        this.epoch = change.value.epoch;
        this.metadataHash = change.value.metadataHash;
        return;
      case "target-epoch":
        this.targetEpoch = change.value?.epoch ?? 0;
        this.targetTimestampMs = change.value?.timestampMs ?? 0;
        return;
      case "target":
        this.replaceTarget(change.memberId, change.value);
        return;
      case "subscription":
        if (change.value === null) this.removeMember(change.memberId);
        else this.changeMember({ ...this.memberOrNew(change.memberId), ...change.value });
        return;
      case "current": {
        const member = this.byId.get(change.memberId);
        if (change.value !== null) this.changeMember({ ...this.memberOrNew(change.memberId), ...change.value });
        else if (member !== undefined) this.changeMember({ ...member, ...NOTHING_ASSIGNED });
        return;
      }
      case "regex":
        this.replaceRegex(change.regex, change.value);
        return;
    }
  }

  private replaceTarget(memberId: string, target: Assignment | null): void {
    const { heldBytes } = this.assignments;
    this.assignments.replaceTarget(this.targets.get(memberId), target ?? undefined);
    this.hold(this.assignments.heldBytes - heldBytes);
    if (target === null) this.targets.delete(memberId);
    else this.targets.set(memberId, target);
  }

  private replaceRegex(regex: string, resolved: ResolvedRegex | null): void {
    const before = this.regexes.get(regex);
    if (before !== undefined) this.hold(-resolvedBytes(regex, before.topics));
    if (resolved === null) {
      this.regexes.delete(regex);
      this.overlong.delete(regex);
    } else {
      this.hold(resolvedBytes(regex, resolved.topics));
      this.regexes.set(regex, resolved);
    }
    this.names = null;
  }

  private memberOrNew(memberId: string): ConsumerMember {
    return this.byId.get(memberId) ?? newMember(memberId);
  }

  private changeMember(member: ConsumerMember): void {
    const former = this.byId.get(member.memberId);
    if (former !== undefined) this.uncount(former);
    this.byId.set(member.memberId, member);
    this.count(member);
    this.own(former, member);
    this.dropMatching();
  }

  private removeMember(memberId: string): void {
    const member = this.byId.get(memberId);
    if (member === undefined) return;
    this.uncount(member);
    this.byId.delete(memberId);
    this.own(member, undefined);
    this.dropMatching();
  }

  /** Nobody subscribes by the expression any more. */
  private dropMatching(): void {
    if (this.begun !== null && !this.regexMembers.has(this.begun.regex)) this.keepMatching(null);
  }

  private count(member: ConsumerMember): void {
    const { memberId, groupInstanceId, serverAssignor, topicRegex, topicNames } = member;
    this.hold(subscriptionBytes(memberId, member));
    if (groupInstanceId !== null) this.byInstance.set(groupInstanceId, memberId);
    if (member.classic !== null) this.classicCount++;
    if (topicRegex !== "") add(this.regexMembers, topicRegex, 1);
    if (serverAssignor !== null) add(this.votes, serverAssignor, 1);
    for (const name of topicNames) if (add(this.nameCounts, name, 1) === 1) this.names = null;
  }

  private uncount(member: ConsumerMember): void {
    const { memberId, groupInstanceId, serverAssignor, topicRegex, topicNames } = member;
    this.hold(-subscriptionBytes(memberId, member));
    // Its successor may have the instance id already.
    if (groupInstanceId !== null && this.byInstance.get(groupInstanceId) === memberId) {
      this.byInstance.delete(groupInstanceId);
    }
    if (member.classic !== null) this.classicCount--;
    if (topicRegex !== "") add(this.regexMembers, topicRegex, -1);
    if (serverAssignor !== null) add(this.votes, serverAssignor, -1);
    for (const name of topicNames) if (add(this.nameCounts, name, -1) === 0) this.names = null;
  }

  private own(former: ConsumerMember | undefined, member: ConsumerMember | undefined): void {
    if (
      former !== undefined &&
      former.assigned === member?.assigned &&
      former.pendingRevocation === member.pendingRevocation
    )
      return;
    const { heldBytes } = this.assignments;
    this.assignments.replaceOwned(former?.assigned, member?.assigned);
    this.assignments.replaceOwned(former?.pendingRevocation, member?.pendingRevocation);
    this.hold(this.assignments.heldBytes - heldBytes);
    for (const owned of former === undefined ? [] : [former.assigned, former.pendingRevocation]) {
      for (const [topicId, partitions] of owned) {
        const owners = this.owners.get(topicId);
        for (const partitionIndex of partitions.keys()) {
          if (owners?.get(partitionIndex) === former?.memberId) owners?.delete(partitionIndex);
        }
        if (owners?.size === 0) this.owners.delete(topicId);
      }
    }
    for (const owned of member === undefined ? [] : [member.assigned, member.pendingRevocation]) {
      for (const [topicId, partitions] of owned) {
        const owners = this.owners.get(topicId) ?? new Map<number, string>();
        for (const partitionIndex of partitions.keys()) owners.set(partitionIndex, member?.memberId ?? "");
        this.owners.set(topicId, owners);
      }
    }
  }

  private hold(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.heldBytes += bytes;
  }

  release(): void {
    this.hold(-this.heldBytes);
  }

  /** What a load must find. */
  *changes(): Generator<ConsumerGroupChange, undefined> {
    yield { kind: "group", value: { epoch: this.epoch, metadataHash: this.metadataHash } };
    for (const [memberId, member] of this.byId) yield { kind: "subscription", memberId, value: member };
    for (const [regex, value] of this.regexes) yield { kind: "regex", regex, value };
    yield { kind: "target-epoch", value: { epoch: this.targetEpoch, timestampMs: this.targetTimestampMs } };
    for (const [memberId, value] of this.targets) yield { kind: "target", memberId, value };
    for (const [memberId, member] of this.byId) yield { kind: "current", memberId, value: member };
  }

  get changeCount(): number {
    return 2 + 2 * this.byId.size + this.targets.size + this.regexes.size;
  }

  *liveRecords(): Generator<CoordinatorRecord, undefined> {
    for (const change of this.changes()) yield encodeChange(this.groupId, change);
  }

  tombstones(): CoordinatorRecord[] {
    const memberIds = [...this.byId.keys()];
    const changes: ConsumerGroupChange[] = [
      ...memberIds.map((memberId) => ({ kind: "current", memberId, value: null }) as const),
      ...[...this.targets.keys()].map((memberId) => ({ kind: "target", memberId, value: null }) as const),
      { kind: "target-epoch", value: null },
      ...memberIds.map((memberId) => ({ kind: "subscription", memberId, value: null }) as const),
      ...[...this.regexes.keys()].map((regex) => ({ kind: "regex", regex, value: null }) as const),
      { kind: "group", value: null },
    ];
    return changes.map((change) => encodeChange(this.groupId, change));
  }
}

/** Answers the new count; one that is 0 isn't kept. */
function add(counts: Map<string, number>, key: string, change: 1 | -1): number {
  const count = (counts.get(key) ?? 0) + change;
  if (count === 0) counts.delete(key);
  else counts.set(key, count);
  return count;
}

const NOTHING_ASSIGNED: {
  readonly memberEpoch: number;
  readonly previousMemberEpoch: number;
  readonly state: MemberState;
  readonly assigned: OwnedPartitions;
  readonly pendingRevocation: OwnedPartitions;
} = {
  memberEpoch: -1,
  previousMemberEpoch: -1,
  state: MemberState.STABLE,
  assigned: NO_PARTITIONS,
  pendingRevocation: NO_PARTITIONS,
};
