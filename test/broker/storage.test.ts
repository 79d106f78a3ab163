/** Segments, retention and tiers as clients see them: what each topic config changes. */
import { describe, expect, it } from "vitest";
import { ErrorCode } from "#protocol/errors.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { DeleteTopicsRequest, DeleteTopicsResponse } from "#protocol/messages/20-delete-topics.ts";
import { buildBatch } from "#records/builder.ts";
import { compression } from "../doubles/core-cluster.ts";
import { fetchDraft, fetchFrom, produce, V } from "./requests.ts";
import {
  EARLIEST,
  EARLIEST_LOCAL,
  EARLIEST_PENDING_UPLOAD,
  HOUR_MS,
  LATEST_TIERED,
  MAX_TIMESTAMP,
  StorageWorld,
  VALUE,
} from "./storage-world.ts";

/** In the header of a batch. */
const MAGIC_AT = 16;

describe("retention", () => {
  it.each([
    ["retention.bytes", { "retention.bytes": "1000000" }, 6],
    ["retention.ms", { "retention.ms": "1000" }, 10],
    ["cleanup.policy compact", { "retention.ms": "1000", "cleanup.policy": "compact" }, 0],
    ["cleanup.policy compact,delete", { "retention.ms": "1000", "cleanup.policy": "compact,delete" }, 10],
  ])("follows %s when it changes", async (_, configs, start) => {
    const world = await StorageWorld.open();
    await world.fill(10);
    await world.pass(HOUR_MS);
    expect(await world.list(EARLIEST)).toBe(0);
    expect(await world.alter(configs as unknown as Record<string, string>)).toBe(ErrorCode.NONE);
    await world.pass(HOUR_MS);
    expect(await world.list(EARLIEST)).toBe(start);
    expect(world.cluster.fatal).toEqual([]);
    if (start > 0)
      expect((await fetchFrom(world.client, "t", start - 1)).errorCode).toBe(ErrorCode.OFFSET_OUT_OF_RANGE);
  });

  it.each([
    ["segment.bytes", { "segment.bytes": "1048576" }, 8],
    ["segment.ms", { "segment.ms": "60000" }, 9],
    ["segment.index.bytes", { "segment.index.bytes": "24" }, 8],
  ])("takes whole segments, which end by %s", async (_, configs, start) => {
    const world = await StorageWorld.open({ "segment.bytes": "100000000" });
    expect(await world.alter(configs as unknown as Record<string, string>)).toBe(ErrorCode.NONE);
    const startMs = world.cluster.time.nowMs();
    for (let i = 0; i < 10; i++) await world.fill(1, startMs - (10 - i) * 61_000);
    await world.alter({ "retention.bytes": "1" });
    await world.pass(HOUR_MS);
    expect(await world.list(EARLIEST)).toBe(start);
  });
});

