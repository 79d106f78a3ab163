/** Compaction by a whole broker: configs decide, timers drive it, clients read what is left. */
import { describe, expect, it } from "vitest";
import { GROUP_METADATA_TOPIC } from "#cluster/topic-names.ts";
import { partitionOfKey } from "#coordinator/partition.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from "#protocol/messages/44-incremental-alter-configs.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { CoreCluster, compression, type TestClient } from "../doubles/core-cluster.ts";
import { fetchFrom, produce, V } from "./requests.ts";

const TOPIC_RESOURCE = 2;
const BROKER_RESOURCE = 4;
const BACKOFF_MS = 15_000;
const MINUTE_MS = 60_000;

async function createCompacted(client: TestClient, configs: Record<string, string> = {}): Promise<void> {
  const all = { "cleanup.policy": "compact", "segment.ms": String(MINUTE_MS), ...configs };
  const response = await client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
    topics: [
      {
        name: "t",
        numPartitions: 1,
        replicationFactor: 1,
        configs: Object.entries(all).map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: 1000,
  });
  expect(response.topics[0].errorCode).toBe(ErrorCode.NONE);
}

async function alter(client: TestClient, resourceType: number, name: string, value: string): Promise<void> {
  const resourceName = resourceType === TOPIC_RESOURCE ? "t" : "";
  const configs = [{ name, configOperation: 0, value }];
  const draft = { resources: [{ resourceType, resourceName, configs }] };
  const answer = await client.call(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse, 1, draft);
  expect(answer.responses[0].errorCode).toBe(ErrorCode.NONE);
}

/** One record; `value` null for a tombstone. */
async function put(client: TestClient, key: string | null, value: string | null, timestampMs: number) {
  const record = {
    timestampMs,
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  };
  return produce(client, "t", buildBatch(compression, [record]));
}

async function keysAndValues(client: TestClient): Promise<string[]> {
  const found: string[] = [];
  for (let offset = 0; ; ) {
    const { records, highWatermark } = await fetchFrom(client, "t", offset);
    for (const { at, header } of readBatches(records as Uint8Array)) {
      offset = header.baseOffset + header.lastOffsetDelta + 1;
      for (const { key, value } of readRecords(compression, records as Uint8Array, at)) {
        found.push(`${Buffer.from(key ?? [])}=${value === null ? "null" : Buffer.from(value)}`);
      }
    }
    if (offset >= highWatermark) return found;
  }
}

/** Segments a minute apart, with the same key in each and one more. */
async function fill(cluster: CoreCluster, client: TestClient, segments = 3): Promise<void> {
  const startMs = cluster.time.nowMs() - segments * 2 * MINUTE_MS;
  for (let i = 0; i < segments; i++) {
    await put(client, "k", `${i}`, startMs + i * 2 * MINUTE_MS);
    await put(client, `only ${i}`, "x", startMs + i * 2 * MINUTE_MS);
  }
}

async function setUp(configs: Record<string, string> = {}) {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  await createCompacted(client, configs);
  return { cluster, client };
}

const COMPACTED = ["only 0=x", "k=1", "only 1=x", "k=2", "only 2=x"];
const WHOLE = ["k=0", ...COMPACTED];

