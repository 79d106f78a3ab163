/** Batches and indexes that aren't what was stored: their partition says so, the others of a request and its connection don't suffer. */
import { describe, expect, it } from "vitest";
import type { SegmentState } from "#ports/log-store.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { OffsetCommitRequest, OffsetCommitResponse } from "#protocol/messages/08-offset-commit.ts";
import { OffsetFetchRequest, OffsetFetchResponse } from "#protocol/messages/09-offset-fetch.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { ShareFetchRequest, ShareFetchResponse } from "#protocol/messages/78-share-fetch.ts";
import { BATCH_HEADER_BYTES } from "#records/batch.ts";
import { batchOf, CoreCluster, type TestClient } from "../doubles/core-cluster.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { createTopic, fetchDraft, produce, V } from "./requests.ts";
import { configure, initialize } from "./share/client.ts";
import { StorageWorld } from "./storage-world.ts";
import { Producer } from "./transaction/client.ts";

const READ_COMMITTED = 1;
const MAGIC_AT = 16;

/** Changes the stored bytes of a topic, and starts the broker anew on them. */
async function damage(cluster: CoreCluster, topic: string, change: (bytes: Uint8Array) => void): Promise<TestClient> {
  const topicId = cluster.broker(1).cluster.topicByName(topic)?.topicId;
  const store = cluster.store(1);
  for (const { number } of store.partitions().filter((entry) => entry.topicId === topicId)) {
    for (const row of store.disk.rows.get(number)?.values() ?? []) change(row.bytes);
  }
  await cluster.start(1, store.reopened());
  return cluster.connect();
}

/** Where the last batch of a row begins. */
function lastBatchAt(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; ; ) {
    const end = at + 12 + view.getInt32(at + 8);
    if (end >= bytes.length) return at;
    at = end;
  }
}

/** Of one member, for partition 0 of the topics. */
function shareFetchDraft(topicIds: readonly string[], shareSessionEpoch: number) {
  const topics = topicIds.map((topicId) => ({ topicId, partitions: [{ partitionIndex: 0 }] }));
  const limits = { maxWaitMs: 0, minBytes: 1, maxBytes: 1 << 20, maxRecords: 500, batchSize: 500 };
  return { groupId: "g", memberId: "m", shareSessionEpoch, ...limits, topics };
}

describe("a damaged marker of a transaction", () => {
  async function open(configs: Record<string, string>, soundBefore: readonly string[] = []) {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    const topicIds = [await createTopic(client, "t"), await createTopic(client, "sound")];
    await configure(client, { "share.auto.offset.reset": "earliest", ...configs });
    for (const topicId of topicIds) await initialize(client, topicId);
    const producer = new Producer(cluster, "id");
    await producer.init();
    for (const value of soundBefore) await produce(client, "t", batchOf([value]));
    await producer.send("t", "aborted");
    await producer.end(false);
    await producer.settled();
    await produce(client, "t", batchOf(["a"]));
    await produce(client, "sound", batchOf(["a"]));
    // The batches lie in one row or in several.
    const restarted = await damage(cluster, "t", (bytes) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let at = 0; at < bytes.length; at += 12 + view.getInt32(at + 8)) {
        if ((view.getInt16(at + 21) & 0x20) !== 0) bytes[at + BATCH_HEADER_BYTES] = 0x7f;
      }
    });
    const answers = [];
    for (const shareSessionEpoch of [0, 1]) {
      const draft = shareFetchDraft(topicIds, shareSessionEpoch);
      const { responses } = await restarted.call(ShareFetchRequest, ShareFetchResponse, 2, draft);
      const told = topicIds.map((topicId) => responses.find((one) => one.topicId === topicId)?.partitions[0]);
      answers.push(told.map((one) => [one?.errorCode, one?.acquiredRecords.map(({ lastOffset }) => lastOffset)]));
    }
    return answers;
  }

  it("is told to a share group that has to know what was aborted, on a connection that stays", async () => {
    const [first, second] = await open({ "share.isolation.level": "read_committed" });
    // What was aborted lies before it.
    expect(first).toEqual([
      [ErrorCode.NONE, []],
      [ErrorCode.NONE, [0]],
    ]);
    expect(second[0]).toEqual([ErrorCode.CORRUPT_MESSAGE, []]);
  });

  it("withholds nothing that comes before it", async () => {
    const [first, second] = await open({ "share.isolation.level": "read_committed" }, ["a", "b"]);
    expect(first[0]).toEqual([ErrorCode.NONE, [1]]);
    expect(second[0][0]).toBe(ErrorCode.CORRUPT_MESSAGE);
  });

  it("is nothing to a share group that reads whatever is there", async () => {
    const [first] = await open({});
    expect(first).toEqual([
      [ErrorCode.NONE, [2]],
      [ErrorCode.NONE, [0]],
    ]);
  });
});