describe("a tiered topic", () => {
  const TIERED = { "remote.storage.enable": "true", "local.retention.ms": "1000" };

  it("answers and reads as if it were one log", async () => {
    const world = await StorageWorld.open(TIERED);
    const startMs = world.cluster.time.nowMs();
    for (let i = 0; i < 9; i++) await world.fill(1, startMs + i);
    await world.pass(1);
    expect(await world.lists(EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD)).toEqual([0, 7, 8]);
    await world.pass(HOUR_MS);
    world.objects.isDown = true;
    expect((await fetchFrom(world.client, "t", 3)).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect((await fetchFrom(world.client, "t", 8)).errorCode).toBe(ErrorCode.NONE);
    world.objects.isDown = false;
    expect(await world.consume(3)).toEqual([3, 4, 5, 6, 7, 8]);
    const ends = await world.lists(EARLIEST, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD, MAX_TIMESTAMP);
    expect(ends).toEqual([0, 8, 7, 8, 8]);
    expect(await world.lists(startMs, startMs + 3, startMs + 8, startMs + 9)).toEqual([0, 3, 8, -1]);
    expect(await world.consume(0)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await world.consume(5)).toEqual([5, 6, 7, 8]);
  });

  it("has its turn with others in one Fetch, however little each may bring", async () => {
    const world = await StorageWorld.open(TIERED);
    const names = ["t", "u", "v"];
    for (const name of names.slice(1)) {
      expect(await world.create(name, { "segment.bytes": "1048576", ...TIERED })).toBe(ErrorCode.NONE);
    }
    const batch = buildBatch(compression, [{ timestampMs: world.cluster.time.nowMs(), key: null, value: VALUE }]);
    for (const name of names) for (let i = 0; i < 6; i++) await produce(world.client, name, batch);
    await world.pass(HOUR_MS);
    const topics = names.map((name) => fetchDraft(name, 0, { maxBytes: 1 }).topics[0]);
    const brought = new Set<string>();
    for (let i = 0; i < 3; i++) {
      const draft = { ...fetchDraft("t", 0), topics };
      const { responses } = await world.client.call(FetchRequest, FetchResponse, V.fetch, draft);
      for (const { topic, partitions } of responses) {
        expect(partitions[0].errorCode).toBe(ErrorCode.NONE);
        if ((partitions[0].records?.length ?? 0) > 0) brought.add(topic);
      }
    }
    expect([...brought].sort()).toEqual(names);
  });

  it("whose object is damaged tells it of the partition alone, on a connection that stays", async () => {
    const world = await StorageWorld.open(TIERED);
    await world.create("other", {});
    const batch = buildBatch(compression, [{ timestampMs: world.cluster.time.nowMs(), key: null, value: VALUE }]);
    await produce(world.client, "other", batch);
    await world.fill(5);
    await world.pass(HOUR_MS);
    const [oldest] = [...world.objects.objects.values()];
    oldest[MAGIC_AT] = 1;
    const topics = ["t", "other"].map((name) => fetchDraft(name, 0).topics[0]);
    const draft = { ...fetchDraft("t", 0), topics };
    const { responses } = await world.client.call(FetchRequest, FetchResponse, V.fetch, draft);
    const codes = responses.map(({ topic, partitions }) => [topic, partitions[0].errorCode]);
    expect(Object.fromEntries(codes)).toEqual({ t: ErrorCode.KAFKA_STORAGE_ERROR, other: ErrorCode.NONE });
    expect(await world.consume(2)).toEqual([2, 3, 4]);
  });

  it("gives what comes behind a gap that compaction has left at the end of a segment", async () => {
    const world = await StorageWorld.open({ "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01" });
    // Two a segment; the second one of the first segment comes again.
    for (const key of ["a", "k", "b", "c", "d", "k", "e"]) {
      const record = { timestampMs: world.cluster.time.nowMs(), key: Buffer.from(key), value: VALUE };
      await produce(world.client, "t", buildBatch(compression, [record]));
    }
    await world.pass(HOUR_MS);
    expect(await world.consume(0)).toEqual([0, 2, 3, 4, 5, 6]);
    await world.alter({ "cleanup.policy": "delete", ...TIERED });
    await world.pass(HOUR_MS);
    expect(await world.lists(EARLIEST, EARLIEST_LOCAL)).toEqual([0, 6]);
    expect(await world.consume(1)).toEqual([2, 3, 4, 5, 6]);
    expect(await world.consume(0)).toEqual([0, 2, 3, 4, 5, 6]);
  });

  it("isn't read for a client that has gone before its turn", async () => {
    const world = await StorageWorld.open(TIERED);
    await world.fill(9);
    await world.pass(HOUR_MS);
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    world.objects.beforeCall = () => opened;
    world.objects.reads.length = 0;
    const clients = [0, 0, 0, 0, 2, 4].map((offset) => {
      const client = world.cluster.connect();
      client.send(FetchRequest, V.fetch, fetchDraft("t", offset));
      return client;
    });
    await world.cluster.time.advance(0);
    clients[4].connection.end();
    open();
    await clients[5].receive(FetchResponse, V.fetch);
    const keys = [...world.objects.objects.keys()];
    const isRead = keys.map((key) => world.objects.reads.some((read) => read.startsWith(key)));
    expect(isRead).toEqual([true, false, true, false]);
  });

  it("goes with its objects", async () => {
    const world = await StorageWorld.open(TIERED);
    await world.fill(9);
    await world.pass(HOUR_MS);
    expect(world.objects.objects.size).toBe(4);
    await world.alter({ "retention.bytes": "1000000", "local.retention.bytes": "1000000" });
    await world.pass(HOUR_MS);
    expect([await world.list(EARLIEST), world.objects.objects.size]).toEqual([6, 1]);
    await world.client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
    await world.pass(HOUR_MS);
    expect(world.objects.objects.size).toBe(0);
    expect(world.cluster.store(1).rowCount).toBe(0);
  });

  it("must be allowed by remote.log.storage.system.enable, and may not be compacted", async () => {
    const world = await StorageWorld.open();
    expect(await world.create("compacted", { ...TIERED, "cleanup.policy": "compact" })).toBe(ErrorCode.INVALID_CONFIG);
    expect(await world.create("more", { ...TIERED, "retention.ms": "999" })).toBe(ErrorCode.INVALID_CONFIG);
    expect(await world.alter({ "remote.storage.enable": "true" })).toBe(ErrorCode.NONE);
    expect(await world.alter({ "remote.storage.enable": "false" })).toBe(ErrorCode.INVALID_CONFIG);
    const disabled = { "remote.storage.enable": "false", "remote.log.delete.on.disable": "true" };
    expect(await world.alter(disabled)).toBe(ErrorCode.NONE);
    const without = await StorageWorld.open({}, { configs: {} });
    expect(await without.create("tiered", TIERED)).toBe(ErrorCode.INVALID_CONFIG);
  });
});

describe("a broker", () => {
  it("without room moves segments of any topic that deletes, and clients see nothing of it", async () => {
    const spaceLimits = { crowdedBytes: 1_500_000, fullBytes: 100_000_000 };
    const world = await StorageWorld.open({}, { spaceLimits });
    await world.fill(21);
    await world.pass(HOUR_MS);
    expect(world.objects.objects.size).toBeGreaterThan(5);
    expect(world.cluster.store(1).sizeInBytes()).toBeLessThan(3_000_000);
    expect(await world.consume(0)).toHaveLength(21);
    const ends = await world.lists(EARLIEST, EARLIEST_LOCAL, LATEST_TIERED, EARLIEST_PENDING_UPLOAD);
    expect(ends).toEqual([0, 0, -1, -1]);
  });

  it("that is full refuses records with an error that clients retry, until there is room again", async () => {
    const spaceLimits = { crowdedBytes: 1_000_000, fullBytes: 3_000_000 };
    const world = await StorageWorld.open({}, { spaceLimits });
    world.objects.isDown = true;
    const batch = () => buildBatch(compression, [{ timestampMs: world.cluster.time.nowMs(), key: null, value: VALUE }]);
    let acknowledged = 0;
    while ((await produce(world.client, "t", batch())).errorCode === ErrorCode.NONE) acknowledged += 1;
    expect(acknowledged).toBeGreaterThan(5);
    expect((await produce(world.client, "t", batch())).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    expect(await world.consume(0)).toHaveLength(acknowledged);
    world.objects.isDown = false;
    await world.pass(HOUR_MS);
    expect((await produce(world.client, "t", batch())).errorCode).toBe(ErrorCode.NONE);
    expect(await world.consume(0)).toHaveLength(acknowledged + 1);
  });

  it("that is full takes records again as soon as some have been deleted", async () => {
    const spaceLimits = { crowdedBytes: 1e9, fullBytes: 3_000_000 };
    const world = await StorageWorld.open({}, { spaceLimits });
    await world.create("other", {});
    const batch = () => buildBatch(compression, [{ timestampMs: world.cluster.time.nowMs(), key: null, value: VALUE }]);
    while ((await produce(world.client, "t", batch())).errorCode === ErrorCode.NONE);
    expect((await produce(world.client, "other", batch())).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await world.client.call(DeleteTopicsRequest, DeleteTopicsResponse, 6, { topics: [{ name: "t" }], timeoutMs: 1000 });
    await world.pass(1_000);
    expect((await produce(world.client, "other", batch())).errorCode).toBe(ErrorCode.NONE);
  });

  it("whose commits have just failed tries no append before its pause is over", async () => {
    const world = await StorageWorld.open();
    const refuseUntilMs = world.cluster.time.nowMs() + 1000;
    const paused = await StorageWorld.open({}, { spaceLimits: { crowdedBytes: 1e9, fullBytes: 1e9, refuseUntilMs } });
    const batch = () => buildBatch(compression, [{ timestampMs: world.cluster.time.nowMs(), key: null, value: VALUE }]);
    expect((await produce(paused.client, "t", batch())).errorCode).toBe(ErrorCode.KAFKA_STORAGE_ERROR);
    await paused.pass(1000);
    expect((await produce(paused.client, "t", batch())).errorCode).toBe(ErrorCode.NONE);
  });
});
