import { expect, it } from "vitest";
import { StreamsScenario, type StreamsStep } from "./streams-scenario.ts";

const BEGINNING: readonly StreamsStep[] = [
  { kind: "topic", name: "t", partitions: 4 },
  { kind: "topic", name: "r", partitions: 4 },
  { kind: "topic", name: "c", partitions: 4 },
  { kind: "join", who: "s1" },
  { kind: "wait", ms: 4_000 },
  { kind: "beat", who: "s1" },
  { kind: "join", who: "a" },
  { kind: "wait", ms: 1_500 },
  { kind: "beat", who: "a" },
  { kind: "beat", who: "s1" },
];
const rebalances = ({ machine }: StreamsScenario) =>
  [...machine.pendingTimers().keys()].filter((key) => key.includes("rebalance"));

it("a static member that goes for a while when it owes tasks keeps its place until its session ends", () => {
  const scenario = new StreamsScenario();
  for (const one of BEGINNING) scenario.run(one);
  expect(rebalances(scenario)).toHaveLength(1);
  for (const who of ["s1", "a"]) {
    scenario.run({ kind: "wait", ms: 20_000 });
    for (const one of ["s1", "a"]) scenario.run({ kind: "beat", who: one });
    expect(scenario.clients.has(who)).toBe(true);
  }
  scenario.run({ kind: "pause", who: "s1" });
  expect(rebalances(scenario)).toEqual([]);
  scenario.run({ kind: "wait", ms: 30_000 });
  expect([...scenario.current().keys()].sort()).toEqual(["a", "s1"]);

  // Nor does a coordinator that loads the group wait for it.
  const loaded = new StreamsScenario(scenario.topics);
  for (const record of scenario.log) loaded.machine.replay(record);
  loaded.played.take(loaded.machine.onLoaded(loaded.played.nowMs));
  expect(rebalances(loaded)).toEqual([]);
  loaded.run({ kind: "wait", ms: 45_000 });
  expect([...loaded.current().keys()]).toEqual([]);
});
