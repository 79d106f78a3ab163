/** Every topic config of Kafka: a test that changes it and sees what that does, or the reason why it does nothing. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { TOPIC_CONFIGS } from "#cluster/topic-configs.ts";
import { ErrorCode } from "#protocol/errors.ts";
import { codecOf, timestampTypeOf } from "#records/batch.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches } from "#records/reader.ts";
import { compression } from "../doubles/core-cluster.ts";
import { fetchFrom, produce } from "./requests.ts";
import { EARLIEST, EARLIEST_LOCAL, HOUR_MS, StorageWorld } from "./storage-world.ts";

const TIERED = { "remote.storage.enable": "true" };
const SECOND_MS = 1_000;

/** Of a test in another file, which names the config. */
interface Elsewhere {
  readonly file: string;
  readonly title: string;
}

type Evidence = (() => Promise<void>) | Elsewhere;

async function change(world: StorageWorld, configs: Record<string, string>): Promise<void> {
  expect(await world.alter(configs)).toBe(ErrorCode.NONE);
}

async function append(world: StorageWorld, text: string, timestampMs: number) {
  const value = new TextEncoder().encode(text);
  return produce(world.client, "t", buildBatch(compression, [{ timestampMs, key: null, value }]));
}

async function lastHeader(world: StorageWorld, offset: number) {
  const { records } = await fetchFrom(world.client, "t", offset);
  return [...readBatches(records as Uint8Array)].map(({ header }) => header).at(-1);
}

/** A record a second: how many records each segment got that has left by then. */
async function segmentLengths(world: StorageWorld, records: number): Promise<number[]> {
  for (let i = 0; i < records; i++) {
    await world.cluster.time.advance(SECOND_MS);
    expect((await append(world, "x", world.cluster.time.nowMs())).errorCode).toBe(ErrorCode.NONE);
  }
  await world.pass(HOUR_MS);
  const bases = baseOffsets(world);
  return bases.slice(1).map((base, i) => base - bases[i]);
}

function baseOffsets({ objects }: StorageWorld): number[] {
  return [...objects.objects.keys()].map((key) => Number(key.split("/")[3].split("-")[0])).sort((a, b) => a - b);
}

/** The log's start after a while, by which retention has done what it does. */
async function startAfterAnHour(world: StorageWorld): Promise<number> {
  await world.pass(HOUR_MS);
  return world.list(EARLIEST);
}

async function startOf(configs: Record<string, string>, changed: Record<string, string>): Promise<number[]> {
  const world = await StorageWorld.open(configs);
  await world.fill(9);
  const before = await startAfterAnHour(world);
  await change(world, changed);
  return [before, await startAfterAnHour(world)];
}

async function localStartOf(changed: Record<string, string>): Promise<number[]> {
  const world = await StorageWorld.open(TIERED);
  await world.fill(9);
  await world.pass(HOUR_MS);
  const before = await world.list(EARLIEST_LOCAL);
  await change(world, changed);
  await world.pass(HOUR_MS);
  expect(await world.list(EARLIEST)).toBe(0);
  return [before, await world.list(EARLIEST_LOCAL)];
}

