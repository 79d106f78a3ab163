import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { MetadataRequest, MetadataResponse } from "#protocol/messages/03-metadata.ts";
import { FindCoordinatorRequest, FindCoordinatorResponse } from "#protocol/messages/10-find-coordinator.ts";
import { ApiVersionsRequest, ApiVersionsResponse } from "#protocol/messages/18-api-versions.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { DeleteRecordsRequest, DeleteRecordsResponse } from "#protocol/messages/21-delete-records.ts";
import { InitProducerIdRequest, InitProducerIdResponse } from "#protocol/messages/22-init-producer-id.ts";
import {
  OffsetForLeaderEpochRequest,
  OffsetForLeaderEpochResponse,
} from "#protocol/messages/23-offset-for-leader-epoch.ts";
import { batchOf, CoreCluster, valuesIn } from "../doubles/core-cluster.ts";
import { settle } from "../doubles/manual-time.ts";
import { createTopic, fetchDraft, fetchFrom, produce, produceDraft, V } from "./requests.ts";

describe("a broker", () => {
  it("appends, commits, answers and gives back what was written", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    expect(await produce(client, "t", batchOf(["a", "b"]))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await produce(client, "t", batchOf(["c"]))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    const read = await fetchFrom(client, "t", 0);
    expect(read).toMatchObject({ errorCode: 0, highWatermark: 3, logStartOffset: 0 });
    expect(valuesIn(read.records)).toEqual([
      { offset: 0, value: "a" },
      { offset: 1, value: "b" },
      { offset: 2, value: "c" },
    ]);
  });

  it("answers a produce only after its commit, shares one commit among all that wait, and keeps the order", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["first"]));
    const store = cluster.store(1);
    const before = store.commits;
    let release: () => void = () => undefined;
    store.beforeCommit = () => new Promise((resolve) => (release = resolve));
    const answered: number[] = [];
    for (const value of ["a", "b", "c"]) client.send(ProduceRequest, V.produce, produceDraft("t", batchOf([value])));
    const answers = [0, 1, 2].map(async (i) => {
      const response = await client.receive(ProduceResponse, V.produce);
      answered.push(i);
      return response.responses[0].partitionResponses[0].baseOffset;
    });
    await settle();
    expect(answered).toEqual([]);
    store.beforeCommit = () => Promise.resolve();
    release();
    expect(await Promise.all(answers)).toEqual([1, 2, 3]);
    expect(answered).toEqual([0, 1, 2]);
    expect(store.commits).toBe(before + 1);
  });

  it("shows a record to nobody before it is committed", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["old"]));
    const store = cluster.store(1);
    let release: () => void = () => undefined;
    store.beforeCommit = () => new Promise((resolve) => (release = resolve));
    client.send(ProduceRequest, V.produce, produceDraft("t", batchOf(["new"])));
    await settle();
    const reader = cluster.connect();
    expect(valuesIn((await fetchFrom(reader, "t", 0)).records).map((r) => r.value)).toEqual(["old"]);
    release();
    await client.receive(ProduceResponse, V.produce);
    expect(valuesIn((await fetchFrom(reader, "t", 0)).records).map((r) => r.value)).toEqual(["old", "new"]);
  });

  it("loses nothing acknowledged in a crash, and gives no offset twice", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    for (let i = 0; i < 20; i++) await produce(client, "t", batchOf([`v${i}`]));
    const store = cluster.store(1);
    store.beforeCommit = () => new Promise(() => undefined);
    client.send(ProduceRequest, V.produce, produceDraft("t", batchOf(["never acknowledged"])));
    await settle();
    await cluster.crash(1);
    const after = cluster.connect();
    const read = await fetchFrom(after, "t", 0);
    expect(valuesIn(read.records).map((r) => r.value)).toEqual(Array.from({ length: 20 }, (_, i) => `v${i}`));
    expect(await produce(after, "t", batchOf(["next"]))).toMatchObject({ baseOffset: 20 });
  });

  it("answers a repeated batch of an idempotent producer with its first offset, also after a restart", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    const { producerId } = await client.call(InitProducerIdRequest, InitProducerIdResponse, 5, {
      transactionalId: null,
    });
    const batch = (sequence: number) =>
      batchOf([`s${sequence}`], { producerId, producerEpoch: 0, baseSequence: sequence });
    for (let sequence = 0; sequence < 7; sequence++) await produce(client, "t", batch(sequence));
    expect(await produce(client, "t", batch(4))).toMatchObject({ errorCode: 0, baseOffset: 4 });
    expect((await produce(client, "t", batch(1))).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    expect((await produce(client, "t", batch(9))).errorCode).toBe(ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER);
    await cluster.crash(1);
    const after = cluster.connect();
    expect(await produce(after, "t", batch(6))).toMatchObject({ errorCode: 0, baseOffset: 6 });
    expect(await produce(after, "t", batch(7))).toMatchObject({ errorCode: 0, baseOffset: 7 });
  });

  it("refuses what Kafka refuses, each with its own error", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    const broken = batchOf(["x"]);
    broken[broken.length - 1] ^= 1;
    expect((await produce(client, "t", broken)).errorCode).toBe(ErrorCode.CORRUPT_MESSAGE);
    expect((await produce(client, "none", batchOf(["x"]))).errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    expect((await produce(client, "t", batchOf(["x"]), { index: 5 })).errorCode).toBe(
      ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    );
    expect((await produce(client, "t", batchOf(["x"]), { acks: 2 })).errorCode).toBe(ErrorCode.INVALID_REQUIRED_ACKS);
    expect((await produce(client, "t", batchOf(["x".repeat(1_100_000)]))).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
    expect((await fetchFrom(client, "t", 99)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect((await fetchFrom(client, "t", 0)).highWatermark).toBe(0);
  });

  it("says nothing for acks=0, and closes the connection where it would have to say an error", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await expect(produce(client, "t", batchOf(["quiet"]), { acks: 0 })).rejects.toThrow("no response");
    await expect(produce(client, "none", batchOf(["x"]), { acks: 0 })).rejects.toThrow("closed");
    await settle();
    expect(valuesIn((await fetchFrom(cluster.connect(), "t", 0)).records)).toEqual([{ offset: 0, value: "quiet" }]);
  });

  it("parks a fetch until there is enough, or until its deadline, or until its client has gone", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    const reader = cluster.connect();
    reader.send(FetchRequest, V.fetch, fetchDraft("t", 0, { maxWaitMs: 10_000, minBytes: 100 }));
    await settle();
    await produce(client, "t", batchOf(["small"]));
    await produce(client, "t", batchOf(["enough".repeat(20)]));
    const woken = await reader.receive(FetchResponse, V.fetch);
    expect(valuesIn(woken.responses[0].partitions[0].records)).toHaveLength(2);

    reader.send(FetchRequest, V.fetch, fetchDraft("t", 2, { maxWaitMs: 500 }));
    await cluster.time.advance(499);
    let answered = false;
    const late = reader.receive(FetchResponse, V.fetch).then((response) => {
      answered = true;
      return response;
    });
    await settle();
    expect(answered).toBe(false);
    await cluster.time.advance(1);
    expect((await late).responses[0].partitions[0].records ?? []).toHaveLength(0);

    const timersBefore = cluster.time.pending;
    reader.send(FetchRequest, V.fetch, fetchDraft("t", 2, { maxWaitMs: 1_000_000 }));
    await settle();
    expect(cluster.time.pending).toBe(timersBefore + 1);
    reader.connection.end();
    await settle();
    expect(cluster.time.pending).toBe(timersBefore);
  });

  it("cuts a fetch at whole batches and always gives the first one", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    for (const value of ["a", "b", "c"]) await produce(client, "t", batchOf([value.repeat(100)]));
    const one = batchOf(["a".repeat(100)]).length;
    expect(valuesIn((await fetchFrom(client, "t", 0, { maxBytes: 1 })).records).map((r) => r.offset)).toEqual([0]);
    expect(valuesIn((await fetchFrom(client, "t", 1, { maxBytes: 2 * one })).records).map((r) => r.offset)).toEqual([
      1, 2,
    ]);
  });

  it("finds offsets by end, by time and by the largest timestamp", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["a", "b", "c"]));
    const ask = async (timestamp: number, version = V.listOffsets) => {
      const draft = { replicaId: -1, topics: [{ name: "t", partitions: [{ partitionIndex: 0, timestamp }] }] };
      return (await client.call(ListOffsetsRequest, ListOffsetsResponse, version, draft)).topics[0].partitions[0];
    };
    expect(await ask(-1)).toMatchObject({ errorCode: 0, offset: 3, leaderEpoch: 0 });
    expect(await ask(-2)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await ask(-3)).toMatchObject({ errorCode: 0, offset: 0, timestamp: 1_700_000_000_000 });
    expect(await ask(1_700_000_000_000)).toMatchObject({ offset: 0, timestamp: 1_700_000_000_000 });
    expect(await ask(1_700_000_000_001)).toMatchObject({ errorCode: 0, offset: -1, timestamp: -1 });
    expect((await ask(-3, 6)).errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
  });

  it("deletes records before an offset, durably", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["a", "b", "c"]));
    const remove = async (offset: number) => {
      const draft = { timeoutMs: 1, topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset }] }] };
      return (await client.call(DeleteRecordsRequest, DeleteRecordsResponse, 2, draft)).topics[0].partitions[0];
    };
    expect(await remove(2)).toMatchObject({ errorCode: 0, lowWatermark: 2 });
    expect((await remove(4)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    await cluster.crash(1);
    const after = cluster.connect();
    expect((await fetchFrom(after, "t", 1)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
    expect((await fetchFrom(after, "t", 2)).logStartOffset).toBe(2);
  });

  it("drops a deleted topic and wakes those who wait for it", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["a"]));
    const reader = cluster.connect();
    reader.send(FetchRequest, V.fetch, fetchDraft("t", 1, { maxWaitMs: 100_000 }));
    await settle();
    await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics: [{ name: "t" }], timeoutMs: 1 });
    const response = await reader.receive(FetchResponse, V.fetch);
    expect(response.responses[0].partitions[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION);
    await createTopic(client, "t");
    expect((await fetchFrom(client, "t", 0)).highWatermark).toBe(0);
    await settle();
    expect(cluster.store(1).rowCount).toBe(0);
  });

  it("begins although a topic that was deleted meanwhile is broken", async () => {
    const cluster = await CoreCluster.open([1, 2]);
    const client = cluster.connect(1);
    await createTopic(client, "t", 2);
    const { partitions } = (
      await client.call(MetadataRequest, MetadataResponse, V.metadata, { topics: [{ name: "t" }] })
    ).topics[0];
    const index = partitions.findIndex(({ leaderId }) => leaderId === 1);
    await produce(client, "t", batchOf(["a"]), { index });
    const store = cluster.store(1).crashed();
    cluster.brokers.delete(1);
    const other = cluster.connect(2);
    await other.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics: [{ name: "t" }], timeoutMs: 1 });
    store.snapshot = () => {
      throw new Error("this snapshot is broken");
    };
    await cluster.start(1, store);
    await settle();
    expect([store.rowCount, store.partitions()]).toEqual([0, []]);
  });

  it("shows a new topic, and the coordinator of groups, to all who ask for them at once", async () => {
    const cluster = await CoreCluster.open();
    const clients = [cluster.connect(), cluster.connect(), cluster.connect()];
    const found = await Promise.all(
      clients.map((client) =>
        client.call(FindCoordinatorRequest, FindCoordinatorResponse, 3, { key: "g", keyType: 0 }),
      ),
    );
    expect(found.map(({ errorCode }) => errorCode)).toEqual([0, 0, 0]);
    const asked = await Promise.all(
      clients.map((client) =>
        client.call(MetadataRequest, MetadataResponse, 9, { topics: [{ name: "new" }], allowAutoTopicCreation: true }),
      ),
    );
    expect(asked.map(({ topics }) => topics[0].errorCode)).toEqual([0, 0, 0]);
  });

  it("serves topics by id, and says so when an id is unknown", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    const topicId = await createTopic(client, "t");
    const draft = (id: string) => ({
      acks: -1,
      topicData: [{ topicId: id, partitionData: [{ index: 0, records: batchOf(["a"]) }] }],
    });
    const produced = await client.call(ProduceRequest, ProduceResponse, V.produceById, draft(topicId));
    expect(produced.responses[0]).toMatchObject({ topicId, partitionResponses: [{ errorCode: 0 }] });
    const unknown = "zzzzzzzzzzzzzzzzzzzzzA";
    const refused = await client.call(ProduceRequest, ProduceResponse, V.produceById, draft(unknown));
    expect(refused.responses[0].partitionResponses[0].errorCode).toBe(ErrorCode.UNKNOWN_TOPIC_ID);
    const fetched = await client.call(FetchRequest, FetchResponse, V.fetchById, {
      maxBytes: 1000,
      topics: [topicId, unknown].map((id) => ({
        topicId: id,
        partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 999 }],
      })),
    });
    expect(fetched.responses.map((topic) => topic.partitions[0].errorCode)).toEqual([0, ErrorCode.UNKNOWN_TOPIC_ID]);
    expect(valuesIn(fetched.responses[0].partitions[0].records)).toHaveLength(1);
  });

  it("tells where an epoch ended", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["a", "b"]));
    const ask = async (leaderEpoch: number, currentLeaderEpoch = -1) => {
      const draft = { topics: [{ topic: "t", partitions: [{ partition: 0, currentLeaderEpoch, leaderEpoch }] }] };
      return (await client.call(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, 4, draft)).topics[0]
        .partitions[0];
    };
    expect(await ask(0)).toMatchObject({ errorCode: 0, leaderEpoch: 0, endOffset: 2 });
    expect(await ask(7)).toMatchObject({ errorCode: 0, leaderEpoch: -1, endOffset: -1 });
    expect((await ask(0, 3)).errorCode).toBe(ErrorCode.UNKNOWN_LEADER_EPOCH);
  });

  it("answers ApiVersions of the future in version 0, and closes on what it doesn't know", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    client.sendRaw(Uint8Array.of(0, 18, 0, 99, 0, 0, 0, 1, 255, 255, 0));
    const answer = await client.receive(ApiVersionsResponse, 0);
    expect(answer.errorCode).toBe(ErrorCode.UNSUPPORTED_VERSION);
    expect(answer.apiKeys).toEqual([{ apiKey: 18, minVersion: 0, maxVersion: 5 }]);
    const now = await client.call(ApiVersionsRequest, ApiVersionsResponse, 4, {
      clientSoftwareName: "kedge-test",
      clientSoftwareVersion: "1.0",
    });
    expect(now.apiKeys.find(({ apiKey }) => apiKey === 0)).toMatchObject({ minVersion: 0, maxVersion: 13 });
    for (const frame of [Uint8Array.of(0, 77), Uint8Array.of(0, 3, 0, 99, 0, 0, 0, 1, 255, 255), Uint8Array.of()]) {
      const other = cluster.connect();
      other.sendRaw(frame);
      await expect(other.receive(MetadataResponse, 0)).rejects.toThrow("closed");
    }
  });
});

