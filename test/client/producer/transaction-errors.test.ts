import { describe, expect, it } from "vitest";
import { errorKind } from "#client/error-kinds.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceRequest } from "#protocol/messages/00-produce.ts";
import type { InitProducerIdRequest } from "#protocol/messages/22-init-producer-id.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { produced, RECORD, world } from "./setup.ts";

describe("a transactional producer's errors", () => {
  it("break the transaction, and the next one begins after an abort; in V1 with a greater epoch", async () => {
    for (const version of [1, 2] as const) {
      const { brokers, producer } = await world(version);
      valueOf(await producer.initTransactions());
      valueOf(producer.beginTransaction());
      brokers.on(ApiKey.Produce, (body) => produced(body, ErrorCode.INVALID_RECORD));
      expect(await producer.send(RECORD)).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
      expect(await producer.send(RECORD)).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
      expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_RECORD });
      valueOf(await producer.abortTransaction());
      const inits = brokers.bodies<InitProducerIdRequest>(ApiKey.InitProducerId);
      expect(inits.map(({ producerEpoch }) => producerEpoch)).toEqual(version === 1 ? [-1, 0] : [-1]);
      brokers.on(ApiKey.Produce, (body) => produced(body, 0));
      valueOf(producer.beginTransaction());
      expect(valueOf(await producer.send(RECORD))).toMatchObject({ offset: 5 });
      valueOf(await producer.commitTransaction());
      await producer.close();
    }
  });

  it("are final when another producer has its id", async () => {
    const { brokers, producer } = await world(2);
    valueOf(await producer.initTransactions());
    valueOf(producer.beginTransaction());
    valueOf(await producer.send(RECORD));
    brokers.on(ApiKey.EndTxn, () => ({ errorCode: ErrorCode.INVALID_PRODUCER_EPOCH }));
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.PRODUCER_FENCED });
    for (const outcome of [
      await producer.abortTransaction(),
      producer.beginTransaction(),
      await producer.send(RECORD),
    ]) {
      expect(outcome).toMatchObject({ errorCode: ErrorCode.PRODUCER_FENCED });
    }
    await producer.close();
  });

  it.each([
    ["COORDINATOR_LOAD_IN_PROGRESS", true],
    ["CONCURRENT_TRANSACTIONS", true],
    ["NOT_COORDINATOR", true],
    ["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", false],
    ["INVALID_TRANSACTION_TIMEOUT", false],
  ] as const)("in InitProducerId: %s is tried again: %s", async (name, isAgain) => {
    const { brokers, producer } = await world(2);
    let count = 0;
    brokers.on(ApiKey.InitProducerId, () =>
      ++count < 3 ? { errorCode: ErrorCode[name] } : { producerId: 9, producerEpoch: 0 },
    );
    expect(await producer.initTransactions()).toMatchObject({ errorCode: isAgain ? 0 : ErrorCode[name] });
    expect(count).toBe(isAgain ? 3 : 1);
    await producer.close();
  });

  it.each(["TRANSACTIONAL_ID_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"] as const)(
    "in InitProducerId: after %s it may be asked for again",
    async (name) => {
      const { brokers, producer } = await world(2);
      const answer = brokers.scripts.get(ApiKey.InitProducerId) ?? (() => ({}));
      brokers.on(ApiKey.InitProducerId, () => ({ errorCode: ErrorCode[name] }));
      expect(await producer.initTransactions()).toMatchObject({ errorCode: ErrorCode[name] });
      expect(producer.beginTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
      brokers.on(ApiKey.InitProducerId, answer);
      valueOf(await producer.initTransactions());
      valueOf(producer.beginTransaction());
      valueOf(await producer.send(RECORD));
      valueOf(await producer.commitTransaction());
      await producer.close();
    },
  );

  it("are final when the coordinator may not even be asked for", async () => {
    const { brokers, producer } = await world(2);
    const errorCode = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
    brokers.on(ApiKey.FindCoordinator, () => ({ coordinators: [{ key: "x", errorCode }] }));
    expect(await producer.initTransactions()).toMatchObject({ errorCode });
    const asked = brokers.seen.length;
    expect(await producer.initTransactions()).toMatchObject({ errorCode });
    expect(brokers.seen).toHaveLength(asked);
    await producer.close();
  });

  it("are final when the coordinator doesn't know the producer id any more, whoever says so", async () => {
    const errorCode = ErrorCode.INVALID_PRODUCER_ID_MAPPING;
    for (const apiKey of [ApiKey.Produce, ApiKey.TxnOffsetCommit, ApiKey.EndTxn]) {
      const { brokers, producer } = await world(2);
      const answers: Record<number, (body: ProduceRequest) => object> = {
        [ApiKey.Produce]: (body) => produced(body, errorCode),
        [ApiKey.TxnOffsetCommit]: () => ({ topics: [{ name: "t", partitions: [{ partitionIndex: 0, errorCode }] }] }),
        [ApiKey.EndTxn]: () => ({ errorCode }),
      };
      brokers.on(apiKey, answers[apiKey]);
      valueOf(await producer.initTransactions());
      valueOf(producer.beginTransaction());
      await producer.send(RECORD);
      await producer.sendOffsetsToTransaction([{ topic: "t", partition: 0, offset: 1 }], { groupId: "g" });
      expect(await producer.commitTransaction()).toMatchObject({ errorCode });
      expect(await producer.abortTransaction()).toMatchObject({ errorCode });
      expect(producer.beginTransaction()).toMatchObject({ errorCode });
      expect(brokers.bodies(ApiKey.InitProducerId)).toHaveLength(1);
      await producer.close();
    }
  });

  it("of an offset commit break the transaction, and of a lost group, too", async () => {
    for (const errorCode of [
      ErrorCode.ILLEGAL_GENERATION,
      ErrorCode.TRANSACTION_ABORTABLE,
      ErrorCode.GROUP_AUTHORIZATION_FAILED,
    ]) {
      const { brokers, producer } = await world(2);
      brokers.on(ApiKey.TxnOffsetCommit, () => ({
        topics: [{ name: "t", partitions: [{ partitionIndex: 0, errorCode }] }],
      }));
      valueOf(await producer.initTransactions());
      valueOf(producer.beginTransaction());
      const group = { groupId: "g", memberId: "m", generationIdOrMemberEpoch: 3 };
      expect(await producer.sendOffsetsToTransaction([{ topic: "t", partition: 0, offset: 1 }], group)).toMatchObject({
        errorCode,
      });
      expect(await producer.commitTransaction()).toMatchObject({ errorCode });
      valueOf(await producer.abortTransaction());
      valueOf(producer.beginTransaction());
      await producer.close();
    }
  });

  it("after a lost answer to EndTxn: asks again, and takes the epoch that it is given", async () => {
    const { brokers, producer } = await world(2);
    valueOf(await producer.initTransactions());
    valueOf(producer.beginTransaction());
    valueOf(await producer.send(RECORD));
    let count = 0;
    brokers.on(ApiKey.EndTxn, () => {
      if (++count < 3) throw new Error("lost");
      return { producerId: 9, producerEpoch: 7 };
    });
    valueOf(await producer.commitTransaction());
    expect(count).toBe(3);
    valueOf(producer.beginTransaction());
    valueOf(await producer.send(RECORD));
    expect(brokers.bodies<ProduceRequest>(ApiKey.Produce)).toHaveLength(2);
    valueOf(await producer.commitTransaction());
    expect(brokers.bodies<{ producerEpoch: number }>(ApiKey.EndTxn).at(-1)?.producerEpoch).toBe(7);
    await producer.close();
  });

  it("about records that came too late for their transaction are final for that one only", async () => {
    const { brokers, producer } = await world(2);
    valueOf(await producer.initTransactions());
    valueOf(producer.beginTransaction());
    brokers.on(ApiKey.Produce, (body) => produced(body, ErrorCode.INVALID_TXN_STATE));
    expect(await producer.send(RECORD)).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.TRANSACTION_ABORTABLE });
    valueOf(await producer.abortTransaction());
    valueOf(producer.beginTransaction());
    await producer.close();
  });

  it("V1 adds a partition before it writes to it, V2 doesn't", async () => {
    for (const version of [1, 2] as const) {
      const { brokers, producer } = await world(version);
      valueOf(await producer.initTransactions());
      valueOf(producer.beginTransaction());
      valueOf(await producer.send(RECORD));
      valueOf(await producer.sendOffsetsToTransaction([{ topic: "t", partition: 0, offset: 1 }], { groupId: "g" }));
      valueOf(await producer.commitTransaction());
      const keys = new Set(brokers.seen.map(({ apiKey }) => apiKey));
      expect([keys.has(ApiKey.AddPartitionsToTxn), keys.has(ApiKey.AddOffsetsToTxn)]).toEqual([
        version === 1,
        version === 1,
      ]);
      await producer.close();
    }
  });
});

describe("errorKind", () => {
  it.each([
    ["NOT_LEADER_OR_FOLLOWER", "retriable"],
    ["TRANSACTION_ABORTABLE", "abortable"],
    ["INVALID_RECORD", "abortable"],
    ["PRODUCER_FENCED", "application-recoverable"],
    ["ILLEGAL_GENERATION", "application-recoverable"],
    ["TOPIC_AUTHORIZATION_FAILED", "invalid-configuration"],
  ] as const)("%s is %s", (name, kind) => {
    expect(errorKind(ErrorCode[name])).toBe(kind);
  });
});
