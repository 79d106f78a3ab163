import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { CommitIdentity, GroupProtocol, MemberTimer, OffsetExpiry, PartitionAdmission } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import type { ConsumerGroupConfig } from "../limits.ts";
import type { Turn } from "../turn.ts";
import { CHANGE_DECODERS, type ConsumerGroupChange } from "./changes.ts";
import { type DescribedConsumerGroup, describeConsumerGroup } from "./describe.ts";
import { ConsumerGroup } from "./group.ts";
import { type ConsumerHeartbeatCommand, type ConsumerHeartbeatReply, consumerHeartbeat } from "./heartbeat.ts";
import { fenceMembers } from "./leave.ts";
import { type ConsumerMember, MemberState } from "./member.ts";
import { cancelMemberTimers, restartTimers } from "./sessions.ts";
import type { ConsumerWorld, Refusal } from "./world.ts";

/** Consumer groups (KIP-848), as a coordinator sees them among all others, and the verbs of their members. */
export class ConsumerGroups implements GroupProtocol<ConsumerGroup>, ConsumerWorld {
  readonly kind = "consumer";
  readonly space: GroupSpace;
  readonly configOf: (groupId: string) => ConsumerGroupConfig;
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;

  constructor(space: GroupSpace, configOf: (groupId: string) => ConsumerGroupConfig) {
    this.space = space;
    this.configOf = configOf;
    this.replays = new Map(
      [...CHANGE_DECODERS].map(([apiKey, decode]) => [
        apiKey,
        (record: CoordinatorRecord) => {
          const { groupId, change } = decode(record);
          this.replay(groupId, change);
        },
      ]),
    );
  }

  private replay(groupId: string, change: ConsumerGroupChange): void {
    const existing = this.space.get(groupId);
    if (change.value === null) {
      if (!(existing instanceof ConsumerGroup)) return;
      if (change.kind === "group") this.space.remove(groupId);
      else existing.apply(change);
      return;
    }
    if (existing instanceof ConsumerGroup) {
      existing.apply(change);
      return;
    }
    // A group of another protocol by this name ended before; of a classic one, the log may only have the offsets left.
    const group = new ConsumerGroup(groupId, this.space.budget);
    group.apply(change);
    this.space.put(group);
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

  /**
   * A member may commit with its epoch, and with an older one for partitions that it has had since then (KIP-1251): a commit that crosses a
   * rebalance isn't lost. Without an epoch anybody may while the group is empty.
   */
  admitCommit(group: ConsumerGroup, identity: CommitIdentity): ErrorCode | PartitionAdmission {
    const { memberId, groupInstanceId, generationId: epoch, producer, isBeforeMemberEpochs } = identity;
    if (epoch < 0 && group.members.size === 0) return ErrorCode.NONE;
    if (producer !== undefined && epoch === -1 && memberId === "" && groupInstanceId === null) return ErrorCode.NONE;
    const member = group.members.get(memberId);
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    if (producer === undefined && member.classic === null && isBeforeMemberEpochs) return ErrorCode.UNSUPPORTED_VERSION;
    if (epoch === member.memberEpoch) return ErrorCode.NONE;
    const stale = staleError(member);
    if (epoch > member.memberEpoch) return stale;
    return (topicId: Uuid, _topic: string, partitionIndex: number) => {
      const since =
        member.assigned.get(topicId)?.get(partitionIndex) ?? member.pendingRevocation.get(topicId)?.get(partitionIndex);
      return since === undefined || epoch < since ? stale : ErrorCode.NONE;
    };
  }

  admitFetch(group: ConsumerGroup, memberId: string | null, memberEpoch: number): ErrorCode {
    if (memberId === null && memberEpoch < 0) return ErrorCode.NONE;
    const member = group.members.get(memberId ?? "");
    if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID;
    return memberEpoch === member.memberEpoch ? ErrorCode.NONE : staleError(member);
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

function staleError({ classic }: ConsumerMember): ErrorCode {
  return classic === null ? ErrorCode.STALE_MEMBER_EPOCH : ErrorCode.ILLEGAL_GENERATION;
}
