import { describe, expect, it } from "vitest";
import { createTopic, ping, topicConfigs } from "#client/admin.ts";
import {
  alterGroupOffsets,
  deleteGroup,
  deleteGroupOffsets,
  describeClassicGroup,
  describeConsumerGroup,
  groupOffsets,
  listGroups,
} from "#client/admin-groups.ts";
import { alterTopicConfigs, deleteRecords, deleteTopic, growTopic } from "#client/admin-topics.ts";
import type { Client } from "#client/client.ts";
import type { Outcome } from "#client/outcome.ts";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { type CoreClient, coreClient, createTopics } from "../doubles/core-client.ts";
import { pass, T0 } from "./consumer/setup.ts";

/** Kafka's default of `default.api.timeout.ms`. */
const API_TIMEOUT_MS = 60_000;
/** Just in time for each single request. */
const SLOW_MS = 29_000;
const STEPS_MS = 100;

async function slow(lostFinds: number): Promise<CoreClient> {
  const at = await coreClient([1, 2]);
  await createTopics(at, ["t", "u", "v"], 1);
  const { time } = at.cluster;
  at.transport.before = async ({ apiKey, count }) => {
    await new Promise<void>((resolve) => time.set(resolve, SLOW_MS));
    if (apiKey === ApiKey.FindCoordinator && count <= lostFinds) throw new Error("lost");
  };
  return at;
}

async function timed(at: CoreClient, call: (client: Client) => Promise<Outcome<unknown>>) {
  const { time } = at.cluster;
  const startMs = time.nowMs();
  const { errorCode } = await at.run(call(at.client));
  return { errorCode, spentMs: time.nowMs() - startMs };
}

const CALLS: Readonly<Record<string, (client: Client) => Promise<Outcome<unknown>>>> = {
  listGroups: (client) => listGroups(client),
  describeClassicGroup: (client) => describeClassicGroup(client, "g"),
  describeConsumerGroup: (client) => describeConsumerGroup(client, "g"),
  deleteGroup: (client) => deleteGroup(client, "g"),
  groupOffsets: (client) => groupOffsets(client, "g"),
  alterGroupOffsets: (client) => alterGroupOffsets(client, "g", [{ ...T0, offset: 0 }]),
  deleteGroupOffsets: (client) => deleteGroupOffsets(client, "g", [T0]),
  deleteRecords: (client) =>
    deleteRecords(
      client,
      ["t", "u", "v"].map((topic) => ({ topic, partition: 0, beforeOffset: 0 })),
    ),
};

const SINGLE: typeof CALLS = {
  ping: (client) => ping(client, null),
  createTopic: (client) => createTopic(client, { name: "w", partitionCount: 1 }),
  topicConfigs: (client) => topicConfigs(client, "t"),
  deleteTopic: (client) => deleteTopic(client, "t"),
  growTopic: (client) => growTopic(client, "t", 2),
  alterTopicConfigs: (client) => alterTopicConfigs(client, "t", {}),
};

describe("an administrator's call", () => {
  it.each(Object.keys(CALLS))("of several requests ends at its deadline: %s", async (name) => {
    const at = await slow(1);
    const { errorCode, spentMs } = await timed(at, CALLS[name]);
    expect(errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(spentMs).toBeGreaterThanOrEqual(API_TIMEOUT_MS);
    expect(spentMs).toBeLessThan(API_TIMEOUT_MS + STEPS_MS);
  });

  it.each(Object.keys({ ...CALLS, ...SINGLE }))("ends also when nothing is ever answered: %s", async (name) => {
    const at = await slow(0);
    at.transport.before = () => new Promise(() => undefined);
    const { errorCode, spentMs } = await timed(at, { ...CALLS, ...SINGLE }[name]);
    expect(errorCode).toBe(ErrorCode.REQUEST_TIMED_OUT);
    expect(spentMs).toBeLessThan(API_TIMEOUT_MS + STEPS_MS);
  });

  it.each<[string, number]>([
    ["alterGroupOffsets", ApiKey.OffsetCommit],
    ["deleteGroup", ApiKey.DeleteGroups],
    ["deleteRecords", ApiKey.DeleteRecords],
  ])("does nothing any more behind its deadline: %s", async (name, apiKey) => {
    const at = await slow(2);
    await timed(at, CALLS[name]);
    await pass(at, API_TIMEOUT_MS);
    expect(at.transport.count(apiKey)).toBe(0);
  });
});
