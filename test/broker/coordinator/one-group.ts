import { GroupCoordinators } from "#broker/coordinator/group-coordinators.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { GroupWorld } from "../../group/group-world.ts";

// The group `g` of a broker, and the commands of its members.

/** The partition of its coordinator. */
export const G = partitionOfKey("g", 50);
/** Another group with the same coordinator. */
export const NEIGHBOUR =
  ["a", "b", "c"]
    .flatMap((one) => Array.from({ length: 50 }, (_, i) => one + i))
    .find((id) => partitionOfKey(id, 50) === G) ?? "";

export function setUp() {
  const world = new GroupWorld();
  return { world, log: world.log, groups: new GroupCoordinators(world, () => DEFAULT_GROUP_CONFIG) };
}

export function join(more: object = {}) {
  return {
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
    ...more,
  };
}

export function commit(offset: number, more: object = {}) {
  const partitions = [{ partitionIndex: 0, offset, leaderEpoch: -1, metadata: null }];
  return {
    groupId: "g",
    memberId: "",
    groupInstanceId: null,
    generationId: -1,
    retentionTimeMs: -1,
    knowsGroupIdNotFound: true,
    topics: [{ topic: "t", topicId: ZERO_UUID, partitions }],
    ...more,
  };
}

export function sync(memberId: string, generationId: number, assignment: string) {
  const assignments = [{ memberId, assignment: new TextEncoder().encode(assignment) }];
  const protocol = { groupInstanceId: null, protocolType: null, protocolName: null };
  return { groupId: "g", memberId, generationId, ...protocol, assignments };
}

export async function offsetOf(groups: GroupCoordinators): Promise<number | undefined> {
  const fetched = await groups.fetchOffsets("g", null);
  return fetched.value?.[0]?.partitions[0].offset;
}
