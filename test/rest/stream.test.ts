import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import type { FetchRequest } from "#protocol/messages/01-fetch.ts";
import { Codec } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import {
  MAX_STREAM_FETCHES,
  MAX_STREAM_PARTITIONS,
  SLOW_READER_MS,
  STREAM_FETCH_BYTES,
  STREAM_HEARTBEAT_MS,
  STREAM_METADATA_MS,
} from "#rest/limits.ts";
import { EventReader, type SeenEvent } from "../doubles/event-stream.ts";
import { settle } from "../doubles/manual-time.ts";
import { batchOf, compression, restCluster, utf8 } from "../doubles/rest-cluster.ts";

function cluster(partitionCount = 1, brokerIds: readonly number[] = [1]) {
  const made = restCluster({ brokerIds });
  made.brokers.addTopic("t", partitionCount);
  const open = async (query = "", lastEventId?: string): Promise<EventReader> => {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
    const response = await made.request(`/topics/t/stream${query}`, { headers });
    if (response.status !== 200) throw new Error(await response.text());
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    return new EventReader(response);
  };
  return { ...made, open };
}

function data(event: SeenEvent): { partition: number; offset: number; [name: string]: unknown } {
  return JSON.parse(event.data ?? "null");
}

describe("the events of a live tail", () => {
  it("are one record each, with an id that is the resume point behind it", async () => {
    const { brokers, open } = cluster(2);
    const headers = [
      { key: "trace", value: utf8("a1") },
      { key: "trace", value: null },
      { key: "raw", value: Uint8Array.of(0xfe) },
    ];
    brokers.append("t", 1, batchOf({ key: utf8("k"), value: utf8('{"a":1}'), headers }));
    const reader = await open("?from=earliest");
    expect(await reader.nextFrame()).toBe("retry: 2000\nid: 0:0,1:0");
    expect(await reader.nextFrame()).toBe(
      'id: 0:0,1:1\ndata: {"topic":"t","partition":1,"offset":0,"timestamp":1700000000123,"key":"k","value":{"a":1},' +
        '"headers":[{"key":"trace","value":"a1"},{"key":"trace","value":null},{"key":"raw","value":{"base64":"/g=="}}]}',
    );
    await reader.cancel();
  });

  it.each<[shown: string, value: Uint8Array | null]>([
    ["null", null],
    ['""', utf8("")],
    ["7", utf8("7")],
    ["9007199254740993", utf8("9007199254740993")],
    ['{"a":1.0,"b":[true]}', utf8('{"a":1.0,\n"b":[true]}\r\n')],
    ['"x"', utf8('"x"')],
    ['"plain text"', utf8("plain text")],
    ['"two\\nlines"', utf8("two\nlines")],
    ['"00123"', utf8("00123")],
    ['"grüße 🚀"', utf8("grüße 🚀")],
    ['"{\\"a\\":"', utf8('{"a":')],
    ['"\ufeff1"', utf8("\ufeff1")],
    ['"a\u2028b"', utf8("a\u2028b")],
    ['{"base64":"/wD+"}', Uint8Array.of(0xff, 0, 0xfe)],
    ['{"base64":"7aCA"}', Uint8Array.of(0xed, 0xa0, 0x80)],
  ])("show a value as %s", async (shown, value) => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf({ key: value, value }));
    const [event] = await (await open("?from=earliest")).take(1);
    expect(event.data).toContain(`"key":${shown},"value":${shown},"headers":[]}`);
    expect(event.data).not.toMatch(/[\r\n]/);
  });

  it("come from compressed batches, and leave control records out", async () => {
    const { brokers, open } = cluster();
    const records = ["1", "2"].map((text) => ({ timestampMs: 5, key: null, value: utf8(text) }));
    for (const codec of Object.values(Codec)) brokers.append("t", 0, buildBatch(compression, records, { codec }));
    brokers.append("t", 0, buildBatch(compression, records.slice(0, 1), { control: true, transactional: true }));
    brokers.append("t", 0, batchOf("last"));
    const events = await (await open("?from=earliest")).take(11);
    expect(events.map((event) => data(event).offset)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11]);
    expect(events[10].id).toBe("0:12");
  });
});

