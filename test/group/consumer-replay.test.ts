import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConsumerScenario } from "./consumer-scenario.ts";
import { readRecord } from "./read-record.ts";

// Any sequence of heartbeats, commits and topics that come and go: a coordinator that replays the log knows what the live one knows; no two
// members have a partition at a time; and when everybody keeps to the protocol, the group settles.

const member = fc.constantFrom("a", "b", "c", "d");
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(member, fc.constantFrom("t", "t,u", "u", ""))
      .map(([m, topics]) => `join ${m} topics=${topics}`),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(member, fc.constantFrom("t", "u.*", ".*")).map(([m, regex]) => `join ${m} regex=${regex}`),
  },
  { weight: 2, arbitrary: member.map((m) => `join ${m} instance=i${m === "d" ? "c" : m}`) },
  { weight: 8, arbitrary: member.map((m) => `ack ${m}`) },
  { weight: 3, arbitrary: member.map((m) => `beat ${m}`) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(member, fc.constantFrom("t", "t,u", "u", ""))
      .map(([m, topics]) => `beat ${m} topics=${topics}`),
  },
  { weight: 1, arbitrary: member.map((m) => `leave ${m}`) },
  { weight: 1, arbitrary: member.map((m) => `away ${m} instance=i${m === "d" ? "c" : m}`) },
  { weight: 3, arbitrary: member.map((m) => `classic join ${m}`) },
  { weight: 2, arbitrary: member.map((m) => `classic sync ${m}`) },
  { weight: 2, arbitrary: member.map((m) => `classic beat ${m}`) },
  { weight: 1, arbitrary: member.map((m) => `classic leave ${m}`) },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom("t", "u", "u2"), fc.nat({ max: 5 })).map(([t, n]) => `topic ${t} ${n}`),
  },
  { weight: 4, arbitrary: fc.constantFrom(0, 500, 1_500, 12_000).map((ms) => `advance ${ms}`) },
  { weight: 1, arbitrary: fc.constantFrom("delete", "commit a t/0", "commit b u/1") },
);

/** `has` of one member: it must be nobody else's. */
function expectNoSharing(description: string): void {
  const owners = new Map<string, string>();
  for (const line of description.split("\n").filter((one) => one.startsWith("  "))) {
    const [name, , , has] = line.trim().split(" ");
    for (const topic of has === "-" ? [] : has.split(",")) {
      const [topicName, indexes] = topic.split("/");
      for (const index of indexes.split(".")) {
        expect(owners.get(`${topicName}/${index}`)).toBe(undefined);
        owners.set(`${topicName}/${index}`, name);
      }
    }
  }
}

/** What a log cleaner would leave: the last record of every key. */
function compacted(scenario: ConsumerScenario) {
  const last = new Map<string, (typeof scenario.log)[number]>();
  for (const record of scenario.log) {
    const key = record.key.join();
    last.delete(key);
    last.set(key, record);
  }
  return [...last.values()];
}

describe("consumer groups and their replay", () => {
  it("know the same, and no partition has two owners", () => {
    let described = 0;
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60, size: "max" }), (commands) => {
        const scenario = new ConsumerScenario();
        for (const one of ["topic t 3", "topic u 2", ...commands]) {
          scenario.run(one);
          const description = scenario.run("describe");
          if (description.startsWith("classic") || description === "no group") continue;
          described++;
          expectNoSharing(description);
          const whole = scenario.replayed(scenario.log);
          expect(whole.run("describe")).toBe(description);
          const cleaned = scenario.replayed(compacted(scenario));
          expect(sorted(cleaned.run("describe"))).toEqual(sorted(description));
          const rewritten = scenario.replayed(scenario.liveRecords());
          expect(sorted(rewritten.run("describe"))).toEqual(sorted(description));
          // And they hold the same.
          const { heldBytes } = scenario.budget;
          for (const { budget } of [whole, cleaned, rewritten]) expect(budget.heldBytes).toBe(heldBytes);
          expect(heldBytes > 0).toBe(description.includes("\n"));
        }
        // Everybody goes silent: the group is empty in the end, and deleted with its offsets.
        scenario.run("advance 600000");
        const left = scenario.run("describe");
        expect(left).toMatch(/^(Empty|classic Empty|no group)/);
        if (left.startsWith("Empty")) expect(scenario.budget.heldBytes).toBe(0);
        scenario.run("delete");
        expect(
          compacted(scenario).filter((record) => record.value !== null && readRecord(record).kind !== "offset"),
        ).toEqual([]);
        expect(scenario.budget.heldBytes).toBe(0);
      }),
      { numRuns: 200 },
    );
    expect(described).toBeGreaterThan(1_000);
  });

  it("settle when everybody keeps to the protocol", () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40, size: "max" }), (commands) => {
        const scenario = new ConsumerScenario();
        for (const one of ["topic t 3", "topic u 2", ...commands]) scenario.run(one);
        scenario.run("advance 600000");
        for (const name of ["x", "y", "z"]) scenario.run(`join ${name} topics=t,u`);
        for (let round = 0; round < 6; round++) {
          scenario.run("advance 1500");
          for (const name of ["x", "y", "z"]) scenario.run(`ack ${name}`);
        }
        expect(scenario.run("describe")).toMatch(/^Stable/);
      }),
      { numRuns: 100 },
    );
  });
});

/** Members come in the order of the log that was replayed. */
function sorted(description: string): string[] {
  return description.split("\n").sort();
}
