import type { GroupTopics } from "#ports/coordinator-log.ts";
import type { Group } from "./group.ts";
import { MAX_GROUPS_PER_PARTITION } from "./limits.ts";
import type { MemberBudget } from "./member-budget.ts";

/** All groups of one coordinator by their ids, and what the kinds of groups share. */
export class GroupSpace {
  readonly budget: MemberBudget;
  readonly topics: GroupTopics;
  private readonly groups = new Map<string, Group>();

  /** All coordinators of a broker share the budget. */
  constructor(budget: MemberBudget, topics: GroupTopics) {
    this.budget = budget;
    this.topics = topics;
  }

  get size(): number {
    return this.groups.size;
  }

  get(groupId: string): Group | undefined {
    return this.groups.get(groupId);
  }

  /** The groups as they are now; safe while groups come and go. */
  values(): Iterable<Group> {
    return this.groups.values();
  }

  /** Adds a group whose name is free, or takes the place of the one that has it. False when there is no room for another one. */
  add(group: Group): boolean {
    if (!this.groups.has(group.groupId) && this.groups.size >= MAX_GROUPS_PER_PARTITION) return false;
    this.put(group);
    return true;
  }

  /** The same without a limit: what was admitted once is never refused by a load. */
  put(group: Group): void {
    const former = this.groups.get(group.groupId);
    if (former !== undefined && former !== group) former.release();
    this.groups.set(group.groupId, group);
  }

  remove(groupId: string): void {
    this.groups.get(groupId)?.release();
    this.groups.delete(groupId);
  }
}
