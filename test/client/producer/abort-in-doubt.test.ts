import { describe, expect, it } from "vitest";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { AddPartitionsToTxnRequest } from "#protocol/messages/24-add-partitions-to-txn.ts";
import { settle } from "../../doubles/manual-time.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { RECORD, world } from "./setup.ts";

const GROUP = { groupId: "g" };
const OFFSETS = [{ topic: "t", partition: 0, offset: 1 }];
const MAX_BLOCK_MS = 5_000;

/** What becomes of a request to add something: an error of the answer, or it gets lost, before the coordinator hears it or after. */
type Fate = keyof typeof ErrorCode | "lost before" | "lost after";

/** A coordinator of transactions V1, as strict as Kafka's about ends: it takes none of a transaction that never began. */
async function coordinator(fates: Fate[]) {
  const at = await world(1, { "max.block.ms": MAX_BLOCK_MS });
  let phase: "empty" | "ongoing" | "committed" | "aborted" = "empty";
  const add = (): number => {
    const fate = fates.shift() ?? "NONE";
    if (fate === "lost before") throw new Error(fate);
    if (fate !== "lost after") {
      if (fate === "NONE") phase = "ongoing";
      return ErrorCode[fate];
    }
    phase = "ongoing";
    throw new Error(fate);
  };
  let held = Promise.resolve();
  at.brokers
    .on(ApiKey.AddPartitionsToTxn, async (body: AddPartitionsToTxnRequest) => {
      await held;
      const partitionErrorCode = add();
      const resultsByTopicV3AndBelow = body.v3AndBelowTopics.map(({ name, partitions }) => ({
        name,
        resultsByPartition: partitions.map((partitionIndex) => ({ partitionIndex, partitionErrorCode })),
      }));
      return { resultsByTopicV3AndBelow };
    })
    .on(ApiKey.AddOffsetsToTxn, () => ({ errorCode: add() }))
    .on(ApiKey.EndTxn, ({ committed }: { committed: boolean }) => {
      const done = committed ? "committed" : "aborted";
      if (phase !== "ongoing" && phase !== done) return { errorCode: ErrorCode.INVALID_TXN_STATE };
      phase = done;
      return {};
    });
  valueOf(await at.producer.initTransactions());
  const ends = () => at.brokers.bodies<{ committed: boolean }>(ApiKey.EndTxn).map(({ committed }) => committed);
  const adds = () => at.brokers.bodies(ApiKey.AddPartitionsToTxn).length;
  /** Sends a record, and aborts while its partition is being added. */
  const abortWhileAdding = async () => {
    const gate = Promise.withResolvers<void>();
    held = gate.promise;
    const before = adds();
    valueOf(at.producer.beginTransaction());
    const sent = at.producer.send(RECORD);
    while (adds() === before) await settle();
    const abort = at.producer.abortTransaction();
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    gate.resolve();
    return await abort;
  };
  return { ...at, ends, adds, abortWhileAdding, phase: () => phase };
}

describe("an abort in transactions V1 after a request whose fate isn't known", () => {
  it.each<[Fate, Fate, boolean]>([
    ["lost before", "NONE", true],
    ["lost after", "NONE", true],
    ["COORDINATOR_NOT_AVAILABLE", "NONE", true],
    ["lost before", "CONCURRENT_TRANSACTIONS", true],
    ["lost before", "lost before", true],
    ["lost before", "TOPIC_AUTHORIZATION_FAILED", false],
    ["lost before", "UNKNOWN_TOPIC_OR_PARTITION", false],
  ])("ends what there is: %s, then %s", async (first, second, hasBegun) => {
    for (const isFirst of [true, false]) {
      const fates: Fate[] = [];
      const { producer, ends, phase, abortWhileAdding } = await coordinator(fates);
      if (!isFirst) {
        valueOf(producer.beginTransaction());
        valueOf(await producer.send(RECORD));
        valueOf(await producer.commitTransaction());
      }
      fates.push(first, second);
      valueOf(await abortWhileAdding());
      const before = isFirst ? [] : [true];
      expect(ends()).toEqual(hasBegun ? [...before, false] : before);
      valueOf(producer.beginTransaction());
      valueOf(await producer.send(RECORD));
      valueOf(await producer.commitTransaction());
      expect(phase()).toBe("committed");
      await producer.close();
    }
  });

  it.each<Fate>(["lost before", "lost after"])("ends it also when that was to add a group (%s)", async (fate) => {
    const fates: Fate[] = [fate];
    const { producer, brokers, ends, time } = await coordinator(fates);
    const find = brokers.scripts.get(ApiKey.FindCoordinator);
    valueOf(producer.beginTransaction());
    brokers.on(ApiKey.FindCoordinator, () => Promise.reject(new Error("lost")));
    const sent = producer.sendOffsetsToTransaction(OFFSETS, GROUP);
    await time.advance(2 * MAX_BLOCK_MS);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.NETWORK_EXCEPTION });
    brokers.on(ApiKey.FindCoordinator, find ?? (() => ({})));
    valueOf(await producer.abortTransaction());
    expect(ends()).toEqual([false]);
    valueOf(producer.beginTransaction());
    valueOf(await producer.sendOffsetsToTransaction(OFFSETS, GROUP));
    valueOf(await producer.commitTransaction());
    await producer.close();
  });

  it.each(["PRODUCER_FENCED", "INVALID_PRODUCER_ID_MAPPING"] as const)(
    "is over when the identity is, by %s: nothing can follow",
    async (name) => {
      const { producer, brokers, ends, abortWhileAdding } = await coordinator(["lost before", name]);
      expect(await abortWhileAdding()).toMatchObject({ errorCode: ErrorCode[name] });
      expect(await producer.abortTransaction()).toMatchObject({ errorCode: ErrorCode[name] });
      expect(ends()).toEqual([]);
      expect(brokers.bodies(ApiKey.InitProducerId)).toHaveLength(1);
      expect(producer.beginTransaction()).toMatchObject({ errorCode: ErrorCode[name] });
      await producer.close();
    },
  );
});

describe("a producer that is closed while partitions are being added (V1)", () => {
  it("asks no more", async () => {
    const { producer, brokers, adds, time } = await coordinator([]);
    brokers.on(ApiKey.AddPartitionsToTxn, () => Promise.reject(new Error("lost")));
    valueOf(producer.beginTransaction());
    const sent = producer.send(RECORD);
    while (adds() < 2) await settle();
    await producer.close(0);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    const before = adds();
    await time.advance(60_000);
    expect(adds()).toBe(before);
  });
});
