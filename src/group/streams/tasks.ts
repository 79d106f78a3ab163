/** Tasks by subtopology id: a task is one partition of what its subtopology reads. */
export type Tasks = ReadonlyMap<string, ReadonlySet<number>>;

/** The same, each with the member epoch at which the member got it. */
export type TasksSince = ReadonlyMap<string, ReadonlyMap<number, number>>;

/** What the two have in common. */
export type AnyTasks = ReadonlyMap<string, { has(partition: number): boolean; keys(): Iterable<number>; size: number }>;

/** Active tasks process records, standby tasks keep a copy of the state, warm-up tasks make one for a task that is to move. */
export const ROLES = ["active", "standby", "warmup"] as const;
export type Role = (typeof ROLES)[number];

export interface RoleTasks {
  readonly active: Tasks;
  readonly standby: Tasks;
  readonly warmup: Tasks;
}

/** What a member has been given. */
export interface HeldTasks {
  readonly active: TasksSince;
  readonly standby: Tasks;
  readonly warmup: Tasks;
}

export const NO_TASKS: RoleTasks = { active: new Map(), standby: new Map(), warmup: new Map() };
export const NO_HELD_TASKS: HeldTasks = { active: new Map(), standby: new Map(), warmup: new Map() };

export function countOf(tasks: AnyTasks): number {
  let count = 0;
  for (const partitions of tasks.values()) count += partitions.size;
  return count;
}

export function countOfRoles({ active, standby, warmup }: HeldTasks | RoleTasks): number {
  return countOf(active) + countOf(standby) + countOf(warmup);
}

export function hasTask(tasks: AnyTasks, subtopologyId: string, partition: number): boolean {
  return tasks.get(subtopologyId)?.has(partition) === true;
}

/** Empty lists of partitions aren't there. */
export function areSameTasks(one: AnyTasks, other: AnyTasks): boolean {
  if (one === other) return true;
  return countOf(one) === countOf(other) && isWithin(one, other);
}

export function areSameRoleTasks(one: RoleTasks, other: RoleTasks): boolean {
  return ROLES.every((role) => areSameTasks(one[role], other[role]));
}

/** The epochs of active tasks are part of it. */
export function areSameHeldTasks(one: HeldTasks, other: HeldTasks): boolean {
  if (one === other) return true;
  if (!ROLES.every((role) => areSameTasks(one[role], other[role]))) return false;
  for (const [subtopologyId, epochs] of one.active) {
    const others = other.active.get(subtopologyId);
    for (const [partition, epoch] of epochs) if (others?.get(partition) !== epoch) return false;
  }
  return true;
}

/** Whether every task of the one is in the other. */
export function isWithin(one: AnyTasks, other: AnyTasks): boolean {
  for (const [subtopologyId, partitions] of one) {
    for (const partition of partitions.keys()) if (!hasTask(other, subtopologyId, partition)) return false;
  }
  return true;
}

/** Whether a task is in both, in the same role. */
export function overlap(one: HeldTasks | RoleTasks, other: HeldTasks | RoleTasks): boolean {
  return ROLES.some((role) => {
    for (const [subtopologyId, partitions] of one[role] as AnyTasks) {
      for (const partition of partitions.keys()) if (hasTask(other[role], subtopologyId, partition)) return true;
    }
    return false;
  });
}

/** In ascending order, so that answers and records depend on nothing but what they say. */
export function sortedTasks(tasks: AnyTasks): { readonly subtopologyId: string; readonly partitions: number[] }[] {
  return [...tasks]
    .filter(([, partitions]) => partitions.size > 0)
    .map(([subtopologyId, partitions]) => ({
      subtopologyId,
      partitions: [...partitions.keys()].sort((one, other) => one - other),
    }))
    .sort((one, other) => (one.subtopologyId < other.subtopologyId ? -1 : 1));
}

export interface TaskIds {
  readonly subtopologyId: string;
  readonly partitions: readonly number[];
}

export function tasksOf(taskIds: readonly TaskIds[]): Tasks {
  const tasks = new Map<string, Set<number>>();
  for (const { subtopologyId, partitions } of taskIds) {
    const known = tasks.get(subtopologyId) ?? new Set();
    for (const partition of partitions) known.add(partition);
    tasks.set(subtopologyId, known);
  }
  return tasks;
}
