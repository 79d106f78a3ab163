import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { GroupMetadataKey, GroupMetadataValue } from "#protocol/stored/group-metadata.ts";
import { decodeStoredKey, decodeStoredValue } from "#protocol/stored/record.ts";
import type { CommitIdentity, GroupProtocol, OffsetExpiry } from "../group.ts";
import type { GroupSpace } from "../group-space.ts";
import { groupTombstone, ownRecord } from "../stored.ts";
import type { Turn } from "../turn.ts";
import type { ClassicGroup } from "./group.ts";
import { admitCommit } from "./heartbeat.ts";
import { groupFromRecord, restartSessions } from "./load.ts";

/** Classic groups, as a coordinator sees them among all others; the verbs of their members are in the files beside this one. */
export class ClassicGroups implements GroupProtocol<ClassicGroup> {
  readonly kind = "classic";
  readonly replays: ReadonlyMap<number, (record: CoordinatorRecord) => void>;
  private readonly space: GroupSpace;

  constructor(space: GroupSpace) {
    this.space = space;
    this.replays = new Map([[GroupMetadataKey.apiKey, (record: CoordinatorRecord) => this.replay(record)]]);
  }

  private replay(record: CoordinatorRecord): void {
    const { group: groupId } = decodeStoredKey(GroupMetadataKey, record.key);
    if (record.value === null) {
      // Another kind of group may have taken the name since.
      if (this.space.get(groupId)?.kind === "classic") this.space.remove(groupId);
      return;
    }
    const value = decodeStoredValue(GroupMetadataValue, record.value);
    const group = groupFromRecord(groupId, value, this.space.budget);
    group.storedRecord = ownRecord(record);
    this.space.put(group);
  }

  restartTimers(group: ClassicGroup, turn: Turn): void {
    restartSessions(group, turn);
  }

  onTimer(): void {
    throw new Error("the timers of classic groups are the coordinator's");
  }

  listedProtocolType(group: ClassicGroup): string {
    return group.protocolType ?? "";
  }

  liveRecords(group: ClassicGroup): Iterable<CoordinatorRecord> {
    return group.storedRecord === null ? [] : [group.storedRecord];
  }

  liveRecordCount(): number {
    return 1;
  }

  bury(group: ClassicGroup, turn: Turn): void {
    const { groupId } = group;
    for (const memberId of group.pendingMembers) turn.cancelTimer({ kind: "heartbeat", groupId, memberId });
    turn.records.push(groupTombstone(groupId));
  }

  admitCommit(group: ClassicGroup, identity: CommitIdentity, turn: Turn): ErrorCode {
    return admitCommit(group, identity, turn);
  }

  admitFetch(): ErrorCode {
    return ErrorCode.NONE;
  }

  admitOffsetDelete(group: ClassicGroup): ErrorCode {
    return group.state === "Empty" || group.usesConsumerProtocol ? ErrorCode.NONE : ErrorCode.NON_EMPTY_GROUP;
  }

  isSubscribedTo(group: ClassicGroup, topic: string): boolean {
    return group.subscribedTopics?.has(topic) ?? group.usesConsumerProtocol;
  }

  /**
   * Offsets of an empty group count from the moment when it became empty, those of a standalone consumer from their commit, and in a live
   * group of consumers only topics that nobody subscribes to any more expire. All other live groups keep theirs (KIP-211).
   */
  offsetExpiry(group: ClassicGroup): OffsetExpiry | null {
    if (group.protocolType === null) return { sinceMs: null };
    if (group.state === "Empty") return { sinceMs: group.stateTimestampMs === -1 ? null : group.stateTimestampMs };
    const isKnown = group.state === "Stable" && group.usesConsumerProtocol && group.subscribedTopics !== null;
    return isKnown ? { sinceMs: null } : null;
  }
}
