import type { AssignmentEvent, CommitEvent, JoinEvent } from "./history.ts";

export interface Generations {
  readonly joins: readonly JoinEvent[];
  readonly assignments: readonly AssignmentEvent[];
  readonly commits: readonly CommitEvent[];
}

/**
 * A group without members that has committed nothing is forgotten after a while, and the next one of its name begins at generation 1.
 * Gives each a name of its own, so that the rules about generations hold for each.
 */
export function apart({ joins, assignments, commits }: Generations): Generations {
  const instances = new Map(assignments.map(({ memberId, instanceId }) => [memberId, instanceId]));
  const names = new Map<string, string>();
  for (const [group, own] of Map.groupBy(joins, (event) => event.group)) {
    const done = commits.filter((event) => event.group === group && event.outcome === "acknowledged");
    const firstCommitMs = Math.min(...done.map((event) => event.completedMs ?? Infinity));
    nameMembers(names, own, { firstCommitMs, instances });
  }
  const renamed = <Event extends { memberId: string; group: string }>(events: readonly Event[]) =>
    events.map((event) => ({ ...event, group: names.get(event.memberId) ?? event.group }));
  return { joins: renamed(joins), assignments: renamed(assignments), commits: renamed(commits) };
}

/** Notes the group of each member, by member id. */
function nameMembers(
  names: Map<string, string>,
  joins: readonly JoinEvent[],
  { firstCommitMs, instances }: { firstCommitMs: number; instances: ReadonlyMap<string, string | null> },
): void {
  let incarnation = 1;
  let before = { generation: 0, endMs: 0 };
  let seated = new Set<string>();
  for (const event of joins.toSorted((one, other) => endOf(one) - endOf(other))) {
    const instanceId = instances.get(event.memberId) ?? null;
    // A static member may come back to its own place in the first generation.
    const leastBefore = instanceId !== null && seated.has(instanceId) ? 2 : 1;
    const isNew = event.generation === 1 && !names.has(event.memberId) && event.invokedMs > before.endMs;
    if (isNew && before.generation >= leastBefore && endOf(event) < firstCommitMs) {
      incarnation += 1;
      before = { generation: 0, endMs: 0 };
      seated = new Set();
    }
    if (instanceId !== null) seated.add(instanceId);
    if (!names.has(event.memberId)) names.set(event.memberId, `${event.group} (${incarnation})`);
    before = { generation: Math.max(before.generation, event.generation), endMs: endOf(event) };
  }
}

function endOf(event: JoinEvent): number {
  return event.completedMs ?? Infinity;
}
