import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { coreClient, createTopics } from "../../doubles/core-client.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { compression, noRandom } from "../../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { T0 } from "./setup.ts";

const TIMEOUT_MS = 1_000;

/** A consumer of one partition whose cluster never answers one API, or answers late. */
async function world(slowApi: number, delayMs: number) {
  const at = await coreClient();
  await createTopics(at, ["t"], 1);
  const { time } = at.cluster;
  at.transport.before = ({ apiKey }) =>
    apiKey === slowApi ? new Promise<void>((resolve) => time.set(resolve, delayMs)) : undefined;
  const consumer = valueOf(openConsumer(at.client, { "group.id": "g", "enable.auto.commit": false }));
  return { ...at, consumer };
}

describe("a time-out", () => {
  it.each([
    ["commitSync", ApiKey.OffsetCommit],
    ["committed", ApiKey.OffsetFetch],
    ["offsetsForTimes", ApiKey.ListOffsets],
  ] as const)("of %s holds though a broker doesn't answer", async (method, apiKey) => {
    const { consumer, run, cluster } = await world(apiKey, 1_000_000);
    const calls = {
      commitSync: () => consumer.commitSync([{ ...T0, offset: 0 }], TIMEOUT_MS),
      committed: () => consumer.committed([T0], TIMEOUT_MS),
      offsetsForTimes: () => consumer.offsetsForTimes([{ ...T0, timestamp: 0 }], TIMEOUT_MS),
    };
    consumer.assign([T0]);
    await run(consumer.poll(100));
    const startMs = cluster.time.nowMs();
    expect(await run<unknown>(calls[method]())).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    expect(cluster.time.nowMs() - startMs).toBeLessThan(2 * TIMEOUT_MS);
    await run(consumer.close(0));
  });

  it("of a commit means that it isn't sent any more", async () => {
    const { consumer, run, cluster, transport } = await world(ApiKey.FindCoordinator, 5_000);
    consumer.assign([T0]);
    const outcome = await run(consumer.commitSync([{ ...T0, offset: 0 }], TIMEOUT_MS));
    expect(outcome).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    await cluster.time.advance(10_000);
    expect(transport.count(ApiKey.FindCoordinator)).toBe(1);
    expect(transport.count(ApiKey.OffsetCommit)).toBe(0);
    await run(consumer.close(0));
  });
});

describe("a question for committed offsets", () => {
  it("is asked again when the member's epoch has grown meanwhile", async () => {
    const time = new ManualTime();
    let count = 0;
    const brokers = new ScriptedBrokers()
      .on(ApiKey.FindCoordinator, () => ({ coordinators: [{ key: "g", nodeId: 1, host: "h", port: 1 }] }))
      .on(ApiKey.OffsetFetch, () => {
        if (++count === 1) return { groups: [{ groupId: "g", errorCode: ErrorCode.STALE_MEMBER_EPOCH }] };
        const partitions = [{ partitionIndex: 0, committedOffset: 5 }];
        return { groups: [{ groupId: "g", topics: [{ name: "t", partitions }] }] };
      });
    const ports = { transport: brokers, clock: time, timers: time, random: noRandom, ...compression };
    const consumer = valueOf(openConsumer(new Client(ports, { clientId: "test" }), { "group.id": "g" }));
    expect(valueOf(await consumer.committed([T0])).get("t/0")).toMatchObject({ offset: 5 });
    expect(count).toBe(2);
    await consumer.close(0);
  });
});
