import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ROLES } from "#group/streams/tasks.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { namesOf, StreamsScenario, type StreamsStep } from "./streams-scenario.ts";

const SEED = 1071;
const PEOPLE = ["a", "b", "c", "d", "s1", "s2"];
const who = fc.constantFrom(...PEOPLE);

function of(kind: "join" | "beat" | "give back" | "leave" | "pause" | "crash", weight: number) {
  return { weight, arbitrary: fc.record({ kind: fc.constant(kind), who }) };
}

const step: fc.Arbitrary<StreamsStep> = fc.oneof(
  of("join", 4),
  of("beat", 20),
  of("give back", 12),
  of("leave", 2),
  of("pause", 2),
  of("crash", 1),
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("topic" as const),
      name: fc.constantFrom("t", "r", "c"),
      partitions: fc.constantFrom(0, 4, 4, 5),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("standby" as const), replicas: fc.nat({ max: 2 }) }) },
  { weight: 4, arbitrary: fc.constant<StreamsStep>({ kind: "create" }) },
  { weight: 1, arbitrary: fc.constant<StreamsStep>({ kind: "delete" }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      ms: fc.constantFrom(500, 1_500, 1_500, 1_500, 4_000, 4_000, 61_000),
    }),
  },
);

const BEGINNING: readonly StreamsStep[] = [
  { kind: "topic", name: "t", partitions: 4 },
  { kind: "topic", name: "r", partitions: 4 },
  { kind: "topic", name: "c", partitions: 4 },
];

const steps = fc.array(step, { minLength: 30, maxLength: 90, size: "max" });

/** What a log cleaner would leave: the last record of every key. */
function compacted(log: readonly CoordinatorRecord[]): CoordinatorRecord[] {
  const last = new Map<string, CoordinatorRecord>();
  for (const record of log) {
    const key = record.key.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()];
}

/** Every task by name, with who has it or has yet to give it back. */
function holders(scenario: StreamsScenario, roles: readonly (typeof ROLES)[number][]): Map<string, Set<string>> {
  const byTask = new Map<string, Set<string>>();
  for (const [memberId, { assigned, pendingRevocation }] of scenario.current()) {
    for (const role of roles) {
      for (const name of [...namesOf(assigned[role]), ...namesOf(pendingRevocation[role])]) {
        byTask.set(name, (byTask.get(name) ?? new Set()).add(memberId));
      }
    }
  }
  return byTask;
}

function shared(byTask: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  return [...byTask].filter(([, members]) => members.size > 1).map(([name, members]) => `${name}: ${[...members]}`);
}

/** Tasks that two members of one process have. */
function sharedInProcess(scenario: StreamsScenario): string[] {
  return [...holders(scenario, ROLES)].flatMap(([name, members]) => {
    const processes = [...members].map(StreamsScenario.processOf);
    return new Set(processes).size < processes.length ? [`${name}: ${[...members]}`] : [];
  });
}

/** Active tasks that two clients run that are members, and are no older than their members. */
function runTwice(scenario: StreamsScenario): string[] {
  const current = scenario.current();
  const byTask = new Map<string, Set<string>>();
  for (const [name, client] of scenario.clients) {
    const member = current.get(name);
    if (member === undefined || client.memberEpoch < member.memberEpoch) continue;
    for (const task of namesOf(client.running.active)) byTask.set(task, (byTask.get(task) ?? new Set()).add(name));
  }
  return shared(byTask);
}

describe("streams groups", () => {
  it("know the same as a coordinator that loads them", () => {
    let withTasks = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const scenario = new StreamsScenario();
        for (const one of [...BEGINNING, ...all]) {
          scenario.run(one);
          const known = scenario.known();
          if (holders(scenario, ["active"]).size > 0) withTasks += 1;
          expect(scenario.knownBy(scenario.log)).toEqual(known);
          expect(scenario.knownBy(compacted(scenario.log))).toEqual(known);
        }
      }),
      { numRuns: 50, seed: SEED },
    );
    expect(withTasks).toBeGreaterThan(300);
  });

  it("never give a task to two at once", () => {
    let moves = 0;
    fc.assert(
      fc.property(steps, (all) => {
        const scenario = new StreamsScenario();
        for (const one of [...BEGINNING, ...all]) {
          scenario.run(one);
          expect(shared(holders(scenario, ["active"]))).toEqual([]);
          expect(sharedInProcess(scenario)).toEqual([]);
          expect(runTwice(scenario)).toEqual([]);
          for (const { pendingRevocation } of scenario.current().values()) moves += pendingRevocation.active.size;
        }
      }),
      { numRuns: 100, seed: SEED },
    );
    expect(moves).toBeGreaterThan(200);
  });

  it("come to rest with every task in one place, and its standby tasks elsewhere", () => {
    fc.assert(
      fc.property(steps, fc.nat({ max: 2 }), (all, replicas) => {
        const scenario = new StreamsScenario();
        for (const one of [...BEGINNING, ...all]) scenario.run(one);
        for (const name of PEOPLE) scenario.run({ kind: "crash", who: name });
        scenario.run({ kind: "wait", ms: 200_000 });
        scenario.run({ kind: "delete" });
        // Whatever they have become, topics of these sizes are what the application needs.
        for (const name of ["t", "r", "c"]) scenario.run({ kind: "topic", name, partitions: 0 });
        for (const one of [...BEGINNING, { kind: "standby", replicas } as const]) scenario.run(one);
        const present = ["a", "b", "c", "d"];
        for (const name of present) {
          scenario.run({ kind: "join", who: name });
          scenario.run({ kind: "wait", ms: 4_000 });
          for (const other of present) scenario.run({ kind: "beat", who: other });
        }
        for (let round = 0; round < 12; round++) {
          scenario.run({ kind: "wait", ms: 1_500 });
          for (const name of present) {
            scenario.run({ kind: "give back", who: name });
            scenario.run({ kind: "beat", who: name });
          }
        }
        expect(scenario.describe()?.groupState).toBe("Stable");
        const tasks = ["0", "1"].flatMap((id) => [0, 1, 2, 3].map((partition) => `${id}_${partition}`));
        const active = holders(scenario, ["active"]);
        expect([...active.keys()].sort()).toEqual(tasks);
        for (const { running } of scenario.clients.values()) expect(namesOf(running.active).length).toBe(2);
        const standby = holders(scenario, ["standby"]);
        for (const task of tasks) {
          const own = [...(standby.get(task) ?? [])];
          expect(own.length).toBe(task.startsWith("1") ? replicas : 0);
          const processes = [...own, ...(active.get(task) ?? [])].map(StreamsScenario.processOf);
          expect(new Set(processes).size).toBe(processes.length);
        }
      }),
      { numRuns: 100, seed: SEED },
    );
  });
});
