import { describe, expect, it } from "vitest";
import { fetchedBatches } from "#client/batches.ts";
import { partitionOfKey } from "#client/partitioner.ts";
import { MAX_BATCH_BYTES, type ProducerRecord, produce } from "#client/produce.ts";
import { MAX_ATTEMPTS } from "#client/retry.ts";
import { ErrorCode } from "#protocol/errors.ts";
import type { ProduceRequest } from "#protocol/messages/00-produce.ts";
import type { Brokers, SeenRequest } from "../doubles/brokers.ts";
import { compression, restCluster, utf8 } from "../doubles/rest-cluster.ts";

function record(value: string, partition: number | null = null, key: string | null = null): ProducerRecord {
  return { partition, key: key === null ? null : utf8(key), value: utf8(value), timestampMs: 1_700_000_000_000 };
}

/** What a partition holds, as text. */
function stored(brokers: Brokers, topic: string, partition: number): string[] {
  const texts: string[] = [];
  for (const bytes of brokers.partition(topic, partition).batches) {
    for (const batch of fetchedBatches(bytes)) {
      for (const { value } of batch.records(compression, 0, 1_000_000))
        texts.push(new TextDecoder().decode(value ?? undefined));
    }
  }
  return texts;
}

function isProduce({ apiKey }: SeenRequest): boolean {
  return apiKey === 0;
}

