import { describe, expect, it } from "vitest";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { buildBatch } from "#records/builder.ts";
import { AcknowledgeType } from "#share/record-state.ts";
import { CoreCluster, compression } from "../../doubles/core-cluster.ts";
import { MemoryObjectStore } from "../../doubles/memory-object-store.ts";
import { produce, V } from "../requests.ts";
import { EARLIEST_LOCAL, HOUR_MS, StorageWorld, VALUE } from "../storage-world.ts";
import { configure, initialize, ShareMember } from "./client.ts";

const RECORDS = 9;
const TOPIC_CONFIGS = {
  "remote.storage.enable": "true",
  "local.retention.bytes": "1000000",
};

describe("share fetch from a tiered log", () => {
  it.each([
    ["gives every record, those from the object store first", 400_000, "1048576"],
    // Objects are read in pieces of 1 MB: a batch of these begins 32 bytes before the end of one (found by the simulation, seed 42).
    ["reads batches whose header lies in two pieces of an object", 524_200, "2097152"],
  ])("%s", async (_, valueBytes, segmentBytes) => {
    const value = new Uint8Array(valueBytes).fill(7);
    const configs = { "remote.log.storage.system.enable": "true" };
    const cluster = await CoreCluster.open([1], { objects: new MemoryObjectStore(), configs });
    const client = cluster.connect();
    const { topics } = await client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
      topics: [
        {
          name: "t",
          numPartitions: 1,
          replicationFactor: 1,
          configs: Object.entries({ ...TOPIC_CONFIGS, "segment.bytes": segmentBytes }).map(([name, config]) => ({
            name,
            value: config,
          })),
        },
      ],
      timeoutMs: 1000,
    });
    const [{ topicId }] = topics;
    await configure(client, { "share.auto.offset.reset": "earliest" });
    await initialize(client, topicId);
    for (let number = 0; number < RECORDS; number++) {
      const record = { timestampMs: cluster.time.nowMs(), key: null, value };
      await produce(client, "t", buildBatch(compression, [record]));
    }
    for (let turn = 0; turn < 10; turn++) await cluster.time.advance(200_000);
    const log = cluster.brokers.get(1)?.lead(cluster.brokers.get(1)?.cluster.topicByName("t"), 0);
    if (log === undefined || typeof log === "number") throw new Error("no log");
    expect(log.tieredSegmentAt(0)).not.toBeNull();
    const member = new ShareMember(cluster.connect(), topicId, "m");
    let next = 0;
    for (let fetches = 0; next < RECORDS && fetches < 2 * RECORDS; fetches++) {
      const { acquired, errorCode, values } = await member.fetch();
      expect(errorCode).toBe(0);
      for (const range of acquired === "" ? [] : acquired.split(" ")) {
        const [, first, last] = /^(\d+)-(\d+)x1$/.exec(range) ?? [];
        expect(Number(first)).toBe(next);
        expect(values.length).toBeGreaterThanOrEqual(Number(last) - next + 1);
        next = Number(last) + 1;
        await member.acknowledge([{ first: Number(first), last: Number(last), types: [AcknowledgeType.ACCEPT] }]);
      }
    }
    expect(next).toBe(RECORDS);
  });

  it("goes on behind a gap that compaction has left at the end of a segment", async () => {
    const world = await StorageWorld.open({ "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" });
    const { client } = world;
    const topicId = world.cluster.brokers.get(1)?.cluster.topicByName("t")?.topicId ?? "";
    await configure(client, { "share.auto.offset.reset": "earliest" });
    await initialize(client, topicId);
    // Two a segment; the second one of the first segment comes again.
    for (const key of ["a", "k", "b", "c", "d", "k", "e"]) {
      const record = { timestampMs: world.cluster.time.nowMs(), key: Buffer.from(key), value: VALUE };
      await produce(client, "t", buildBatch(compression, [record]));
    }
    await world.pass(HOUR_MS);
    await world.alter({ "cleanup.policy": "delete", "remote.storage.enable": "true", "local.retention.ms": "1000" });
    await world.pass(HOUR_MS);
    expect(await world.list(EARLIEST_LOCAL)).toBe(6);
    const member = new ShareMember(world.cluster.connect(), topicId, "m");
    const found: string[] = [];
    for (let fetches = 0; fetches < 12; fetches++) {
      const { acquired, errorCode } = await member.fetch([], { maxBytes: 1 });
      expect(errorCode).toBe(0);
      if (acquired !== "") found.push(acquired);
    }
    expect(found).toEqual(["0-0x1", "2-2x1", "3-3x1", "4-4x1", "5-5x1", "6-6x1"]);
  });
});
