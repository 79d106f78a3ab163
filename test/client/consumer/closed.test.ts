import { describe, expect, it } from "vitest";
import { openConsumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { pass, quiet, T0, withTopic } from "./setup.ts";

const CLOSED = { errorCode: ErrorCode.OPERATION_NOT_ATTEMPTED };

describe("a consumer that is closed", () => {
  it("asks for nothing any more", async () => {
    const at = await withTopic(1);
    const consumer = valueOf(openConsumer(at.client, { "group.id": "g" }));
    valueOf(consumer.assign([T0]));
    valueOf(await at.run(consumer.poll(100)));
    await at.run(consumer.close());
    await pass(at, 1_000);
    const before = at.transport.seen.length;
    expect(await consumer.commitSync([{ ...T0, offset: 0 }])).toMatchObject(CLOSED);
    expect(await consumer.committed([T0])).toMatchObject(CLOSED);
    expect(await consumer.endOffsets([T0])).toMatchObject(CLOSED);
    await pass(at, 1_000);
    expect(at.transport.seen.length).toBe(before);
  });

  it("doesn't go on with what it tries again", async () => {
    const at = await withTopic(1);
    const consumer = valueOf(openConsumer(at.client, { "group.id": "g", "enable.auto.commit": false }));
    valueOf(consumer.assign([T0]));
    valueOf(await at.run(consumer.poll(100)));
    at.transport.before = () => {
      throw new Error("lost");
    };
    const work = [consumer.commitSync([{ ...T0, offset: 0 }]), consumer.committed([T0]), consumer.endOffsets([T0])];
    await pass(at, 2_000);
    await at.run(consumer.close());
    const closedMs = at.cluster.time.nowMs();
    for (const one of work) expect(await at.run<unknown>(one)).toMatchObject(CLOSED);
    expect(at.cluster.time.nowMs() - closedMs).toBeLessThan(2_000);
  });

  it("goes no further with a join that is under way", async () => {
    const at = await withTopic(1);
    // As the leader it waits for the topic's partitions before it shares out.
    at.transport.before = ({ apiKey }) => (apiKey === ApiKey.Metadata ? new Promise(() => undefined) : undefined);
    const consumer = quiet(at);
    const poll = consumer.poll(Number.POSITIVE_INFINITY);
    await at.until(() => at.transport.count(ApiKey.JoinGroup) === 2);
    await pass(at, 500);
    await at.run(consumer.close());
    expect(await at.run(poll)).toMatchObject(CLOSED);
    await pass(at, 20_000);
    expect(at.transport.count(ApiKey.SyncGroup)).toBe(0);
  });
});
