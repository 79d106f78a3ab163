import { describe, expect, it, vi } from "vitest";
import { Codec } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import {
  MAX_READS_BYTES,
  MAX_SHOWN_RECORD_BYTES,
  MAX_STREAM_PARTITIONS,
  SLOW_READER_MS,
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

describe("a live tail of what is too much, or can't be read", () => {
  it("goes on behind a batch that can't be read, and comes back there", async () => {
    const { brokers, open } = cluster();
    const batch = buildBatch(compression, [{ timestampMs: 1, key: null, value: utf8("x") }], { codec: Codec.GZIP });
    batch[batch.length - 12] ^= 0xff;
    brokers.append("t", 0, batch);
    brokers.append("t", 0, batchOf("behind"));
    const reader = await open("?from=earliest");
    const [problem, record] = await reader.take(2);
    expect(problem).toMatchObject({ event: "problem", id: "0:1" });
    expect(data(problem)).toMatchObject({ error_code: 50002, topic: "t", partition: 0, offset: 0 });
    expect(data(record)).toMatchObject({ offset: 1, value: "behind" });
    const again = await (await open("", "0:1")).take(1);
    expect(data(again[0])).toMatchObject({ offset: 1 });
  });

  it("ends where the log is no row of batches, without an id", async () => {
    const { brokers, open } = cluster();
    brokers.append("t", 0, batchOf("x"));
    brokers.partition("t", 0).batches[0][16] = 1;
    const reader = await open("?from=earliest");
    expect(await reader.take(2)).toMatchObject([{ event: "problem", id: "0:0" }]);
    expect(reader.isDone).toBe(true);
  });

  it("leaves out a record that is too large", async () => {
    const { brokers, open } = cluster();
    const values = [utf8("before"), new Uint8Array(MAX_SHOWN_RECORD_BYTES + 1), utf8("behind")];
    const records = values.map((value) => ({ timestampMs: 1, key: null, value }));
    brokers.append("t", 0, buildBatch(compression, records, { codec: Codec.GZIP }));
    const events = await (await open("?from=earliest")).take(3);
    expect(events.map(({ id, event }) => [id, event])).toEqual([
      ["0:1", "message"],
      ["0:2", "problem"],
      ["0:3", "message"],
    ]);
    expect(data(events[1])).toMatchObject({ error_code: 50002, offset: 1, message: expect.stringContaining("bytes") });
  });

  it("holds no large batch open while its reader reads, and loses nothing by it", async () => {
    const { brokers, open, client } = cluster();
    const records = Array.from({ length: 60 }, () => ({ timestampMs: 1, key: null, value: utf8("x".repeat(100_000)) }));
    brokers.append("t", 0, buildBatch(compression, records, { codec: Codec.GZIP }));
    const gunzip = vi.spyOn(client.ports.codecs, "gunzip");
    const events = await (await open("?from=earliest")).take(60);
    expect(events.map((event) => data(event).offset)).toEqual([...records.keys()]);
    expect(gunzip.mock.calls.length).toBeGreaterThan(1);
    expect(gunzip.mock.calls.length).toBeLessThan(10);
    gunzip.mockRestore();
  });

  it("ends where its client doesn't take a large event, and another one when there is no room", async () => {
    const { brokers, open, time } = cluster();
    const value = utf8("x".repeat(MAX_SHOWN_RECORD_BYTES));
    brokers.append("t", 0, buildBatch(compression, [{ timestampMs: 1, key: null, value }], { codec: Codec.GZIP }));
    const slow: EventReader[] = [];
    for (let i = 0; i < MAX_READS_BYTES / MAX_SHOWN_RECORD_BYTES; i++) {
      const reader = await open("?from=earliest");
      await reader.nextFrame();
      // A frame of this size is in pieces: the first one is read, and the test never asks for another.
      void reader.readPiece();
      slow.push(reader);
      for (let turn = 0; turn < 5; turn++) await settle();
    }
    const late = await open("?from=earliest");
    expect(await late.take(1)).toEqual([]);
    expect(late.comments).toEqual([expect.stringContaining("no room")]);
    expect(late.lastEventId).toBe("0:0");
    await time.advance(SLOW_READER_MS);
    expect(await slow[0].take(1)).toEqual([]);
    expect(slow[0].lastEventId).toBe("");
    expect(await (await open("?from=earliest")).take(1)).toMatchObject([{ id: "0:1" }]);
  });

  it("ends and is reported when we make a mistake", async () => {
    const { brokers, open, client, failures } = cluster();
    const reader = await open();
    await reader.nextFrame();
    brokers.intercept = ({ apiKey }) => {
      if (apiKey === 1) throw new Error("the broker is away");
      return undefined;
    };
    client.forget = () => {
      throw new Error("a bug");
    };
    expect(await reader.take(2)).toMatchObject([{ event: "problem", data: expect.stringContaining("500") }]);
    expect(reader.isDone).toBe(true);
    expect(failures.map(({ message }) => message)).toEqual(["a bug"]);
  });

  it("keeps its partitions when the topic grows beyond what a stream may have, and comes back to them", async () => {
    const { brokers, open, time } = cluster(MAX_STREAM_PARTITIONS - 1);
    const reader = await open();
    const events = reader.take(1);
    await settle();
    for (let i = 0; i < 3; i++) {
      brokers.topics.get("t")?.partitions.push({ leaderId: 1, logStartOffset: 0, logEndOffset: 0, batches: [] });
    }
    brokers.append("t", MAX_STREAM_PARTITIONS - 1, batchOf("the last that has room"));
    brokers.append("t", MAX_STREAM_PARTITIONS, batchOf("one too many"));
    await time.advance(STREAM_METADATA_MS + STREAM_HEARTBEAT_MS);
    const [event] = await events;
    expect(data(event).partition).toBe(MAX_STREAM_PARTITIONS - 1);
    expect(reader.comments).toContainEqual(expect.stringContaining(`from ${MAX_STREAM_PARTITIONS} on are left out`));
    await reader.cancel();
    brokers.append("t", 0, batchOf("while away"));
    const again = await (await open("", event.id ?? "")).take(1);
    expect(data(again[0])).toMatchObject({ partition: 0, value: "while away" });
  });
});
