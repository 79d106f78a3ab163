import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addReplicas, placedRound, roundCounts } from "#cluster/placement.ts";

describe("a round of partitions", () => {
  it("counts what each broker gets as if it had placed them", () => {
    const rounds = fc
      .record({
        brokerIds: fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { minLength: 1, maxLength: 6 }),
        numPartitions: fc.integer({ min: 1, max: 40 }),
        start: fc.integer({ min: 0, max: 1000 }),
      })
      .chain((round) =>
        fc.integer({ min: 1, max: round.brokerIds.length }).map((replicationFactor) => ({
          ...round,
          brokerIds: round.brokerIds.toSorted((a, b) => a - b),
          replicationFactor,
        })),
      );
    fc.assert(
      fc.property(rounds, (round) => {
        const placed = new Map(round.brokerIds.map((id) => [id, 0]));
        addReplicas(placed, placedRound(round));
        expect(roundCounts(round)).toEqual(placed);
      }),
    );
  });
});