describe("a cluster of three brokers", () => {
  it("spreads leaders, points clients to them, and keeps each log with its leader alone", async () => {
    const cluster = await CoreCluster.open([1, 2, 3]);
    const client = cluster.connect(1);
    await createTopic(client, "t", 3);
    const metadata = await cluster
      .connect(3)
      .call(MetadataRequest, MetadataResponse, V.metadata, { topics: [{ name: "t" }] });
    const leaders = metadata.topics[0].partitions.map(({ leaderId }) => leaderId);
    expect([...leaders].sort()).toEqual([1, 2, 3]);
    for (const [index, leaderId] of leaders.entries()) {
      for (const brokerId of [1, 2, 3]) {
        const answer = await cluster
          .connect(brokerId)
          .call(ProduceRequest, ProduceResponse, V.produce, produceDraft("t", batchOf([`p${index}`]), { index }));
        const partition = answer.responses[0].partitionResponses[0];
        if (brokerId === leaderId) {
          expect(partition.errorCode).toBe(ErrorCode.NONE);
        } else {
          expect(partition.errorCode).toBe(ErrorCode.NOT_LEADER_OR_FOLLOWER);
          expect(partition.currentLeader).toEqual({ leaderId, leaderEpoch: 0 });
          expect(answer.nodeEndpoints).toEqual([
            { nodeId: leaderId, host: "127.0.0.1", port: 9091 + leaderId, rack: null },
          ]);
        }
      }
    }
    for (const brokerId of [1, 2, 3]) expect(cluster.store(brokerId).rowCount).toBe(1);
  });

  it("gives no producer id twice", async () => {
    const cluster = await CoreCluster.open([1, 2]);
    const ids = new Set<number>();
    for (let i = 0; i < 1500; i++) {
      const client = cluster.connect(1 + (i % 2));
      const { producerId } = await client.call(InitProducerIdRequest, InitProducerIdResponse, 4, {
        transactionalId: null,
      });
      ids.add(producerId);
    }
    expect(ids.size).toBe(1500);
  });
});
