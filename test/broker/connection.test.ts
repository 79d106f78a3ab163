import { describe, expect, it } from "vitest";
import { ProduceRequest } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { batchOf, CoreCluster } from "../doubles/core-cluster.ts";
import { settle } from "../doubles/manual-time.ts";
import { createTopic, fetchDraft, fetchFrom, produce, produceDraft, V } from "./requests.ts";

describe("a connection", () => {
  it("begins nothing behind a frame that ends it, as Kafka does", async () => {
    const cluster = await CoreCluster.open();
    await createTopic(cluster.connect(), "t");
    const logEnd = async () => (await fetchFrom(cluster.connect(), "t", 0)).highWatermark;
    const unknown = cluster.connect();
    unknown.sendRaw(Uint8Array.of(0, 77));
    unknown.send(ProduceRequest, V.produce, produceDraft("t", batchOf(["never"])));
    await settle();
    expect(await logEnd()).toBe(0);
    const quiet = cluster.connect();
    quiet.send(ProduceRequest, V.produce, produceDraft("nowhere", batchOf(["refused"]), { acks: 0 }));
    quiet.send(ProduceRequest, V.produce, produceDraft("t", batchOf(["never"]), { acks: 0 }));
    await settle();
    expect(await logEnd()).toBe(0);
  });

  it("begins no more while its client doesn't read", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    await produce(client, "t", batchOf(["x".repeat(900_000)]));
    const slow = cluster.connect();
    for (let i = 0; i < 50; i++) slow.send(FetchRequest, V.fetch, fetchDraft("t", 0, { maxBytes: 1 << 20 }));
    await settle();
    expect(cluster.broker(1).answers.bytes).toBeLessThan(3_000_000);
    for (let i = 0; i < 50; i++) await slow.receive(FetchResponse, V.fetch);
    for (const { connection } of [slow, client]) connection.abandon();
    expect(cluster.broker(1).answers.bytes).toBe(0);
  });

  it("answers a fetch at once that can't get any fuller", async () => {
    const cluster = await CoreCluster.open();
    const client = cluster.connect();
    await createTopic(client, "t");
    for (let i = 0; i < 10; i++) await produce(client, "t", batchOf(["x".repeat(900_000)]));
    const draft = {
      ...fetchDraft("t", 0, { maxWaitMs: 60_000, minBytes: 1 << 24, maxBytes: 1 << 25 }),
      maxBytes: 1 << 25,
    };
    const response = await client.call(FetchRequest, FetchResponse, V.fetch, draft);
    expect(response.responses[0].partitions[0].records?.length).toBeGreaterThan(1 << 20);
  });
});
