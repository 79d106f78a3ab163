import { ZERO_UUID } from "#bytes/uuid.ts";
import type { JoinGroupCommand } from "#group/classic/park.ts";
import type { SyncGroupCommand } from "#group/classic/sync.ts";
import type { OffsetCommitCommand } from "#group/coordinator.ts";

// What clients ask of the coordinator of a group, `g` and as ordinary as can be where a test doesn't say otherwise.

type Topic = OffsetCommitCommand["topics"][number];
type Position = Topic["partitions"][number];

/** A consumer joins that has no member id yet. */
export function join(more: Partial<JoinGroupCommand> = {}): JoinGroupCommand {
  return {
    token: 1,
    groupId: "g",
    memberId: "",
    groupInstanceId: null,
    clientId: "c",
    clientHost: "/h",
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 30_000,
    protocolType: "consumer",
    protocols: [{ name: "range", metadata: new Uint8Array(0) }],
    requiresKnownMemberId: false,
    canSkipAssignment: false,
    uuid: "1",
    ...more,
  };
}

/** The leader of the first generation brings itself an assignment. */
export function sync(memberId: string, assignment: Uint8Array, more: Partial<SyncGroupCommand> = {}): SyncGroupCommand {
  return {
    token: 2,
    groupId: "g",
    generationId: 1,
    memberId,
    groupInstanceId: null,
    protocolType: null,
    protocolName: null,
    assignments: [{ memberId, assignment }],
    ...more,
  };
}

/** A client that is in no group commits for topic `t`. */
export function commit(
  partitions: readonly Position[],
  more: Partial<OffsetCommitCommand & Pick<Topic, "topic" | "topicId">> = {},
): OffsetCommitCommand {
  const { topic = "t", topicId = ZERO_UUID, ...rest } = more;
  return {
    groupId: "g",
    memberId: "",
    groupInstanceId: null,
    generationId: -1,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    topics: [{ topic, topicId, partitions }],
    ...rest,
  };
}

export function position(partitionIndex: number, offset: number, metadata: string | null = null): Position {
  return { partitionIndex, offset, leaderEpoch: -1, metadata };
}