describe("where a live tail begins", () => {
  it("is the end, unless it is told otherwise", async () => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf("old"));
    const reader = await open();
    const event = reader.take(1);
    await settle();
    brokers.append("t", 0, batchOf("new"));
    expect(data((await event)[0])).toMatchObject({ offset: 1, value: "new" });
  });

  it("can be an offset of one partition, and then no other is shown", async () => {
    const { brokers, open } = cluster(2);
    brokers.append("t", 0, batchOf("other"));
    brokers.append("t", 1, batchOf("a", "b", "c"));
    const events = await (await open("?partition=1&offset=1")).take(2);
    expect(events.map((event) => [data(event).partition, data(event).offset])).toEqual([
      [1, 1],
      [1, 2],
    ]);
    expect(events[1].id).toBe("1:3");
  });

  it("is what an id says, for all partitions, whatever the query says", async () => {
    const { brokers, open } = cluster(3, [1, 2]);
    const all = new Set<string>();
    for (let i = 0; i < 30; i++) {
      const partition = i % 3;
      all.add(`${partition}:${brokers.append("t", partition, batchOf(`${i}`))}`);
    }
    let lastEventId: string | undefined;
    const seen: string[] = [];
    // The connection breaks after every few events, at every kind of place.
    for (let take = 1; seen.length < all.size; take = (take % 4) + 1) {
      const reader = await open("?from=earliest", lastEventId);
      const events = await reader.take(Math.min(take, all.size - seen.length));
      seen.push(...events.map((event) => `${data(event).partition}:${data(event).offset}`));
      lastEventId = events.at(-1)?.id ?? undefined;
      await reader.cancel();
    }
    expect(seen).toHaveLength(all.size);
    expect(new Set(seen)).toEqual(all);
  });

  it("can be resumed before the first record was seen", async () => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf("old"));
    const reader = await open();
    expect(await reader.nextFrame()).toBe("retry: 2000\nid: 0:1");
    await reader.cancel();
    brokers.append("t", 0, batchOf("while away"));
    expect(data((await (await open("", "0:1")).take(1))[0])).toMatchObject({ value: "while away" });
  });

  it("takes an empty id for none", async () => {
    const { open } = cluster();
    expect(await (await open("", "")).nextFrame()).toBe("retry: 2000\nid: 0:0");
  });

  it("begins a partition that was added since the id at its first record", async () => {
    const { brokers, open } = cluster(2);
    brokers.append("t", 0, batchOf("seen"));
    brokers.append("t", 1, batchOf("added"));
    const events = await (await open("", "0:1")).take(1);
    expect(data(events[0])).toMatchObject({ partition: 1, offset: 0 });
  });

  it("goes on with what is left when what the id asks for is gone", async () => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf("0", "1", "2", "3"));
    brokers.partition("t", 0).logStartOffset = 2;
    const reader = await open("", "0:1");
    const events = await reader.take(1);
    expect(reader.comments).toEqual(["partition 0: offsets 1 to 1 are gone"]);
    expect(data(events[0])).toMatchObject({ offset: 2 });
  });
});

describe("a live tail that goes on", () => {
  it("asks each leader once for all of its partitions", async () => {
    const { brokers, open } = cluster(6, [1, 2]);
    const reader = await open();
    await reader.nextFrame();
    const event = reader.take(1);
    await settle();
    await settle();
    const fetches = brokers.requests(1);
    expect(fetches.map(({ brokerId }) => brokerId)).toEqual([1, 2]);
    expect((fetches[0].body as FetchRequest).topics[0].partitions.map(({ partition }) => partition)).toEqual([0, 2, 4]);
    brokers.append("t", 5, batchOf("x"));
    expect(data((await event)[0])).toMatchObject({ partition: 5 });
    await reader.cancel();
  });

  it("sends a comment when nothing happens", async () => {
    const { open, time } = cluster();
    const reader = await open();
    await reader.nextFrame();
    for (let i = 0; i < 3; i++) {
      const frame = reader.nextFrame();
      await time.advance(STREAM_HEARTBEAT_MS);
      expect(await frame).toBe(": heartbeat");
    }
    await reader.cancel();
  });

  it("stops fetching while its reader doesn't read", async () => {
    const { brokers, open, time } = cluster();
    for (let i = 0; i < 8; i++) brokers.append("t", 0, batchOf("x".repeat(STREAM_FETCH_BYTES / 2)));
    const reader = await open("?from=earliest");
    expect(brokers.requests(1)).toHaveLength(0);
    await reader.take(1);
    await time.advance(SLOW_READER_MS - 1);
    expect(brokers.requests(1)).toHaveLength(1);
    expect(await reader.take(7)).toHaveLength(7);
    await reader.cancel();
  });

  it("stops fetching when its reader goes away, and leaves no timer behind", async () => {
    const { brokers, open, time } = cluster();
    const reader = await open();
    await reader.nextFrame();
    const frame = reader.nextFrame();
    await settle();
    await reader.cancel();
    await frame;
    await time.advance(10 * STREAM_HEARTBEAT_MS);
    expect(brokers.requests(1)).toHaveLength(1);
    expect(time.pending).toBe(0);
  });

  it("follows a partition to its new leader", async () => {
    const { brokers, open } = cluster(2, [1, 2]);
    const reader = await open("?from=earliest");
    brokers.append("t", 0, batchOf("before"));
    expect(data((await reader.take(1))[0])).toMatchObject({ value: "before" });
    brokers.partition("t", 0).leaderId = 2;
    const event = reader.take(1);
    brokers.append("t", 0, batchOf("after"));
    expect(data((await event)[0])).toMatchObject({ offset: 1, value: "after" });
    await reader.cancel();
  });

  it("takes up partitions that are added", async () => {
    const { brokers, open, time } = cluster();
    const reader = await open();
    const events = reader.take(1);
    await settle();
    brokers.topics.get("t")?.partitions.push({ leaderId: 1, logStartOffset: 0, logEndOffset: 0, batches: [] });
    brokers.append("t", 1, batchOf("new partition"));
    await time.advance(STREAM_METADATA_MS + STREAM_HEARTBEAT_MS);
    expect(await events).toMatchObject([{ id: "0:0,1:1" }]);
    await reader.cancel();
  });

  it("survives errors that pass", async () => {
    const { brokers, open } = cluster();
    let failing = 3;
    brokers.intercept = ({ apiKey }) => {
      if (apiKey === 1 && failing-- > 0) throw new Error("the broker restarts");
      return undefined;
    };
    brokers.append("t", 0, batchOf("a"));
    expect(await (await open("?from=earliest")).take(1)).toHaveLength(1);
  });

  it("ends with a problem that doesn't pass", async () => {
    const { brokers, open } = cluster();
    brokers.intercept = ({ apiKey }) =>
      apiKey === 1 ? { errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED } : undefined;
    const reader = await open("?from=earliest");
    const events = await reader.take(2);
    expect(events).toMatchObject([{ event: "problem" }]);
    expect(data(events[0])).toMatchObject({ error_code: 40301 });
    expect(reader.isDone).toBe(true);
  });

  it("ends when its topic is deleted", async () => {
    const { brokers, open } = cluster();
    const reader = await open();
    await reader.nextFrame();
    brokers.topics.delete("t");
    const events = await reader.take(1);
    expect(data(events[0])).toMatchObject({ error_code: 40401 });
    expect(await reader.nextFrame()).toBeNull();
  });

  it("ends when its topic is another one now, though that has the offsets, too", async () => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf("old"));
    const reader = await open("?from=earliest");
    await reader.take(1);
    brokers.topics.delete("t");
    brokers.addTopic("t", 1);
    brokers.append("t", 0, batchOf("a", "b"));
    const events = await reader.take(2);
    expect(events).toMatchObject([{ event: "problem", data: expect.stringContaining("made again") }]);
  });

  it("ends after a bounded number of fetches, to be resumed", async () => {
    const { brokers, open } = cluster();
    const reader = await open("?from=earliest");
    for (let i = 0; i < MAX_STREAM_FETCHES; i++) {
      // The double searches its batches one by one: what was read is in the way.
      brokers.partition("t", 0).batches.length = 0;
      brokers.append("t", 0, batchOf("x"));
      if ((await reader.take(1)).length === 0) throw new Error(`it ended after ${i} fetches`);
    }
    brokers.append("t", 0, batchOf("x"));
    expect(await reader.take(1)).toEqual([]);
    expect(reader.comments).toEqual([expect.stringContaining("come back")]);
    expect(reader.lastEventId).toBe(`0:${MAX_STREAM_FETCHES}`);
  });
});

