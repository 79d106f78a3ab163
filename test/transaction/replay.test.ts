import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TransactionVersion } from "#transaction/state.ts";
import { T0, T1, World } from "./setup.ts";

type Step =
  | { readonly kind: "init"; readonly resume: boolean }
  | { readonly kind: "add"; readonly both: boolean; readonly isLate: boolean }
  | { readonly kind: "end"; readonly isCommit: boolean; readonly isLate: boolean }
  | { readonly kind: "markers" | "reload" }
  | { readonly kind: "wait"; readonly ms: number };

const flag = fc.boolean();
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("init" as const), resume: flag }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("add" as const), both: flag, isLate: flag }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("end" as const), isCommit: flag, isLate: flag }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("markers" as const, "reload" as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 9_000 }) }) },
);

/**
 * Two worlds go the same way, one of which is loaded anew whenever the steps say so. What only memory knows is who may be answered
 * again (`lastProducerEpoch`), so no producer says what it had where that would tell them apart.
 */
async function run(steps: readonly Step[], clientVersion: TransactionVersion, reloads: boolean): Promise<unknown[]> {
  const world = new World();
  const answers: unknown[] = [];
  let producer = { producerId: 1, producerEpoch: 0 };
  let former = producer;
  let mayBeFenced = false;
  const adopt = (reply: { errorCode: string; producerId: number; producerEpoch: number }) => {
    if (reply.errorCode === "NONE" && reply.producerId !== -1) [former, producer] = [producer, reply];
    answers.push(reply);
  };
  for (const one of steps) {
    const from = "isLate" in one && one.isLate ? former : producer;
    if (one.kind === "init") adopt(world.init(one.resume && !mayBeFenced ? producer : null, { timeoutMs: 5_000 }));
    else if (one.kind === "add") answers.push(world.add(from, one.both ? [T0, T1] : [T0], clientVersion));
    else if (one.kind === "end") adopt(world.end(from, one.isCommit, clientVersion));
    else if (one.kind === "wait") await world.advance(one.ms);
    else if (one.kind === "markers") world.complete();
    else if (reloads) world.reload();
    // Kafka's format has no room for the epoch before the last bump: whoever resumes with that one is fenced after a load.
    if (one.kind === "reload") mayBeFenced = true;
    answers.push(world.status, world.machine.describe("id"));
    const undecided = world.markers.length;
    expect(undecided).toBe(world.status.startsWith("Prepare") ? 1 : 0);
  }
  return answers;
}

describe("a coordinator that is loaded anew", () => {
  for (const clientVersion of [0, 2] as const) {
    it(`goes on as the one before would have, for clients of transactions V${clientVersion}`, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
          expect(await run(steps, clientVersion, true)).toEqual(await run(steps, clientVersion, false));
        }),
        { numRuns: 300 },
      );
    });
  }
});
