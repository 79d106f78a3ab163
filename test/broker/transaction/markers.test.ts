import { describe, expect, it } from "vitest";
import { ApiKey } from "#protocol/api-keys.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from "#protocol/messages/27-write-txn-markers.ts";
import { batchOf, CoreCluster } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { createTopic, produce, produceDraft } from "../requests.ts";
import { Producer } from "./client.ts";

/** Two brokers; `id` is coordinated by one of them, and the partition of `t` is led by the other. */
async function open(): Promise<{ cluster: CoreCluster; here: number; partition: number }> {
  const cluster = await CoreCluster.open([1, 2]);
  await createTopic(cluster.connect(1), "t", 2);
  const producer = new Producer(cluster, "id", "v1");
  const { brokerId: here } = await producer.coordinatorOf("id", 1);
  const leaders = [0, 1].map((index) => cluster.broker(1).cluster.partition("t", index)?.leaderId);
  return { cluster, here, partition: leaders.indexOf(3 - here) };
}

const apiKeyOf = (frame: Uint8Array): number => new DataView(frame.buffer, frame.byteOffset).getInt16(0);

/** A marker of the transaction of "a" that arrives within the next one, which is aborted then. */
async function expectHarmless(late: () => Promise<unknown>, producer: Producer, partition: number): Promise<void> {
  await producer.send("t", "b", partition);
  await late();
  expect(await producer.readCommitted("t", partition)).toEqual(["a"]);
  await producer.end(false);
  await producer.settled();
  expect(await producer.readCommitted("t", partition)).toEqual(["a"]);
}

