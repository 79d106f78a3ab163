import type { Workload } from "./workload.ts";

export interface Regression {
  readonly seed: number;
  /** What went wrong, before it was mended. */
  readonly what: string;
  /** As small as it was when it was found. */
  readonly workload: Workload;
}

/** Every bug that the simulation has found. */
export const regressions: readonly Regression[] = [
  {
    seed: 190,
    what: "a broker that missed an image never learned of a partition that it leads",
    workload: {
      seed: 190,
      untilMs: 16_275,
      brokers: 2,
      topics: [{ name: "t0", partitions: 2 }],
      producers: [],
      readers: [],
      members: [],
      copiers: [],
      watchers: [],
      admin: [
        { atMs: 3_162, topic: "t0", action: "delete-records", partition: 0, share: 1 },
        { atMs: 12_612, topic: "t0", action: "grow", partitions: 3 },
      ],
      faults: [{ kind: "controller-cut", atMs: 12_583, broker: 1, forMs: 4_103 }],
    },
  },
  {
    seed: 1024,
    what: "a clock that jumped ahead left a group without timers for ten minutes",
    workload: {
      seed: 1024,
      untilMs: 1_591,
      brokers: 3,
      topics: [
        { name: "t0", partitions: 2 },
        { name: "t1", partitions: 2 },
      ],
      producers: [],
      readers: [],
      members: [
        {
          name: "g2m1",
          group: "g2",
          topics: ["t0", "t1"],
          instanceId: null,
          joinVersion: 7,
          commitVersion: 8,
          sessionTimeoutMs: 4_000,
          rebalanceTimeoutMs: 10_000,
          slowShare: 0.05,
          heartbeatMs: 300,
          commitEveryMs: 200,
          fetch: {
            version: 13,
            hasSessions: true,
            maxWaitMs: 100,
            pollGapMs: 400,
            maxBytes: 1_000_000,
            partitionMaxBytes: 100_000,
            isCommittedOnly: false,
          },
          startMs: 4_425,
          ends: [],
        },
      ],
      copiers: [],
      watchers: [{ group: "g2", topics: ["t0", "t1"], name: "w-g2", gapMs: 50 }],
      admin: [],
      faults: [{ kind: "clock-jump", atMs: 1_483, broker: 3, byMs: 1_018_354 }],
    },
  },
];
