import type { Uuid } from "#bytes/uuid.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { replaysInto } from "../change.ts";
import type { Refusal } from "../consumer/world.ts";
import type { GroupProtocol, MemberTimer } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import type { Turn } from "../turn.ts";
import { CHANGE_DECODERS, encodeChange } from "./changes.ts";
import { type DescribedShareGroup, describeShareGroup } from "./describe.ts";
import { ShareGroup } from "./group.ts";
import {
  removeMember,
  restartSession,
  type ShareHeartbeatCommand,
  type ShareHeartbeatReply,
  shareHeartbeat,
} from "./heartbeat.ts";
import { DEFAULT_SHARE_GROUP_CONFIG, type ShareGroupConfig } from "./limits.ts";
import {
  type AlteredTopic,
  alterOffsets,
  type DeletedTopicOffsets,
  deleteOffsets,
  type TopicToAlter,
} from "./offsets.ts";
import { deleteAll, deleted, forgetTopics, initialized, notInitialized } from "./shared.ts";
import { type ShareWorld, type StateToInitialize, shareGroup, type TopicPartitions } from "./world.ts";

/** Share groups (KIP-932), as a coordinator sees them among all others, and the verbs of their members and administrators. */
export class ShareGroups implements GroupProtocol<ShareGroup> {
  readonly kind = "share";
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;
  private readonly world: ShareWorld;

  constructor(space: GroupSpace, configOf: (groupId: string) => ShareGroupConfig = () => DEFAULT_SHARE_GROUP_CONFIG) {
    this.world = { space, configOf };
    this.replays = replaysInto(space, CHANGE_DECODERS, ShareGroup);
  }

  heartbeat(command: ShareHeartbeatCommand, turn: Turn): ShareHeartbeatReply | Refusal {
    return shareHeartbeat(this.world, command, turn);
  }

  /** Undefined when there is no such share group. */
  describe(groupId: string): DescribedShareGroup | undefined {
    const group = shareGroup(this.world, groupId);
    return group === undefined ? undefined : describeShareGroup(group, this.world.space.topics);
  }

  /** The partitions that have their state with the share coordinators. */
  sharedPartitions(groupId: string): readonly TopicPartitions[] {
    const there = shareGroup(this.world, groupId)?.shared.initialized ?? new Map();
    return [...there].map(([topicId, { partitions }]) => ({ topicId, partitions: [...partitions] }));
  }

  /** How making the state of share partitions went. */
  initializeEnded(groupId: string, topics: readonly TopicPartitions[], errorCode: ErrorCode, turn: Turn): void {
    const group = shareGroup(this.world, groupId);
    if (group === undefined) return;
    if (errorCode === ErrorCode.NONE) initialized(group, topics, turn);
    else notInitialized(group, topics, turn);
  }

  /** NON_EMPTY_GROUP, GROUP_ID_NOT_FOUND for the whole; else what becomes of each topic, and the state to make. */
  alterOffsets(
    groupId: string,
    topics: readonly TopicToAlter[],
    turn: Turn,
  ):
    | Refusal
    | { readonly kind: "altered"; readonly topics: readonly AlteredTopic[]; readonly initialize: StateToInitialize } {
    return alterOffsets(this.world, { groupId, topics }, turn);
  }

  /** The same, with the state to delete. */
  deleteOffsets(groupId: string, names: readonly string[], turn: Turn): Refusal | DeletedTopicOffsets {
    return deleteOffsets(this.world, { groupId, names }, turn);
  }

  /** The state of these topics is gone. */
  stateDeleted(groupId: string, topicIds: readonly Uuid[], turn: Turn): void {
    const group = shareGroup(this.world, groupId);
    if (group !== undefined) deleted(group, topicIds, turn);
  }

  /** The state that must go before the group does; none of a group that isn't a share group. NON_EMPTY_GROUP when it has members. */
  beginDeletion(groupId: string, turn: Turn): readonly TopicPartitions[] | ErrorCode {
    const group = shareGroup(this.world, groupId);
    if (group === undefined) return [];
    return group.members.size > 0 ? ErrorCode.NON_EMPTY_GROUP : deleteAll(group, this.world.space.topics, turn);
  }

  /** Topics are gone, and with them what groups share of them. */
  forgetDeletedTopics(turn: Turn): void {
    const { space } = this.world;
    for (const group of space.values()) if (group instanceof ShareGroup) forgetTopics(group, space.topics, turn);
  }

  restartTimers(group: ShareGroup, turn: Turn): void {
    for (const memberId of group.members.keys()) restartSession(this.world, group, memberId, turn);
  }

  onTimer({ groupId, memberId }: MemberTimer, turn: Turn): void {
    const group = shareGroup(this.world, groupId);
    if (group?.members.has(memberId)) removeMember(this.world, group, memberId, turn);
  }

  listedProtocolType(): string {
    return "share";
  }

  *liveRecords(group: ShareGroup): Generator<CoordinatorRecord, undefined> {
    for (const change of group.liveChanges()) yield encodeChange(group.groupId, change);
  }

  liveRecordCount(group: ShareGroup): number {
    return group.liveChangeCount;
  }

  bury(group: ShareGroup, turn: Turn): void {
    const { groupId } = group;
    for (const memberId of group.members.keys()) turn.cancelTimer({ of: "share", kind: "session", groupId, memberId });
    turn.records.push(...group.burials());
  }

  admitCommit(): ErrorCode {
    return ErrorCode.GROUP_ID_NOT_FOUND;
  }

  /** It has committed nothing, like a group that isn't there. */
  admitFetch(): ErrorCode {
    return ErrorCode.NONE;
  }

  admitOffsetDelete(): ErrorCode {
    return ErrorCode.GROUP_ID_NOT_FOUND;
  }

  isSubscribedTo(group: ShareGroup, topic: string): boolean {
    return group.subscribedTopics.has(topic);
  }

  /** A share group is there until somebody deletes it. */
  offsetExpiry(): null {
    return null;
  }
}
