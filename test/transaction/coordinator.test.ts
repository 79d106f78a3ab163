import { describe, expect, it } from "vitest";
import { MAX_TRANSACTIONAL_IDS } from "#transaction/limits.ts";
import type { ProducerIdAndEpoch } from "#transaction/producer-id.ts";
import { TransactionStatus } from "#transaction/state.ts";
import { readTransactionRecord, transactionRecord } from "#transaction/stored.ts";
import { T0, T1, World } from "./setup.ts";

const V2 = 2;

describe("InitProducerId", () => {
  it("gives a new id its first epoch, and everybody after it the next", () => {
    const world = new World();
    expect(world.init()).toEqual({ errorCode: "NONE", producerId: 100, producerEpoch: 0 });
    expect(world.init()).toEqual({ errorCode: "NONE", producerId: 100, producerEpoch: 1 });
    world.reload();
    expect(world.init()).toEqual({ errorCode: "NONE", producerId: 100, producerEpoch: 2 });
  });

  it("lets a producer go on, and answers it again, until another one comes", () => {
    const world = new World();
    const first = world.init();
    const second = world.init(first);
    expect(second).toMatchObject({ errorCode: "NONE", producerEpoch: 1 });
    expect(world.init(first)).toEqual(second);
    world.init();
    expect(world.init(second)).toMatchObject({ errorCode: "PRODUCER_FENCED", producerId: -1, producerEpoch: -1 });
  });

  it("takes a new producer id when the epochs are used up", () => {
    const world = new World();
    const last = world.skipTo(world.init(), 32_766);
    const rotated = world.init(last);
    expect(rotated).toEqual({ errorCode: "NONE", producerId: 101, producerEpoch: 0 });
    // The answer got lost.
    expect(world.init(last)).toEqual(rotated);
    expect(world.init({ producerId: 100, producerEpoch: 3 })).toMatchObject({ errorCode: "PRODUCER_FENCED" });
  });

  it("aborts what is open, and wants to be asked again", () => {
    const world = new World();
    const zombie = world.init();
    world.add(zombie, [T0, T1]);
    expect(world.init()).toMatchObject({ errorCode: "CONCURRENT_TRANSACTIONS" });
    expect(world.status).toBe("PrepareAbort");
    expect(world.markers).toMatchObject([{ producerId: 100, producerEpoch: 1, isCommit: false, partitions: [T0, T1] }]);
    expect(world.init()).toMatchObject({ errorCode: "CONCURRENT_TRANSACTIONS" });
    world.complete();
    expect(world.init()).toMatchObject({ errorCode: "NONE", producerEpoch: 2 });
    expect(world.end(zombie, true)).toMatchObject({ errorCode: "PRODUCER_FENCED" });
  });

  it("refuses timeouts that are none or too long, and one id too many", () => {
    const world = new World({ maxTimeoutMs: 1_000 });
    for (const timeoutMs of [0, -1, 1_001]) {
      expect(world.init(null, { timeoutMs })).toMatchObject({ errorCode: "INVALID_TRANSACTION_TIMEOUT" });
    }
    expect(world.init(null, { timeoutMs: 1_000, transactionalId: "" })).toMatchObject({ errorCode: "INVALID_REQUEST" });
    for (let i = 0; i < MAX_TRANSACTIONAL_IDS; i++) world.init(null, { timeoutMs: 1, transactionalId: `${i}` });
    expect(world.init(null, { timeoutMs: 1 })).toMatchObject({ errorCode: "POLICY_VIOLATION" });
    expect(world.init(null, { timeoutMs: 1, transactionalId: "0" })).toMatchObject({ errorCode: "NONE" });
  });
});

