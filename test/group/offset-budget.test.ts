import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ZERO_UUID } from "#bytes/uuid.ts";
import type { GroupCoordinator, OffsetCommitCommand } from "#group/coordinator.ts";
import { DEFAULT_GROUP_CONFIG, MAX_OFFSET_BYTES, OFFSET_OVERHEAD_BYTES } from "#group/limits.ts";
import { MemberBudget } from "#group/member-budget.ts";
import { OffsetBudget } from "#group/offset-budget.ts";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { commit, position } from "./commands.ts";
import { newCoordinator } from "./new-coordinator.ts";

const ALL_TOPICS = { topicName: () => undefined, topicId: () => ZERO_UUID };
const NO_TOPICS = { topicName: () => undefined, topicId: () => undefined };

function coordinator(budget: OffsetBudget): GroupCoordinator {
  return newCoordinator(DEFAULT_GROUP_CONFIG, new MemberBudget(), budget);
}

/** One offset for each of the partitions, with so much metadata. */
function commitOf(
  groupId: string,
  indexes: readonly number[],
  metadataChars: number,
  topic = "t",
): OffsetCommitCommand {
  const metadata = "m".repeat(metadataChars);
  return commit(
    indexes.map((partitionIndex) => position(partitionIndex, 1, metadata)),
    { groupId, topic },
  );
}

function codes(machine: GroupCoordinator, command: OffsetCommitCommand): (number | undefined)[] {
  return machine.commitOffsets(command, 0).response.outcomes?.[0].map(({ errorCode }) => errorCode) ?? [];
}

const range = (length: number) => Array.from({ length }, (_, i) => i);

describe("what the committed offsets of a broker may hold", () => {
  it("is limited over all its coordinators and groups", () => {
    const budget = new OffsetBudget();
    const machines = [0, 1].map(() => coordinator(budget));
    const indexes = range(500);
    let taken = 0;
    for (let i = 0; i < 20; i++) {
      const { response, records } = machines[i % 2].commitOffsets(commitOf(`g${i}`, indexes, 4_000), 0);
      const own = response.outcomes?.[0].filter(({ errorCode }) => errorCode === ErrorCode.NONE).length ?? 0;
      const refused = response.outcomes?.[0].filter(({ errorCode }) => errorCode === ErrorCode.POLICY_VIOLATION).length;
      expect(own + (refused ?? 0)).toBe(indexes.length);
      expect(records).toHaveLength(own);
      taken += own;
    }
    expect(taken).toBeGreaterThan(4_000);
    expect(taken * 8_000).toBeLessThan(MAX_OFFSET_BYTES);
    expect(budget.heldBytes).toBeLessThanOrEqual(MAX_OFFSET_BYTES);
    expect(budget.heldBytes).toBeGreaterThan(MAX_OFFSET_BYTES - 10_000);
    // A group whose commits were all refused isn't there.
    expect(machines[1].describeGroup("g19")).toBeUndefined();
    expect(machines[1].liveRecordCount + machines[0].liveRecordCount).toBe(taken + Math.ceil(taken / indexes.length));
  });

  it("a partition that is refused keeps what it had, and what isn't larger is always taken", () => {
    const budget = new OffsetBudget(10_000);
    const machine = coordinator(budget);
    expect(codes(machine, commitOf("g", [0, 1], 1_000))).toEqual([0, 0]);
    const before = machine.fetchAllOffsets("g", ALL_TOPICS);
    const held = budget.heldBytes;
    expect(codes(machine, commitOf("g", [0], 4_096))).toEqual([ErrorCode.POLICY_VIOLATION]);
    expect(machine.commitOffsets(commitOf("h", [0], 4_096), 0).records).toEqual([]);
    expect(machine.fetchAllOffsets("g", ALL_TOPICS)).toEqual(before);
    expect(machine.describeGroup("h")).toBeUndefined();
    expect(budget.heldBytes).toBe(held);
    expect(codes(machine, commitOf("g", [0, 1, 2, 3, 4], 1_000))).toEqual([0, 0, 0, 0, ErrorCode.POLICY_VIOLATION]);
    expect(codes(machine, commitOf("g", [0, 1, 2, 3, 4], 990))).toEqual([0, 0, 0, 0, ErrorCode.POLICY_VIOLATION]);
    expect(codes(machine, commitOf("g", [0, 1, 2, 3, 4], 0))).toEqual([0, 0, 0, 0, 0]);
    expect(budget.heldBytes).toBeLessThan(10 * OFFSET_OVERHEAD_BYTES);
  });

  it("is free again when groups or topics are deleted, when offsets expire, and when a coordinator is let go", () => {
    const ends: Record<string, (machine: GroupCoordinator) => void> = {
      "a group is deleted": (machine) => machine.deleteGroups(["g"], 0),
      "topics are deleted": (machine) => machine.forgetDeletedTopics(NO_TOPICS, 0),
      "offsets expire": (machine) => machine.onTimer("expire-offsets", DEFAULT_GROUP_CONFIG.offsetsRetentionMs),
      "it is let go": (machine) => machine.release(),
    };
    for (const [title, end] of Object.entries(ends)) {
      const budget = new OffsetBudget();
      const machine = coordinator(budget);
      machine.onLoaded(0);
      for (const topic of ["t", "u"]) expect(codes(machine, commitOf("g", [0, 1], 100, topic))).toEqual([0, 0]);
      expect(budget.heldBytes).toBeGreaterThan(4 * (OFFSET_OVERHEAD_BYTES + 100));
      end(machine);
      expect(budget.heldBytes, title).toBe(0);
    }
  });

  it("never makes a load fail, and a broker that holds too much takes what holds less", () => {
    const before = coordinator(new OffsetBudget());
    const { records } = before.commitOffsets(commitOf("g", range(10), 1_000), 0);
    const budget = new OffsetBudget(1_000);
    const machine = coordinator(budget);
    for (const record of records) machine.replay(record);
    expect(machine.fetchAllOffsets("g", ALL_TOPICS)).toEqual(before.fetchAllOffsets("g", ALL_TOPICS));
    expect(budget.heldBytes).toBeGreaterThan(20_000);
    expect(codes(machine, commitOf("g", [0, 10], 1_000))).toEqual([0, ErrorCode.POLICY_VIOLATION]);
    machine.release();
    expect(budget.heldBytes).toBe(0);
  });

  it("is after a load what it was before, whatever was committed and deleted", () => {
    const step = fc.record({
      groupId: fc.constantFrom("g", "h"),
      topic: fc.constantFrom("t", "long"),
      index: fc.nat({ max: 2 }),
      metadataChars: fc.constantFrom(0, 1, 50, 300),
      isDeletion: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const budget = new OffsetBudget(3_000);
        const machine = coordinator(budget);
        const log: CoordinatorRecord[] = [];
        for (const { groupId, topic, index, metadataChars, isDeletion } of steps) {
          const decision = isDeletion
            ? machine.deleteGroups([groupId], 0)
            : machine.commitOffsets(commitOf(groupId, [index], metadataChars, topic), 0);
          log.push(...decision.records);
          expect(budget.heldBytes).toBeLessThanOrEqual(budget.maxBytes);
        }
        const after = new OffsetBudget(0);
        const loaded = coordinator(after);
        for (const record of log) loaded.replay(record);
        expect(after.heldBytes).toBe(budget.heldBytes);
        loaded.deleteGroups(["g", "h"], 0);
        expect(after.heldBytes).toBe(0);
      }),
    );
  });
});
