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
      watchers: [],
      admin: [
        { atMs: 3_162, topic: "t0", action: "delete-records", partition: 0, share: 1 },
        { atMs: 12_612, topic: "t0", action: "grow", partitions: 3 },
      ],
      faults: [{ kind: "controller-cut", atMs: 12_583, broker: 1, forMs: 4_103 }],
    },
  },
];
