import { describe, expect, it } from "vitest";
import { describeCluster } from "#broker/handlers/60-describe-cluster.ts";
import { describeTopicPartitions } from "#broker/handlers/75-describe-topic-partitions.ts";
import type { ConfigValues } from "#ports/controller.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { DescribeClusterRequest, DescribeClusterResponse } from "#protocol/messages/60-describe-cluster.ts";
import {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from "#protocol/messages/75-describe-topic-partitions.ts";
import { openCluster, type TestBroker, topic } from "../cluster/setup.ts";
import { ask, versionsOf } from "./cluster-broker.ts";

const CLUSTER = { handler: describeCluster, request: DescribeClusterRequest, response: DescribeClusterResponse };
const PARTITIONS = {
  handler: describeTopicPartitions,
  request: DescribeTopicPartitionsRequest,
  response: DescribeTopicPartitionsResponse,
};

describe("DescribeCluster", () => {
  it.each(versionsOf(describeCluster))("v%i names the cluster, its brokers and its controller", async (version) => {
    const { broker } = await openCluster({ brokerIds: [2, 1] });
    const one = await broker(1);
    const response = await ask(one, CLUSTER, version, {});
    expect(response).toEqual({
      throttleTimeMs: 0,
      errorCode: 0,
      errorMessage: null,
      endpointType: 1,
      clusterId: one.cluster.image.clusterId,
      controllerId: 1,
      brokers: [
        { brokerId: 1, host: "127.0.0.1", port: 9092, rack: null, isFenced: false },
        { brokerId: 2, host: "127.0.0.1", port: 9093, rack: "even", isFenced: false },
      ],
      clusterAuthorizedOperations: -2_147_483_648,
    });
    const withOperations = await ask(one, CLUSTER, version, { includeClusterAuthorizedOperations: true });
    expect(withOperations.clusterAuthorizedOperations).toBe(8096);
  });

  it.each([1, 2])("v%i refuses what is no broker's endpoint", async (version) => {
    const one = await (await openCluster()).broker(1);
    const refused = async (endpointType: number) => (await ask(one, CLUSTER, version, { endpointType })).errorCode;
    expect(await refused(2)).toBe(ErrorCode.MISMATCHED_ENDPOINT_TYPE);
    expect(await refused(0)).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE);
    expect(await refused(9)).toBe(ErrorCode.UNSUPPORTED_ENDPOINT_TYPE);
  });
});

type Cursor = DescribeTopicPartitionsRequest["cursor"];

describe("DescribeTopicPartitions", () => {
  async function threeTopics(configs: ConfigValues = {}): Promise<TestBroker> {
    const { broker } = await openCluster({ configs });
    const one = await broker(1);
    await one.controller.createTopics([
      topic("b", { numPartitions: 3 }),
      topic("a", { numPartitions: 2 }),
      topic("c", { numPartitions: 1 }),
    ]);
    return one;
  }

  const shown = (response: DescribeTopicPartitionsResponse) =>
    response.topics.map(({ name, partitions }) => [name, ...partitions.map((partition) => partition.partitionIndex)]);

  it("describes topics in the order of their names", async () => {
    const one = await threeTopics();
    const response = await ask(one, PARTITIONS, 0, { topics: ["c", "no", "a", "n/o", "a"].map((name) => ({ name })) });
    expect(response.topics.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", 0],
      ["c", 0],
      ["n/o", ErrorCode.INVALID_TOPIC_EXCEPTION],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(response.nextCursor).toBeNull();
    expect(response.topics[0]).toMatchObject({
      topicId: one.cluster.topicByName("a")?.topicId,
      isInternal: false,
      topicAuthorizedOperations: 3576,
      partitions: [
        {
          errorCode: 0,
          partitionIndex: 0,
          leaderId: 1,
          leaderEpoch: 0,
          replicaNodes: [1],
          isrNodes: [1],
          eligibleLeaderReplicas: [],
          lastKnownElr: [],
          offlineReplicas: [],
        },
        { partitionIndex: 1 },
      ],
    });
  });

  it.each([1, 2, 3, 5, 6, 2000])("pages by %i partitions to the same end", async (responsePartitionLimit) => {
    const one = await threeTopics();
    const seen: string[] = [];
    let cursor: Cursor = null;
    for (let page = 0; page < 10; page++) {
      const response: DescribeTopicPartitionsResponse = await ask(one, PARTITIONS, 0, {
        responsePartitionLimit,
        cursor,
      });
      const partitions = response.topics.flatMap(({ name, partitions: of }) =>
        of.map((p) => `${name}-${p.partitionIndex}`),
      );
      expect(partitions.length).toBeLessThanOrEqual(responsePartitionLimit);
      seen.push(...partitions);
      cursor = response.nextCursor;
      if (cursor === null) break;
    }
    expect(seen).toEqual(["a-0", "a-1", "b-0", "b-1", "b-2", "c-0"]);
    expect(cursor).toBeNull();
  });

  it("keeps to the broker's limit, and to one partition at least", async () => {
    const one = await threeTopics({ "max.request.partition.size.limit": "4" });
    const full = await ask(one, PARTITIONS, 0, {});
    expect(shown(full)).toEqual([
      ["a", 0, 1],
      ["b", 0, 1],
    ]);
    expect(full.nextCursor).toEqual({ topicName: "b", partitionIndex: 2 });
    const least = await ask(one, PARTITIONS, 0, { responsePartitionLimit: -5 });
    expect(shown(least)).toEqual([["a", 0]]);
  });

  it("takes a cursor beyond the end of a topic", async () => {
    const one = await threeTopics();
    const response = await ask(one, PARTITIONS, 0, { cursor: { topicName: "b", partitionIndex: 99 } });
    expect(shown(response)).toEqual([["b"], ["c", 0]]);
  });

  it("refuses a cursor that is none", async () => {
    const one = await threeTopics();
    const refused = async (topicName: string, partitionIndex: number) => {
      const response = await ask(one, PARTITIONS, 0, {
        topics: [{ name: "a" }],
        cursor: { topicName, partitionIndex },
      });
      return response.topics.map((answer) => answer.errorCode);
    };
    expect(await refused("b", 0)).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(await refused("a", -1)).toEqual([ErrorCode.INVALID_REQUEST]);
    expect(await refused("a", 1)).toEqual([0]);
  });
});
