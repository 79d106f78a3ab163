import { describe, expect, it } from "vitest";
import { INITIALIZE_RETRY_MS } from "#group/share/limits.ts";
import { ShareScenario } from "./share-scenario.ts";

// Where partitions begin that a group gets: wherever its config says when it hasn't had the topic, at offset 0 when the topic has grown.

/** What was asked for last, as "partition@offset". */
function asked(scenario: ShareScenario): string[] {
  const topics = scenario.asked.at(-1)?.topics ?? [];
  return topics.flatMap(({ partitions }) =>
    partitions.map(({ partitionIndex, startOffset }) => `${partitionIndex}@${startOffset}`),
  );
}

function joined(): ShareScenario {
  const scenario = new ShareScenario();
  scenario.run({ kind: "topic", name: "t", partitions: 2 });
  scenario.run({ kind: "join", who: "a", topics: ["t"] });
  expect(asked(scenario)).toEqual(["0@-1", "1@-1"]);
  return scenario;
}

function beatAfter(scenario: ShareScenario, ms: number): void {
  for (let waitedMs = 0; waitedMs < ms; waitedMs += 10_000) {
    scenario.run({ kind: "wait", ms: 10_000 });
    scenario.run({ kind: "beat", who: "a", topics: null });
  }
}

describe("the state of partitions that a group is to share", () => {
  it("is asked for in the same way when nothing was heard of the first try", () => {
    const scenario = joined();
    beatAfter(scenario, INITIALIZE_RETRY_MS);
    expect(scenario.asked).toHaveLength(2);
    expect(asked(scenario)).toEqual(["0@-1", "1@-1"]);
  });

  it("is asked for in the same way when the first try went wrong", () => {
    const scenario = joined();
    scenario.run({ kind: "not made" });
    scenario.run({ kind: "beat", who: "a", topics: null });
    expect(scenario.asked).toHaveLength(2);
    expect(asked(scenario)).toEqual(["0@-1", "1@-1"]);
  });

  it("begins at 0 for partitions that the topic has got since, whether its first ones are there or not", () => {
    const scenario = joined();
    scenario.run({ kind: "topic", name: "t", partitions: 3 });
    scenario.run({ kind: "beat", who: "a", topics: null });
    expect(asked(scenario)).toEqual(["2@0"]);
    const other = joined();
    other.run({ kind: "made" });
    other.run({ kind: "topic", name: "t", partitions: 3 });
    other.run({ kind: "beat", who: "a", topics: null });
    expect(asked(other)).toEqual(["2@0"]);
    beatAfter(other, INITIALIZE_RETRY_MS);
    expect(other.asked).toHaveLength(3);
    expect(asked(other)).toEqual(["2@0"]);
  });
});
