import { describe, expect, it } from "vitest";
import { Assignment } from "#client/consumer/assignment.ts";
import type { Committer } from "#client/consumer/committer.ts";
import type { RebalanceListener } from "#client/consumer/membership.ts";
import type { ConsumerParts } from "#client/consumer/parts.ts";
import { RebalanceDesk } from "#client/consumer/rebalance-desk.ts";
import { Subscription } from "#client/consumer/subscription.ts";
import { T0 } from "./setup.ts";

const boom = new Error("boom");
const T1 = { topic: "t", partition: 1 };

/** A desk whose listener throws, and who commits what. */
function world(listener: RebalanceListener) {
  const assignment = new Assignment();
  assignment.add([T0, T1]);
  const log: string[] = [];
  const committer = { beforeLeaving: async () => void log.push("commit") } as unknown as Committer;
  const desk = new RebalanceDesk({ assignment } as unknown as ConsumerParts, committer);
  desk.take(new Subscription({ topics: ["t"] }, true), listener);
  return { desk, assignment, log };
}

function fail(): never {
  throw boom;
}

describe("RebalanceDesk", () => {
  it.each(["onPartitionsRevoked", "onPartitionsLost"] as const)(
    "parts with partitions though %s throws",
    async (name) => {
      const { desk, assignment, log } = world({ [name]: fail });
      await expect(name === "onPartitionsLost" ? desk.lose([T0]) : desk.revoke([T0])).rejects.toBe(boom);
      expect(assignment.partitions()).toEqual([T1]);
      expect(assignment.get(T1)?.isLeaving).toBe(false);
      expect(log).toEqual(name === "onPartitionsLost" ? [] : ["commit"]);
    },
  );

  it.each([true, false])(
    "gives all up in the end, and commits only what is still its own (lost: %s)",
    async (hasLost) => {
      const { desk, assignment, log } = world({});
      await desk.giveUp(hasLost);
      expect(assignment.partitions()).toEqual([]);
      expect(log).toEqual(hasLost ? [] : ["commit"]);
    },
  );
});
