import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import type { Group } from "../group.ts";
import type { MemberBudget } from "../member-budget.ts";
import { encodeChange, type GroupMetadata, type StreamsGroupChange } from "./changes.ts";
import type { ConfiguredTopology } from "./configure.ts";
import { TaskHolders } from "./holders.ts";
import { TASK_BYTES } from "./limits.ts";
import { currentOf, infoOf, isReconciledTo, memberInfoBytes, newStreamsMember, type StreamsMember } from "./member.ts";
import { NO_OFFSETS, type ReportedOffsets, reportedBytes } from "./offsets.ts";
import { countOfRoles, NO_HELD_TASKS, NO_TASKS, type RoleTasks } from "./tasks.ts";
import { encodeTopology, sourcesOf, type Topology } from "./topology.ts";

/** Kafka's names, as ListGroups and StreamsGroupDescribe tell them. */
export type StreamsGroupState = "Empty" | "NotReady" | "Assigning" | "Reconciling" | "Stable";

const FIRST_EPOCH = 1;
const NEVER_VALIDATED = -1;

/** A topology is held as objects, of which the names are most; strings may take two bytes per UTF-16 unit. */
const TOPOLOGY_BYTES_FACTOR = 3;

export function topologyBytes(topology: Topology): number {
  return TOPOLOGY_BYTES_FACTOR * encodeTopology(topology).length;
}

/**
 * A streams group (KIP-1071). It changes only by `apply`, of a live change as of a replayed record, and keeps its own counts right.
 *
 * Three epochs move it: the group epoch says that members, topology or topics have changed; the target epoch that an assignment was made for
 * that; a member's epoch how far it has come on its way there. An active task has one owner at a time: who has it assigned, or has yet to
 * give it back (`holders`). A process has a task in one role at a time.
 */
export class StreamsGroup implements Group {
  readonly kind = "streams";
  readonly groupId: string;
  /** 1 before the first record, as in Kafka: the first member makes it 2. */
  metadata: GroupMetadata = {
    epoch: FIRST_EPOCH,
    metadataHash: 0,
    validatedTopologyEpoch: NEVER_VALIDATED,
    assignmentConfigs: new Map(),
  };
  /** 1 before the first one, as in Kafka. */
  targetEpoch = FIRST_EPOCH;
  /** When the target was made; 0 = there was nobody, and the next one is made at once. */
  targetTimestampMs = 0;
  topology: Topology | null = null;
  readonly holders = new TaskHolders();
  /** What the topology comes to with the topics of the cluster image of `checkedVersion`. Nothing of a load: the next heartbeat looks again. */
  configured: ConfiguredTopology | null = null;
  checkedVersion = -1;
  /** The member that asked for the end of the application; forgotten with the last member. Not stored, as in Kafka. */
  shutdownMemberId: string | null = null;
  /** Grows when instances answer queries elsewhere, or for other tasks. Not stored, as in Kafka. */
  endpointEpoch = 0;
  private readonly byId = new Map<string, StreamsMember>();
  private readonly targets = new Map<string, RoleTasks>();
  private readonly byInstance = new Map<string, string>();
  private readonly reported = new Map<string, ReportedOffsets>();
  private sources: ReadonlyMap<string, string> = new Map();
  private readonly budget: MemberBudget;
  private heldBytes = 0;

  constructor(groupId: string, budget: MemberBudget) {
    this.groupId = groupId;
    this.budget = budget;
  }

  get epoch(): number {
    return this.metadata.epoch;
  }

  get state(): StreamsGroupState {
    if (this.byId.size === 0) return "Empty";
    if (this.topology?.epoch !== this.metadata.validatedTopologyEpoch) return "NotReady";
    if (this.epoch > this.targetEpoch) return "Assigning";
    for (const member of this.byId.values()) if (!isReconciledTo(member, this.targetEpoch)) return "Reconciling";
    return "Stable";
  }

  get members(): ReadonlyMap<string, StreamsMember> {
    return this.byId;
  }

  staticMember(groupInstanceId: string): StreamsMember | undefined {
    const memberId = this.byInstance.get(groupInstanceId);
    return memberId === undefined ? undefined : this.byId.get(memberId);
  }

  target(memberId: string): RoleTasks {
    return this.targets.get(memberId) ?? NO_TASKS;
  }

  hasTarget(memberId: string): boolean {
    return this.targets.has(memberId);
  }

  /** By topic that tasks read, the subtopology that reads it. */
  get subtopologyOfSource(): ReadonlyMap<string, string> {
    return this.sources;
  }

  /** How far the member has restored its tasks, as it said last. Not stored, as in Kafka. */
  offsetsOf(memberId: string): ReportedOffsets {
    return this.reported.get(memberId) ?? NO_OFFSETS;
  }

  /** Nothing is kept for which the broker has no room. */
  report(memberId: string, offsets: ReportedOffsets): void {
    const added = reportedBytes(offsets) - reportedBytes(this.offsetsOf(memberId));
    if (!this.hasRoomFor(added)) return;
    this.reported.set(memberId, offsets);
    this.hold(added);
  }

