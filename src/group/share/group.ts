import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { AssignmentCount, assignmentBytesOf } from "../assignment-bytes.ts";
import type { Assignment } from "../assignors/assignor.ts";
import type { Group } from "../group.ts";
import { TOPIC_NAME_OVERHEAD_BYTES } from "../limits.ts";
import type { MemberBudget } from "../member-budget.ts";
import { encodeChange, NO_SHARED_PARTITIONS, type SharedPartitions, type ShareGroupChange } from "./changes.ts";
import { memberBytes, NO_ASSIGNMENT, newShareMember, type ShareGroupMember } from "./member.ts";

/** Kafka's names, as ListGroups and ShareGroupDescribe tell them. */
export type ShareGroupState = "Empty" | "Stable";

/**
 * A share group (KIP-932). It changes only by `apply`, of a live change as of a replayed record, and keeps its own counts right.
 *
 * The group epoch says that members, subscriptions or topics have changed; the target epoch that an assignment was made for that; a member's
 * epoch that it was told so. Members share partitions, so that nobody waits for anybody.
 */
export class ShareGroup implements Group {
  readonly kind = "share";
  readonly groupId: string;
  /** 1 before the first record, as in Kafka: the first member makes it 2. */
  epoch = 1;
  metadataHash = 0;
  /** 1 before the first one, as in Kafka. */
  targetEpoch = 1;
  /** When the target was made; 0 = there was nobody, and the next one is made at once. */
  targetTimestampMs = 0;
  shared: SharedPartitions = NO_SHARED_PARTITIONS;
  /** When it was last asked for the state of partitions that are initialising; nothing of a load. */
  initializingSinceMs = Number.NEGATIVE_INFINITY;
  /** The version of the cluster image for which the topics were looked at last. Nothing of a load: the next heartbeat looks again. */
  checkedVersion = -1;
  private readonly byId = new Map<string, ShareGroupMember>();
  private readonly targets = new Map<string, Assignment>();
  private names: ReadonlySet<string> | null = null;
  private readonly budget: MemberBudget;
  private readonly assignments = new AssignmentCount();
  private heldBytes = 0;

  constructor(groupId: string, budget: MemberBudget) {
    this.groupId = groupId;
    this.budget = budget;
  }

  get state(): ShareGroupState {
    return this.byId.size === 0 ? "Empty" : "Stable";
  }

  get members(): ReadonlyMap<string, ShareGroupMember> {
    return this.byId;
  }

  target(memberId: string): Assignment {
    return this.targets.get(memberId) ?? NO_ASSIGNMENT;
  }

  get allTargets(): ReadonlyMap<string, Assignment> {
    return this.targets;
  }

  /** What all members subscribe to together; some of it may not be there. */
  get subscribedTopics(): ReadonlySet<string> {
    if (this.names === null) {
      const names = new Set<string>();
      for (const { topicNames } of this.byId.values()) for (const name of topicNames) names.add(name);
      this.names = names;
    }
    return this.names;
  }

  apply(change: ShareGroupChange): void {
    switch (change.kind) {
      case "group":
        this.epoch = change.value?.epoch ?? 1;
        this.metadataHash = change.value?.metadataHash ?? 0;
        return;
      case "target-epoch":
        this.targetEpoch = change.value?.epoch ?? 1;
        this.targetTimestampMs = change.value?.timestampMs ?? 0;
        return;
      case "target":
        this.replaceTarget(change.memberId, change.value);
        return;
      case "partitions":
        this.hold(sharedBytes(change.value ?? NO_SHARED_PARTITIONS) - sharedBytes(this.shared));
        this.shared = change.value ?? NO_SHARED_PARTITIONS;
        return;
      case "subscription":
        this.names = null;
        if (change.value === null) this.removeMember(change.memberId);
        else this.putMember({ ...this.memberOrNew(change.memberId), ...change.value });
        return;
      case "current": {
        const member = this.byId.get(change.memberId);
        // A tombstone comes before the member's own; what is said of a member that isn't there is of one that has yet to come.
        if (change.value === null) {
          if (member !== undefined) this.putMember({ ...newShareMember(change.memberId), ...subscriptionOf(member) });
        } else this.putMember({ ...this.memberOrNew(change.memberId), ...change.value });
      }
    }
  }

