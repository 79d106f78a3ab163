import { describe, expect, it } from "vitest";
import { CHANGE_DECODERS, encodeChange } from "#group/streams/changes.ts";
import { TaskHolders } from "#group/streams/holders.ts";
import { MemberState, newStreamsMember, type StreamsMember } from "#group/streams/member.ts";
import { nextTasks } from "#group/streams/reconcile.ts";
import { type HeldTasks, NO_HELD_TASKS, NO_TASKS, type RoleTasks } from "#group/streams/tasks.ts";
import { storedKind } from "#protocol/stored/record.ts";
import { namesOf } from "./streams-scenario.ts";

const EPOCH = 7;

const tasks = (...partitions: number[]) =>
  partitions.length === 0 ? new Map() : new Map([["0", new Set(partitions)]]);
const since = (epoch: number, ...partitions: number[]) =>
  new Map([["0", new Map(partitions.map((one) => [one, epoch]))]]);

function member(assigned: Partial<HeldTasks>, more: Partial<StreamsMember> = {}): StreamsMember {
  const held = { ...NO_HELD_TASKS, ...assigned };
  return { ...newStreamsMember("m"), processId: "p", memberEpoch: 5, assigned: held, ...more };
}

/** `others` have tasks, too, in a process of their own. */
function next(
  one: StreamsMember,
  target: Partial<RoleTasks>,
  reported: RoleTasks | null,
  others: Partial<HeldTasks> = {},
) {
  const holders = new TaskHolders();
  for (const held of [one.assigned, one.pendingRevocation]) holders.add(one.memberId, held);
  holders.add("other", { ...NO_HELD_TASKS, ...others });
  const processOf = (memberId: string) => (memberId === "m" ? "p" : "q");
  const all = { ...NO_TASKS, ...target };
  const current = nextTasks(one, { targetEpoch: EPOCH, target: all, holders, processOf, reported });
  const { assigned, pendingRevocation, memberEpoch, state } = current;
  const names = ({ active, standby, warmup }: HeldTasks) =>
    [active, standby, warmup].map((role) => namesOf(role).join());
  return { memberEpoch, state, has: names(assigned), gives: names(pendingRevocation), assigned };
}

const NOTHING = ["", "", ""];
const { STABLE, UNREVOKED_TASKS, UNRELEASED_TASKS } = MemberState;

describe("a member's next step", () => {
  it("gives back first, and keeps since when it has had the rest", () => {
    const step = next(member({ active: since(3, 0, 1) }), { active: tasks(1, 2) }, null);
    expect(step).toMatchObject({
      memberEpoch: 5,
      state: UNREVOKED_TASKS,
      has: ["0_1", "", ""],
      gives: ["0_0", "", ""],
    });
    const given = next(member({ active: since(3, 0, 1) }), { active: tasks(1, 2) }, { ...NO_TASKS, active: tasks(1) });
    expect(given).toMatchObject({ memberEpoch: EPOCH, state: STABLE, has: ["0_1,0_2", "", ""], gives: NOTHING });
    expect(given.assigned.active.get("0")).toEqual(
      new Map([
        [1, 3],
        [2, EPOCH],
      ]),
    );
  });

  it("keeps a standby task until the task is its own", () => {
    const one = member({ standby: tasks(0) });
    const waits = next(one, { active: tasks(0) }, NO_TASKS, { active: since(1, 0) });
    expect(waits).toMatchObject({ state: UNRELEASED_TASKS, has: ["", "0_0", ""], gives: NOTHING });
    expect(next(one, { active: tasks(0) }, null)).toMatchObject({
      state: STABLE,
      has: ["0_0", "", ""],
      gives: NOTHING,
    });
  });

  it("keeps the state of what it gives away, if it is to have it as a standby task", () => {
    const step = next(member({ active: since(1, 0) }), { standby: tasks(0) }, null);
    expect(step).toMatchObject({ state: UNREVOKED_TASKS, has: ["", "0_0", ""], gives: ["0_0", "", ""] });
  });

  it("makes standby tasks of warm-up tasks and the other way round without giving them back", () => {
    const step = next(member({ standby: tasks(0), warmup: tasks(1) }), { standby: tasks(1), warmup: tasks(0) }, null);
    expect(step).toMatchObject({ state: STABLE, has: ["", "0_1", "0_0"], gives: NOTHING });
  });

  it("gives a standby task back to whom it is taken from", () => {
    const step = next(member({ standby: tasks(0) }), {}, null);
    expect(step).toMatchObject({ state: UNREVOKED_TASKS, has: NOTHING, gives: ["", "0_0", ""] });
  });

  it("is stored with the epoch of each task", () => {
    const { memberEpoch, previousMemberEpoch, state, assigned } = member({
      active: new Map([
        [
          "0",
          new Map([
            [0, 3],
            [1, 4],
          ]),
        ],
      ]),
    });
    const value = { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation: NO_HELD_TASKS };
    const record = encodeChange("g", { kind: "current", memberId: "m", value });
    const read = CHANGE_DECODERS.get(storedKind(record.key))?.(record);
    expect(read).toEqual({ groupId: "g", change: { kind: "current", memberId: "m", value } });
  });
});
