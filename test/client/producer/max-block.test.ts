import { describe, expect, it } from "vitest";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { world } from "./setup.ts";

const MAX_BLOCK_MS = 5_000;
const OFFSETS = [{ topic: "t", partition: 0, offset: 1 }];

/** A producer whose cluster doesn't answer one API before `release`. */
async function waiting(apiKey: number) {
  const at = await world(2, { "max.block.ms": MAX_BLOCK_MS });
  const gate = Promise.withResolvers<void>();
  const answer = at.brokers.scripts.get(apiKey);
  at.brokers.on(apiKey, (body, brokerId) => gate.promise.then(() => answer?.(body, brokerId) ?? {}));
  return { ...at, release: () => gate.resolve() };
}

describe("max.block.ms", () => {
  it("ends the waiting for a producer id, which is taken when it is asked for again", async () => {
    const { brokers, producer, time, release } = await waiting(ApiKey.InitProducerId);
    const first = producer.initTransactions();
    await time.advance(MAX_BLOCK_MS);
    expect(await first).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    expect(producer.beginTransaction()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    const second = producer.initTransactions();
    release();
    valueOf(await second);
    expect(brokers.bodies(ApiKey.InitProducerId)).toHaveLength(1);
    expect(await producer.initTransactions()).toMatchObject({ errorCode: ErrorCode.INVALID_TXN_STATE });
    valueOf(producer.beginTransaction());
    await producer.close();
  });

  it("may be asked for from the beginning when nothing came of the first attempt", async () => {
    const { brokers, producer, time, release } = await waiting(ApiKey.InitProducerId);
    const first = producer.initTransactions();
    await time.advance(MAX_BLOCK_MS);
    expect(await first).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    // The request's own time is over, too.
    await time.advance(30_000);
    release();
    valueOf(await producer.initTransactions());
    expect(brokers.bodies(ApiKey.InitProducerId)).toHaveLength(2);
    await producer.close();
  });

  it("ends the waiting for an offset commit, whose transaction can only be aborted then", async () => {
    const { producer, time, release } = await waiting(ApiKey.TxnOffsetCommit);
    valueOf(await producer.initTransactions());
    valueOf(producer.beginTransaction());
    const sent = producer.sendOffsetsToTransaction(OFFSETS, { groupId: "g" });
    await time.advance(MAX_BLOCK_MS);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    expect(await producer.commitTransaction()).toMatchObject({ errorCode: ErrorCode.TRANSACTION_ABORTABLE });
    release();
    valueOf(await producer.abortTransaction());
    await producer.close();
  });

  it("isn't waited for when the producer is closed", async () => {
    const { producer, time } = await waiting(ApiKey.Metadata);
    const asked = producer.partitionsFor("t");
    const startMs = time.nowMs();
    await producer.close(0);
    expect(await asked).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    expect(time.nowMs()).toBe(startMs);
  });
});
