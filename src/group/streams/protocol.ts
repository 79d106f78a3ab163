import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { admitCommitOf, admitFetchOf } from "../admission.ts";
import { replaysInto } from "../change.ts";
import type { Refusal } from "../consumer/world.ts";
import type { CommitIdentity, Group, GroupProtocol, MemberTimer, OffsetExpiry, PartitionAdmission } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import type { Turn } from "../turn.ts";
import { CHANGE_DECODERS, encodeChange } from "./changes.ts";
import { type DescribedStreamsGroup, describeStreamsGroup } from "./describe.ts";
import { StreamsGroup } from "./group.ts";
import {
  type StreamsHeartbeatCommand,
  type StreamsHeartbeatReply,
  type StreamsLeaveReply,
  streamsHeartbeat,
} from "./heartbeat.ts";
import { removeMember } from "./leave.ts";
import { DEFAULT_STREAMS_GROUP_CONFIG, type StreamsGroupConfig } from "./limits.ts";
import { MemberState, STATIC_LEAVE_EPOCH } from "./member.ts";
import { updateTarget } from "./target.ts";
import { type StreamsWorld, streamsGroup, timerOf } from "./world.ts";

const ADMISSION = { staleError: () => ErrorCode.STALE_MEMBER_EPOCH, knowsNoEpochs: () => false };

/** Streams groups (KIP-1071), as a coordinator sees them among all others, and the verbs of their members. */
export class StreamsGroups implements GroupProtocol<StreamsGroup> {
  readonly kind = "streams";
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;
  private readonly world: StreamsWorld;

  /** `bury` forgets an empty group of another protocol whose name is taken over. */
  constructor(
    space: GroupSpace,
    bury: (group: Group, turn: Turn) => void,
    configOf: (groupId: string) => StreamsGroupConfig = () => DEFAULT_STREAMS_GROUP_CONFIG,
  ) {
    this.world = { space, bury, configOf };
    this.replays = replaysInto(space, CHANGE_DECODERS, StreamsGroup);
  }

  heartbeat(command: StreamsHeartbeatCommand, turn: Turn): StreamsHeartbeatReply | StreamsLeaveReply | Refusal {
    return streamsHeartbeat(this.world, command, turn);
  }

  /** Undefined when there is no such streams group. */
  describe(groupId: string): DescribedStreamsGroup | undefined {
    const group = streamsGroup(this.world, groupId);
    return group === undefined ? undefined : describeStreamsGroup(group);
  }

  /** The group has been loaded: nobody knows when its members were last heard of. It waits for no more of them. */
  restartTimers(group: StreamsGroup, turn: Turn): void {
    const { sessionTimeoutMs } = this.world.configOf(group.groupId);
    for (const { memberId, memberEpoch, state, rebalanceTimeoutMs } of group.members.values()) {
      turn.setTimer(timerOf(group, "session", memberId), sessionTimeoutMs);
      if (memberEpoch !== STATIC_LEAVE_EPOCH && state === MemberState.UNREVOKED_TASKS) {
        turn.setTimer(timerOf(group, "rebalance", memberId), rebalanceTimeoutMs);
      }
    }
  }

  onTimer({ kind, groupId, memberId }: MemberTimer, turn: Turn): void {
    const group = streamsGroup(this.world, groupId);
    if (group === undefined) return;
    if (kind === "initial") {
      if (group.members.size > 0 && group.configured !== null) updateTarget(this.world, group, group.configured, turn);
      return;
    }
    const member = group.members.get(memberId);
    if (member === undefined) return;
    if (kind === "rebalance" && member.state !== MemberState.UNREVOKED_TASKS) return;
    removeMember(group, memberId, turn);
  }

  listedProtocolType(): string {
    return "streams";
  }

  *liveRecords(group: StreamsGroup): Generator<CoordinatorRecord, undefined> {
    for (const change of group.liveChanges()) yield encodeChange(group.groupId, change);
  }

  liveRecordCount(group: StreamsGroup): number {
    return group.liveChangeCount;
  }

  bury(group: StreamsGroup, turn: Turn): void {
    turn.cancelTimer(timerOf(group, "initial"));
    for (const memberId of group.members.keys()) {
      turn.cancelTimer(timerOf(group, "session", memberId));
      turn.cancelTimer(timerOf(group, "rebalance", memberId));
    }
    turn.records.push(...group.burials());
  }

  admitCommit(group: StreamsGroup, identity: CommitIdentity): ErrorCode | PartitionAdmission {
    const { subtopologyOfSource } = group;
    return admitCommitOf(group.members, identity, {
      ...ADMISSION,
      heldSince: ({ assigned, pendingRevocation }, { topic, partitionIndex }) => {
        const subtopologyId = subtopologyOfSource.get(topic) ?? "";
        return (
          assigned.active.get(subtopologyId)?.get(partitionIndex) ??
          pendingRevocation.active.get(subtopologyId)?.get(partitionIndex)
        );
      },
    });
  }

  admitFetch(group: StreamsGroup, memberId: string | null, memberEpoch: number): ErrorCode {
    return admitFetchOf(group.members, { memberId, memberEpoch }, ADMISSION);
  }

  admitOffsetDelete(): ErrorCode {
    return ErrorCode.NONE;
  }

  isSubscribedTo(group: StreamsGroup, topic: string): boolean {
    return group.members.size > 0 && group.subtopologyOfSource.has(topic);
  }

  offsetExpiry(): OffsetExpiry {
    return { sinceMs: null };
  }
}
