import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type AdmissionRules, admitCommitOf, admitFetchOf } from "../admission.ts";
import { replaysInto } from "../change.ts";
import type { CommitIdentity, GroupProtocol, MemberTimer, OffsetExpiry, PartitionAdmission } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import type { ConsumerGroupConfig } from "../limits.ts";
import type { Turn } from "../turn.ts";
import { CHANGE_DECODERS } from "./changes.ts";
import { type DescribedConsumerGroup, describeConsumerGroup } from "./describe.ts";
import { ConsumerGroup } from "./group.ts";
import { type ConsumerHeartbeatCommand, type ConsumerHeartbeatReply, consumerHeartbeat } from "./heartbeat.ts";
import { fenceMembers } from "./leave.ts";
import { type ConsumerMember, MemberState } from "./member.ts";
import { cancelMemberTimers, restartTimers } from "./sessions.ts";
import type { ConsumerWorld, Refusal } from "./world.ts";

/** Members that speak the classic protocol have generations, which are epochs by their older name. */
const ADMISSION: AdmissionRules<ConsumerMember> = {
  staleError: ({ classic }) => (classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION),
  knowsNoEpochs: ({ classic }) => classic !== null,
  heldSince: ({ assigned, pendingRevocation }, { topicId, partitionIndex }) =>
    assigned.get(topicId)?.get(partitionIndex) ?? pendingRevocation.get(topicId)?.get(partitionIndex),
};

/** Consumer groups (KIP-848), as a coordinator sees them among all others, and the verbs of their members. */
export class ConsumerGroups implements GroupProtocol<ConsumerGroup>, ConsumerWorld {
  readonly kind = "consumer";
  readonly space: GroupSpace;
  readonly configOf: (groupId: string) => ConsumerGroupConfig;
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;

  constructor(space: GroupSpace, configOf: (groupId: string) => ConsumerGroupConfig) {
    this.space = space;
    this.configOf = configOf;
    this.replays = replaysInto(space, CHANGE_DECODERS, ConsumerGroup);
  }

  heartbeat(command: ConsumerHeartbeatCommand, turn: Turn): ConsumerHeartbeatReply | Refusal {
    return consumerHeartbeat(this, command, turn);
  }

  /** Undefined when there is no consumer group by that name. */
  describe(groupId: string): DescribedConsumerGroup | undefined {
    const group = this.space.get(groupId);
    return group instanceof ConsumerGroup ? describeConsumerGroup(this, group) : undefined;
  }

  restartTimers(group: ConsumerGroup, turn: Turn): void {
    restartTimers(this, group, turn);
  }

  /** Whatever the timer waited for hasn't come: the member is taken out. */
  onTimer(timer: MemberTimer, turn: Turn): void {
    const group = this.space.get(timer.groupId);
    if (!(group instanceof ConsumerGroup)) return;
    const member = group.members.get(timer.memberId);
    if (member === undefined) return;
    if (timer.kind === "rebalance" && member.state !== MemberState.UNREVOKED_PARTITIONS) return;
    fenceMembers(this, group, [member], turn);
  }

  listedProtocolType(): string {
    return "consumer";
  }

  liveRecords(group: ConsumerGroup): Iterable<CoordinatorRecord> {
    return group.liveRecords();
  }

  liveRecordCount(group: ConsumerGroup): number {
    return group.changeCount;
  }

  bury(group: ConsumerGroup, turn: Turn): void {
    for (const tombstone of group.tombstones()) turn.records.push(tombstone);
    for (const memberId of group.members.keys()) cancelMemberTimers(group, memberId, turn);
  }

  admitCommit(group: ConsumerGroup, identity: CommitIdentity): ErrorCode | PartitionAdmission {
    return admitCommitOf(group.members, identity, ADMISSION);
  }

  admitFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorCode {
    return admitFetchOf(group.members, { memberId, memberEpoch }, ADMISSION);
  }

  admitOffsetDelete(): ErrorCode {
    return ErrorCode.NONE;
  }

  isSubscribedTo(group: ConsumerGroup, topic: string): boolean {
    return group.subscribedTopics.has(topic);
  }

  offsetExpiry(): OffsetExpiry {
    return { sinceMs: null };
  }
}
