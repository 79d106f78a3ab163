import type { TaskHolders } from "./holders.ts";
import { type CurrentTasks, currentOf, MemberState, type StreamsMember } from "./member.ts";
import {
  type AnyTasks,
  type HeldTasks,
  hasTask,
  NO_HELD_TASKS,
  overlap,
  type Role,
  type RoleTasks,
  type Tasks,
} from "./tasks.ts";

export interface ReconcileInput {
  readonly targetEpoch: number;
  readonly target: RoleTasks;
  readonly holders: TaskHolders;
  /** The process that a member runs in. */
  processOf(memberId: string): string;
  /** What the client says it has; null = it didn't say. */
  readonly reported: RoleTasks | null;
}

/** By subtopology and partition, the epoch since when; 0 where that isn't kept. */
type Draft = Map<string, Map<number, number>>;

interface Difference {
  readonly kept: Draft;
  readonly revoked: Draft;
  /** Of the target, what the member doesn't have and nobody keeps from it. */
  readonly free: Draft;
  /** Others have yet to give back a part of the target. */
  readonly isWaiting: boolean;
}

type Differences = Readonly<Record<Role, Difference>>;

/**
 * The next step of a member towards its target, in the manner of KIP-848: first it gives back what isn't in the target any more
 * (UNREVOKED_TASKS until the client no longer reports it), then it takes over the target's epoch and what is free of the target
 * (UNRELEASED_TASKS while others have yet to give back a part of it), and when it has everything it is STABLE.
 *
 * A task that changes its role on the member isn't given back first: its state stays where it is. Only what becomes active waits for the
 * former owner, and stays in its old role till then.
 */
export function nextTasks(member: StreamsMember, input: ReconcileInput): CurrentTasks {
  switch (member.state) {
    case MemberState.STABLE:
      return member.memberEpoch === input.targetEpoch ? currentOf(member) : step(member, input, member.memberEpoch);
    case MemberState.UNREVOKED_TASKS:
      if (stillReports(input.reported, member.pendingRevocation)) return currentOf(member);
      return step(member, input, member.memberEpoch + 1);
    case MemberState.UNRELEASED_TASKS:
      return step(member, input, member.memberEpoch);
  }
}

/** As long as the client doesn't say what it has, it is taken to have all of it. */
function stillReports(reported: RoleTasks | null, tasks: HeldTasks): boolean {
  return reported === null || overlap(reported, tasks);
}

function step(member: StreamsMember, input: ReconcileInput, epochMeanwhile: number): CurrentTasks {
  const differences: Differences = {
    active: difference("active", member, input),
    standby: difference("standby", member, input),
    warmup: difference("warmup", member, input),
  };
  const { active, standby, warmup } = differences;
  changeRole(member.assigned.active, standby, null);
  changeRole(member.assigned.standby, warmup, standby.revoked);
  changeRole(member.assigned.warmup, standby, warmup.revoked);
  for (const role of ["standby", "warmup"] as const) {
    for (const [subtopologyId, partition] of each(member.assigned[role])) {
      if (hasTask(input.target.active, subtopologyId, partition))
        take(differences[role].revoked, subtopologyId, partition);
    }
  }
  const pendingRevocation = heldOf(differences, "revoked");
  const mustRevoke = !isEmpty(differences, "revoked") && stillReports(input.reported, pendingRevocation);
  for (const role of ["standby", "warmup"] as const) {
    for (const [subtopologyId, partition] of each(member.assigned[role])) {
      if (!hasTask(input.target.active, subtopologyId, partition)) continue;
      const isPromotedNow = !mustRevoke && hasTask(active.free, subtopologyId, partition);
      if (!isPromotedNow) put(differences[role].kept, subtopologyId, partition, 0);
    }
  }
  const previousMemberEpoch = member.memberEpoch;
  if (mustRevoke) {
    const state = MemberState.UNREVOKED_TASKS;
    const assigned = heldOf(differences, "kept");
    return { memberEpoch: epochMeanwhile, previousMemberEpoch, state, assigned, pendingRevocation };
  }
  for (const { kept, free } of [active, standby, warmup]) {
    for (const [subtopologyId, partition] of each(free)) put(kept, subtopologyId, partition, input.targetEpoch);
  }
  const isWaiting = active.isWaiting || standby.isWaiting || warmup.isWaiting;
  return {
    memberEpoch: input.targetEpoch,
    previousMemberEpoch,
    state: isWaiting ? MemberState.UNRELEASED_TASKS : MemberState.STABLE,
    assigned: heldOf(differences, "kept"),
    pendingRevocation: NO_HELD_TASKS,
  };
}

