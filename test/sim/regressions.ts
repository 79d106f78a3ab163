import { readFileSync } from "node:fs";
import path from "node:path";
import type { Workload } from "./workload.ts";

export interface Regression {
  readonly seed: number;
  /** What went wrong, before it was mended. */
  readonly what: string;
  /** As small as it was when it was found; where limits were small then, `npm run sim -- --regressions` has them so. */
  readonly workload: Workload;
}

function stored(seed: number): Workload {
  return JSON.parse(readFileSync(path.join(import.meta.dirname, `regression-${seed}.json`), "utf8")) as Workload;
}

/** Bugs that the simulation has found; docs/simulation.md names the tests of the others. */
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
  {
    seed: 3,
    what: "a read that brought several rows in lost their buffers under its answer (limits made small)",
    workload: {
      seed: 3,
      untilMs: 4695,
      brokers: 2,
      topics: [
        { name: "t0", partitions: 3 },
        { name: "t1", partitions: 1 },
        { name: "t2", partitions: 2, configs: { "segment.ms": "300", "retention.ms": "-1" } },
      ],
      producers: [
        {
          name: "p1",
          topics: ["t0", "t1", "t2"],
          acks: -1,
          idempotent: false,
          maxInFlight: 1,
          version: 12,
          codec: 0,
          meanGapMs: 200,
          maxRecords: 3,
          valueBytes: 400,
          startMs: 220,
          deliveryTimeoutMs: 5000,
          requestTimeoutMs: 10000,
          strayShare: 0,
          bumpsEpoch: false,
        },
      ],
      readers: [],
      members: [],
      watchers: [],
      copiers: [],
      admin: [],
      faults: [],
      consumers: [],
      sharers: [
        {
          name: "s1c0",
          group: "s1",
          topics: ["t0", "t1", "t2"],
          version: 2,
          maxRecords: 20,
          heartbeatMs: 200,
          pollGapMs: 10,
          holdMs: 300,
          slowShare: 0.02,
          releaseShare: 0.3,
          rejectShare: 0.05,
          isImplicit: true,
          startMs: 62,
          ends: [],
        },
        {
          name: "s1c1",
          group: "s1",
          topics: ["t0", "t1", "t2"],
          version: 1,
          maxRecords: 100,
          heartbeatMs: 600,
          pollGapMs: 60,
          holdMs: 10,
          slowShare: 0,
          releaseShare: 0.3,
          rejectShare: 0.05,
          isImplicit: true,
          startMs: 2334,
          ends: [
            { atMs: 44, how: "leave", returnAfterMs: 220 },
            { atMs: 7257, how: "leave", returnAfterMs: 4008 },
          ],
        },
        {
          name: "s1c2",
          group: "s1",
          topics: ["t0", "t1", "t2"],
          version: 1,
          maxRecords: 100,
          heartbeatMs: 200,
          pollGapMs: 60,
          holdMs: 10,
          slowShare: 0.15,
          releaseShare: 0.3,
          rejectShare: 0,
          isImplicit: false,
          startMs: 1450,
          ends: [{ atMs: 7282, how: "leave", returnAfterMs: 4701 }],
        },
      ],
    },
  },
  {
    seed: 17,
    what: "a copy to the object store that ended after a failed commit threw into nowhere",
    workload: stored(17),
  },
  {
    seed: 60,
    what: "a log start was told that wasn't committed, and a crash took it back",
    workload: stored(60),
  },
  {
    seed: 168,
    what: "a latest tiered offset was told that wasn't committed, and a crash took it back",
    workload: stored(168),
  },
  {
    seed: 938,
    what: "offsets that a transaction committed while its coordinator's log was rewritten were taken back by the next load",
    workload: stored(938),
  },
  {
    seed: 2318,
    what: "a coordinator could never load a batch that was larger than a row",
    workload: stored(2318),
  },
  {
    seed: 2739,
    what: "of several tiered partitions in one Fetch one was answered with an error instead of having its turn later",
    workload: stored(2739),
  },
];