  apply(change: StreamsGroupChange): void {
    switch (change.kind) {
      case "group":
        if (change.value !== null) this.metadata = change.value;
        return;
      case "topology":
        this.setTopology(change.value);
        return;
      case "target-epoch":
        this.targetEpoch = change.value?.epoch ?? FIRST_EPOCH;
        this.targetTimestampMs = change.value?.timestampMs ?? 0;
        return;
      case "target":
        this.hold(TASK_BYTES * (countOfRoles(change.value ?? NO_TASKS) - countOfRoles(this.target(change.memberId))));
        if (change.value === null) this.targets.delete(change.memberId);
        else this.targets.set(change.memberId, change.value);
        return;
      case "member":
        if (change.value === null) this.removeMember(change.memberId);
        else this.putMember({ ...this.memberOrNew(change.memberId), ...change.value });
        return;
      case "current": {
        const member = this.byId.get(change.memberId);
        if (change.value !== null) this.putMember({ ...this.memberOrNew(change.memberId), ...change.value });
        else if (member !== undefined) this.putMember({ ...newStreamsMember(member.memberId), ...infoOf(member) });
      }
    }
  }

  private setTopology(topology: Topology | null): void {
    if (this.topology !== null) this.hold(-topologyBytes(this.topology));
    if (topology !== null) this.hold(topologyBytes(topology));
    this.topology = topology;
    this.sources = topology === null ? new Map() : sourcesOf(topology);
    this.configured = null;
  }

  private memberOrNew(memberId: string): StreamsMember {
    return this.byId.get(memberId) ?? newStreamsMember(memberId);
  }

  private putMember(member: StreamsMember): void {
    const { memberId, groupInstanceId } = member;
    this.forget(this.byId.get(memberId));
    this.byId.set(memberId, member);
    if (groupInstanceId !== null) this.byInstance.set(groupInstanceId, memberId);
    this.holders.add(memberId, member.assigned);
    this.holders.add(memberId, member.pendingRevocation);
    this.hold(memberBytes(member));
  }

  private removeMember(memberId: string): void {
    this.forget(this.byId.get(memberId));
    this.byId.delete(memberId);
    this.hold(-reportedBytes(this.offsetsOf(memberId)));
    this.reported.delete(memberId);
    if (this.byId.size === 0) this.shutdownMemberId = null;
  }

  private forget(member: StreamsMember | undefined): void {
    if (member === undefined) return;
    const { memberId, groupInstanceId } = member;
    // Its successor may have the instance id already.
    if (groupInstanceId !== null && this.byInstance.get(groupInstanceId) === memberId) {
      this.byInstance.delete(groupInstanceId);
    }
    this.holders.remove(memberId, member.assigned);
    this.holders.remove(memberId, member.pendingRevocation);
    this.hold(-memberBytes(member));
  }

  private hold(bytes: number): void {
    this.heldBytes += bytes;
    this.budget.heldBytes += bytes;
  }

  /** Whether the broker has room for so much more. */
  hasRoomFor(bytes: number): boolean {
    return bytes <= 0 || this.budget.hasRoomFor(bytes);
  }

  release(): void {
    this.hold(-this.heldBytes);
  }

  /** What a load must find. */
  *liveChanges(): Generator<StreamsGroupChange, undefined> {
    yield { kind: "group", value: this.metadata };
    if (this.topology !== null) yield { kind: "topology", value: this.topology };
    for (const [memberId, member] of this.byId) yield { kind: "member", memberId, value: infoOf(member) };
    yield { kind: "target-epoch", value: { epoch: this.targetEpoch, timestampMs: this.targetTimestampMs } };
    for (const [memberId, value] of this.targets) yield { kind: "target", memberId, value };
    for (const [memberId, member] of this.byId) yield { kind: "current", memberId, value: currentOf(member) };
  }

  get liveChangeCount(): number {
    return 3 + 2 * this.byId.size + this.targets.size;
  }

  /** Tombstones for all of it. */
  burials(): CoordinatorRecord[] {
    const memberIds = [...this.byId.keys()];
    const changes: StreamsGroupChange[] = [
      ...memberIds.map((memberId) => ({ kind: "current", memberId, value: null }) as const),
      ...[...this.targets.keys()].map((memberId) => ({ kind: "target", memberId, value: null }) as const),
      { kind: "target-epoch", value: null },
      ...memberIds.map((memberId) => ({ kind: "member", memberId, value: null }) as const),
      { kind: "group", value: null },
      { kind: "topology", value: null },
    ];
    return changes.map((change) => encodeChange(this.groupId, change));
  }
}

function memberBytes(member: StreamsMember): number {
  const { assigned, pendingRevocation } = member;
  const tasks = countOfRoles(assigned) + (pendingRevocation === NO_HELD_TASKS ? 0 : countOfRoles(pendingRevocation));
  return memberInfoBytes(member.memberId, member) + 2 * TASK_BYTES * tasks;
}
