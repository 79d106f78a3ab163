import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import type { ListOffsetsRequest } from "#protocol/messages/02-list-offsets.ts";
import { MAX_READS_BYTES, SLOW_READER_MS, STREAM_CHUNK_BYTES } from "#rest/limits.ts";
import { EventReader, type SeenEvent } from "../doubles/event-stream.ts";
import { settle } from "../doubles/manual-time.ts";
import { batchOf, restCluster } from "../doubles/rest-cluster.ts";

function cluster(partitionCount = 1, brokerIds: readonly number[] = [1]) {
  const made = restCluster({ brokerIds });
  made.brokers.addTopic("t", partitionCount);
  const open = async (query = "", lastEventId = ""): Promise<EventReader> => {
    const response = await made.request(`/topics/t/stream${query}`, { headers: { "last-event-id": lastEventId } });
    if (response.status !== 200) throw new Error(await response.text());
    return new EventReader(response);
  };
  /** The leader tells an earliest offset that it has left behind, so many times. */
  const tellOldStart = (times: number): { asked: number } => {
    const told = { asked: 0 };
    made.brokers.intercept = ({ apiKey, body }) => {
      if (apiKey !== 2) return undefined;
      if ((body as ListOffsetsRequest).topics[0].partitions[0].timestamp !== -2) return undefined;
      if (++told.asked > times) return undefined;
      return { topics: [{ name: "t", partitions: [{ partitionIndex: 0, offset: 0 }] }] };
    };
    return told;
  };
  return { ...made, open, tellOldStart };
}

function data(event: SeenEvent): { [name: string]: unknown } {
  return JSON.parse(event.data ?? "null");
}

/** A chunk's worth of records takes several of these. */
const KIB_20 = "x".repeat(20 * 1024);

describe("a live tail whose log is being cut", () => {
  it("waits until the leader tells the new start", async () => {
    const { brokers, open, tellOldStart } = cluster();
    brokers.append("t", 0, batchOf("0", "1", "2", "3"));
    brokers.partition("t", 0).logStartOffset = 2;
    const told = tellOldStart(4);
    const reader = await open("", "0:1");
    const [event] = await reader.take(1);
    expect(event).toMatchObject({ event: "message", id: "0:3" });
    expect(reader.comments).toEqual(["partition 0: offsets 1 to 1 are gone"]);
    expect(told.asked).toBe(5);
    await reader.cancel();
  });

  it("ends when it never does", async () => {
    const { brokers, open, tellOldStart, time } = cluster();
    brokers.append("t", 0, batchOf("0", "1", "2", "3"));
    brokers.partition("t", 0).logStartOffset = 2;
    tellOldStart(Number.POSITIVE_INFINITY);
    const reader = await open("", "0:1");
    expect(await reader.take(2)).toMatchObject([{ event: "problem" }]);
    expect(reader.isDone).toBe(true);
    expect(time.pending).toBe(0);
  });
});

describe("the last frame of a live tail", () => {
  it("comes behind the records that were fetched with the problem", async () => {
    const { brokers, open } = cluster(2);
    const count = Math.ceil(STREAM_CHUNK_BYTES / KIB_20.length) * 2;
    for (let i = 0; i < count; i++) brokers.append("t", 1, batchOf(KIB_20));
    const { topicId } = brokers.topics.get("t") ?? { topicId: "" };
    const partitions = [
      { partitionIndex: 0, errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED },
      { partitionIndex: 1, highWatermark: count, records: brokers.partition("t", 1).batches },
    ];
    brokers.intercept = ({ apiKey }) => (apiKey === 1 ? { responses: [{ topicId, partitions }] } : undefined);
    const reader = await open("?from=earliest");
    const events = await reader.take(count + 2);
    expect(events.map(({ event }) => event)).toEqual([...Array.from({ length: count }, () => "message"), "problem"]);
    expect(data(events[count])).toMatchObject({ error_code: 40301 });
    expect(reader.isDone).toBe(true);
    expect(brokers.requests(1)).toHaveLength(1);
  });
});

describe("what a live tail holds while its client takes a chunk", () => {
  it("is let go of when the client is too slow, and the stream is resumed without a loss", async () => {
    const { brokers, open, time } = cluster();
    for (let i = 0; i < 10; i++) brokers.append("t", 0, batchOf(KIB_20));
    const reader = await open("?from=earliest");
    const first = await reader.take(1);
    await time.advance(SLOW_READER_MS);
    expect(time.pending).toBe(0);
    // What was handed out together with the first event is the client's already.
    const seen = [...first, ...(await reader.take(9))];
    expect(seen.length).toBeLessThan(10);
    expect(reader.isDone).toBe(true);
    const again = await open("", reader.lastEventId);
    seen.push(...(await again.take(10 - seen.length)));
    expect(seen.map((event) => data(event)["offset"])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    await again.cancel();
    expect(time.pending).toBe(0);
  });

  it("counts also when it comes later, from another leader", async () => {
    const { brokers, open, time } = cluster(2, [1, 2]);
    brokers.append("t", 0, batchOf("small"));
    const reader = await open("?from=earliest");
    expect(await reader.take(1)).toHaveLength(1);
    expect(brokers.requests(1)).toHaveLength(2);
    brokers.append("t", 1, batchOf("later"));
    await time.advance(SLOW_READER_MS);
    expect(await reader.take(1)).toEqual([]);
    expect(await (await open("", reader.lastEventId)).take(1)).toMatchObject([{ id: "0:1,1:1" }]);
  });

  it("stays as long as nothing is held", async () => {
    const { brokers, open, time } = cluster();
    brokers.append("t", 0, batchOf("small"));
    const reader = await open("?from=earliest");
    expect(await reader.take(1)).toHaveLength(1);
    await time.advance(10 * SLOW_READER_MS);
    brokers.append("t", 0, batchOf("later"));
    expect(await reader.take(1)).toHaveLength(1);
    await reader.cancel();
  });

  it("needs room, and without it the stream ends behind the chunk", async () => {
    const { brokers, open } = cluster();
    const batch = batchOf(...Array.from({ length: 50 }, () => KIB_20.repeat(4)));
    brokers.append("t", 0, batch);
    const holders: EventReader[] = [];
    for (let i = 0; i < Math.floor(MAX_READS_BYTES / batch.length); i++) {
      const reader = await open("?from=earliest");
      expect(await reader.take(1)).toHaveLength(1);
      holders.push(reader);
    }
    const late = await open("?from=earliest");
    expect(await late.take(2)).toMatchObject([{ id: "0:1" }]);
    expect(late.comments).toEqual([expect.stringContaining("no room")]);
    expect(late.isDone).toBe(true);
    await holders[0].cancel();
    const again = await open("", late.lastEventId);
    expect(await again.take(49)).toHaveLength(49);
    for (const reader of [...holders, again]) await reader.cancel();
    await settle();
  });
});