describe("a coordinator whose broker may sleep", () => {
  it("says when it wants to be woken, and goes on with what it finds then", async () => {
    const { cluster, here, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init({ timeoutMs: 5_000 });
    await producer.send("t", "a", partition);
    const dueMs = cluster.time.nowMs() + 5_001;
    expect(cluster.dues).toContain(dueMs);
    cluster.dues.length = 0;
    const awake = await cluster.crash(here);
    await awake.wakeUp();
    expect(cluster.dues.at(-1)).toBe(dueMs);
    await cluster.time.advance(5_001);
    producer.reconnect();
    await producer.settled();
    expect(await producer.state()).toBe("CompleteAbort");
    await awake.wakeUp();
    expect(cluster.dues.at(-1)).toBe(Number.POSITIVE_INFINITY);
  });

  it("wants to be woken at once for markers that can't be written", async () => {
    const { cluster, here, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a", partition);
    const exchange = cluster.exchange;
    cluster.exchange = (brokerId, frame) =>
      apiKeyOf(frame) === ApiKey.WriteTxnMarkers ? Promise.reject(new Error("lost")) : exchange(brokerId, frame);
    await producer.end(true);
    await cluster.broker(here).wakeUp();
    expect(cluster.dues.at(-1)).toBe(cluster.time.nowMs());
  });
});

describe("markers for partitions of other brokers", () => {
  it("are sent again until they are written, whether the request or the answer is lost", async () => {
    const { cluster, partition } = await open();
    const exchange = cluster.exchange;
    let lost = 0;
    cluster.exchange = async (brokerId, frame) => {
      if (apiKeyOf(frame) !== ApiKey.WriteTxnMarkers || lost === 4) return exchange(brokerId, frame);
      lost += 1;
      if (lost % 2 === 0) await exchange(brokerId, frame);
      throw new Error("lost");
    };
    const producer = new Producer(cluster, "id");
    await producer.init();
    expect(await producer.send("t", "a", partition)).toBe(0);
    await producer.end(true);
    await producer.settled();
    expect(lost).toBe(4);
    expect(await producer.readCommitted("t", partition)).toEqual(["a"]);
    await producer.send("t", "b", partition);
    await producer.end(false);
    await producer.settled();
    expect(await producer.readCommitted("t", partition)).toEqual(["a"]);
  });

  it("are sent again when there is no answer at all, and those that come after all end no later transaction", async () => {
    const { cluster, partition } = await open();
    const exchange = cluster.exchange;
    const delayed: (() => Promise<Uint8Array>)[] = [];
    cluster.exchange = (brokerId, frame) => {
      if (apiKeyOf(frame) !== ApiKey.WriteTxnMarkers || delayed.length > 0) return exchange(brokerId, frame);
      const copy = frame.slice();
      delayed.push(() => exchange(brokerId, copy));
      return new Promise(() => undefined);
    };
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a", partition);
    await producer.end(true);
    await settle();
    expect(await producer.state()).toBe("PrepareCommit");
    await cluster.time.advance(10_000);
    await producer.settled();
    expect(await producer.state()).toBe("CompleteCommit");
    await expectHarmless(delayed[0], producer, partition);
  });

  it("that a coordinator sent before it crashed end no later transaction, also of an old client", async () => {
    const { cluster, here, partition } = await open();
    const exchange = cluster.exchange;
    const delayed: (() => Promise<Uint8Array>)[] = [];
    cluster.exchange = (brokerId, frame) => {
      if (apiKeyOf(frame) !== ApiKey.WriteTxnMarkers) return exchange(brokerId, frame);
      const copy = frame.slice();
      delayed.push(() => exchange(brokerId, copy));
      return new Promise(() => undefined);
    };
    const producer = new Producer(cluster, "id", "v1");
    await producer.init();
    await producer.add("t", [partition]);
    await producer.send("t", "a", partition);
    expect(await producer.end(true)).toBe("NONE");
    await settle();
    expect(delayed).toHaveLength(1);
    cluster.exchange = exchange;
    await cluster.crash(here);
    producer.reconnect();
    await producer.settled();
    expect(await producer.state()).toBe("CompleteCommit");
    await producer.add("t", [partition]);
    await expectHarmless(delayed[0], producer, partition);
  });

  it("are written once, however often a request names a partition", async () => {
    const { cluster, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a", partition);
    const { producerId, producerEpoch } = producer;
    const leader = cluster.broker(1).cluster.partition("t", partition)?.leaderId;
    const client = cluster.connect(leader);
    const topics = [{ name: "t", partitionIndexes: [partition, partition, partition] }];
    const marker = {
      producerId,
      producerEpoch: producerEpoch + 1,
      transactionResult: false,
      coordinatorEpoch: 0,
      topics,
    };
    const answer = await client.call(WriteTxnMarkersRequest, WriteTxnMarkersResponse, 1, { markers: [marker] });
    expect(answer.markers[0].topics[0].partitions).toEqual([{ partitionIndex: partition, errorCode: 0 }]);
    const { partitions } = (
      await client.call(ListOffsetsRequest, ListOffsetsResponse, 9, {
        replicaId: -1,
        topics: [{ name: "t", partitions: [{ partitionIndex: partition, timestamp: -1 }] }],
      })
    ).topics[0];
    // The record and one marker.
    expect(partitions[0].offset).toBe(2);
  });

  it("aren't needed where the topic is gone", async () => {
    const { cluster, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a", partition);
    await cluster.broker(1).controller.deleteTopics([{ name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }]);
    expect(await producer.end(true)).toBe("NONE");
    await producer.settled();
    expect(await producer.state()).toBe("CompleteCommit");
  });

  it("a partition is added and verified by its leader at a coordinator elsewhere, or the producer tries again", async () => {
    const { cluster, partition } = await open();
    const exchange = cluster.exchange;
    let isCut = true;
    cluster.exchange = (brokerId, frame) =>
      isCut && apiKeyOf(frame) === ApiKey.AddPartitionsToTxn
        ? Promise.reject(new Error("lost"))
        : exchange(brokerId, frame);
    for (const generation of ["v1", "v2"] as const) {
      const producer = new Producer(cluster, "id", generation);
      isCut = true;
      await producer.init();
      if (generation === "v1") await producer.add("t", [partition]);
      expect(await producer.send("t", generation, partition)).toBe("NOT_ENOUGH_REPLICAS");
      isCut = false;
      expect(await producer.send("t", generation, partition)).toEqual(expect.any(Number));
      await producer.end(true);
      await producer.settled();
    }
    const reader = new Producer(cluster, "reader");
    expect(await reader.readCommitted("t", partition)).toEqual(["v1", "v2"]);
  });

  it("a coordinator that never answers holds a producer up for a bounded time, and nobody else", async () => {
    const { cluster, here, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    const exchange = cluster.exchange;
    cluster.exchange = (brokerId, frame) =>
      apiKeyOf(frame) === ApiKey.AddPartitionsToTxn ? new Promise(() => undefined) : exchange(brokerId, frame);
    const client = cluster.connect(3 - here);
    const { transactionalId, producerId, producerEpoch } = producer;
    const send = (value: string, baseSequence: number) => {
      const records = batchOf([value], { producerId, producerEpoch, baseSequence, transactional: true });
      client.send(ProduceRequest, 12, { ...produceDraft("t", records, { index: partition }), transactionalId });
      return client.receive(ProduceResponse, 12);
    };
    const waiting = [send("a", 0), send("b", 1)];
    const other = await produce(cluster.connect(3 - here), "t", batchOf(["other"]), { index: partition });
    expect(other.errorCode).toBe(ErrorCode.NONE);
    // Each waits for itself, behind the one before it.
    for (let turn = 0; turn < 2; turn++) await cluster.time.advance(10_000);
    const outcomes = (await Promise.all(waiting)).map(({ responses }) => responses[0].partitionResponses[0].errorCode);
    expect(outcomes).toEqual([ErrorCode.NOT_ENOUGH_REPLICAS, ErrorCode.NOT_ENOUGH_REPLICAS]);
    cluster.exchange = exchange;
    expect((await send("a", 0)).responses[0].partitionResponses[0].errorCode).toBe(ErrorCode.NONE);
    await producer.end(true);
    await producer.settled();
    expect(await producer.readCommitted("t", partition)).toEqual(["other", "a"]);
  });

  it("what a producer sends while its first batch waits for the coordinator comes after it", async () => {
    const { cluster, here, partition } = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    const exchange = cluster.exchange;
    let letGo: () => void = () => undefined;
    const held = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    cluster.exchange = async (brokerId, frame) => {
      const copy = frame.slice();
      if (apiKeyOf(frame) === ApiKey.AddPartitionsToTxn) await held;
      return exchange(brokerId, copy);
    };
    const client = cluster.connect(3 - here);
    const { transactionalId, producerId, producerEpoch } = producer;
    for (const [baseSequence, value] of ["a", "b", "c"].entries()) {
      const records = batchOf([value], { producerId, producerEpoch, baseSequence, transactional: true });
      client.send(ProduceRequest, 12, { ...produceDraft("t", records, { index: partition }), transactionalId });
    }
    await settle();
    letGo();
    for (const offset of [0, 1, 2]) {
      const { responses } = await client.receive(ProduceResponse, 12);
      expect(responses[0].partitionResponses[0]).toMatchObject({ errorCode: 0, baseOffset: offset });
    }
    await producer.end(true);
    await producer.settled();
    expect(await producer.readCommitted("t", partition)).toEqual(["a", "b", "c"]);
  });
});
