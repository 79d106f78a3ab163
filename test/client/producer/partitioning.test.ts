import { describe, expect, it } from "vitest";
import type { TopicView } from "#client/metadata.ts";
import { partitionOfKey } from "#client/partitioner.ts";
import { Partitioning } from "#client/producer/partitioning.ts";
import { producerSettings } from "#client/producer/settings.ts";
import { noRandom, utf8 } from "../../doubles/rest-cluster.ts";
import { valueOf } from "../../doubles/tcp-client.ts";

function topicOf(leaders: readonly number[]): TopicView {
  const partitions = leaders.map((leaderId, partitionIndex) => ({
    partitionIndex,
    leaderId,
    leaderEpoch: 0,
    replicas: [],
    isr: [],
  }));
  return { name: "t", topicId: "AAAAAAAAAAAAAAAAAAAAAQ", isInternal: false, partitions };
}

const THREE = topicOf([1, 1, 1]);

function partitioning(options: object = {}): Partitioning {
  return new Partitioning(valueOf(producerSettings({ "batch.size": 100, ...options })), noRandom);
}

describe("Partitioning", () => {
  it("goes by the key's hash", () => {
    expect(partitioning().choose(THREE, utf8("DE"), null)).toBe(partitionOfKey(utf8("DE"), 3));
  });

  it("stays with a partition for batch.size bytes, and leaves it at a batch's end", () => {
    const one = partitioning();
    const first = one.choose(THREE, null, null);
    one.appended(THREE, first, 90, false);
    expect(one.choose(THREE, null, null)).toBe(first);
    one.appended(THREE, first, 20, false);
    expect(one.choose(THREE, null, null), "the batch isn't full").toBe(first);
    one.appended(THREE, first, 1, true);
    expect(one.choose(THREE, null, null)).not.toBe(first);
  });

  it("leaves a partition after twice as many bytes whatever its batch says", () => {
    const one = partitioning();
    const first = one.choose(THREE, null, null);
    one.appended(THREE, first, 200, false);
    expect(one.choose(THREE, null, null)).not.toBe(first);
  });

  it("ignores keys where it is told to", () => {
    const one = partitioning({ "partitioner.ignore.keys": true });
    const chosen = ["DE", "FR", "abc", "a"].map((key) => one.choose(THREE, utf8(key), null));
    expect(new Set(chosen).size).toBe(1);
  });

  it("draws no partition without a leader while another one has one", () => {
    expect(partitioning().choose(topicOf([-1, -1, 1]), null, null)).toBe(2);
    expect(partitioning().choose(topicOf([-1, -1]), null, null)).toBe(0);
  });

  it("takes turns as RoundRobinPartitioner does, keys or not", () => {
    const one = partitioning({ "partitioner.class": "org.apache.kafka.clients.producer.RoundRobinPartitioner" });
    expect(["a", "a", "a", "a"].map((key) => one.choose(THREE, utf8(key), null))).toEqual([0, 1, 2, 0]);
  });

  it("asks a partitioner of one's own", () => {
    const own = {
      partition: (topic: TopicView, _key: unknown, value: Uint8Array | null) =>
        (value?.length ?? 0) % topic.partitions.length,
    };
    expect(partitioning({ "partitioner.class": own }).choose(THREE, null, utf8("12345"))).toBe(2);
  });
});
