import { describe, expect, it } from "vitest";
import { DescribeProducersRequest, DescribeProducersResponse } from "#protocol/messages/61-describe-producers.ts";
import { ListTransactionsRequest, ListTransactionsResponse } from "#protocol/messages/66-list-transactions.ts";
import { CoreCluster } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { createTopic } from "../requests.ts";
import { Producer } from "./client.ts";

async function open(brokerIds: readonly number[] = [1], partitions = 3): Promise<CoreCluster> {
  const cluster = await CoreCluster.open(brokerIds);
  await createTopic(cluster.connect(brokerIds[0]), "t", partitions);
  return cluster;
}

for (const generation of ["v1", "v2"] as const) {
  for (const brokerIds of [[1], [1, 2, 3]]) {
    describe(`transactions ${generation} on ${brokerIds.length} broker(s)`, () => {
      const begin = async (producer: Producer, partitions: readonly number[]) => {
        if (generation === "v1") expect(await producer.add("t", partitions)).toBe("NONE");
      };

      it("commit in all partitions or in none", async () => {
        const cluster = await open(brokerIds);
        const producer = new Producer(cluster, "id", generation);
        expect(await producer.init()).toBe("NONE");
        await begin(producer, [0, 1, 2]);
        for (const index of [0, 1, 2]) expect(await producer.send("t", `a${index}`, index)).toBe(0);
        expect(await producer.readCommitted("t")).toEqual([]);
        expect(await producer.latestStable("t")).toBe(0);
        expect(await producer.end(true)).toBe("NONE");
        await producer.settled();
        for (const index of [0, 1, 2]) expect(await producer.readCommitted("t", index)).toEqual([`a${index}`]);
        await begin(producer, [0, 1]);
        for (const index of [0, 1]) expect(await producer.send("t", `b${index}`, index)).toBe(2);
        expect(await producer.end(false)).toBe("NONE");
        await producer.settled();
        await begin(producer, [0]);
        expect(await producer.send("t", "c0")).toBe(4);
        expect(await producer.end(true)).toBe("NONE");
        await producer.settled();
        expect(await producer.readCommitted("t")).toEqual(["a0", "c0"]);
        expect(await producer.readCommitted("t", 1)).toEqual(["a1"]);
        expect(await producer.latestStable("t")).toBe(6);
      });

      it("bring offsets along, which are unstable until the end", async () => {
        const cluster = await open(brokerIds);
        const producer = new Producer(cluster, "id", generation);
        await producer.init();
        for (const isCommit of [false, true]) {
          if (generation === "v1") expect(await producer.addOffsets("g")).toBe("NONE");
          expect(await producer.commitOffset("g", "t", 7)).toBe("NONE");
          expect(await producer.committedOffset("g", "t")).toBe("UNSTABLE_OFFSET_COMMIT");
          expect(await producer.end(isCommit)).toBe("NONE");
          await producer.settled();
          expect(await producer.committedOffset("g", "t")).toBe(isCommit ? 7 : -1);
        }
      });

      it("fence whoever had the id before", async () => {
        const cluster = await open(brokerIds);
        const [zombie, successor] = [new Producer(cluster, "id", generation), new Producer(cluster, "id", generation)];
        await zombie.init();
        await begin(zombie, [0]);
        await zombie.send("t", "zombie");
        expect(await successor.init()).toBe("CONCURRENT_TRANSACTIONS");
        await successor.settled();
        expect(await successor.init()).toBe("NONE");
        expect(successor.producerEpoch).toBeGreaterThan(zombie.producerEpoch);
        expect(await zombie.send("t", "late")).toBe("INVALID_PRODUCER_EPOCH");
        expect(await zombie.end(true)).toBe("PRODUCER_FENCED");
        expect(await zombie.add("t", [0])).toBe("PRODUCER_FENCED");
        await begin(successor, [0]);
        await successor.send("t", "successor");
        await successor.end(true);
        await successor.settled();
        expect(await successor.readCommitted("t")).toEqual(["successor"]);
      });

      it("are aborted when their time is over", async () => {
        const cluster = await open(brokerIds);
        const producer = new Producer(cluster, "id", generation);
        await producer.init({ timeoutMs: 5_000 });
        await begin(producer, [0]);
        await producer.send("t", "late");
        await cluster.time.advance(5_000);
        expect(await producer.state()).toBe("Ongoing");
        await cluster.time.advance(1);
        await producer.settled();
        expect(await producer.state()).toBe("CompleteAbort");
        expect(await producer.readCommitted("t")).toEqual([]);
        expect(await producer.latestStable("t")).toBe(2);
        expect(await producer.end(true)).toBe(generation === "v1" ? "PRODUCER_FENCED" : "INVALID_TXN_STATE");
      });

      it("survive the coordinator and the leaders, whenever they crash", async () => {
        const cluster = await open(brokerIds);
        const producer = new Producer(cluster, "id", generation);
        await producer.init();
        const crash = async () => {
          for (const brokerId of brokerIds) await cluster.crash(brokerId);
          producer.reconnect();
          await settle();
        };
        for (const [at, isCommit] of [true, false, true].entries()) {
          await crash();
          await begin(producer, [0, 1]);
          await producer.send("t", `0-${at}`, 0);
          await crash();
          await producer.send("t", `1-${at}`, 1);
          await crash();
          expect(await producer.end(isCommit)).toBe("NONE");
          await crash();
          await producer.settled();
        }
        expect(await producer.readCommitted("t", 0)).toEqual(["0-0", "0-2"]);
        expect(await producer.readCommitted("t", 1)).toEqual(["1-0", "1-2"]);
        expect(cluster.fatal).toEqual([]);
      });
    });
  }
}

