import type { Turn } from "../turn.ts";
import { assignSticky } from "./assign.ts";
import type { ConfiguredTopology } from "./configure.ts";
import type { StreamsGroup } from "./group.ts";
import type { StreamsGroupConfig } from "./limits.ts";
import { type StatusEntry, StreamsStatus } from "./status.ts";
import { areSameRoleTasks, NO_TASKS, type RoleTasks } from "./tasks.ts";
import { change, type StreamsWorld, timerOf } from "./world.ts";

const STANDBY_REPLICAS = "num.standby.replicas";
const RACK_AWARE_TAGS = "rack.aware.assignment.tags";

/** The configs that make an assignment what it is; they are stored, and another value makes another assignment. */
export function assignmentConfigsOf({
  standbyReplicas,
  rackAwareTags,
}: StreamsGroupConfig): ReadonlyMap<string, string> {
  const configs = new Map([[STANDBY_REPLICAS, String(standbyReplicas)]]);
  if (rackAwareTags.length > 0) configs.set(RACK_AWARE_TAGS, rackAwareTags.join(","));
  return configs;
}

export function areSameConfigs(one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): boolean {
  return one.size === other.size && [...one].every(([name, value]) => other.get(name) === value);
}

/**
 * Makes a target for the group's epoch if there is none yet. Every member that is to have something else than before is written down, then
 * the target's epoch. Answers why it has to wait; null for no wait.
 */
export function updateTarget(
  world: StreamsWorld,
  group: StreamsGroup,
  configured: ConfiguredTopology,
  turn: Turn,
): StatusEntry | null {
  if (turn.hasTimer(timerOf(group, "initial"))) return delayed("The group waits for more members.");
  if (group.targetEpoch >= group.epoch) return null;
  const { assignmentIntervalMs } = world.configOf(group.groupId);
  const mayFollow = group.targetTimestampMs === 0 || turn.nowMs >= group.targetTimestampMs + assignmentIntervalMs;
  if (!mayFollow) return delayed("The last assignment is too young.");
  const assigned = configured.problem === null ? assign(group, configured) : null;
  for (const memberId of group.members.keys()) {
    const value = assigned?.get(memberId) ?? NO_TASKS;
    if (group.hasTarget(memberId) && areSameRoleTasks(value, group.target(memberId))) continue;
    change(group, turn, { kind: "target", memberId, value });
  }
  change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: turn.nowMs } });
  return null;
}

function assign(group: StreamsGroup, { subtopologies }: ConfiguredTopology): Map<string, RoleTasks> {
  const members = [...group.members.values()].map(({ memberId, processId, assigned }) => ({
    memberId,
    processId,
    active: assigned.active,
    standby: assigned.standby,
    offsets: group.offsetsOf(memberId).offsets,
  }));
  const replicas = Number(group.metadata.assignmentConfigs.get(STANDBY_REPLICAS) ?? 0);
  return assignSticky({ members, subtopologies: [...subtopologies.values()], standbyReplicas: replicas });
}

function delayed(statusDetail: string): StatusEntry {
  return { statusCode: StreamsStatus.ASSIGNMENT_DELAYED, statusDetail };
}
