import { describe, expect, it } from "vitest";
import { CoreCluster } from "../doubles/core-cluster.ts";
import { createTopic } from "./requests.ts";
import { Producer } from "./transaction/client.ts";

/** How many commits to disk each step of a transaction waits for, where one broker is the coordinator and leads all partitions. */
async function commitsOf(steps: readonly ((producer: Producer) => Promise<unknown>)[]): Promise<number[]> {
  const cluster = await CoreCluster.open([1]);
  await createTopic(cluster.connect(1), "t", 3);
  const producer = new Producer(cluster, "id");
  await producer.init();
  // Coordinators are loaded and internal topics are there.
  await producer.commitOffset("g", "t", 1);
  await producer.end(true);
  await producer.settled();
  const store = cluster.stores.get(1);
  if (store === undefined) throw new Error("there is no store");
  const counts: number[] = [];
  for (const step of steps) {
    const before = store.commits;
    await step(producer);
    counts.push(store.commits - before);
  }
  return counts;
}

describe("a transaction whose coordinator leads its partitions", () => {
  it("waits for one commit for the first record of a partition, with that which adds the partition", async () => {
    const counts = await commitsOf([
      (producer) => producer.send("t", "a", 0),
      (producer) => producer.send("t", "b", 0),
      (producer) => producer.send("t", "c", 1),
    ]);
    expect(counts).toEqual([1, 1, 1]);
  });

  it("waits for one commit for its offsets", async () => {
    const counts = await commitsOf([
      (producer) => producer.send("t", "a", 0),
      (producer) => producer.commitOffset("g", "t", 7),
    ]);
    expect(counts).toEqual([1, 1]);
  });
});