it("a search by time says which partition's batch is damaged, and finds what is in the others", async () => {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  for (const topic of ["t", "sound"]) {
    await createTopic(client, topic);
    await produce(client, topic, batchOf(["a"]));
  }
  const restarted = await damage(cluster, "t", (bytes) => {
    bytes[lastBatchAt(bytes) + MAGIC_AT] = 9;
  });
  for (let turn = 0; turn < 2; turn++) {
    const { topics } = await restarted.call(ListOffsetsRequest, ListOffsetsResponse, V.listOffsets, {
      replicaId: -1,
      topics: ["t", "sound"].map((name) => ({
        name,
        partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: 0 }],
      })),
    });
    const told = topics.map(({ partitions }) => [partitions[0].errorCode, partitions[0].offset]);
    expect(told).toEqual([
      [ErrorCode.CORRUPT_MESSAGE, -1],
      [ErrorCode.NONE, 0],
    ]);
  }
});

/** A disk on which the indexes of aborted transactions are something else. */
class WithoutIndexes extends MemoryLogStore {
  override segmentState(partitionNumber: number, segmentNumber: number): SegmentState {
    return { ...super.segmentState(partitionNumber, segmentNumber), aborted: new Uint8Array(34).fill(9) };
  }
}

it("a damaged index of aborted transactions is told of its partition alone", async () => {
  const { cluster, client, ...world } = await openWorld();
  const topicId = await createTopic(client, "sound");
  await produce(client, "sound", batchOf(["a"]));
  const producer = new Producer(cluster, "id");
  await producer.init();
  await producer.send("t", "aborted");
  await producer.end(false);
  await producer.settled();
  await world.fill(4);
  await configure(client, { "share.auto.offset.reset": "earliest", "share.isolation.level": "read_committed" });
  const t = cluster.broker(1).cluster.topicByName("t")?.topicId as string;
  for (const id of [t, topicId]) await initialize(client, id);
  await cluster.start(1, new WithoutIndexes(cluster.store(1).disk));
  const restarted = cluster.connect();
  const [{ topics: one }, { topics: other }] = [fetchDraft("t", 0), fetchDraft("sound", 0)];
  const draft = { ...fetchDraft("t", 0), topics: [...one, ...other], isolationLevel: READ_COMMITTED };
  for (let turn = 0; turn < 2; turn++) {
    const { responses } = await restarted.call(FetchRequest, FetchResponse, V.fetch, draft);
    expect(responses.map(({ partitions }) => partitions[0].errorCode)).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, 0]);
    expect(responses[1].partitions[0].records?.length).toBeGreaterThan(0);
  }
  const shared = shareFetchDraft([t, topicId], 0);
  const { responses } = await restarted.call(ShareFetchRequest, ShareFetchResponse, 2, shared);
  const told = [t, topicId].map((id) => responses.find((answer) => answer.topicId === id)?.partitions[0].errorCode);
  expect(told).toEqual([ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NONE]);
});

async function openWorld() {
  const world = await StorageWorld.open();
  return { cluster: world.cluster, client: world.client, fill: (count: number) => world.fill(count) };
}

it("a coordinator whose log is damaged is none, on a connection that stays", async () => {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  const find = { keyType: 0, coordinatorKeys: ["g"] };
  await client.call(FindCoordinatorRequest, FindCoordinatorResponse, 4, find);
  await createTopic(client, "t");
  const committed = await client.call(OffsetCommitRequest, OffsetCommitResponse, 8, {
    groupId: "g",
    generationIdOrMemberEpoch: -1,
    memberId: "",
    topics: [{ name: "t", partitions: [{ partitionIndex: 0, committedOffset: 1 }] }],
  });
  expect(committed.topics[0].partitions[0].errorCode).toBe(ErrorCode.NONE);
  const restarted = await damage(cluster, "__consumer_offsets", (bytes) => {
    bytes[lastBatchAt(bytes) + BATCH_HEADER_BYTES] = 0x7f;
  });
  for (let turn = 0; turn < 2; turn++) {
    const { groups } = await restarted.call(OffsetFetchRequest, OffsetFetchResponse, 8, {
      groups: [{ groupId: "g", topics: [{ name: "t", partitionIndexes: [0] }] }],
    });
    expect(groups[0].errorCode).toBe(ErrorCode.NOT_COORDINATOR);
  }
});
