/** A partition whose stored state can't be understood: it says so, and no other suffers. */
import { beforeEach, describe, expect, it } from "vitest";
import type { PartitionRecord } from "#ports/log-store.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { batchOf, CoreCluster, type TestClient, valuesIn } from "../doubles/core-cluster.ts";
import { MemoryLogStore } from "../doubles/memory-log-store.ts";
import { createTopic, fetchFrom, produce, V } from "./requests.ts";

const HOUR_MS = 3_600_000;

/** A disk on which something else stands for the snapshots of one topic. */
class DamagedStore extends MemoryLogStore {
  topicId = "";
  damage: (snapshot: Uint8Array) => Uint8Array = (snapshot) => snapshot;

  override snapshot(partitionNumber: number): Uint8Array {
    const entry = this.partitions().find(({ number }) => number === partitionNumber);
    const snapshot = super.snapshot(partitionNumber);
    return entry?.topicId === this.topicId ? this.damage(snapshot) : snapshot;
  }
}

const DAMAGES: Readonly<Record<string, (snapshot: Uint8Array) => PartitionRecord["snapshot"]>> = {
  "of a newer version": (snapshot) => Uint8Array.from(snapshot, (byte, i) => (i === 1 ? 9 : byte)),
  "that breaks off": (snapshot) => snapshot.subarray(0, 20),
  "that is empty": () => new Uint8Array(0),
  "that is something else": () => new Uint8Array(4096).fill(0xff),
};

describe.each(Object.entries(DAMAGES))("a partition with a snapshot %s", (_, damage) => {
  let cluster: CoreCluster;
  let client: TestClient;

  beforeEach(async () => {
    cluster = await CoreCluster.open();
    client = cluster.connect();
    const topicId = await createTopic(client, "broken");
    await createTopic(client, "sound");
    for (const name of ["broken", "sound"]) await produce(client, name, batchOf(["a"]));
    const store = new DamagedStore(cluster.store(1).disk);
    Object.assign(store, { topicId, damage });
    await cluster.start(1, store);
    client = cluster.connect();
  });

  it("answers with an error that clients retry, says once what to do, and the others go on", async () => {
    for (let i = 0; i < 2; i++) {
      expect((await produce(client, "broken", batchOf(["b"]))).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect((await fetchFrom(client, "broken", 0)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: -1 }];
      const draft = { replicaId: -1, topics: [{ name: "broken", partitions }] };
      const listed = await client.call(ListOffsetsRequest, ListOffsetsResponse, V.listOffsets, draft);
      expect(listed.topics[0].partitions[0].errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
      expect((await produce(client, "sound", batchOf(["b"]))).errorCode).toBe(ErrorCode.NONE);
    }
    expect(valuesIn((await fetchFrom(client, "sound", 0)).records as Uint8Array)).toHaveLength(3);
    expect(cluster.unreadable).toHaveLength(1);
    expect(cluster.unreadable[0]).toMatch(/^partition 0 of topic "broken" can't be opened .* delete the topic/);
    expect(cluster.fatal).toEqual([]);
  });

  it("is passed over by what looks after all logs, and goes with its topic", async () => {
    for (let i = 0; i < 3; i++) await cluster.time.advance(HOUR_MS);
    expect(cluster.unreadable).toHaveLength(1);
    await client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics: [{ name: "broken" }], timeoutMs: 1000 });
    await createTopic(client, "broken");
    expect((await produce(client, "broken", batchOf(["new"]))).baseOffset).toBe(0);
    await cluster.time.advance(HOUR_MS);
    expect(cluster.store(1).partitions()).toHaveLength(2);
    expect(cluster.fatal).toEqual([]);
  });
});
