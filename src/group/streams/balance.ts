import { Heap } from "./heap.ts";
import type { RoleTasks } from "./tasks.ts";

export interface TaskId {
  readonly subtopologyId: string;
  readonly partition: number;
}

type Draft = Map<string, Set<number>>;

interface Load {
  readonly memberId: string;
  readonly process: ProcessLoad;
  readonly active: Draft;
  readonly standby: Draft;
  taskCount: number;
}

interface ProcessLoad {
  readonly processId: string;
  readonly members: Load[];
  /** The members with the least loaded one on top, while tasks go to whoever has the least. */
  byLoad: Heap<Load>;
  /** In whatever role. */
  readonly tasks: Draft;
  taskCount: number;
}

/** How much a member may have so that all have about the same: what is left for those who have less, rounded up. */
class Share {
  private left: number;
  private members: number;
  perMember: number;

  constructor(tasks: number, members: number) {
    this.left = tasks;
    this.members = members;
    this.perMember = Math.ceil(tasks / Math.max(members, 1));
  }

  /** A member has so many now; with its share it is out. */
  reached(taskCount: number): void {
    if (taskCount !== this.perMember) return;
    this.members -= 1;
    this.left -= taskCount;
    this.perMember = this.members === 0 ? 0 : Math.ceil(this.left / this.members);
  }
}

/** An assignment in the making, and who has how much of it. */
export class Balance {
  private readonly loads = new Map<string, Load>();
  private readonly processes = new Map<string, ProcessLoad>();
  private readonly activeShare: Share;
  private readonly share: Share;
  /** The least loaded process on top; between equals in the order of their ids. */
  private byLoad = new Heap<ProcessLoad>([], isBefore);

  constructor(
    members: readonly { readonly memberId: string; readonly processId: string }[],
    totals: { readonly activeTasks: number; readonly tasks: number },
  ) {
    for (const { memberId, processId } of members) {
      const process = this.processes.get(processId) ?? newProcess(processId);
      this.processes.set(processId, process);
      const load: Load = { memberId, process, active: new Map(), standby: new Map(), taskCount: 0 };
      process.members.push(load);
      this.loads.set(memberId, load);
    }
    this.activeShare = new Share(totals.activeTasks, members.length);
    this.share = new Share(totals.tasks, members.length);
  }

  /** Whether one more active task is within its share, as long as there are active tasks only. */
  mayHaveActive(memberId: string): boolean {
    return this.load(memberId).taskCount < this.activeShare.perMember;
  }

  mayHaveAny(memberId: string): boolean {
    return this.load(memberId).taskCount < this.share.perMember;
  }

  processHas(memberId: string, { subtopologyId, partition }: TaskId): boolean {
    return this.load(memberId).process.tasks.get(subtopologyId)?.has(partition) === true;
  }

  /** The first of these, unless a later one has less to do, and its process, too. */
  leastLoaded(memberIds: readonly string[]): string | null {
    let least: Load | null = null;
    for (const memberId of memberIds) {
      const load = this.load(memberId);
      const isLess =
        least === null || (relative(load.process) < relative(least.process) && load.taskCount < least.taskCount);
      if (isLess) least = load;
    }
    return least?.memberId ?? null;
  }

  add(memberId: string, task: TaskId, role: "active" | "standby"): void {
    this.put(this.load(memberId), task, role);
  }

  private put(load: Load, { subtopologyId, partition }: TaskId, role: "active" | "standby"): void {
    for (const draft of [load[role], load.process.tasks]) {
      const partitions = draft.get(subtopologyId) ?? new Set();
      partitions.add(partition);
      draft.set(subtopologyId, partitions);
    }
    load.taskCount += 1;
    load.process.taskCount += 1;
    if (role === "active") this.activeShare.reached(load.taskCount);
    this.share.reached(load.taskCount);
  }

  /** To be called before tasks go to whoever has the least; from then on nothing else is added. */
  beginFilling(): void {
    this.byLoad = new Heap(this.processes.values(), isBefore);
    for (const process of this.processes.values()) process.byLoad = new Heap(process.members, hasLess);
  }

  /** Gives the task to the least loaded process that hasn't got it, and there to the least loaded member. False without such a process. */
  addToLeastLoaded(task: TaskId, role: "active" | "standby"): boolean {
    const passed: ProcessLoad[] = [];
    let process = this.byLoad.pop();
    while (process?.tasks.get(task.subtopologyId)?.has(task.partition)) {
      passed.push(process);
      process = this.byLoad.pop();
    }
    const load = process?.byLoad.pop();
    if (process !== undefined && load !== undefined) {
      this.put(load, task, role);
      process.byLoad.push(load);
      passed.push(process);
    }
    for (const one of passed) this.byLoad.push(one);
    return load !== undefined;
  }

  assignment(): Map<string, RoleTasks> {
    return new Map(
      [...this.loads.values()].map(({ memberId, active, standby }) => [
        memberId,
        { active, standby, warmup: new Map() },
      ]),
    );
  }

  private load(memberId: string): Load {
    const load = this.loads.get(memberId);
    if (load === undefined) throw new Error(`no member ${memberId} to assign tasks to`);
    return load;
  }
}

function newProcess(processId: string): ProcessLoad {
  return { processId, members: [], byLoad: new Heap<Load>([], hasLess), tasks: new Map(), taskCount: 0 };
}

function hasLess(one: Load, other: Load): boolean {
  return one.taskCount === other.taskCount ? one.memberId < other.memberId : one.taskCount < other.taskCount;
}

/** Tasks for each member of the process. */
function relative({ taskCount, members }: ProcessLoad): number {
  return taskCount / members.length;
}

function isBefore(one: ProcessLoad, other: ProcessLoad): boolean {
  const [left, right] = [relative(one), relative(other)];
  return left === right ? one.processId < other.processId : left < right;
}