describe("a broker", () => {
  it("compacts a topic that is dirty enough, all but its active segment", async () => {
    const { cluster, client } = await setUp();
    await fill(cluster, client);
    expect(await keysAndValues(client)).toEqual(WHOLE);
    await cluster.time.advance(BACKOFF_MS);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
    expect(cluster.fatal).toEqual([]);
  });

  it("refuses records without a key in a compacted topic", async () => {
    const { client } = await setUp();
    expect((await put(client, null, "x", 0)).errorCode).toBe(ErrorCode.INVALID_RECORD);
  });

  it("leaves a topic alone that only deletes, until it is told to compact, too", async () => {
    const { cluster, client } = await setUp({ "cleanup.policy": "delete" });
    await fill(cluster, client);
    await cluster.time.advance(BACKOFF_MS * 4);
    expect(await keysAndValues(client)).toEqual(WHOLE);
    await alter(client, TOPIC_RESOURCE, "cleanup.policy", "compact,delete");
    await cluster.time.advance(BACKOFF_MS);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
  });

  it("waits until min.cleanable.dirty.ratio is passed", async () => {
    const { cluster, client } = await setUp({ "min.cleanable.dirty.ratio": "1" });
    await fill(cluster, client);
    await cluster.time.advance(BACKOFF_MS * 4);
    expect(await keysAndValues(client)).toEqual(WHOLE);
    await alter(client, TOPIC_RESOURCE, "min.cleanable.dirty.ratio", "0.99");
    await cluster.time.advance(BACKOFF_MS);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
  });

  it("keeps what is younger than min.compaction.lag.ms", async () => {
    const configs = { "min.compaction.lag.ms": String(60 * MINUTE_MS), "min.cleanable.dirty.ratio": "0.1" };
    const { cluster, client } = await setUp(configs);
    await fill(cluster, client);
    await cluster.time.advance(30 * MINUTE_MS);
    expect(await keysAndValues(client)).toEqual(WHOLE);
    await cluster.time.advance(30 * MINUTE_MS);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
  });

  it("compacts after max.compaction.lag.ms whatever the ratio", async () => {
    const lagMs = 30 * MINUTE_MS;
    const { cluster, client } = await setUp({
      "min.cleanable.dirty.ratio": "1",
      "max.compaction.lag.ms": String(lagMs),
    });
    await fill(cluster, client);
    await cluster.time.advance(10 * MINUTE_MS);
    expect(await keysAndValues(client)).toEqual(WHOLE);
    await cluster.time.advance(lagMs);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
  });

  it("forgets tombstones after delete.retention.ms", async () => {
    const { cluster, client } = await setUp({ "delete.retention.ms": String(10 * MINUTE_MS) });
    const startMs = cluster.time.nowMs() - 10 * MINUTE_MS;
    await put(client, "k", "1", startMs);
    await put(client, "k", null, startMs);
    await put(client, "other", "1", startMs + 2 * MINUTE_MS);
    await cluster.time.advance(BACKOFF_MS);
    expect(await keysAndValues(client)).toEqual(["k=null", "other=1"]);
    await cluster.time.advance(11 * MINUTE_MS);
    await put(client, "other", "2", cluster.time.nowMs());
    await cluster.time.advance(BACKOFF_MS);
    expect(await keysAndValues(client)).toEqual(["other=1", "other=2"]);
  });

  it("looks as often as log.cleaner.backoff.ms says", async () => {
    const { cluster, client } = await setUp();
    await alter(client, BROKER_RESOURCE, "log.cleaner.backoff.ms", "1");
    await cluster.time.advance(BACKOFF_MS);
    await fill(cluster, client);
    await cluster.time.advance(1);
    expect(await keysAndValues(client)).toEqual(COMPACTED);
  });

  it("compacts after a restart what nobody has touched since", async () => {
    const { cluster, client } = await setUp({ "min.cleanable.dirty.ratio": "1" });
    await fill(cluster, client);
    await alter(client, TOPIC_RESOURCE, "min.cleanable.dirty.ratio", "0.5");
    await cluster.crash(1);
    const { rowCount } = cluster.store(1);
    await cluster.time.advance(MINUTE_MS);
    expect(cluster.store(1).rowCount).toBeLessThan(rowCount);
    expect(await keysAndValues(cluster.connect())).toEqual(COMPACTED);
  });

  it("sleeps when there is nothing to compact", async () => {
    const { cluster, client } = await setUp();
    await fill(cluster, client);
    await cluster.time.advance(BACKOFF_MS * 2);
    expect(cluster.time.pending).toBe(0);
  });
});

describe("what a coordinator loads", () => {
  it("is compacted, too, and says the same then", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    const partitions = 500;
    await client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
      topics: [{ name: "t", numPartitions: partitions, replicationFactor: 1 }],
      timeoutMs: 1000,
    });
    await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: "g", keyType: 0 });
    const log = () => {
      const broker = cluster.broker(1);
      const found = broker.lead(broker.cluster.topicByName(GROUP_METADATA_TOPIC), partitionOfKey("g", 50));
      if (typeof found === "number") throw new Error("the broker doesn't lead the group's partition");
      return found;
    };
    const rounds = 12;
    for (let round = 0; round < rounds; round++) {
      await client.call(OffsetCommitRequest, OffsetCommitResponse, 8, {
        groupId: "g",
        generationIdOrMemberEpoch: -1,
        topics: [
          {
            name: "t",
            partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
              partitionIndex,
              committedOffset: round,
              committedMetadata: "m".repeat(1000),
            })),
          },
        ],
      });
    }
    const { sizeInBytes } = log().segments;
    await cluster.time.advance(BACKOFF_MS);
    expect(log().segments.sealed.length).toBeGreaterThan(0);
    expect(log().segments.sizeInBytes).toBeLessThan(sizeInBytes * 0.6);
    const committed = () =>
      cluster.connect().call(OffsetFetchRequest, OffsetFetchResponse, 7, { groupId: "g", topics: null });
    const before = await committed();
    expect(before.topics[0].partitions.every((one) => one.committedOffset === rounds - 1)).toBe(true);
    await cluster.crash(1);
    expect(await committed()).toEqual(before);
    expect(cluster.fatal).toEqual([]);
  });
});
