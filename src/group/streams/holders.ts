import { type HeldTasks, ROLES, type Role } from "./tasks.ts";

const NOBODY: ReadonlySet<string> = new Set();

type ByTask = Map<string, Map<number, Set<string>>>;

/** Who has each task, or has yet to give it back: the members by task, one table for each role. */
export class TaskHolders {
  private readonly tables: Readonly<Record<Role, ByTask>> = {
    active: new Map(),
    standby: new Map(),
    warmup: new Map(),
  };

  of(role: Role, subtopologyId: string, partition: number): ReadonlySet<string> {
    return this.tables[role].get(subtopologyId)?.get(partition) ?? NOBODY;
  }

  add(memberId: string, tasks: HeldTasks): void {
    for (const role of ROLES) {
      for (const [subtopologyId, partitions] of tasks[role]) {
        const table = this.tables[role].get(subtopologyId) ?? new Map<number, Set<string>>();
        this.tables[role].set(subtopologyId, table);
        for (const partition of partitions.keys()) {
          const members = table.get(partition);
          if (members === undefined) table.set(partition, new Set([memberId]));
          else members.add(memberId);
        }
      }
    }
  }

  remove(memberId: string, tasks: HeldTasks): void {
    for (const role of ROLES) {
      for (const [subtopologyId, partitions] of tasks[role]) {
        const table = this.tables[role].get(subtopologyId);
        for (const partition of partitions.keys()) {
          const members = table?.get(partition);
          members?.delete(memberId);
          if (members?.size === 0) table?.delete(partition);
        }
        if (table?.size === 0) this.tables[role].delete(subtopologyId);
      }
    }
  }
}
