import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { openClusterTable } from "#worker/storage/cluster-tables.ts";

const NOBODY = { brokerId: 9, imageVersion: -1, validateOnly: false };

function topic(name: string, numPartitions = 1) {
  return { name, numPartitions, replicationFactor: -1, assignments: [], configs: [] };
}

function cluster(name: string) {
  return env.CLUSTER.get(env.CLUSTER.idFromName(name));
}

describe("the cluster object", () => {
  it("is born with the brokers of the environment, and creates topics over RPC", async () => {
    const stub = cluster("birth");
    const image = await stub.image(-1);
    expect(image?.brokers).toEqual([{ id: 1, host: "127.0.0.1", port: 9092, rack: null }]);
    expect(image?.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    const answer = await stub.createTopics({ ...NOBODY, items: [topic("a", 3), topic("n/o")] });
    expect(answer.outcomes.map((outcome) => outcome.errorCode)).toEqual([0, 17]);
    expect(answer.image?.topics[0].partitions).toHaveLength(3);
    expect(await stub.image(answer.image?.version ?? 0)).toBeNull();
  });

  it("comes back from its storage as it was", async () => {
    const stub = cluster("restart");
    await stub.createTopics({ ...NOBODY, items: [topic("a", 3), topic("b")] });
    await stub.deleteTopics({ ...NOBODY, items: [{ name: "b", topicId: "AAAAAAAAAAAAAAAAAAAAAA" }] });
    const first = await stub.allocateProducerIds(1);
    const before = await stub.image(-1);
    await evictDurableObject(stub);
    const again = cluster("restart");
    expect(await again.image(-1)).toEqual(before);
    const second = await again.allocateProducerIds(1);
    expect(second.firstProducerId).toBe(first.firstProducerId + first.count);
  });

  it("takes a topic of many partitions", async () => {
    const answer = await cluster("large").createTopics({ ...NOBODY, items: [topic("a", 9_000)] });
    expect(answer.image?.topics[0].partitions).toHaveLength(9_000);
  });

  it("refuses what a newer Kedge wrote, and says what to do", () =>
    runInDurableObject(cluster("newer"), (_, state) => {
      state.storage.sql.exec("UPDATE cluster_metadata SET value = '99' WHERE key = 'format'");
      expect(() => openClusterTable(state.storage)).toThrow("start it with the newer Kedge");
    }));
});