describe("a stream that isn't given", () => {
  it.each<[path: string, status: number, message: RegExp, lastEventId?: string]>([
    ["/topics/absent/stream", 404, /^Topic not found.$/],
    ["/topics/not%20legal/stream", 404, /^Topic not found.$/],
    ["/topics/t/stream?partition=2", 404, /^Partition not found.$/],
    ["/topics/t/stream?partition=-1", 400, /partition must be a whole number/],
    ["/topics/t/stream?partition=x", 400, /partition must be a whole number/],
    ["/topics/t/stream?from=middle", 400, /from must be earliest or latest/],
    ["/topics/t/stream?offset=0", 400, /offset needs a partition/],
    ["/topics/t/stream?partition=0&offset=0&from=latest", 400, /can't be given together/],
    ["/topics/t/stream?partition=0&offset=1", 400, /Offset 1 is out of range/],
    ["/topics/t/stream?form=earliest", 400, /Unknown query parameter form/],
    ["/topics/t/stream", 400, /no id of this stream/, "nonsense"],
    ["/topics/t/stream", 400, /no id of this stream/, "0:-1"],
    ["/topics/t/stream", 400, /no id of this stream/, "0:1,0:2"],
    ["/topics/t/stream", 400, /no id of this stream/, "0:9999999999999999"],
    ["/topics/t/stream", 400, /partition 7/, "0:0,7:0"],
    ["/topics/t/stream?partition=0", 400, /partition 1/, "0:0,1:0"],
    ["/topics/t/stream", 400, /beyond the end of partition 1/, "0:0,1:5"],
  ])("%s", async (path, status, message, lastEventId) => {
    const { request } = cluster(2);
    const response = await request(
      path,
      lastEventId === undefined ? {} : { headers: { "last-event-id": lastEventId } },
    );
    expect(response.status).toBe(status);
    expect(await response.json()).toMatchObject({ message: expect.stringMatching(message) });
  });

  it("has too many partitions, unless one is chosen", async () => {
    const { request, open } = cluster(MAX_STREAM_PARTITIONS + 1);
    expect((await request("/topics/t/stream")).status).toBe(422);
    await (await open("?partition=3")).cancel();
  });

  it("is asked for in another type", async () => {
    const response = await cluster().request("/topics/t/stream", { headers: { accept: "application/json" } });
    expect(response.status).toBe(406);
  });
});
