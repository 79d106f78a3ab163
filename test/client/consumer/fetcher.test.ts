import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { FetchRequest } from "#protocol/messages/01-fetch.ts";
import type { MetadataRequest } from "#protocol/messages/03-metadata.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { compression, noRandom } from "../../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { T0 } from "./setup.ts";

const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const [LEADER, FOLLOWER] = [1, 2];

/** One partition; its leader sends whoever asks it first to a follower, whom a test may stop. */
function world() {
  const time = new ManualTime();
  const follower = { isUp: true, isNamed: true };
  const brokers = new ScriptedBrokers()
    .on(ApiKey.Metadata, () => ({
      brokers: [LEADER, FOLLOWER].map((nodeId) => ({ nodeId, host: "h", port: 1 })),
      topics: [{ name: "t", topicId: TOPIC_ID, partitions: [{ partitionIndex: 0, leaderId: LEADER, leaderEpoch: 3 }] }],
    }))
    .on(ApiKey.Fetch, async (_body: FetchRequest, brokerId) => {
      await new Promise<void>((resolve) => time.set(resolve, 10));
      if (brokerId === FOLLOWER && !follower.isUp) throw new Error("lost");
      const preferredReadReplica = brokerId === LEADER && follower.isNamed ? FOLLOWER : -1;
      const partition = { partitionIndex: 0, errorCode: ErrorCode.NONE, highWatermark: 0, preferredReadReplica };
      return { responses: [{ topicId: TOPIC_ID, partitions: [partition] }] };
    });
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  const asked = () => brokers.seen.filter(({ apiKey }) => apiKey === ApiKey.Fetch).map(({ brokerId }) => brokerId);
  const topics = () => brokers.bodies<MetadataRequest>(ApiKey.Metadata).at(-1)?.topics;
  return { time, client, follower, asked, topics };
}

describe("a consumer that reads from a follower", () => {
  it("goes back to the leader as soon as the follower can't be reached", async () => {
    const { client, follower, asked } = world();
    const consumer = valueOf(openConsumer(client, { "client.rack": "r" }));
    consumer.assign([T0]);
    consumer.seek(T0, 0);
    valueOf(await consumer.poll(100));
    expect(asked()).toContain(FOLLOWER);
    follower.isUp = false;
    follower.isNamed = false;
    valueOf(await consumer.poll(200));
    expect(asked().at(-1)).toBe(LEADER);
    await consumer.close();
  });

  it("asks the leader again when metadata.max.age.ms is over", async () => {
    const { client, follower, time, asked } = world();
    const consumer = valueOf(openConsumer(client, { "client.rack": "r", "metadata.max.age.ms": 5_000 }));
    consumer.assign([T0]);
    consumer.seek(T0, 0);
    valueOf(await consumer.poll(100));
    follower.isNamed = false;
    await time.advance(4_000);
    valueOf(await consumer.poll(100));
    expect(asked().at(-1)).toBe(FOLLOWER);
    await time.advance(1_500);
    valueOf(await consumer.poll(100));
    expect(asked().at(-1)).toBe(LEADER);
    await consumer.close();
  });
});

describe("a consumer that nobody polls", () => {
  it.each(["assigned", "subscribed"])("keeps the topic known that it is %s", async (how) => {
    const { time, client, topics } = world();
    const consumer = valueOf(openConsumer(client, { "group.id": "g", "metadata.max.age.ms": 60_000 }));
    valueOf(how === "assigned" ? consumer.assign([T0]) : consumer.subscribe({ topics: ["t"] }));
    for (let minute = 0; minute < 15; minute++) await time.advance(60_000);
    expect(topics()).toMatchObject([{ name: "t" }]);
    if (how === "assigned") consumer.assign([]);
    else await consumer.unsubscribe();
    for (let minute = 0; minute < 15; minute++) await time.advance(60_000);
    expect(topics()).toEqual([]);
    await consumer.close(0);
  });
});