describe("produce", () => {
  it("sends the records of all partitions of a leader in one request, and answers in the caller's order", async () => {
    const { brokers, client } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 3);
    const results = await produce(client, "t", [record("a", 0), record("b", 1), record("c", 2), record("d", 0)]);
    expect(results).toEqual({
      errorCode: 0,
      value: [
        { partition: 0, offset: 0, errorCode: 0, message: null },
        { partition: 1, offset: 0, errorCode: 0, message: null },
        { partition: 2, offset: 0, errorCode: 0, message: null },
        { partition: 0, offset: 1, errorCode: 0, message: null },
      ],
    });
    expect(stored(brokers, "t", 0)).toEqual(["a", "d"]);
    expect(brokers.requests(0).map(({ brokerId }) => brokerId)).toEqual([1, 2]);
    expect((brokers.requests(0)[0].body as ProduceRequest).acks).toBe(-1);
  });

  it("puts a key where the Java client puts it, and records without a key together", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 5);
    const results = await produce(client, "t", [
      record("a", null, "DE"),
      record("b"),
      record("c"),
      record("d", null, "FR"),
    ]);
    if (results.errorCode !== 0) throw new Error("the records are taken");
    expect(results.value.map(({ partition }) => partition)).toEqual([
      partitionOfKey(utf8("DE"), 5),
      0,
      0,
      partitionOfKey(utf8("FR"), 5),
    ]);
  });

  it("creates the topic where the cluster does so", async () => {
    const { brokers, client } = restCluster({ autoCreate: 2 });
    expect(await produce(client, "new", [record("a")])).toMatchObject({ errorCode: 0 });
    expect(brokers.topics.get("new")?.partitions).toHaveLength(2);
  });

  it("fails as a whole for a topic that doesn't come into being", async () => {
    const { client } = restCluster();
    expect(await produce(client, "absent", [record("a")])).toMatchObject({
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    });
    expect(await produce(client, "not legal", [record("a")])).toMatchObject({
      errorCode: ErrorCode.INVALID_TOPIC_EXCEPTION,
    });
  });

  it("refuses the record of a partition that isn't there, after a second look, and takes the others", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    const results = await produce(client, "t", [record("a", 1), record("b", 0)]);
    expect(results).toMatchObject({
      value: [
        { partition: 1, offset: -1, errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION },
        { partition: 0, offset: 0, errorCode: 0 },
      ],
    });
    expect(brokers.requests(3)).toHaveLength(2);
  });

  it("follows a partition to its new leader without losing or doubling anything", async () => {
    const { brokers, client } = restCluster({ brokerIds: [1, 2] });
    brokers.addTopic("t", 2);
    await client.topic("t");
    brokers.partition("t", 0).leaderId = 2;
    const results = await produce(client, "t", [record("a", 0), record("b", 1), record("c", 0)]);
    expect(results).toMatchObject({ value: [{ offset: 0 }, { offset: 0 }, { offset: 1 }] });
    expect(stored(brokers, "t", 0)).toEqual(["a", "c"]);
    expect(stored(brokers, "t", 1)).toEqual(["b"]);
  });

  it("plans anew for a topic that was deleted and made again with other partitions", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    await client.topic("t");
    brokers.topics.delete("t");
    brokers.addTopic("t", 7);
    const results = await produce(client, "t", [
      record("a", null, "DE"),
      record("b", null, "abc"),
      record("c", null, "DE"),
    ]);
    expect(results).toMatchObject({
      value: [
        { partition: 1, offset: 0, errorCode: 0 },
        { partition: 4, offset: 0, errorCode: 0 },
        { partition: 1, offset: 1, errorCode: 0 },
      ],
    });
  });

  it("gives up after a bounded number of attempts", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    brokers.intercept = (request) =>
      isProduce(request)
        ? {
            responses: [{ partitionResponses: [{ index: 0, errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }] }],
          }
        : undefined;
    const results = await produce(client, "t", [record("a"), record("b")]);
    expect(results).toMatchObject({
      value: [{ errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }, { errorCode: ErrorCode.NOT_LEADER_OR_FOLLOWER }],
    });
    expect(brokers.requests(0)).toHaveLength(MAX_ATTEMPTS);
  });

  it("never sends again what may have been appended", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    brokers.beforeAnswer = (request) => {
      if (isProduce(request)) throw new Error("the answer is lost");
    };
    expect(await produce(client, "t", [record("a")])).toMatchObject({
      value: [{ offset: -1, errorCode: ErrorCode.NETWORK_EXCEPTION }],
    });
    expect(brokers.requests(0)).toHaveLength(1);
    expect(stored(brokers, "t", 0)).toEqual(["a"]);
  });

  it("cuts what is too large for one batch into several, in order", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 2);
    const large = "x".repeat(MAX_BATCH_BYTES / 2 - 100);
    const results = await produce(client, "t", [
      record(`0${large}`, 0),
      record(`1${large}`, 0),
      record(`2${large}`, 0),
      record("3", 1),
    ]);
    expect(results).toMatchObject({ value: [{ offset: 0 }, { offset: 1 }, { offset: 2 }, { offset: 0 }] });
    expect(stored(brokers, "t", 0).map((text) => text[0])).toEqual(["0", "1", "2"]);
    expect(brokers.partition("t", 0).batches).toHaveLength(2);
    expect(brokers.requests(0)).toHaveLength(2);
  });

  it("goes on behind a batch that is refused, but not behind one whose fate is unknown", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    const large = "x".repeat(MAX_BATCH_BYTES);
    const refuse = (errorCode: ErrorCode) => {
      let isFirst = true;
      brokers.intercept = (request) => {
        if (!isProduce(request) || !isFirst) return undefined;
        isFirst = false;
        return { responses: [{ partitionResponses: [{ index: 0, errorCode, errorMessage: "no" }] }] };
      };
    };
    refuse(ErrorCode.MESSAGE_TOO_LARGE);
    expect(await produce(client, "t", [record(large), record("after")])).toMatchObject({
      value: [
        { errorCode: ErrorCode.MESSAGE_TOO_LARGE, message: "no" },
        { errorCode: 0, offset: 0 },
      ],
    });
    refuse(ErrorCode.REQUEST_TIMED_OUT);
    expect(await produce(client, "t", [record(large), record("after")])).toMatchObject({
      value: [{ errorCode: ErrorCode.REQUEST_TIMED_OUT }, { errorCode: ErrorCode.REQUEST_TIMED_OUT }],
    });
    expect(stored(brokers, "t", 0)).toEqual(["after"]);
  });

  it("gives each record of a refused batch what the broker says of it", async () => {
    const { brokers, client } = restCluster();
    brokers.addTopic("t", 1);
    const recordErrors = [{ batchIndex: 1, batchIndexErrorMessage: "no key" }];
    brokers.intercept = (request) =>
      isProduce(request)
        ? {
            responses: [
              {
                partitionResponses: [
                  { index: 0, errorCode: ErrorCode.INVALID_RECORD, recordErrors, errorMessage: "bad batch" },
                ],
              },
            ],
          }
        : undefined;
    expect(await produce(client, "t", [record("a"), record("b")])).toMatchObject({
      value: [{ message: "bad batch" }, { message: "no key" }],
    });
  });
});
