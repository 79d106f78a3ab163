import { describe, expect, it } from "vitest";
import { ConsumerScenario } from "./consumer-scenario.ts";
import { type ShareGroupStep, ShareScenario } from "./share/share-scenario.ts";

// A rewrite takes what lives record by record, and waits for the log in between: whatever happens to the group meanwhile, a load that begins
// with the rewrite finds the group as it is.

const EMPTY = ["topic t 2", "join a", "leave a"];
const MIGRATING = ["topic t 2", "join a", "advance 1000", "classic join k", "ack a", "ack a", "classic join k"];
const TWO = ["topic t 2", "join a", "advance 1000", "join b", "ack a", "beat b"];

/**
 * Plays the command when `at` records have been written again; null when there are fewer. Answers what is known then, and what loads find:
 * after each record that follows, and at last from where the rewrite began.
 */
function consumerGroupRewritten(before: readonly string[], command: string, at: number) {
  const scenario = new ConsumerScenario();
  for (const one of before) scenario.run(one);
  const beginning = scenario.log.length;
  const live = scenario.rewriting();
  const write = () => {
    const next = live.next();
    if (next.done !== true) scenario.log.push(next.value);
    return next.done !== true;
  };
  for (let count = 0; count < at; count++) if (!write()) return null;
  scenario.run(command);
  const find = (from: number) => scenario.replayed(scenario.log.slice(from)).run("describe");
  const found = [find(0)];
  while (write()) found.push(find(0));
  return { known: scenario.run("describe"), found: [...found, find(beginning)] };
}

const lines = (description: string) => description.split("\n").sort();

describe("a group during a rewrite", () => {
  it.each([
    ["is deleted", EMPTY, "delete", /^no group$/],
    ["becomes classic", MIGRATING, "leave a", /^classic PreparingRebalance of 1$/],
    ["loses a member", TWO, "leave b", / epoch=4 /],
    ["gets another target", TWO, "join c", / {2}c /],
  ])("%s", (_, before, command, expected) => {
    let crossed = 0;
    for (let at = 0; ; at++) {
      const rewritten = consumerGroupRewritten(before, command, at);
      if (rewritten === null) break;
      const { known, found } = rewritten;
      expect(known).toMatch(expected);
      // A rebalance of a classic group isn't stored, nor is the order of members.
      const stored = lines(known.replace("PreparingRebalance", "Stable"));
      for (const loaded of found) expect(lines(loaded)).toEqual(stored);
      crossed++;
    }
    expect(crossed).toBeGreaterThan(2);
  });

  it.each<[string, ShareGroupStep[]]>([
    ["gives a member its next assignment", [{ kind: "beat", who: "a", topics: null }]],
    ["loses a member", [{ kind: "leave", who: "b" }]],
  ])("of shares %s", (_, steps) => {
    for (let at = 0; at < 9; at++) {
      const scenario = new ShareScenario();
      scenario.run({ kind: "topic", name: "t", partitions: 3 });
      for (const who of ["a", "b"]) scenario.run({ kind: "join", who, topics: ["t"] });
      scenario.run({ kind: "made" });
      scenario.run({ kind: "wait", ms: 2_000 });
      scenario.run({ kind: "beat", who: "b", topics: null });
      const beginning = scenario.log.length;
      const live = scenario.machine.liveRecords();
      const again = scenario.played.log;
      for (let count = 0; count < at; count++) {
        const next = live.next();
        expect(next.done).toBe(false);
        if (next.done !== true) again.push(next.value);
      }
      for (const step of steps) scenario.run(step);
      again.push(...live);
      expect(scenario.knownBy(again.slice(beginning))).toEqual(scenario.known());
    }
  });
});
