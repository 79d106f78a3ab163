import { describe, expect, it } from "vitest";
import { createTopics } from "#broker/handlers/19-create-topics.ts";
import { deleteTopics } from "#broker/handlers/20-delete-topics.ts";
import { createPartitions } from "#broker/handlers/37-create-partitions.ts";
import { ZERO_UUID } from "#bytes/uuid.ts";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { CreatePartitionsRequest, CreatePartitionsResponse } from "#protocol/messages/37-create-partitions.ts";
import { openCluster, topic } from "../cluster/setup.ts";
import { ask, versionsOf } from "./cluster-broker.ts";

const CREATE = { handler: createTopics, request: CreateTopicsRequest, response: CreateTopicsResponse };
const DELETE = { handler: deleteTopics, request: DeleteTopicsRequest, response: DeleteTopicsResponse };
const GROW = { handler: createPartitions, request: CreatePartitionsRequest, response: CreatePartitionsResponse };

const wanted = (name: string, numPartitions = 2) => ({ name, numPartitions, replicationFactor: 1 });

describe("CreateTopics", () => {
  it.each(versionsOf(createTopics))("v%i creates, and says what it created from v5 on", async (version) => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const configs = [{ name: "retention.ms", value: "10" }];
    const response = await ask(one, CREATE, version, { topics: [{ ...wanted("a"), configs }, wanted("b", 0)] });
    expect(response.topics).toMatchObject([
      { name: "a", errorCode: 0, errorMessage: null, numPartitions: version >= 5 ? 2 : -1 },
      { name: "b", errorCode: ErrorCode.INVALID_PARTITIONS, topicId: ZERO_UUID, numPartitions: -1, configs: [] },
    ]);
    const [created] = response.topics;
    expect(created.topicId).toBe(version >= 7 ? one.cluster.topicByName("a")?.topicId : ZERO_UUID);
    expect(created.topicConfigErrorCode).toBe(0);
    if (version < 5) return;
    expect(created.replicationFactor).toBe(1);
    expect(created.configs?.map((config) => config.name)).toEqual(TOPIC_CONFIGS.map((config) => config.name));
    expect(created.configs).toContainEqual({
      name: "retention.ms",
      value: "10",
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    });
    expect(created.configs).toContainEqual({
      name: "segment.ms",
      value: "604800000",
      readOnly: false,
      configSource: 5,
      isSensitive: false,
    });
  });

  it("answers a topic that is named twice once, and creates nothing when it validates", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    const response = await ask(one, CREATE, 7, { topics: [wanted("a"), wanted("b"), wanted("a")], validateOnly: true });
    expect(response.topics.map(({ name, errorCode, topicId }) => [name, errorCode, topicId])).toEqual([
      ["a", ErrorCode.INVALID_REQUEST, ZERO_UUID],
      ["b", 0, ZERO_UUID],
    ]);
    expect(response.topics[1].numPartitions).toBe(2);
    expect(one.cluster.image.topics).toEqual([]);
  });

  it("answers nothing to nothing", async () => {
    const { broker } = await openCluster();
    expect((await ask(await broker(1), CREATE, 7, { topics: [] })).topics).toEqual([]);
  });
});

describe("DeleteTopics", () => {
  it.each(versionsOf(deleteTopics))("v%i deletes by name", async (version) => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a"), topic("b")]);
    const topicId = one.cluster.topicByName("a")?.topicId;
    const given = ["a", "no", "b", "b"];
    const draft = version >= 6 ? { topics: given.map((name) => ({ name })) } : { topicNames: given };
    const response = await ask(one, DELETE, version, draft);
    expect(response.responses.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", 0],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ["b", ErrorCode.INVALID_REQUEST],
    ]);
    expect(response.responses[0].topicId).toBe(version >= 6 ? topicId : ZERO_UUID);
    expect(one.cluster.image.topics.map((left) => left.name)).toEqual(["b"]);
  });

  it("v6 deletes by id", async () => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a")]);
    const topicId = one.cluster.topicByName("a")?.topicId;
    const unknown = "unknownunknownunknowng";
    const response = await ask(one, DELETE, 6, { topics: [{ topicId }, { topicId: unknown }, { topicId: ZERO_UUID }] });
    expect(response.responses).toMatchObject([
      { name: "a", topicId, errorCode: 0 },
      { name: null, topicId: unknown, errorCode: ErrorCode.UNKNOWN_TOPIC_ID },
      { name: null, topicId: ZERO_UUID, errorCode: ErrorCode.INVALID_REQUEST },
    ]);
  });

  it.each(versionsOf(deleteTopics))("v%i says that deletion is disabled as it can", async (version) => {
    const { broker } = await openCluster({ configs: { "delete.topic.enable": "false" } });
    const draft = version >= 6 ? { topics: [{ name: "a" }] } : { topicNames: ["a"] };
    const response = await ask(await broker(1), DELETE, version, draft);
    const expected = version >= 3 ? ErrorCode.TOPIC_DELETION_DISABLED : ErrorCode.INVALID_REQUEST;
    expect(response.responses.map((one) => one.errorCode)).toEqual([expected]);
  });
});

describe("CreatePartitions", () => {
  it.each(versionsOf(createPartitions))("v%i adds partitions", async (version) => {
    const { broker } = await openCluster();
    const one = await broker(1);
    await one.controller.createTopics([topic("a"), topic("b")]);
    const grow = (name: string, count: number) => ({ name, count, assignments: null });
    const response = await ask(one, GROW, version, { topics: [grow("a", 3), grow("b", 1), grow("no", 2)] });
    expect(response.results.map(({ name, errorCode }) => [name, errorCode])).toEqual([
      ["a", 0],
      ["b", ErrorCode.INVALID_PARTITIONS],
      ["no", ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ]);
    expect(one.cluster.topicByName("a")?.partitions).toHaveLength(3);
    const byHand = { name: "b", count: 2, assignments: [{ brokerIds: [1] }] };
    expect((await ask(one, GROW, version, { topics: [byHand] })).results[0].errorCode).toBe(0);
  });
});
