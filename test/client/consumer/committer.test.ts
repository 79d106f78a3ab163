import { describe, expect, it } from "vitest";
import { openConsumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { coreClient, createTopics } from "../../doubles/core-client.ts";
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
