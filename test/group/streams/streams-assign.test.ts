import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AssignableMember, type AssignableSubtopology, assignSticky } from "#group/streams/assign.ts";
import { countOf, countOfRoles, type RoleTasks } from "#group/streams/tasks.ts";
import { namesOf } from "./streams-scenario.ts";

const SEED = 1071;

function member(memberId: string, processId = memberId, has: Partial<AssignableMember> = {}): AssignableMember {
  return { memberId, processId, active: new Map(), standby: new Map(), offsets: new Map(), ...has };
}

function counting(taskCount: number, isStateful = true): AssignableSubtopology {
  return { subtopologyId: "0", taskCount, isStateful };
}

function has(...partitions: number[]): ReadonlyMap<string, ReadonlySet<number>> {
  return new Map([["0", new Set(partitions)]]);
}

function activeOf(assignment: ReadonlyMap<string, RoleTasks>): Record<string, string[]> {
  return Object.fromEntries([...assignment].map(([memberId, { active }]) => [memberId, namesOf(active)]));
}

function standbyOf(assignment: ReadonlyMap<string, RoleTasks>): Record<string, string[]> {
  return Object.fromEntries([...assignment].map(([memberId, { standby }]) => [memberId, namesOf(standby)]));
}

describe("the sticky task assignor", () => {
  it("has nobody to give tasks to", () => {
    expect(assignSticky({ members: [], subtopologies: [counting(3)], standbyReplicas: 1 }).size).toBe(0);
  });

  it("leaves tasks where they are, and moves what is too much", () => {
    const members = [member("a", "p", { active: has(0, 1, 2, 3) }), member("b", "q")];
    const assignment = assignSticky({ members, subtopologies: [counting(4)], standbyReplicas: 0 });
    expect(activeOf(assignment)).toEqual({ a: ["0_0", "0_1"], b: ["0_2", "0_3"] });
  });

  it("gives a process as much as it has members", () => {
    const members = [member("a1", "a"), member("a2", "a"), member("a3", "a"), member("b")];
    const assignment = assignSticky({ members, subtopologies: [counting(8)], standbyReplicas: 0 });
    for (const { active } of assignment.values()) expect(countOf(active)).toBe(2);
  });

  it("moves a task to where its standby task is, and else to where its state was left", () => {
    const members = [
      member("a", "p", { standby: has(0), offsets: new Map([["0", new Map([[1, 9]])]]) }),
      member("b", "q", { standby: has(1), offsets: new Map([["0", new Map([[2, 5]])]]) }),
      member("c", "r", { offsets: new Map([["0", new Map([[2, 7]])]]) }),
    ];
    const assignment = assignSticky({ members, subtopologies: [counting(3)], standbyReplicas: 0 });
    expect(activeOf(assignment)).toEqual({ a: ["0_0"], b: ["0_1"], c: ["0_2"] });
  });

  it("moves a task to whose state is the furthest", () => {
    const left = (offset: number) => ({ offsets: new Map([["0", new Map([[0, offset]])]]) });
    const members = [member("a", "p", left(5)), member("b", "q", left(7)), member("c", "r", left(6))];
    const assignment = assignSticky({ members, subtopologies: [counting(1)], standbyReplicas: 0 });
    expect(activeOf(assignment)).toEqual({ a: [], b: ["0_0"], c: [] });
  });

  it("keeps a standby task where the task ran", () => {
    const members = [member("a", "p", { active: has(0, 1) }), member("b", "q")];
    const assignment = assignSticky({ members, subtopologies: [counting(2)], standbyReplicas: 1 });
    expect(activeOf(assignment)).toEqual({ a: ["0_0"], b: ["0_1"] });
    expect(standbyOf(assignment)).toEqual({ a: ["0_1"], b: ["0_0"] });
  });

  it("has no standby tasks without state, or without another process", () => {
    const alone = [member("a1", "a"), member("a2", "a")];
    const stateful = assignSticky({ members: alone, subtopologies: [counting(4)], standbyReplicas: 1 });
    expect(standbyOf(stateful)).toEqual({ a1: [], a2: [] });
    const two = [member("a"), member("b")];
    const stateless = assignSticky({ members: two, subtopologies: [counting(4, false)], standbyReplicas: 1 });
    expect(standbyOf(stateless)).toEqual({ a: [], b: [] });
  });

  const groups = fc.record({
    processes: fc.array(fc.nat({ max: 4 }), { minLength: 1, maxLength: 12 }),
    taskCounts: fc.array(fc.record({ taskCount: fc.nat({ max: 12 }), isStateful: fc.boolean() }), { maxLength: 4 }),
    standbyReplicas: fc.nat({ max: 3 }),
    leaving: fc.nat({ max: 3 }),
    joining: fc.nat({ max: 3 }),
  });

  function check(
    members: readonly AssignableMember[],
    subtopologies: AssignableSubtopology[],
    standbyReplicas: number,
  ) {
    const assignment = assignSticky({ members, subtopologies, standbyReplicas });
    const processes = new Set(members.map(({ processId }) => processId));
    const processOf = new Map(members.map(({ memberId, processId }) => [memberId, processId]));
    const placesOf = (name: string, role: "active" | "standby") =>
      [...assignment].filter(([, tasks]) => namesOf(tasks[role]).includes(name)).map(([id]) => processOf.get(id));
    for (const { subtopologyId, taskCount, isStateful } of subtopologies) {
      for (let partition = 0; partition < taskCount; partition++) {
        const name = `${subtopologyId}_${partition}`;
        const active = placesOf(name, "active");
        expect(active.length).toBe(1);
        const standby = placesOf(name, "standby");
        expect(standby.length).toBe(isStateful ? Math.min(standbyReplicas, processes.size - 1) : 0);
        expect(new Set([...active, ...standby]).size).toBe(1 + standby.length);
      }
    }
    return assignment;
  }

  it("has every task active once, and its standby tasks in other processes", () => {
    fc.assert(
      fc.property(groups, ({ processes, taskCounts, standbyReplicas, leaving, joining }) => {
        const subtopologies = taskCounts.map((one, at) => ({ ...one, subtopologyId: String(at) }));
        const first = processes.map((process, at) => member(`m${at}`, `p${process}`));
        const before = check(first, subtopologies, standbyReplicas);
        const stayed = first.slice(leaving).map((one) => ({ ...one, ...(before.get(one.memberId) as RoleTasks) }));
        const added = Array.from({ length: joining }, (_, at) => member(`n${at}`, `p${at + 3}`));
        if (stayed.length + added.length > 0) check([...stayed, ...added], subtopologies, standbyReplicas);
      }),
      { numRuns: 300, seed: SEED },
    );
  });

  it("moves nothing when nothing has changed, and gives no member two active tasks more than another", () => {
    fc.assert(
      fc.property(groups, ({ processes, taskCounts, standbyReplicas }) => {
        const subtopologies = taskCounts.map((one, at) => ({ ...one, subtopologyId: String(at) }));
        // As many members in each process: the load of a process is measured by its members.
        const first = processes.map((_, at) => member(`m${at}`, `p${at}`));
        const before = assignSticky({ members: first, subtopologies, standbyReplicas });
        const again = first.map((one) => ({ ...one, ...(before.get(one.memberId) as RoleTasks) }));
        const after = assignSticky({ members: again, subtopologies, standbyReplicas });
        expect(activeOf(after)).toEqual(activeOf(before));
        const counts = [...after.values()].map(({ active }) => countOf(active));
        expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        const all = [...after.values()].map(countOfRoles);
        expect(Math.max(...all) - Math.min(...all)).toBeLessThanOrEqual(1 + standbyReplicas);
      }),
      { numRuns: 300, seed: SEED },
    );
  });
});
