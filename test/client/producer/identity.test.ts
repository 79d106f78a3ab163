import { describe, expect, it } from "vitest";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { settle } from "../../doubles/manual-time.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { RECORD, world } from "./setup.ts";

const IDEMPOTENT = { "transactional.id": null };

describe("an idempotent producer that gets no producer id", () => {
  it("for want of a permission fails what waits, and asks again for the next record only", async () => {
    const { brokers, producer, time } = await world(2, IDEMPOTENT);
    const answer = brokers.scripts.get(ApiKey.InitProducerId) ?? (() => ({}));
    const refused = { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED };
    const asked = () => brokers.bodies(ApiKey.InitProducerId).length;
    brokers.on(ApiKey.InitProducerId, () => refused);
    for (const count of [1, 2]) {
      expect(await Promise.all([producer.send(RECORD), producer.send(RECORD)])).toMatchObject([refused, refused]);
      await time.advance(10_000);
      expect(asked()).toBe(count);
    }
    expect(producer.bufferedBytes).toBe(0);
    brokers.on(ApiKey.InitProducerId, answer);
    expect(valueOf(await producer.send(RECORD))).toMatchObject({ offset: 5 });
    await producer.close();
  });

  it("for another reason writes no more", async () => {
    const { brokers, producer } = await world(2, IDEMPOTENT);
    const refused = { errorCode: ErrorCode.UNSUPPORTED_VERSION };
    brokers.on(ApiKey.InitProducerId, () => refused);
    expect(await producer.send(RECORD)).toMatchObject(refused);
    expect(await producer.send(RECORD)).toMatchObject(refused);
    expect(brokers.bodies(ApiKey.InitProducerId)).toHaveLength(1);
    await producer.close();
  });

  it("asks for none any more when it is closed", async () => {
    const pause = { "retry.backoff.ms": 5_000, "retry.backoff.max.ms": 5_000 };
    const { brokers, producer, time } = await world(2, { ...IDEMPOTENT, ...pause });
    brokers.on(ApiKey.InitProducerId, () => Promise.reject(new Error("lost")));
    const sent = producer.send(RECORD);
    const asked = () => brokers.bodies(ApiKey.InitProducerId).length;
    while (asked() === 0) await settle();
    await settle();
    await producer.close(0);
    expect(await sent).toMatchObject({ errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED });
    await time.advance(20_000);
    expect(asked()).toBe(1);
  });
});
