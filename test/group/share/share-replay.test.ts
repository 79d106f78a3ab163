import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CoordinatorRecord } from "#ports/coordinator-log.ts";
import { type ShareGroupStep, ShareScenario } from "./share-scenario.ts";

const who = fc.constantFrom("a", "b", "c");
const topics = fc.constantFrom(["t"], ["u"], ["t", "u"]);

const step: fc.Arbitrary<ShareGroupStep> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("join" as const), who, topics }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant("beat" as const), who, topics: fc.constant(null) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("beat" as const), who, topics }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("leave" as const), who }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("topic" as const),
      name: fc.constantFrom("t", "u"),
      partitions: fc.nat({ max: 4 }),
    }),
  },
  { weight: 5, arbitrary: fc.constant<ShareGroupStep>({ kind: "made" }) },
  {
    weight: 2,
    arbitrary: fc.constantFrom<ShareGroupStep[]>({ kind: "not made" }, { kind: "delete offsets" }, { kind: "delete" }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(500, 1_500, 60_000) }) },
);

const BEGINNING: readonly ShareGroupStep[] = [
  { kind: "topic", name: "t", partitions: 3 },
  { kind: "topic", name: "u", partitions: 1 },
];

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

describe("share groups and their replay", () => {
  it("know the same", () => {
    let withMembers = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 50, size: "max" }), (steps) => {
        const scenario = new ShareScenario();
        for (const one of [...BEGINNING, ...steps]) {
          scenario.run(one);
          const known = scenario.known();
          if (known.length > 3) withMembers += 1;
          expect(scenario.knownBy(scenario.log)).toEqual(known);
          expect(scenario.knownBy(compacted(scenario.log))).toEqual(known);
          expect(scenario.knownBy([...scenario.machine.liveRecords()])).toEqual(known);
        }
      }),
      { numRuns: 150 },
    );
    expect(withMembers).toBeGreaterThan(1_000);
  });

  it("give every partition that is there to somebody", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40, size: "max" }), (steps) => {
        const scenario = new ShareScenario();
        for (const one of [...BEGINNING, ...steps, ...BEGINNING]) scenario.run(one);
        scenario.run({ kind: "wait", ms: 600_000 });
        for (const name of ["x", "y"]) scenario.run({ kind: "join", who: name, topics: ["t", "u"] });
        for (let round = 0; round < 8; round++) {
          for (let made = 0; made < 5; made++) scenario.run({ kind: "made" });
          scenario.run({ kind: "wait", ms: 11_000 });
          for (const name of ["x", "y"]) scenario.run({ kind: "beat", who: name, topics: null });
        }
        const members = scenario.machine.shares.describe("g")?.members ?? [];
        const given = members.flatMap(({ assignment }) =>
          assignment.topicPartitions.flatMap(({ topicName, partitions }) =>
            partitions.map((partitionIndex) => `${topicName}/${partitionIndex}`),
          ),
        );
        const all = ["t", "u"].flatMap((name) =>
          Array.from({ length: scenario.topics.partitionCountOf(name) }, (_, at) => `${name}/${at}`),
        );
        expect([...new Set(given)].sort()).toEqual(all.sort());
      }),
      { numRuns: 100 },
    );
  });
});