function difference(role: Role, member: StreamsMember, input: ReconcileInput): Difference {
  const target = input.target[role];
  const kept: Draft = new Map();
  const revoked: Draft = new Map();
  const free: Draft = new Map();
  for (const [subtopologyId, partition, sinceEpoch] of each(member.assigned[role])) {
    put(hasTask(target, subtopologyId, partition) ? kept : revoked, subtopologyId, partition, sinceEpoch);
  }
  let isWaiting = false;
  for (const [subtopologyId, partition] of each(target)) {
    if (hasTask(kept, subtopologyId, partition)) continue;
    if (isTaken(role, { subtopologyId, partition }, member, input)) isWaiting = true;
    else put(free, subtopologyId, partition, 0);
  }
  return { kept, revoked, free, isWaiting };
}

/**
 * Whether somebody keeps the task from the member: an active one its owner, wherever it runs, and in every role another member of the same
 * process, where a task has one directory.
 */
function isTaken(
  role: Role,
  { subtopologyId, partition }: { readonly subtopologyId: string; readonly partition: number },
  { memberId, processId, assigned }: StreamsMember,
  { holders, processOf }: ReconcileInput,
): boolean {
  const inProcess = (other: Role) =>
    [...holders.of(other, subtopologyId, partition)].filter((holder) => processOf(holder) === processId);
  const byNeighbour = (other: Role) => inProcess(other).some((holder) => holder !== memberId);
  switch (role) {
    case "active":
      return holders.of("active", subtopologyId, partition).size > 0 || byNeighbour("standby") || byNeighbour("warmup");
    case "standby": {
      const isOwn = hasTask(assigned.active, subtopologyId, partition);
      return (!isOwn && inProcess("active").length > 0) || inProcess("standby").length > 0 || byNeighbour("warmup");
    }
    case "warmup":
      return inProcess("active").length > 0 || byNeighbour("standby") || inProcess("warmup").length > 0;
  }
}

/** What the member has in another role and is free in this one becomes its own at once. */
function changeRole(held: AnyTasks, into: Difference, revoked: Draft | null): void {
  for (const [subtopologyId, partition] of each(held)) {
    if (!hasTask(into.free, subtopologyId, partition)) continue;
    take(into.free, subtopologyId, partition);
    put(into.kept, subtopologyId, partition, 0);
    if (revoked !== null) take(revoked, subtopologyId, partition);
  }
}

function* each(tasks: AnyTasks): Generator<readonly [subtopologyId: string, partition: number, sinceEpoch: number]> {
  for (const [subtopologyId, partitions] of tasks) {
    for (const partition of [...partitions.keys()]) {
      yield [subtopologyId, partition, partitions instanceof Map ? (partitions.get(partition) as number) : 0];
    }
  }
}

function put(draft: Draft, subtopologyId: string, partition: number, sinceEpoch: number): void {
  const partitions = draft.get(subtopologyId);
  if (partitions === undefined) draft.set(subtopologyId, new Map([[partition, sinceEpoch]]));
  else partitions.set(partition, sinceEpoch);
}

function take(draft: Draft, subtopologyId: string, partition: number): void {
  const partitions = draft.get(subtopologyId);
  partitions?.delete(partition);
  if (partitions?.size === 0) draft.delete(subtopologyId);
}

function heldOf({ active, standby, warmup }: Differences, part: "kept" | "revoked"): HeldTasks {
  return { active: active[part], standby: withoutEpochs(standby[part]), warmup: withoutEpochs(warmup[part]) };
}

function withoutEpochs(draft: Draft): Tasks {
  return new Map([...draft].map(([subtopologyId, partitions]) => [subtopologyId, new Set(partitions.keys())]));
}

function isEmpty({ active, standby, warmup }: Differences, part: "kept" | "revoked"): boolean {
  return active[part].size + standby[part].size + warmup[part].size === 0;
}
