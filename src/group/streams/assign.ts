import { Balance, type TaskId } from "./balance.ts";
import { offsetOf, type TaskOffsets } from "./offsets.ts";
import { type AnyTasks, hasTask, type RoleTasks } from "./tasks.ts";

/** A member as the assignor sees it: where it runs, and what it has now. */
export interface AssignableMember {
  readonly memberId: string;
  readonly processId: string;
  readonly active: AnyTasks;
  readonly standby: AnyTasks;
  /** How far it has restored tasks, its own and such as it had once. */
  readonly offsets: TaskOffsets;
}

export interface AssignableSubtopology {
  readonly subtopologyId: string;
  readonly taskCount: number;
  readonly isStateful: boolean;
}

export interface AssignmentInput {
  readonly members: readonly AssignableMember[];
  /** In the order of their ids. */
  readonly subtopologies: readonly AssignableSubtopology[];
  readonly standbyReplicas: number;
}

interface Candidate {
  readonly memberId: string;
  readonly wasStandby: boolean;
  readonly offset: number;
}

/**
 * The `sticky` assignor. Every task is active on one member; a stateful one has as many standby tasks, on other processes, as there are
 * processes for. A task stays where it is as long as that member has no more than its share, else it goes where its state is, else to the
 * process with the fewest tasks for its number of members.
 */
export function assignSticky({ members, subtopologies, standbyReplicas }: AssignmentInput): Map<string, RoleTasks> {
  const tasks = subtopologies.flatMap(tasksOf);
  const stateful = subtopologies.filter(({ isStateful }) => isStateful).flatMap(tasksOf);
  const balance = new Balance(members, {
    activeTasks: tasks.length,
    tasks: tasks.length + standbyReplicas * stateful.length,
  });
  if (members.length === 0) return balance.assignment();
  const former = new Former(members);
  assignActive(balance, former, tasks);
  if (standbyReplicas > 0) assignStandby(balance, former, stateful, standbyReplicas);
  return balance.assignment();
}

function tasksOf({ subtopologyId, taskCount }: AssignableSubtopology): TaskId[] {
  return Array.from({ length: taskCount }, (_, partition) => ({ subtopologyId, partition }));
}

/** Who has had what. */
class Former {
  private readonly active = new Map<string, string>();
  private readonly candidates = new Map<string, Candidate[]>();

  constructor(members: readonly AssignableMember[]) {
    for (const { memberId, active, standby, offsets } of members) {
      for (const [subtopologyId, partitions] of active) {
        for (const partition of partitions.keys()) this.active.set(keyOf({ subtopologyId, partition }), memberId);
      }
      for (const [subtopologyId, partitions] of standby) {
        for (const partition of partitions.keys()) {
          const offset = offsetOf(offsets, subtopologyId, partition);
          this.addCandidate({ subtopologyId, partition }, { memberId, wasStandby: true, offset });
        }
      }
      for (const [subtopologyId, partitions] of offsets) {
        for (const [partition, offset] of partitions) {
          if (hasTask(standby, subtopologyId, partition)) continue;
          this.addCandidate({ subtopologyId, partition }, { memberId, wasStandby: false, offset });
        }
      }
    }
    for (const list of this.candidates.values()) {
      list.sort((one, other) => Number(other.wasStandby) - Number(one.wasStandby) || other.offset - one.offset);
    }
  }

  private addCandidate(task: TaskId, candidate: Candidate): void {
    const key = keyOf(task);
    const list = this.candidates.get(key);
    if (list === undefined) this.candidates.set(key, [candidate]);
    else list.push(candidate);
  }

  /** The member that runs the task. */
  activeMember(task: TaskId): string | undefined {
    return this.active.get(keyOf(task));
  }

  /** Members that have state of the task: standby tasks first, then what is left of former times, the furthest first. */
  membersWithState(task: TaskId): readonly string[] {
    return (this.candidates.get(keyOf(task)) ?? []).map(({ memberId }) => memberId);
  }
}

function keyOf({ subtopologyId, partition }: TaskId): string {
  return `${partition} ${subtopologyId}`;
}

/** By partition first, so that the tasks of one member are spread over the subtopologies. */
function byPartition(one: TaskId, other: TaskId): number {
  return one.partition - other.partition || (one.subtopologyId < other.subtopologyId ? -1 : 1);
}

function bySubtopology(one: TaskId, other: TaskId): number {
  if (one.subtopologyId !== other.subtopologyId) return one.subtopologyId < other.subtopologyId ? -1 : 1;
  return one.partition - other.partition;
}

function assignActive(balance: Balance, former: Former, tasks: readonly TaskId[]): void {
  const moving: TaskId[] = [];
  for (const task of tasks.toSorted(byPartition)) {
    const memberId = former.activeMember(task);
    if (memberId !== undefined && balance.mayHaveActive(memberId)) balance.add(memberId, task, "active");
    else moving.push(task);
  }
  const left: TaskId[] = [];
  for (const task of moving) {
    const memberId = balance.leastLoaded(former.membersWithState(task));
    if (memberId !== null && balance.mayHaveActive(memberId)) balance.add(memberId, task, "active");
    else left.push(task);
  }
  balance.beginFilling();
  for (const task of left.sort(bySubtopology)) balance.addToLeastLoaded(task, "active");
}

function assignStandby(balance: Balance, former: Former, tasks: readonly TaskId[], replicas: number): void {
  const left: { readonly task: TaskId; readonly count: number }[] = [];
  for (const task of tasks.toSorted(byPartition).reverse()) {
    const candidates = [former.activeMember(task), ...former.membersWithState(task)];
    let count = replicas;
    while (count > 0) {
      const memberId = standbyMember(balance, task, candidates);
      if (memberId === null) break;
      balance.add(memberId, task, "standby");
      count -= 1;
    }
    if (count > 0) left.push({ task, count });
  }
  balance.beginFilling();
  left.sort((one, other) => bySubtopology(other.task, one.task));
  for (const { task, count } of left) {
    // There are no more processes without the task.
    for (let at = 0; at < count; at++) if (!balance.addToLeastLoaded(task, "standby")) break;
  }
}

/** The member that ran the task, or the least loaded one with state of it, if its process may have it. */
function standbyMember(
  balance: Balance,
  task: TaskId,
  [active, ...withState]: readonly (string | undefined)[],
): string | null {
  const isFree = (memberId: string) => !balance.processHas(memberId, task);
  if (active !== undefined && isFree(active) && balance.mayHaveAny(active)) return active;
  const memberId = balance.leastLoaded(withState.filter((one) => one !== undefined).filter(isFree));
  return memberId !== null && balance.mayHaveAny(memberId) ? memberId : null;
}
