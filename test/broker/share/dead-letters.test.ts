import { describe, expect, it, vi } from "vitest";
import { referenceKernels } from "#kernels/reference.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { CreateTopicsRequest, CreateTopicsResponse } from "#protocol/messages/19-create-topics.ts";
import { BATCH_HEADER_BYTES } from "#records/batch.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { AcknowledgeType } from "#share/record-state.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { batchOf, CoreCluster, type TestClient } from "../../doubles/core-cluster.ts";
import { settle } from "../../doubles/manual-time.ts";
import { createTopic, fetchFrom, produce, V } from "../requests.ts";
import { configure, initialize, ShareMember } from "./client.ts";

const { ACCEPT, RELEASE, REJECT } = AcknowledgeType;
const compression = { kernels: referenceKernels, codecs: zlibCodecs };

async function open(configs: Record<string, string>, values = ["a", "b", "c"]) {
  const cluster = await CoreCluster.open([1], { configs: { "message.max.bytes": "4000000" } });
  const client = cluster.connect();
  const topicId = await createTopic(client, "t");
  const named = { "errors.deadletterqueue.topic.name": "dlq.g" };
  await configure(client, { "share.auto.offset.reset": "earliest", ...named, ...configs });
  await initialize(client, topicId);
  await produce(client, "t", batchOf(values));
  const member = new ShareMember(cluster.connect(), topicId, "m");
  await member.fetch();
  return { cluster, client, member };
}

async function createQueue(client: TestClient, isEnabled: boolean) {
  const configs = [{ name: "errors.deadletterqueue.group.enable", value: String(isEnabled) }];
  await client.call(CreateTopicsRequest, CreateTopicsResponse, V.createTopics, {
    topics: [{ name: "dlq.g", numPartitions: 1, replicationFactor: 1, configs }],
    timeoutMs: 1000,
  });
}

/** What the queue has, a record as "value offset deliveries message". */
async function queued(client: TestClient): Promise<string[]> {
  for (let turn = 0; turn < 20; turn++) await settle();
  const { records } = await fetchFrom(client, "dlq.g", 0);
  if (records === null) return [];
  return [...readBatches(records)].flatMap(({ at }) =>
    readRecords(compression, records, at).map(({ value, headers }) => {
      const header = (name: string) => Buffer.from(headers.find(({ key }) => key === name)?.value ?? []).toString();
      const [offset, count, message] = ["offset", "delivery.count", "message"].map((one) =>
        header(`__dlq.errors.${one}`),
      );
      return `${value === null ? "-" : Buffer.from(value)} ${offset} ${count} ${message}`;
    }),
  );
}

