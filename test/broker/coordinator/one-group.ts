import { GroupCoordinators } from "#broker/coordinator/group-coordinators.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { DEFAULT_GROUP_CONFIG } from "#group/limits.ts";
import { commit, position, sync } from "../../group/commands.ts";
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

/** Of one offset, by a client that is in no group. */
export function commitAt(offset: number, more: Parameters<typeof commit>[1] = {}) {
  return commit([position(0, offset)], more);
}

export function syncWith(memberId: string, generationId: number, assignment: string) {
  return sync(memberId, new TextEncoder().encode(assignment), { generationId });
}

export async function offsetOf(groups: GroupCoordinators): Promise<number | undefined> {
  const fetched = await groups.fetchOffsets("g", null);
  return fetched.value?.[0]?.partitions[0].offset;
}
