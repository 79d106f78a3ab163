import type { Uuid } from "#bytes/uuid.ts";
import type { Assignment, Assignor } from "../assignors/assignor.ts";
import { assignRanges } from "../assignors/range.ts";
import { assignUniformly } from "../assignors/uniform.ts";
import type { Turn } from "../turn.ts";
import type { ConsumerGroup } from "./group.ts";
import { type ConsumerWorld, change, topicIdsOf } from "./world.ts";

const ASSIGNORS: Readonly<Record<string, Assignor>> = { uniform: assignUniformly, range: assignRanges };

/** Null when no such assignor may be used. */
export function assignorNamed(world: ConsumerWorld, groupId: string, name: string): Assignor | null {
  return world.configOf(groupId).assignors.includes(name) ? (ASSIGNORS[name] ?? null) : null;
}

/** The assignor that most members name; between equals the first by name; the broker's first one where nobody names any. */
export function preferredAssignor(world: ConsumerWorld, group: ConsumerGroup): string {
  const [first] = [...group.assignorVotes].sort(([one, votesOfOne], [other, votesOfOther]) =>
    votesOfOne === votesOfOther ? (one < other ? -1 : 1) : votesOfOther - votesOfOne,
  );
  return first?.[0] ?? world.configOf(group.groupId).assignors[0];
}

/**
 * Makes a target for the group's epoch if there is none yet and the last one has stood long enough. Every member that is to have something
 * else than before is written down, then the target's epoch.
 */
export function updateTarget(world: ConsumerWorld, group: ConsumerGroup, turn: Turn): void {
  if (group.targetEpoch >= group.epoch) return;
  const { assignmentIntervalMs } = world.configOf(group.groupId);
  const mayFollow = group.targetTimestampMs === 0 || turn.nowMs >= group.targetTimestampMs + assignmentIntervalMs;
  if (!mayFollow) return;
  const { topics } = world.space;
  const topicIds = new Map<readonly string[], ReadonlyMap<string, ReadonlySet<Uuid>>>();
  const members = [...group.members.values()].map((member) => {
    // Most members share a list of names and an expression; what they come to is worked out once.
    const byRegex = topicIds.get(member.topicNames);
    const known = byRegex?.get(member.topicRegex);
    const own = known ?? topicIdsOf(topics, group.topicsOf(member));
    if (known === undefined) topicIds.set(member.topicNames, new Map([...(byRegex ?? []), [member.topicRegex, own]]));
    const { memberId, groupInstanceId } = member;
    return { memberId, groupInstanceId, topicIds: own, owned: group.target(memberId) };
  });
  const assign = ASSIGNORS[preferredAssignor(world, group)] ?? assignUniformly;
  const partitionCount = (topicId: Uuid) => topics.partitionCountOf(topics.topicName(topicId) ?? "");
  const assigned = assign({ members, partitionCount });
  for (const { memberId } of members) {
    const value = withoutEmpty(assigned.get(memberId) ?? new Map());
    if (group.hasTarget(memberId) && isSame(value, group.target(memberId))) continue;
    change(group, turn, { kind: "target", memberId, value });
  }
  change(group, turn, { kind: "target-epoch", value: { epoch: group.epoch, timestampMs: turn.nowMs } });
}

function withoutEmpty(assignment: Assignment): Assignment {
  return new Map([...assignment].filter(([, partitions]) => partitions.size > 0));
}

function isSame(one: Assignment, other: Assignment): boolean {
  if (one.size !== other.size) return false;
  for (const [topicId, partitions] of one) {
    const others = other.get(topicId);
    if (others === undefined || others.size !== partitions.size) return false;
    for (const partitionIndex of partitions) if (!others.has(partitionIndex)) return false;
  }
  return true;
}