const EVIDENCE: Readonly<Record<string, Evidence>> = {
  "cleanup.policy": async () => {
    const world = await StorageWorld.open({ "retention.ms": "1000" });
    await change(world, { "cleanup.policy": "compact" });
    expect((await append(world, "without a key", 0)).errorCode).toBe(ErrorCode.INVALID_RECORD);
    await change(world, { "cleanup.policy": "" });
    await world.fill(9);
    expect(await startAfterAnHour(world)).toBe(0);
    await change(world, { "cleanup.policy": "delete" });
    expect(await startAfterAnHour(world)).toBe(9);
  },
  "compression.type": async () => {
    const world = await StorageWorld.open();
    await append(world, "x".repeat(1000), 0);
    expect(codecOf((await lastHeader(world, 0))?.attributes ?? -1)).toBe(0);
    await change(world, { "compression.type": "gzip" });
    await append(world, "x".repeat(1000), 0);
    expect(codecOf((await lastHeader(world, 1))?.attributes ?? -1)).toBe(1);
  },
  "delete.retention.ms": { file: "test/broker/compaction.test.ts", title: "forgets tombstones after" },
  "errors.deadletterqueue.group.enable": {
    file: "test/broker/share/dead-letters.test.ts",
    title: "are archived all the same when the topic isn't meant for them",
  },
  "index.interval.bytes": async () => {
    const world = await StorageWorld.open({ ...TIERED, "index.interval.bytes": "1000000000" });
    await world.fill(5);
    await change(world, { "index.interval.bytes": "0" });
    await world.fill(4);
    await world.pass(HOUR_MS);
    const keys = [...world.objects.objects.keys()].sort();
    const [first, second, , fourth] = keys.map((key) => world.objects.objects.get(key)?.length ?? 0);
    expect(second).toBe(first);
    expect(fourth).toBeGreaterThan(first);
  },
  "local.retention.bytes": async () => {
    expect(await localStartOf({ "local.retention.bytes": "1000000" })).toEqual([0, 6]);
  },
  "local.retention.ms": async () => expect(await localStartOf({ "local.retention.ms": "1000" })).toEqual([0, 8]),
  "max.compaction.lag.ms": { file: "test/broker/compaction.test.ts", title: "compacts after max.compaction.lag.ms" },
  "max.message.bytes": async () => {
    const world = await StorageWorld.open();
    expect((await append(world, "x".repeat(1000), 0)).errorCode).toBe(ErrorCode.NONE);
    await change(world, { "max.message.bytes": "1000" });
    expect((await append(world, "x".repeat(1000), 0)).errorCode).toBe(ErrorCode.MESSAGE_TOO_LARGE);
  },
  "message.timestamp.after.max.ms": async () => {
    const world = await StorageWorld.open();
    const laterMs = world.cluster.time.nowMs() + 60_000;
    expect((await append(world, "x", laterMs)).errorCode).toBe(ErrorCode.NONE);
    await change(world, { "message.timestamp.after.max.ms": "59999" });
    expect((await append(world, "x", laterMs)).errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
  },
  "message.timestamp.before.max.ms": async () => {
    const world = await StorageWorld.open();
    await world.cluster.time.advance(60_001);
    const earlierMs = world.cluster.time.nowMs() - 60_000;
    expect((await append(world, "x", earlierMs)).errorCode).toBe(ErrorCode.NONE);
    await change(world, { "message.timestamp.before.max.ms": "59999" });
    expect((await append(world, "x", earlierMs)).errorCode).toBe(ErrorCode.INVALID_TIMESTAMP);
  },
  "message.timestamp.type": async () => {
    const world = await StorageWorld.open();
    await world.cluster.time.advance(5_000);
    expect((await append(world, "x", 77)).logAppendTimeMs).toBe(-1);
    await change(world, { "message.timestamp.type": "LogAppendTime" });
    const nowMs = world.cluster.time.nowMs();
    expect((await append(world, "x", 77)).logAppendTimeMs).toBe(nowMs);
    const header = await lastHeader(world, 1);
    expect([header?.maxTimestamp, timestampTypeOf(header?.attributes ?? 0)]).toEqual([nowMs, "LogAppendTime"]);
  },
  "min.cleanable.dirty.ratio": {
    file: "test/broker/compaction.test.ts",
    title: "waits until min.cleanable.dirty.ratio is passed",
  },
  "min.compaction.lag.ms": { file: "test/broker/compaction.test.ts", title: "keeps what is younger than" },
  "min.insync.replicas": async () => {
    const world = await StorageWorld.open();
    expect((await append(world, "x", 0)).errorCode).toBe(ErrorCode.NONE);
    await change(world, { "min.insync.replicas": "2" });
    expect((await append(world, "x", 0)).errorCode).toBe(ErrorCode.NOT_ENOUGH_REPLICAS);
  },
  "remote.copy.lag.bytes": async () => {
    const world = await StorageWorld.open({ ...TIERED, "remote.copy.lag.ms": "-1" });
    await world.fill(9);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([]);
    await change(world, { "remote.copy.lag.bytes": "1000000" });
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 2, 4]);
  },
  "remote.copy.lag.ms": async () => {
    const world = await StorageWorld.open({ ...TIERED, "remote.copy.lag.ms": String(3 * HOUR_MS) });
    await world.fill(9);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([]);
    await change(world, { "remote.copy.lag.ms": String(HOUR_MS) });
    await world.pass(HOUR_MS / 2);
    expect(baseOffsets(world)).toEqual([0, 2, 4, 6]);
  },
  "remote.log.copy.disable": async () => {
    const world = await StorageWorld.open(TIERED);
    await world.fill(5);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 2]);
    await change(world, { "remote.log.copy.disable": "true" });
    await world.fill(4);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 2]);
    await change(world, { "remote.log.copy.disable": "false" });
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 2, 4, 6]);
  },
  "remote.log.delete.on.disable": async () => {
    const world = await StorageWorld.open({ ...TIERED, "local.retention.ms": "1000" });
    await world.fill(9);
    await world.pass(HOUR_MS);
    expect(await world.lists(EARLIEST, EARLIEST_LOCAL)).toEqual([0, 8]);
    await change(world, { "remote.log.delete.on.disable": "true", "remote.storage.enable": "false" });
    await world.pass(HOUR_MS);
    expect([await world.list(EARLIEST), world.objects.objects.size]).toEqual([8, 0]);
  },
  "remote.storage.enable": async () => {
    const world = await StorageWorld.open();
    await world.fill(9);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([]);
    await change(world, { "remote.storage.enable": "true" });
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 2, 4, 6]);
  },
  "retention.bytes": async () => expect(await startOf({}, { "retention.bytes": "1000000" })).toEqual([0, 6]),
  "retention.ms": async () => expect(await startOf({}, { "retention.ms": "1000" })).toEqual([0, 9]),
  "segment.bytes": async () => {
    const world = await StorageWorld.open(TIERED);
    await world.fill(4);
    await change(world, { "segment.bytes": "2000000" });
    await world.fill(11);
    await world.pass(HOUR_MS);
    // The one that was active then grows, too.
    expect(baseOffsets(world)).toEqual([0, 2, 6, 10]);
  },
  "segment.index.bytes": async () => {
    const world = await StorageWorld.open({ ...TIERED, "index.interval.bytes": "0" });
    const startMs = world.cluster.time.nowMs();
    for (let i = 0; i < 12; i++) await append(world, "x", startMs + i);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([]);
    await change(world, { "segment.index.bytes": "60" });
    for (let i = 0; i < 12; i++) await append(world, "x", startMs + 12 + i);
    await world.pass(HOUR_MS);
    expect(baseOffsets(world)).toEqual([0, 12, 17]);
  },
  "segment.jitter.ms": async () => {
    const world = await StorageWorld.open({ ...TIERED, "segment.ms": "10000" });
    const steady = await segmentLengths(world, 50);
    expect(new Set(steady)).toEqual(new Set([11]));
    await change(world, { "segment.jitter.ms": "10000" });
    const all = await segmentLengths(world, 100);
    const jittered = all.slice(steady.length + 2);
    expect(Math.max(...jittered)).toBeLessThanOrEqual(11);
    expect(new Set(jittered).size).toBeGreaterThan(2);
  },
  "segment.ms": async () => {
    const world = await StorageWorld.open({ ...TIERED, "segment.ms": "10000" });
    expect(new Set(await segmentLengths(world, 50))).toEqual(new Set([11]));
    await change(world, { "segment.ms": "4000" });
    expect((await segmentLengths(world, 50)).at(-1)).toBe(5);
  },
};

describe("a topic config", () => {
  const acting = TOPIC_CONFIGS.filter(({ effect }) => effect.kind === "yes").map(({ name }) => name);

  it("has a proof of its effect, or is listed with the reason why it has none", () => {
    expect(Object.keys(EVIDENCE)).toEqual(acting);
    const page = readFileSync("docs/support.md", "utf8");
    for (const { name, effect } of TOPIC_CONFIGS) {
      if (effect.kind === "none") expect(page).toMatch(new RegExp(`^\\| \`${name}\` .* no: .{15,} \\|$`, "m"));
    }
  });

  it.each(acting)("%s does something", async (name) => {
    const evidence = EVIDENCE[name];
    if (typeof evidence === "function") return evidence();
    const tests = readFileSync(evidence.file, "utf8");
    expect(tests).toContain(`  it("${evidence.title}`);
    expect(tests).toContain(name);
  });
});
