import { describe, expect, it } from "vitest";
import { createTopic, ping, topicConfigs } from "#client/admin.ts";
import * as apis from "#client/apis.ts";
import { REQUEST_TIMEOUT_MS } from "#client/client.ts";
import { METADATA_MAX_AGE_MS } from "#client/metadata.ts";
import { EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, listOffsets } from "#client/offsets.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { batchOf, restCluster } from "../doubles/rest-cluster.ts";

describe("the versions that the client speaks", () => {
  it.each(Object.entries(apis))("%s is one that both tables know", (_, { request, response, version }) => {
    expect(request.apiKey).toBe(response.apiKey);
    expect(version).toBeGreaterThanOrEqual(Math.max(request.min, response.min));
    expect(version).toBeLessThanOrEqual(Math.min(request.max, response.max));
  });
});

describe("Client", () => {
  it("asks for a topic once and then knows it until it grows old", async () => {
    const { brokers, client, time } = restCluster();
    brokers.addTopic("t", 3);
    for (let i = 0; i < 3; i++) {
      expect(await client.topic("t")).toMatchObject({ errorCode: 0, value: { name: "t", partitions: { length: 3 } } });
    }
    expect(brokers.requests(3)).toHaveLength(1);
    await time.advance(METADATA_MAX_AGE_MS);
    await client.topic("t");
    expect(brokers.requests(3)).toHaveLength(2);
    client.forget("t");
    await client.topic("t");
    expect(brokers.requests(3)).toHaveLength(3);
  });

  it("answers at once for a topic that doesn't exist and may not be created", async () => {
    const { brokers, client } = restCluster({ autoCreate: 1 });
    expect(await client.topic("absent")).toMatchObject({ errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION });
    expect(brokers.requests(3)).toHaveLength(1);
    expect(brokers.topics.size).toBe(0);
  });

  it("waits for a topic that is being created, and gives up in the end", async () => {
    const { brokers, client } = restCluster();
    let asked = 0;
    brokers.intercept = ({ apiKey }) => {
      if (apiKey !== 3 || ++asked > 2) return undefined;
      return { topics: [{ name: "t", errorCode: ErrorCode.LEADER_NOT_AVAILABLE }] };
    };
    brokers.addTopic("t", 1);
    expect(await client.topic("t", { mayCreate: true })).toMatchObject({ errorCode: 0 });
    expect(asked).toBe(3);
    asked = Number.NEGATIVE_INFINITY;
    client.forget("t");
    expect(await client.topic("t", { mayCreate: true })).toMatchObject({ errorCode: ErrorCode.LEADER_NOT_AVAILABLE });
  });

  it("says that a broker can't be reached, answers rubbish, or answers something else", async () => {
    const { brokers, client } = restCluster();
    brokers.intercept = () => {
      throw new Error("gone");
    };
    expect(await ping(client, 1)).toMatchObject({ errorCode: ErrorCode.NETWORK_EXCEPTION });
    brokers.exchange = async () => Uint8Array.of(0, 0);
    expect(await ping(client, 1)).toMatchObject({ errorCode: ErrorCode.NETWORK_EXCEPTION });
    brokers.exchange = async () => Uint8Array.of(0, 0, 0x77, 0, 0, 0);
    expect(await ping(client, 1)).toMatchObject({ errorCode: ErrorCode.NETWORK_EXCEPTION });
  });

  it("gives up on a broker that stays silent", async () => {
    const { brokers, client, time } = restCluster();
    brokers.exchange = () => new Promise(() => {});
    const answer = ping(client, 1);
    await time.advance(REQUEST_TIMEOUT_MS);
    expect(await answer).toMatchObject({ errorCode: ErrorCode.REQUEST_TIMED_OUT });
    expect(time.pending).toBe(0);
  });

  it("creates topics and says why not", async () => {
    const { brokers, client } = restCluster();
    expect(await createTopic(client, { name: "t", partitionCount: 4 })).toMatchObject({ errorCode: 0 });
    expect(brokers.topics.get("t")?.partitions).toHaveLength(4);
    expect(await createTopic(client, { name: "t", partitionCount: 4 })).toMatchObject({
      errorCode: ErrorCode.TOPIC_ALREADY_EXISTS,
      message: "there is one",
    });
    expect(await topicConfigs(client, "t")).toMatchObject({ value: [{ name: "cleanup.policy", value: "delete" }] });
  });
});

describe("listOffsets", () => {
  it("asks each leader once and puts the answers together", async () => {
    const { brokers, client } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 4);
    brokers.append("t", 1, batchOf("a", "b"));
    brokers.append("t", 2, batchOf("c"));
    brokers.partition("t", 1).logStartOffset = 1;
    const latest = await listOffsets(client, "t", [0, 1, 2, 3], LATEST_TIMESTAMP);
    expect(latest).toEqual({
      errorCode: 0,
      value: new Map([
        [0, 0],
        [2, 1],
        [1, 2],
        [3, 0],
      ]),
    });
    expect(brokers.requests(2).map(({ brokerId }) => brokerId)).toEqual([1, 2]);
    const earliest = await listOffsets(client, "t", [1], EARLIEST_TIMESTAMP);
    expect(earliest).toEqual({ errorCode: 0, value: new Map([[1, 1]]) });
  });

  it("follows a partition to its new leader", async () => {
    const { brokers, client } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 2);
    await client.topic("t");
    brokers.partition("t", 0).leaderId = 2;
    const latest = await listOffsets(client, "t", [0, 1], LATEST_TIMESTAMP);
    expect(latest).toEqual({
      errorCode: 0,
      value: new Map([
        [1, 0],
        [0, 0],
      ]),
    });
  });

  it("says that a partition doesn't exist", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    expect(await listOffsets(client, "t", [7], LATEST_TIMESTAMP)).toMatchObject({
      errorCode: ErrorCode.LEADER_NOT_AVAILABLE,
    });
  });
});