describe("dead letters of a share group", () => {
  it("go to the queue with a copy of the record, and are over then", async () => {
    const { client, member } = await open({
      "errors.deadletterqueue.copy.record.enable": "true",
      "share.delivery.count.limit": "2",
    });
    await createQueue(client, true);
    await member.fetch([
      { first: 0, last: 0, types: [REJECT] },
      { first: 1, last: 2, types: [RELEASE] },
    ]);
    await member.fetch();
    await member.acknowledge([{ first: 1, last: 2, types: [RELEASE] }]);
    expect(await queued(client)).toEqual([
      "a 0 1 Offset rejected by client.",
      "b 1 2 Offset delivery count exceeded the threshold.",
      "c 2 2 Offset delivery count exceeded the threshold.",
    ]);
    expect((await member.fetch()).acquired).toBe("");
  });

  it("are copied from a batch that is larger than a row", async () => {
    const copies = { "errors.deadletterqueue.copy.record.enable": "true" };
    const { client, member } = await open(copies, ["a", "b".repeat(1_500_000), "c"]);
    await createQueue(client, true);
    for (const offset of [0, 2]) await member.acknowledge([{ first: offset, last: offset, types: [REJECT] }]);
    expect(await queued(client)).toEqual(["a 0 1 Offset rejected by client.", "c 2 1 Offset rejected by client."]);
  });

  it("come together, also where each is one record of a batch: with few batches and few writes", async () => {
    const values = Array.from({ length: 3_000 }, (_, at) => `v${at}`);
    const copies = { "errors.deadletterqueue.copy.record.enable": "true" };
    const { cluster, client, member } = await open(copies, values);
    await createQueue(client, true);
    const broker = cluster.broker(1);
    const log = broker.lead(broker.cluster.topicByName("t"), 0);
    if (typeof log === "number") throw new Error("no log");
    const reading = vi.spyOn(log, "read");
    const types = values.map((_, at) => (at % 2 === 0 ? REJECT : ACCEPT));
    const commits = cluster.store(1).commits;
    await member.acknowledge([{ first: 0, last: values.length - 1, types }]);
    const letters = await queued(client);
    expect(letters).toHaveLength(values.length / 2);
    expect(letters.slice(0, 2)).toEqual(["v0 0 1 Offset rejected by client.", "v2 2 1 Offset rejected by client."]);
    expect(reading).toHaveBeenCalledTimes(1);
    // What was said; two batches of letters; that they are archived.
    expect(cluster.store(1).commits - commits).toBeLessThanOrEqual(4);
    expect((await member.fetch()).acquired).toBe("");
  });

  it("are lost with a queue that can't be written to: what comes behind them waits for one try, not for each piece", async () => {
    const values = Array.from({ length: 3_000 }, (_, at) => `v${at}`);
    const { cluster, client, member } = await open({}, values);
    await createQueue(client, true);
    const broker = cluster.broker(1);
    const log = broker.lead(broker.cluster.topicByName("dlq.g"), 0);
    if (typeof log === "number") throw new Error("no log");
    const refused = {
      kind: "refused",
      errorCode: ErrorCode.KAFKA_STORAGE_ERROR,
      errorMessage: "",
      recordErrors: [],
    } as const;
    const append = vi.spyOn(log, "append");
    append.mockReturnValue(refused);
    await member.acknowledge([{ first: 0, last: values.length - 1, types: [REJECT] }]);
    for (let second = 0; second < 60; second++) await cluster.time.advance(1_000);
    expect(append).toHaveBeenCalledTimes(5);
    append.mockRestore();
    await produce(client, "t", batchOf(["late"]));
    expect((await member.fetch()).acquired).toBe("3000-3000x1");
    await member.acknowledge([{ first: 3_000, last: 3_000, types: [REJECT] }]);
    expect(await queued(client)).toEqual(["- 3000 1 Offset rejected by client."]);
  });

  it("of a damaged batch are headers alone", async () => {
    const copies = { "errors.deadletterqueue.copy.record.enable": "true" };
    const { cluster, client, member } = await open(copies);
    await createQueue(client, true);
    const broker = cluster.broker(1);
    const log = broker.lead(broker.cluster.topicByName("t"), 0);
    if (typeof log === "number") throw new Error("no log");
    const read = log.read.bind(log);
    vi.spyOn(log, "read").mockImplementation((offset, limits) => {
      const outcome = read(offset, limits);
      if (outcome.kind !== "read") return outcome;
      const bytes = outcome.chunks[0].slice();
      bytes[BATCH_HEADER_BYTES] = 0x7f;
      return { ...outcome, chunks: [bytes] };
    });
    await member.acknowledge([{ first: 0, last: 1, types: [REJECT] }]);
    expect(await queued(client)).toEqual(["- 0 1 Offset rejected by client.", "- 1 1 Offset rejected by client."]);
  });

  it("are headers alone unless the group wants copies", async () => {
    const { client, member } = await open({});
    await createQueue(client, true);
    await member.acknowledge([{ first: 0, last: 1, types: [REJECT] }]);
    expect(await queued(client)).toEqual(["- 0 1 Offset rejected by client.", "- 1 1 Offset rejected by client."]);
  });

  it("are archived all the same when the topic isn't meant for them, or isn't there", async () => {
    const { client, member } = await open({});
    await member.acknowledge([{ first: 0, last: 0, types: [REJECT] }]);
    await createQueue(client, false);
    await member.acknowledge([{ first: 1, last: 2, types: [REJECT] }]);
    expect(await queued(client)).toEqual([]);
    expect((await member.fetch()).acquired).toBe("");
  });
});