  private replaceTarget(memberId: string, target: Assignment | null): void {
    this.holdAssignments(() => this.assignments.replaceTarget(this.targets.get(memberId), target ?? undefined));
    if (target === null) this.targets.delete(memberId);
    else this.targets.set(memberId, target);
  }

  private holdAssignments(replace: () => void): void {
    const { heldBytes } = this.assignments;
    replace();
    this.hold(this.assignments.heldBytes - heldBytes);
  }

  private memberOrNew(memberId: string): ShareGroupMember {
    return this.byId.get(memberId) ?? newShareMember(memberId);
  }

  private putMember(member: ShareGroupMember): void {
    const before = this.byId.get(member.memberId);
    this.hold(memberBytes(member) - (before === undefined ? 0 : memberBytes(before)));
    this.holdAssignments(() => this.assignments.replaceOwned(before?.assigned, member.assigned));
    this.byId.set(member.memberId, member);
  }

  private removeMember(memberId: string): void {
    const before = this.byId.get(memberId);
    if (before === undefined) return;
    this.hold(-memberBytes(before));
    this.holdAssignments(() => this.assignments.replaceOwned(before.assigned, undefined));
    this.byId.delete(memberId);
  }

  private hold(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.heldBytes += bytes;
  }

  /** Whether the broker has room for so much more. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= 0 || this.budget.hasRoomFor(bytes);
  }

  /** The changes that say all that a load would find. */
  *liveChanges(): Generator<ShareGroupChange, undefined> {
    yield { kind: "group", value: { epoch: this.epoch, metadataHash: this.metadataHash } };
    if (this.targetEpoch > 1) {
      yield { kind: "target-epoch", value: { epoch: this.targetEpoch, timestampMs: this.targetTimestampMs } };
    }
    for (const [memberId, member] of this.byId) {
      yield { kind: "subscription", memberId, value: subscriptionOf(member) };
    }
    for (const [memberId, { memberEpoch, previousMemberEpoch, assigned }] of this.byId) {
      yield { kind: "current", memberId, value: { memberEpoch, previousMemberEpoch, assigned } };
    }
    for (const [memberId, value] of this.targets) yield { kind: "target", memberId, value };
    if (this.shared !== NO_SHARED_PARTITIONS) yield { kind: "partitions", value: this.shared };
  }

  get liveChangeCount(): number {
    return 3 + 2 * this.byId.size + this.targets.size;
  }

  /** Tombstones for all of it. */
  burials(): CoordinatorRecord[] {
    const memberIds = [...this.byId.keys()];
    const changes: ShareGroupChange[] = [
      ...memberIds.map((memberId) => ({ kind: "current", memberId, value: null }) as const),
      ...[...this.targets.keys()].map((memberId) => ({ kind: "target", memberId, value: null }) as const),
      { kind: "target-epoch", value: null },
      ...memberIds.map((memberId) => ({ kind: "subscription", memberId, value: null }) as const),
      { kind: "partitions", value: null },
      { kind: "group", value: null },
    ];
    return changes.map((change) => encodeChange(this.groupId, change));
  }

  release(): void {
    this.hold(-this.heldBytes);
  }
}

/** What is known of the partitions of a topic that is shared, or is to be. */
export function sharedTopicBytes(name: string, partitionCount: number): number {
  return 2 * name.length + TOPIC_NAME_OVERHEAD_BYTES + assignmentBytesOf(1, partitionCount);
}

function sharedBytes({ initializing, initialized, deleting }: SharedPartitions): number {
  let bytes = 0;
  for (const { name, partitions } of initializing.values()) bytes += sharedTopicBytes(name, partitions.size);
  for (const { name, partitions } of initialized.values()) bytes += sharedTopicBytes(name, partitions.size);
  for (const name of deleting.values()) bytes += sharedTopicBytes(name, 0);
  return bytes;
}

function subscriptionOf({ rackId, clientId, clientHost, topicNames }: ShareGroupMember) {
  return { rackId, clientId, clientHost, topicNames };
}
