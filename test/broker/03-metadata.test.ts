import { describe, expect, it } from "vitest";
import { metadata } from "#broker/handlers/03-metadata.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { openCluster, type TestBroker, topic } from "../cluster/setup.ts";
import { ask, versionsOf } from "./cluster-broker.ts";

const API = { handler: metadata, request: MetadataRequest, response: MetadataResponse };
const VERSIONS = versionsOf(metadata);
const NO_OPERATIONS = -2_147_483_648;

async function twoTopics(brokerIds: readonly number[] = [1]): Promise<TestBroker> {
  const { broker } = await openCluster({ brokerIds });
  const one = await broker(1);
  await one.controller.createTopics([topic("a", { numPartitions: 2 }), topic("__consumer_offsets")]);
  return one;
}

const names = (response: MetadataResponse) => response.topics.map((one) => one.name);
const errors = (response: MetadataResponse) => response.topics.map((one) => one.errorCode);
const byName = (...wanted: readonly string[]) => wanted.map((name) => ({ name }));
const withoutCreation = (version: number) => (version >= 4 ? { allowAutoTopicCreation: false } : {});

describe("Metadata", () => {
  it.each(VERSIONS)("v%i describes brokers, topics and partitions", async (version) => {
    const one = await twoTopics([1, 2]);
    const response = await ask(one, API, version, { topics: byName("a") });
    const rack = version >= 1 ? "even" : null;
    expect(response.brokers).toEqual([
      { nodeId: 1, host: "127.0.0.1", port: 9092, rack: null },
      { nodeId: 2, host: "127.0.0.1", port: 9093, rack },
    ]);
    expect(response.clusterId).toBe(version >= 2 ? one.cluster.image.clusterId : null);
    expect(response.controllerId).toBe(version >= 1 ? 1 : -1);
    expect(response.errorCode).toBe(0);
    expect(response.topics).toEqual([
      {
        errorCode: 0,
        name: "a",
        topicId: version >= 10 ? one.cluster.topicByName("a")?.topicId : ZERO_UUID,
        isInternal: false,
        topicAuthorizedOperations: NO_OPERATIONS,
        partitions: [0, 1].map((partitionIndex) => ({
          errorCode: 0,
          partitionIndex,
          leaderId: partitionIndex + 1,
          leaderEpoch: version >= 7 ? 0 : -1,
          replicaNodes: [partitionIndex + 1],
          isrNodes: [partitionIndex + 1],
          offlineReplicas: [],
        })),
      },
    ]);
  });

  it.each(VERSIONS)("v%i knows all topics from none", async (version) => {
    const one = await twoTopics();
    const empty = await ask(one, API, version, { topics: [] });
    expect(names(empty)).toEqual(version === 0 ? ["__consumer_offsets", "a"] : []);
    if (version === 0) return;
    const all = await ask(one, API, version, { topics: null });
    expect(names(all)).toEqual(["__consumer_offsets", "a"]);
    expect(all.topics.map((described) => described.isInternal)).toEqual([true, false]);
  });

  it.each(VERSIONS)("v%i creates what it may", async (version) => {
    const one = await twoTopics();
    if (version >= 4) {
      const refused = await ask(one, API, version, { topics: byName("new"), allowAutoTopicCreation: false });
      expect(errors(refused)).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
      expect(one.cluster.topicByName("new")).toBeUndefined();
    }
    const created = await ask(one, API, version, { topics: byName("new", "new", "n/w", "") });
    expect(names(created)).toEqual(["new", "n/w", ""]);
    expect(errors(created)).toEqual([0, ErrorCode.INVALID_TOPIC_EXCEPTION, ErrorCode.INVALID_TOPIC_EXCEPTION]);
    expect(created.topics[0].partitions).toHaveLength(1);
    expect(one.cluster.topicByName("new")).toBeDefined();
  });

  it("creates nothing when the cluster doesn't want it, nor because all topics are asked for", async () => {
    const { broker } = await openCluster({ configs: { "auto.create.topics.enable": "false" } });
    const one = await broker(1);
    const response = await ask(one, API, 9, { topics: byName("new") });
    expect(errors(response)).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
    await ask(one, API, 9, { topics: null });
    expect(one.cluster.image.topics).toEqual([]);
  });

  it("says why a topic could not be created: its name collides", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a.b")]);
    const response = await ask(one, API, 9, { topics: byName("a_b") });
    expect(errors(response)).toEqual([ErrorCode.INVALID_TOPIC_EXCEPTION]);
  });

  it("creates an internal topic as its coordinator needs it", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const response = await ask(one, API, 9, { topics: byName("__consumer_offsets") });
    expect(response.topics[0].partitions).toHaveLength(50);
    expect(one.cluster.topicByName("__consumer_offsets")?.configs["cleanup.policy"]).toBe("compact");
  });

  it("asks the controller when it doesn't know a topic", async () => {
    const { broker } = await openCluster({ brokerIds: [1, 2] });
    const [one, two] = [await broker(1), await broker(2)];
    await one.controller.createTopics([topic("a")]);
    expect(errors(await ask(two, API, 9, { topics: byName("a"), ...withoutCreation(9) }))).toEqual([0]);
    await one.controller.createTopics([topic("b")]);
    const topicId = one.cluster.topicByName("b")?.topicId;
    expect(names(await ask(two, API, 12, { topics: [{ name: null, topicId }] }))).toEqual(["b"]);
  });

  it.each([12, 13])("v%i looks topics up by id", async (version) => {
    const one = await twoTopics();
    const topicId = one.cluster.topicByName("a")?.topicId;
    const unknown = "unknownunknownunknowng";
    const response = await ask(one, API, version, {
      topics: [
        { name: null, topicId },
        { name: null, topicId: unknown },
      ],
    });
    expect(response.topics).toMatchObject([
      { errorCode: 0, name: "a", topicId },
      { errorCode: ErrorCode.UNKNOWN_TOPIC_ID, name: null, topicId: unknown, partitions: [] },
    ]);
  });

  it.each([10, 11])("v%i refuses topic ids, which it has no meaning for", async (version) => {
    const one = await twoTopics();
    const topicId = one.cluster.topicByName("a")?.topicId;
    expect(errors(await ask(one, API, version, { topics: [{ name: null, topicId }] }))).toEqual([
      ErrorCode.INVALID_REQUEST,
    ]);
    expect(errors(await ask(one, API, version, { topics: [{ name: "a", topicId }] }))).toEqual([
      ErrorCode.INVALID_REQUEST,
    ]);
  });

  it("refuses a topic with neither a name nor an id", async () => {
    const one = await twoTopics();
    expect(errors(await ask(one, API, 12, { topics: [{ name: null }] }))).toEqual([ErrorCode.INVALID_REQUEST]);
  });

  it.each(VERSIONS.filter((version) => version >= 8))(
    "v%i tells operations when they are asked for",
    async (version) => {
      const one = await twoTopics();
      const response = await ask(one, API, version, {
        topics: byName("a"),
        includeTopicAuthorizedOperations: true,
        includeClusterAuthorizedOperations: true,
      });
      expect(response.topics[0].topicAuthorizedOperations).toBe(3576);
      expect(response.clusterAuthorizedOperations).toBe(version <= 10 ? 8096 : NO_OPERATIONS);
    },
  );

  it("shows which brokers are gone", async () => {
    const first = await openCluster({ brokerIds: [1, 2] });
    const one = await first.broker(1);
    await one.controller.createTopics([
      topic("a", { assignments: [{ partitionIndex: 0, brokerIds: [2, 1] }] }),
      topic("b", { assignments: [{ partitionIndex: 0, brokerIds: [1, 2] }] }),
    ]);
    const left = await (await openCluster({ store: first.store, brokerIds: [1] })).broker(1);
    const response = await ask(left, API, 9, { topics: byName("a", "b") });
    expect(response.topics.map((described) => described.partitions[0])).toMatchObject([
      { errorCode: ErrorCode.LEADER_NOT_AVAILABLE, leaderId: -1, replicaNodes: [2, 1], offlineReplicas: [2] },
      { errorCode: 0, leaderId: 1, replicaNodes: [1, 2], offlineReplicas: [2] },
    ]);
    const oldest = await ask(left, API, 0, { topics: byName("b") });
    expect(oldest.topics[0].partitions[0]).toMatchObject({
      errorCode: ErrorCode.REPLICA_NOT_AVAILABLE,
      replicaNodes: [1],
    });
  });
});

describe("Metadata of a new topic, asked for by many at once", () => {
  it("shows it to all of them", async () => {
    const { broker, store } = await openCluster({ brokerIds: [1, 2] });
    const [one, two] = [await broker(1), await broker(2)];
    store.holdsBack = true;
    const asked = [one, one, two].map((asker) =>
      ask(asker, API, 13, { topics: byName("new"), allowAutoTopicCreation: true }),
    );
    await new Promise((resolve) => setImmediate(resolve));
    store.release();
    expect((await Promise.all(asked)).map(errors)).toEqual([[0], [0], [0]]);
  });

  it("lets the client ask again when it is gone before it was shown", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const exists = { errorCode: ErrorCode.TOPIC_ALREADY_EXISTS, errorMessage: null, name: "new" };
    const controller = { ...one.controller, createTopics: async () => [exists] };
    const response = await ask({ ...one, controller } as unknown as TestBroker, API, 13, {
      topics: byName("new"),
      allowAutoTopicCreation: true,
    });
    expect(errors(response)).toEqual([ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]);
  });
});