describe("a transaction", () => {
  it("of an old client keeps its epoch", () => {
    const world = new World();
    const producer = world.init();
    expect(world.add(producer, [T0])).toBe("NONE");
    const records = world.log.length;
    expect(world.add(producer, [T0])).toBe("NONE");
    expect(world.log).toHaveLength(records);
    expect(world.end(producer, true)).toEqual({ errorCode: "NONE", producerId: -1, producerEpoch: -1 });
    expect(world.end(producer, true)).toMatchObject({ errorCode: "CONCURRENT_TRANSACTIONS" });
    expect(world.end(producer, false)).toMatchObject({ errorCode: "INVALID_TXN_STATE" });
    expect(world.add(producer, [T1])).toBe("CONCURRENT_TRANSACTIONS");
    expect(world.markers).toMatchObject([{ producerEpoch: 0, isCommit: true, transactionVersion: 0 }]);
    world.complete();
    expect(world.status).toBe("CompleteCommit");
    expect(world.end(producer, true)).toMatchObject({ errorCode: "NONE" });
    expect(world.end(producer, false)).toMatchObject({ errorCode: "INVALID_TXN_STATE" });
  });

  it("of transactions V2 ends with the epoch of the next, and with another id when epochs are used up", () => {
    const world = new World();
    let producer: ProducerIdAndEpoch = world.init();
    expect(world.add(producer, [T0], V2)).toBe("NONE");
    expect(world.end(producer, true, V2)).toEqual({ errorCode: "NONE", producerId: 100, producerEpoch: 1 });
    expect(world.markers).toMatchObject([{ producerEpoch: 1, transactionVersion: 2 }]);
    expect(world.end(producer, true, V2)).toMatchObject({ errorCode: "CONCURRENT_TRANSACTIONS" });
    world.complete();
    expect(world.end(producer, true, V2)).toEqual({ errorCode: "NONE", producerId: 100, producerEpoch: 1 });
    producer = world.skipTo(world.init(), 32_766);
    world.add(producer, [T0], V2);
    const next = world.end(producer, false, V2);
    expect(next).toEqual({ errorCode: "NONE", producerId: 101, producerEpoch: 0 });
    expect(world.markers).toMatchObject([{ producerId: 100, producerEpoch: 32_767 }]);
    world.reload();
    world.complete();
    expect(world.end(producer, false, V2)).toEqual(next);
    expect(world.add(next, [T0], V2)).toBe("NONE");
  });

  it("is aborted when its time is over, also where no epoch is left, and never before", async () => {
    for (const epoch of [0, 32_766]) {
      const world = new World();
      const producer = world.skipTo(world.init(null, { timeoutMs: 5_000 }), epoch);
      world.add(producer, [T0]);
      world.reload();
      await world.advance(5_000);
      expect(world.status).toBe("Ongoing");
      await world.advance(1);
      expect(world.markers).toMatchObject([{ isCommit: false, producerEpoch: epoch + 1 }]);
      world.complete();
      expect(world.end(producer, true)).toMatchObject({ errorCode: "PRODUCER_FENCED" });
      expect(world.init()).toMatchObject({ errorCode: "NONE" });
    }
  });

  it("has no more partitions than a record holds", () => {
    const world = new World();
    const producer = world.init();
    world.add(producer, [T0]);
    const many = Array.from({ length: 4_000 }, (_, i) => ({ topic: `${"t".repeat(245)}${i}`, partitionIndex: 0 }));
    expect(world.add(producer, many)).toBe("UNKNOWN_SERVER_ERROR");
    world.end(producer, true);
    expect(world.markers).toMatchObject([{ partitions: [T0] }]);
  });

  it("that was decided wants its markers again after a load, and ends once", () => {
    const world = new World();
    const producer = world.init();
    world.add(producer, [T0]);
    world.end(producer, true);
    const [late] = world.markers;
    for (let reload = 0; reload < 3; reload++) {
      const before = world.markers[0].coordinatorEpoch;
      world.reload();
      expect(world.markers).toEqual([{ ...late, coordinatorEpoch: expect.any(Number) }]);
      expect(world.markers[0].coordinatorEpoch).toBeGreaterThan(before);
    }
    world.complete();
    const records = world.log.length;
    world.carryOut(world.machine.complete(late, world.nowMs));
    world.add(producer, [T1]);
    world.end(producer, false);
    // What an earlier transaction's sender says doesn't end a later one: its state says that it was decided otherwise.
    expect(world.log.length).toBe(records + 2);
  });
});

describe("transactional ids", () => {
  it("are forgotten when nobody has used them for long, but not in the middle of a transaction", async () => {
    const world = new World({ transactionalIdExpirationMs: 10_000, expirationCheckIntervalMs: 1_000 });
    world.init(null, { transactionalId: "idle" });
    const producer = world.init(null, { timeoutMs: 900_000 });
    world.add(producer, [T0]);
    await world.advance(20_000);
    expect(world.machine.describe("idle")).toBeUndefined();
    expect(world.status).toBe("Ongoing");
    world.reload();
    expect(world.machine.describe("idle")).toBeUndefined();
    expect(world.machine.liveRecordCount).toBe(1);
  });

  it("are stored as Kafka stores them", () => {
    const transaction = {
      transactionalId: "id",
      producerId: 7,
      previousProducerId: 7,
      nextProducerId: -1,
      producerEpoch: 3,
      lastProducerEpoch: -1,
      timeoutMs: 60_000,
      status: TransactionStatus.ONGOING,
      partitions: new Map([["t", new Set([0, 2])]]),
      startMs: 5,
      lastUpdateMs: 6,
      clientVersion: V2,
    } as const;
    const record = transactionRecord(transaction);
    expect(readTransactionRecord(record)).toEqual({ kind: "transaction", transactionalId: "id", transaction });
    expect(Buffer.from(record.key).toString("hex")).toBe("000000026964");
    expect(
      Buffer.from(record.value ?? [])
        .subarray(0, 2)
        .toString("hex"),
    ).toBe("0001");
    expect(() => readTransactionRecord({ key: record.key, value: Uint8Array.of(0, 9) })).toThrow("version 9");
    expect(readTransactionRecord({ key: Uint8Array.of(0, 5, 0), value: null })).toEqual({ kind: "unknown" });
  });
});
