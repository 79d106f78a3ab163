import { describe, expect, it } from "vitest";
import { LOOKUPS_MAX_BYTES } from "#log/limits.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { DeleteRecordsRequest, DeleteRecordsResponse } from "#protocol/messages/21-delete-records.ts";
import { batchOf, CoreCluster, type TestClient } from "../doubles/core-cluster.ts";

async function withTopic(numPartitions: number, value: string): Promise<TestClient> {
  const client = (await CoreCluster.open()).connect();
  await client.call(CreateTopicsRequest, CreateTopicsResponse, 7, {
    topics: [{ name: "t", numPartitions, replicationFactor: -1 }],
    timeoutMs: 1000,
  });
  for (let index = 0; index < numPartitions; index++) {
    const response = await client.call(ProduceRequest, ProduceResponse, 12, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [{ name: "t", partitionData: [{ index, records: batchOf([value]) }] }],
    });
    expect(response.responses[0].partitionResponses[0].errorCode).toBe(ErrorCode.NONE);
  }
  return client;
}

const question = (partitionIndex: number, timestamp: number) => ({ partitionIndex, timestamp, currentLeaderEpoch: -1 });

async function ask(client: TestClient, version: number, entries: readonly (readonly [number, number])[][]) {
  const topics = entries.map((questions) => ({
    name: "t",
    partitions: questions.map(([partitionIndex, timestamp]) => question(partitionIndex, timestamp)),
  }));
  return (await client.call(ListOffsetsRequest, ListOffsetsResponse, version, { replicaId: -1, topics })).topics;
}

describe("ListOffsets", () => {
  it("refuses what is asked twice, also in several entries for one topic, and answers a topic once", async () => {
    const client = await withTopic(2, "a");
    const [topic, ...others] = await ask(client, 11, [[[0, -1]], [[1, -1]], [[0, -2]], [[0, 5]]]);
    expect(others).toEqual([]);
    expect(topic.partitions.map(({ partitionIndex, errorCode }) => [partitionIndex, errorCode])).toEqual([
      [0, ErrorCode.INVALID_REQUEST],
      [1, ErrorCode.NONE],
    ]);
  });

  it.each([
    [4, ErrorCode.LEADER_NOT_AVAILABLE],
    [5, ErrorCode.OFFSET_NOT_AVAILABLE],
    [11, ErrorCode.OFFSET_NOT_AVAILABLE],
  ])("v%i opens no more than its budget, and is finished by asking again", async (version, later) => {
    const value = "x".repeat(1_040_000);
    const partitionCount = Math.ceil(LOOKUPS_MAX_BYTES / value.length) + 3;
    const client = await withTopic(partitionCount, value);
    let open = Array.from({ length: partitionCount }, (_, i) => i);
    const left: number[] = [];
    while (open.length > 0) {
      // One of the log's ends costs nothing and is always told.
      const [topic] = await ask(client, version, [open.map((partitionIndex) => [partitionIndex, 0])]);
      const unanswered = topic.partitions.filter(({ errorCode }) => errorCode !== ErrorCode.NONE);
      expect(unanswered.every(({ errorCode }) => errorCode === later)).toBe(true);
      expect(topic.partitions.filter(({ errorCode }) => errorCode === 0).every(({ offset }) => offset === 0)).toBe(
        true,
      );
      open = unanswered.map(({ partitionIndex }) => partitionIndex);
      left.push(open.length);
    }
    expect(left.length).toBe(2);
    const [ends] = await ask(client, version, [Array.from({ length: partitionCount }, (_, i) => [i, -1] as const)]);
    expect(ends.partitions.every(({ errorCode, offset }) => errorCode === 0 && offset === 1)).toBe(true);
  });
});

describe("DeleteRecords", () => {
  it("answers a partition that is named twice once, for the offset that came last", async () => {
    const client = await withTopic(1, "a");
    const deletion = (offset: number) => ({ name: "t", partitions: [{ partitionIndex: 0, offset }] });
    const { topics } = await client.call(DeleteRecordsRequest, DeleteRecordsResponse, 2, {
      timeoutMs: 1000,
      topics: [deletion(99), deletion(1), deletion(0)],
    });
    expect(topics).toMatchObject([{ name: "t", partitions: [{ partitionIndex: 0, errorCode: 0, lowWatermark: 0 }] }]);
  });
});
