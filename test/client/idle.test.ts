import { describe, expect, it } from "vitest";
import { openProducer } from "#client/producer/producer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { coreClient, createTopics } from "../doubles/core-client.ts";
import { valueOf } from "../doubles/tcp-client.ts";
import { join, T0 } from "./consumer/setup.ts";

const MINUTE_MS = 60_000;

describe("a client with nothing to do", () => {
  it("sends nothing as a producer, but for metadata that grows old", async () => {
    const at = await coreClient();
    await createTopics(at, ["t"], 1);
    const producer = valueOf(openProducer(at.client));
    valueOf(await at.run(producer.send({ ...T0, value: null })));
    const before = at.transport.seen.length;
    await at.cluster.time.advance(4 * MINUTE_MS);
    expect(at.transport.seen.length).toBe(before);
    await at.cluster.time.advance(2 * MINUTE_MS);
    expect(at.transport.seen.slice(before).map(({ apiKey }) => apiKey)).toEqual([ApiKey.Metadata]);
    await at.run(producer.close());
  });

  it.each(["classic", "consumer"])(
    "sends fetches and heartbeats as a member of a %s group, at their intervals",
    async (protocol) => {
      const at = await coreClient();
      await createTopics(at, ["t"], 1);
      const beats = protocol === "classic" ? { "heartbeat.interval.ms": 3_000, "session.timeout.ms": 45_000 } : {};
      const member = join(at, {
        "group.protocol": protocol,
        "enable.auto.commit": false,
        "fetch.max.wait.ms": 1_000,
        ...beats,
      });
      await at.until(() => member.held().length === 1);
      await at.cluster.time.advance(2_000);
      const before = at.transport.seen.length;
      await at.cluster.time.advance(MINUTE_MS);
      const counts = new Map<number, number>();
      for (const { apiKey } of at.transport.seen.slice(before)) counts.set(apiKey, (counts.get(apiKey) ?? 0) + 1);
      const heartbeat = protocol === "classic" ? ApiKey.Heartbeat : ApiKey.ConsumerGroupHeartbeat;
      expect([...counts.keys()].toSorted()).toEqual([ApiKey.Fetch, heartbeat].toSorted());
      expect(counts.get(ApiKey.Fetch)).toBeLessThanOrEqual(61);
      expect(counts.get(heartbeat)).toBeLessThanOrEqual(20);
      expect(counts.get(heartbeat)).toBeGreaterThanOrEqual(10);
      await member.stop();
    },
  );
});
