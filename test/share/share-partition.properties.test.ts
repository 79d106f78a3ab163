import fc from "fast-check";
import { describe, it } from "vitest";
import { DEFAULT_SHARE_SETTINGS } from "#share/limits.ts";
import type { AcquireMode } from "#share/record-state.ts";
import { type ShareStep, ShareWorld } from "./share-world.ts";

const who = fc.integer({ min: 0, max: 2 });

const steps: fc.Arbitrary<ShareStep>[] = [
  fc.record({ kind: fc.constant("append" as const), size: fc.integer({ min: 1, max: 12 }) }),
  fc.record({
    kind: fc.constant("fetch" as const),
    who,
    maxRecords: fc.integer({ min: 1, max: 25 }),
    mode: fc.constantFrom<AcquireMode[]>(0, 1),
  }),
  fc.record({
    kind: fc.constant("say" as const),
    who,
    pick: fc.nat(60),
    size: fc.integer({ min: 1, max: 9 }),
    type: fc.integer({ min: 0, max: 4 }),
  }),
  fc.constantFrom<ShareStep[]>({ kind: "stored" }, { kind: "stored" }, { kind: "stored" }, { kind: "bury" }),
  fc.constantFrom<ShareStep[]>({ kind: "lost" }, { kind: "answer lost" }, { kind: "restart" }),
  fc.record({ kind: fc.constant("wait" as const), ms: fc.constantFrom(1, 400, 1_000) }),
  fc.record({ kind: fc.constant("leave" as const), who }),
  fc.record({ kind: fc.constant("trim" as const), by: fc.integer({ min: 1, max: 15 }) }),
];

const weights = [2, 4, 8, 5, 1, 2, 1, 0.3];
const script = fc.array(
  fc.oneof(...steps.map((arbitrary, at) => ({ arbitrary, weight: Math.ceil(weights[at] * 10) }))),
  { maxLength: 60, size: "max" },
);

describe("a share partition", () => {
  for (const hasDeadLetterQueue of [false, true]) {
    it(`gives no record to two, none too often and none again that is over, dead letters ${hasDeadLetterQueue}`, () => {
      fc.assert(
        fc.property(script, fc.integer({ min: 2, max: 5 }), fc.constantFrom(10, 40, 2_000), (taken, limit, locks) => {
          const world = new ShareWorld({
            ...DEFAULT_SHARE_SETTINGS,
            recordLockDurationMs: 1_000,
            deliveryCountLimit: limit,
            maxRecordLocks: locks,
            hasDeadLetterQueue,
          });
          for (const step of taken) world.take(step);
          world.drain();
        }),
        { numRuns: 200 },
      );
    });
  }
});
