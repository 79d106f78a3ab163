import { describe, expect, it } from "vitest";
import { Client } from "#client/client.ts";
import { openConsumer } from "#client/consumer/consumer.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { FetchRequest } from "#protocol/messages/01-fetch.ts";
import type { OffsetForLeaderEpochRequest } from "#protocol/messages/23-offset-for-leader-epoch.ts";
import { ManualTime } from "../../doubles/manual-time.ts";
import { compression, noRandom } from "../../doubles/rest-cluster.ts";
import { ScriptedBrokers } from "../../doubles/scripted-brokers.ts";
import { valueOf } from "../../doubles/tcp-client.ts";
import { T0 } from "./setup.ts";

const TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

/** One partition whose leader is broker 1 in epoch 3 at first. Where an epoch ends is what a test says. */
function world(end: { leaderEpoch: number; endOffset: number }) {
  const time = new ManualTime();
  const leader = { leaderId: 1, leaderEpoch: 3 };
  const brokers = new ScriptedBrokers()
    .on(ApiKey.Metadata, () => ({
      brokers: [1, 2].map((nodeId) => ({ nodeId, host: "h", port: 1 })),
      topics: [{ name: "t", topicId: TOPIC_ID, partitions: [{ partitionIndex: 0, ...leader }] }],
    }))
    .on(ApiKey.Fetch, async (body: FetchRequest, brokerId) => {
      await new Promise<void>((resolve) => time.set(resolve, 10));
      const partitions = body.topics
        .flatMap((topic) => topic.partitions)
        .map(({ partition }) => ({
          partitionIndex: partition,
          errorCode: brokerId === leader.leaderId ? ErrorCode.NONE : ErrorCode.NOT_LEADER_OR_FOLLOWER,
          currentLeader: brokerId === leader.leaderId ? {} : leader,
          highWatermark: 100,
        }));
      return { responses: [{ topicId: TOPIC_ID, partitions }] };
    })
    .on(ApiKey.OffsetForLeaderEpoch, () => ({ topics: [{ topic: "t", partitions: [{ partition: 0, ...end }] }] }));
  const client = new Client(
    { transport: brokers, clock: time, timers: time, random: noRandom, ...compression },
    { clientId: "test" },
  );
  const elect = () => {
    leader.leaderId = 2;
    leader.leaderEpoch = 4;
  };
  return { brokers, client, elect };
}

describe("a consumer under a new leader", () => {
  it("asks whether the new leader has what it read, and goes on", async () => {
    const { brokers, client, elect } = world({ leaderEpoch: 3, endOffset: 60 });
    const consumer = valueOf(openConsumer(client));
    consumer.assign([T0]);
    consumer.seek(T0, 50, 3);
    valueOf(await consumer.poll(50));
    elect();
    valueOf(await consumer.poll(200));
    const [first, second] = brokers
      .bodies<OffsetForLeaderEpochRequest>(ApiKey.OffsetForLeaderEpoch)
      .map((body) => body.topics[0].partitions[0]);
    expect(first).toMatchObject({ currentLeaderEpoch: 3, leaderEpoch: 3 });
    expect(second).toMatchObject({ currentLeaderEpoch: 4, leaderEpoch: 3 });
    expect(valueOf(await consumer.position(T0))).toBe(50);
    expect(brokers.seen.findLast(({ apiKey }) => apiKey === ApiKey.Fetch)).toMatchObject({ brokerId: 2 });
    await consumer.close();
  });

  it("goes back to where the logs part when what it read was truncated", async () => {
    const { client, elect } = world({ leaderEpoch: 2, endOffset: 40 });
    const consumer = valueOf(openConsumer(client));
    consumer.assign([T0]);
    elect();
    consumer.seek(T0, 50, 3);
    valueOf(await consumer.poll(200));
    expect(valueOf(await consumer.position(T0))).toBe(40);
    await consumer.close();
  });

  it("says so instead, where auto.offset.reset is none", async () => {
    const { client } = world({ leaderEpoch: 2, endOffset: 40 });
    const consumer = valueOf(openConsumer(client, { "auto.offset.reset": "none" }));
    consumer.assign([T0]);
    consumer.seek(T0, 50, 3);
    expect(await consumer.poll(500)).toMatchObject({
      errorCode: ErrorCode.OFFSET_OUT_OF_RANGE,
      message: expect.stringContaining("truncated"),
    });
    await consumer.close();
  });

  it("compares nothing where it doesn't know the epoch of what it read", async () => {
    const { brokers, client, elect } = world({ leaderEpoch: 2, endOffset: 40 });
    const consumer = valueOf(openConsumer(client));
    consumer.assign([T0]);
    consumer.seek(T0, 50);
    valueOf(await consumer.poll(50));
    elect();
    valueOf(await consumer.poll(100));
    expect(brokers.bodies(ApiKey.OffsetForLeaderEpoch)).toEqual([]);
    await consumer.close();
  });
});
