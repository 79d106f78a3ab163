import { describe, expect, it } from "vitest";
import { run } from "./run.ts";
import type { CopierSpec, Workload } from "./workload.ts";

/**
 * The schedule that KIP-890 is about: a producer aborts, since a batch of it has had no answer, and goes on; the batch was under way all the
 * time and arrives when its transaction is over, before or within a later one of the same producer.
 */
function lateWrites(copier: Pick<CopierSpec, "isV2">): Workload {
  return {
    seed: 890,
    untilMs: 8_000,
    brokers: 2,
    topics: [
      { name: "t0", partitions: 2 },
      { name: "copies", partitions: 1 },
    ],
    producers: [
      {
        name: "p0",
        topics: ["t0"],
        acks: -1,
        idempotent: true,
        maxInFlight: 5,
        version: 12,
        codec: 0,
        meanGapMs: 60,
        maxRecords: 3,
        valueBytes: 30,
        startMs: 0,
        deliveryTimeoutMs: 30_000,
        requestTimeoutMs: 10_000,
        strayShare: 0,
      },
    ],
    readers: [],
    members: [],
    watchers: [],
    copiers: [
      {
        name: "c1",
        transactionalId: "tx1",
        group: "copies1",
        from: ["t0"],
        to: "copies",
        ...copier,
        maxRecords: 5,
        pollGapMs: 20,
        abortShare: 0,
        slowShare: 0,
        lateShare: 0.4,
        transactionTimeoutMs: 20_000,
        startMs: 500,
        ends: [],
      },
    ],
    admin: [],
    faults: [],
  };
}

describe("a late write of an aborted transaction", () => {
  it.each([
    ["an old-protocol producer's", { isV2: false }],
    ["a producer's of transactions V2", { isV2: true }],
  ])("%s lands in no later transaction, and leaves none open", async (_, copier) => {
    const { problems, history } = await run(lateWrites(copier));
    expect(problems).toEqual([]);
    const aborted = new Set<string>();
    const committed = new Set<string>();
    for (const event of history) {
      if (event.type === "transaction") (event.outcome === "aborted" ? aborted : committed).add(event.transaction);
    }
    const late = history.filter(
      (event) => event.type === "produce" && event.outcome === "unknown" && aborted.has(event.transaction ?? ""),
    );
    expect(late.length).toBeGreaterThan(10);
    expect(committed.size).toBeGreaterThan(10);
  });
});
