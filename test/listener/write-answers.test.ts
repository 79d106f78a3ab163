import { describe, expect, it } from "vitest";
import { Connection } from "#broker/connection.ts";
import { Writer } from "#bytes/writer.ts";
import { encodeRequestFrame, FRAME_SIZE_BYTES } from "#protocol/frame.ts";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { FetchRequest } from "#protocol/messages/01-fetch.ts";
import type { Draft, Message } from "#protocol/schema.ts";
import { Activity } from "#worker/listener/activity.ts";
import { TOGETHER_MAX_BYTES, writeAnswers } from "#worker/listener/write-answers.ts";
import { createTopic, fetchDraft, produce, produceDraft, V } from "../broker/requests.ts";
import { batchOf, CoreCluster } from "../doubles/core-cluster.ts";
import { settle } from "../doubles/manual-time.ts";

/** What was written to a socket, write by write. */
class Socket {
  readonly writes: Uint8Array[] = [];
  closed = false;

  async write(bytes: Uint8Array | undefined): Promise<void> {
    this.writes.push((bytes ?? new Uint8Array(0)).slice());
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}

async function openConnection() {
  const cluster = await CoreCluster.open();
  const client = cluster.connect();
  await createTopic(client, "t");
  const connection = new Connection(cluster.broker(1), "127.0.0.1");
  const socket = new Socket();
  const done = writeAnswers(socket, connection, new Activity());
  let correlationId = 0;
  const send = <Q>(request: Message<Q>, apiVersion: number, draft: Draft<Q>) => {
    correlationId += 1;
    const writer = new Writer();
    encodeRequestFrame(writer, request, { apiVersion, correlationId, clientId: "test" }, draft);
    connection.accept(writer.finish().slice(FRAME_SIZE_BYTES));
  };
  return { client, connection, socket, done, send };
}

/** The correlation ids of whole answers that lie one behind the other. */
function answersIn(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ids: number[] = [];
  let at = 0;
  for (; at < bytes.length; at += FRAME_SIZE_BYTES + view.getInt32(at)) ids.push(view.getInt32(at + FRAME_SIZE_BYTES));
  expect(at).toBe(bytes.length);
  return ids;
}

describe("the answers of a connection", () => {
  it("to requests of one commit leave in one write, in order", async () => {
    const { connection, socket, done, send } = await openConnection();
    for (let i = 0; i < 5; i++) send(ProduceRequest, V.produce, produceDraft("t", batchOf([`value ${i}`])));
    await settle();
    expect(socket.writes.map(answersIn)).toEqual([[1, 2, 3, 4, 5]]);
    connection.end();
    await done;
    expect(socket.closed).toBe(true);
  });

  it("are written together up to a limit", async () => {
    const { connection, socket, done, send } = await openConnection();
    for (let i = 0; i < 120; i++) send(ProduceRequest, V.produce, produceDraft("t", batchOf([`value ${i}`])));
    await settle();
    for (const { length } of socket.writes) expect(length).toBeLessThanOrEqual(TOGETHER_MAX_BYTES);
    expect(socket.writes.flatMap(answersIn)).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
    connection.end();
    await done;
  });

  it("that hold records go as they are", async () => {
    const { client, connection, socket, done, send } = await openConnection();
    await produce(client, "t", batchOf(["x".repeat(300_000)]));
    send(FetchRequest, V.fetch, fetchDraft("t", 0, { maxBytes: 1 << 20 }));
    await settle();
    expect(socket.writes.length).toBeGreaterThan(1);
    expect(Math.max(...socket.writes.map(({ length }) => length))).toBeGreaterThan(300_000);
    connection.end();
    await done;
  });
});
