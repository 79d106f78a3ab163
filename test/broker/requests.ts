import { expect } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import type { TestClient } from "../doubles/core-cluster.ts";

/** The versions that the tests of whole brokers speak. */
export const V = {
  produce: 12,
  produceById: 13,
  fetch: 12,
  fetchById: 13,
  listOffsets: 11,
  metadata: 13,
  createTopics: 7,
};

export async function createTopic(client: TestClient, name: string, numPartitions = 1): Promise<string> {
  const response = await client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
    topics: [{ name, numPartitions, replicationFactor: -1 }],
    timeoutMs: 1000,
  });
  expect(response.topics[0].errorCode).toBe(ErrorCode.NONE);
  return response.topics[0].topicId;
}

export function produceDraft(topic: string, records: Uint8Array, options: { acks?: number; index?: number } = {}) {
  const { acks = -1, index = 0 } = options;
  return { acks, timeoutMs: 1000, topicData: [{ name: topic, partitionData: [{ index, records }] }] };
}

export async function produce(client: TestClient, topic: string, records: Uint8Array, options = {}) {
  const response = await client.call(ProduceRequest, ProduceResponse, V.produce, produceDraft(topic, records, options));
  return response.responses[0].partitionResponses[0];
}

export function fetchDraft(
  topic: string,
  fetchOffset: number,
  options: { maxWaitMs?: number; minBytes?: number; maxBytes?: number } = {},
) {
  const { maxWaitMs = 0, minBytes = 1, maxBytes = 1 << 20 } = options;
  return {
    maxWaitMs,
    minBytes,
    maxBytes: 1 << 24,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }] }],
  };
}

export async function fetchFrom(client: TestClient, topic: string, fetchOffset: number, options = {}) {
  const response = await client.call(FetchRequest, FetchResponse, V.fetch, fetchDraft(topic, fetchOffset, options));
  return response.responses[0].partitions[0];
}