describe("transactions V2", () => {
  it("answer an EndTxn that comes again with the same id and epoch", async () => {
    const cluster = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a");
    const { producerId, producerEpoch } = producer;
    expect(await producer.end(true)).toBe("NONE");
    expect(producer.producerEpoch).toBe(producerEpoch + 1);
    await producer.settled();
    producer.producerId = producerId;
    producer.producerEpoch = producerEpoch;
    expect(await producer.end(false)).toBe("INVALID_TXN_STATE");
    expect(await producer.end(true)).toBe("NONE");
    expect(producer.producerEpoch).toBe(producerEpoch + 1);
    expect(await producer.end(true)).toBe("INVALID_TXN_STATE");
    expect(await producer.end(false)).toBe("NONE");
    expect(producer.producerEpoch).toBe(producerEpoch + 2);
  });
});

describe("an old client's write that comes after its transaction has ended (KIP-890)", () => {
  it("is refused by the leader, which asks the coordinator, and gets into no later transaction", async () => {
    const cluster = await open();
    const producer = new Producer(cluster, "id", "v1");
    await producer.init();
    await producer.add("t", [0, 1]);
    await producer.send("t", "in time", 1);
    await producer.end(true);
    await producer.settled();
    // What was sent to partition 0 within the transaction reaches the leader only now.
    expect(await producer.send("t", "late", 0)).toBe("TRANSACTION_ABORTABLE");
    expect(await producer.latestStable("t", 0)).toBe(1);
    await producer.add("t", [1]);
    expect(await producer.send("t", "late", 0)).toBe("TRANSACTION_ABORTABLE");
    await producer.send("t", "next", 1);
    await producer.end(true);
    await producer.settled();
    expect(await producer.readCommitted("t", 0)).toEqual([]);
    expect(await producer.readCommitted("t", 1)).toEqual(["in time", "next"]);
  });

  it("hangs without verification: it begins a transaction that nobody ends, and readers with read_committed stop before it", async () => {
    const cluster = await open();
    await cluster.broker(1).controller.alterConfigs([
      {
        resourceType: 4,
        resourceName: "",
        configs: [{ name: "transaction.partition.verification.enable", configOperation: 0, value: "false" }],
      },
    ]);
    const producer = new Producer(cluster, "id", "v1");
    await producer.init();
    await producer.add("t", [0, 1]);
    await producer.send("t", "in time", 1);
    await producer.end(true);
    await producer.settled();
    expect(await producer.send("t", "late", 0)).toBe(1);
    expect(await producer.latestStable("t", 0)).toBe(1);
    // A later transaction of the producer that includes the partition takes the late write in: it is committed with what it isn't part of.
    await producer.add("t", [0]);
    await producer.end(true);
    await producer.settled();
    expect(await producer.readCommitted("t", 0)).toEqual(["late"]);
  });
});

describe("what is under way", () => {
  it("is listed by coordinators and by leaders", async () => {
    const cluster = await open();
    const producer = new Producer(cluster, "id");
    await producer.init();
    await producer.send("t", "a");
    const client = cluster.connect();
    const listed = await client.call(ListTransactionsRequest, ListTransactionsResponse, 1, {
      stateFilters: ["Ongoing", "Asleep"],
    });
    expect(listed.unknownStateFilters).toEqual(["Asleep"]);
    expect(listed.transactionStates).toMatchObject([{ transactionalId: "id", transactionState: "Ongoing" }]);
    const described = await client.call(DescribeProducersRequest, DescribeProducersResponse, 0, {
      topics: [
        { name: "t", partitionIndexes: [0, 9, 0] },
        { name: "t", partitionIndexes: [9, 0] },
      ],
    });
    expect(described.topics).toHaveLength(1);
    expect(described.topics[0].partitions).toHaveLength(2);
    expect(described.topics[0].partitions).toMatchObject([
      { errorCode: 0, activeProducers: [{ producerEpoch: 0, currentTxnStartOffset: 0, coordinatorEpoch: -1 }] },
      { errorCode: 3 },
    ]);
  });
});
