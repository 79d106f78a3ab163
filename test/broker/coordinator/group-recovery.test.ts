import { describe, expect, it } from "vitest";
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { REWRITE_MIN_RECORDS } from "#coordinator/limits.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { CoreCluster, type TestClient } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";

// The coordinators over a real log: what a broker finds that starts again.

const PARTITIONS = 1_000;

async function create(client: TestClient): Promise<void> {
  const topics = [{ name: "t", numPartitions: PARTITIONS, replicationFactor: 1 }];
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, { topics, timeoutMs: 1_000 });
}

async function commit(client: TestClient, offset: number, committedMetadata = ""): Promise<void> {
  const partitions = Array.from({ length: PARTITIONS }, (_, partitionIndex) => ({
    partitionIndex,
    committedOffset: offset + partitionIndex,
    committedMetadata,
  }));
  const draft = { groupId: "g", generationIdOrMemberEpoch: -1, topics: [{ name: "t", partitions }] };
  const answer = await client.call(OffsetCommitRequest, OffsetCommitResponse, 8, draft);
  expect(answer.topics[0].partitions.every((one) => one.errorCode === 0)).toBe(true);
}

async function offsetOf(client: TestClient, partitionIndex: number): Promise<number | undefined> {
  const answer = await client.call(OffsetFetchRequest, OffsetFetchResponse, 7, { groupId: "g", topics: null });
  return answer.topics[0]?.partitions[partitionIndex].committedOffset;
}

async function setUp() {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  await create(client);
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: "g", keyType: 0 });
  const log = () => {
    const broker = cluster.broker(1);
    const lead = broker.lead(broker.cluster.topicByName(GROUP_METADATA_TOPIC), partitionOfKey("g", 50));
    if (typeof lead === "number") throw new Error("the broker doesn't lead the group's partition");
    return lead;
  };
  return { cluster, client, log };
}

describe("the coordinators of a broker that starts again", () => {
  it("find a log that holds little more than what lives, however much was committed", async () => {
    const { cluster, client, log } = await setUp();
    const rounds = REWRITE_MIN_RECORDS / PARTITIONS + 5;
    for (let round = 0; round < rounds; round++) await commit(client, round);
    await settle();
    expect(log().logStartOffset).toBeGreaterThanOrEqual(REWRITE_MIN_RECORDS);
    expect(log().logEndOffset - log().logStartOffset).toBeLessThan(8 * PARTITIONS);
    await cluster.crash(1);
    expect(log().logStartOffset).toBeGreaterThanOrEqual(REWRITE_MIN_RECORDS);
    expect(await offsetOf(cluster.connect(), 999)).toBe(rounds - 1 + 999);
    expect(cluster.fatal).toEqual([]);
  });

  it("let others have their turn while they read it", async () => {
    const { cluster, client } = await setUp();
    for (let round = 0; round < 10; round++) await commit(client, round, "m".repeat(1_000));
    await cluster.crash(1);
    let turns = 0;
    const set = cluster.time.set.bind(cluster.time);
    cluster.time.set = (callback, delayMs) => {
      if (delayMs === 0) turns++;
      return set(callback, delayMs);
    };
    expect(await offsetOf(cluster.connect(), 5)).toBe(9 + 5);
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  it("know nothing of a topic that was deleted and created anew, but what was committed since", async () => {
    const { cluster, client } = await setUp();
    await commit(client, 40);
    const topics = { topicNames: ["t"], timeoutMs: 1_000 };
    await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 5, topics);
    await create(client);
    expect(await offsetOf(client, 0)).toBeUndefined();
    await commit(client, 7);
    await settle();
    expect(await offsetOf(client, 0)).toBe(7);
    // Deleted while the broker has no coordinators: nobody hears of it.
    await cluster.crash(1);
    const again = cluster.connect();
    await again.call(DeleteTopicsRequest, DeleteTopicsResponse, 5, topics);
    await create(again);
    expect(await offsetOf(again, 0)).toBeUndefined();
    await cluster.crash(1);
    expect(await offsetOf(cluster.connect(), 0)).toBeUndefined();
  });
});
