import { describe, expect, it } from "vitest";
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import {
  ConsumerGroupHeartbeatRequest,
  ConsumerGroupHeartbeatResponse,
} from "#protocol/messages/68-consumer-group-heartbeat.ts";
import { CoreCluster, type TestClient } from "../../doubles/core-cluster.ts";

// Records of coordinators that are longer than `max.message.bytes`, over a real log.

const TOPICS = 4_500;
const TOPIC_RESOURCE = 2;
const SET = 0;

async function setUp() {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: "g", keyType: 0 });
  return { cluster, client };
}

async function createTopics(client: TestClient): Promise<void> {
  const topics = Array.from({ length: TOPICS }, (_, i) => ({
    name: `${"x".repeat(240)}${i}`,
    numPartitions: 1,
    replicationFactor: 1,
  }));
  const answer = await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, { topics, timeoutMs: 1_000 });
  expect(answer.topics.every(({ errorCode }) => errorCode === 0)).toBe(true);
}

function beat(client: TestClient, memberEpoch: number, topicRegex: string | null) {
  const draft = { groupId: "g", memberId: "m", memberEpoch };
  const joining = { rebalanceTimeoutMs: 60_000, subscribedTopicRegex: topicRegex, topicPartitions: [] };
  return client.call(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, 1, {
    ...draft,
    ...(topicRegex === null ? {} : joining),
  });
}

describe("a coordinator's record that is longer than max.message.bytes", () => {
  it("is stored, and found by a broker that starts again: an expression with 1 MB of topics", async () => {
    const { cluster, client } = await setUp();
    await createTopics(client);
    let epoch = (await beat(client, 0, "x+\\d+")).memberEpoch;
    let assigned = 0;
    // So many topics are matched in several heartbeats.
    for (let beats = 0; assigned === 0 && beats < 20; beats++) {
      await cluster.time.advance(2_000);
      const answer = await beat(client, epoch, null);
      expect(answer.errorCode).toBe(0);
      epoch = answer.memberEpoch;
      assigned = answer.assignment?.topicPartitions.length ?? 0;
    }
    expect(assigned).toBe(TOPICS);
    await cluster.crash(1);
    const again = cluster.connect();
    expect(await beat(again, epoch, null)).toMatchObject({ errorCode: 0, memberEpoch: epoch });
    expect(cluster.fatal).toEqual([]);
  });

  it("is stored where the config was lowered: the group goes on", async () => {
    const { cluster, client } = await setUp();
    const configs = [{ name: "max.message.bytes", configOperation: SET, value: "100" }];
    const resources = [{ resourceType: TOPIC_RESOURCE, resourceName: GROUP_METADATA_TOPIC, configs }];
    const altered = await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, {
      resources,
    });
    expect(altered.responses[0].errorCode).toBe(0);
    expect(await beat(client, 0, "x+")).toMatchObject({ errorCode: 0, memberEpoch: 2 });
    const broker = cluster.broker(1);
    const log = broker.lead(broker.cluster.topicByName(GROUP_METADATA_TOPIC), partitionOfKey("g", 50));
    expect(typeof log !== "number" && log.logEndOffset).toBeGreaterThan(0);
  });
});
