/** Sealed segments in an S3 store, with the real launcher and workerd: the store is the tests' own (test/doubles/s3-server.ts). */
import { createHash } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel, type Producer } from "kafkajs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ListOffsetsRequest, ListOffsetsResponse } from "#protocol/messages/02-list-offsets.ts";
import { S3Server } from "../doubles/s3-server.ts";
import { WireClient } from "../oracle/wire-client.ts";
import { type Kedge, runLauncher, startKedge, temporaryDir } from "./kedge.ts";

const TOPIC = "tiered";
const RECORDS = 40;
const RECORD_BYTES = 200_000;
const EARLIEST_LOCAL = -4;
/** The broker looks after its logs half a minute after its start for the first time. */
const TEST_TIMEOUT_MS = 180_000;

const server = new S3Server();
const dataDir = temporaryDir();
let kedge: Kedge;

function start(): Promise<Kedge> {
  return startKedge({ dataDir, flags: ["--s3", `${server.endpoint}/${server.bucket}`], env: environment() });
}

function environment(): NodeJS.ProcessEnv {
  return {
    KEDGE_S3_REGION: server.credentials.region,
    KEDGE_S3_ACCESS_KEY_ID: server.credentials.accessKeyId,
    KEDGE_S3_SECRET_ACCESS_KEY: server.credentials.secretAccessKey,
    KEDGE_CONFIGS: "remote.log.storage.system.enable=true;log.retention.check.interval.ms=1000",
  };
}

beforeAll(async () => {
  await server.start();
  kedge = await start();
});

afterAll(async () => {
  await kedge?.stop();
  await server.stop();
});

function valueOf(i: number): Buffer {
  const seed = createHash("sha256").update(String(i)).digest();
  return Buffer.concat(Array.from({ length: RECORD_BYTES / seed.length }, () => seed));
}

function kafka(): Kafka {
  return new Kafka({ brokers: [kedge.kafka], logLevel: logLevel.NOTHING });
}

async function fill(): Promise<void> {
  const admin = kafka().admin();
  const configs = { "remote.storage.enable": "true", "segment.bytes": "1048576", "local.retention.bytes": "1" };
  const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1, replicationFactor: 1, configEntries }] });
  await admin.disconnect();
  const producer: Producer = kafka().producer();
  await producer.connect();
  for (let i = 0; i < RECORDS; i++) await producer.send({ topic: TOPIC, messages: [{ value: valueOf(i) }] });
  await producer.disconnect();
}

/** Where what is still in SQLite begins. */
async function earliestLocal(): Promise<number> {
  const client = await WireClient.connect(kedge.kafka);
  const partitions = [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: EARLIEST_LOCAL }];
  const draft = { replicaId: -1, isolationLevel: 0, topics: [{ name: TOPIC, partitions }] };
  const answer = await client.call(ListOffsetsRequest, ListOffsetsResponse, 8, draft);
  client.close();
  return answer === "closed" ? -1 : (answer.topics[0]?.partitions[0]?.offset ?? -1);
}

/** Every record from the beginning: its offset, and whether it is what was written. */
async function readAll(): Promise<Map<number, boolean>> {
  const found = new Map<number, boolean>();
  const consumer = kafka().consumer({ groupId: `reader-${Math.random()}` });
  await consumer.connect();
  await consumer.subscribe({ topic: TOPIC, fromBeginning: true });
  await new Promise<void>((resolve) => {
    void consumer.run({
      eachMessage: async ({ message }) => {
        const offset = Number(message.offset);
        found.set(offset, message.value?.equals(valueOf(offset)) ?? false);
        if (found.size === RECORDS) resolve();
      },
    });
  });
  await consumer.disconnect();
  return found;
}

describe("npm start with an S3 store", () => {
  it(
    "moves sealed segments there, reads them back after a restart, and deletes them with their topic",
    async () => {
      expect(kedge.output()).toContain(`in the bucket ${server.bucket} of ${server.endpoint}`);
      // The store has a bad day meanwhile.
      server.failNext("PUT ", { kind: "status", status: 503, code: "SlowDown" });
      server.failNext("PUT ", { kind: "disconnect" });
      await fill();
      while ((await earliestLocal()) <= RECORDS / 2) await pause(250);
      expect(server.objects.size).toBeGreaterThan(3);
      expect((await kedge.stop()) ?? -1).toBe(0);
      kedge = await start();
      expect(await earliestLocal()).toBeGreaterThan(RECORDS / 2);
      server.seen.length = 0;
      server.failNext("GET segments/", { kind: "truncate" });
      server.failNext("GET segments/", { kind: "status", status: 500, code: "InternalError" });
      server.failNext("GET segments/", { kind: "disconnect" });
      expect(await readAll()).toEqual(new Map(Array.from({ length: RECORDS }, (_, i) => [i, true])));
      expect(server.seen.filter((line) => line.startsWith("GET segments/")).length).toBeGreaterThan(0);
      const admin = kafka().admin();
      await admin.deleteTopics({ topics: [TOPIC] });
      await admin.disconnect();
      while (server.objects.size > 0) await pause(100);
    },
    TEST_TIMEOUT_MS,
  );

  it("doesn't start with data whose segments are elsewhere, or without its keys", async () => {
    await kedge.stop();
    const elsewhere = runLauncher(["--data", dataDir, "--kafka-port", "0", "--http-port", "0"]);
    expect(await elsewhere.ended).toBe(1);
    expect(elsewhere.output()).toContain(`start it with --s3 ${server.endpoint}/${server.bucket}`);
    const flags = ["--data", dataDir, "--kafka-port", "0", "--http-port", "0", "--s3", `${server.endpoint}/kedge`];
    const keyless = runLauncher(flags, { KEDGE_S3_ACCESS_KEY_ID: "" });
    expect(await keyless.ended).toBe(1);
    expect(keyless.output()).toContain("KEDGE_S3_ACCESS_KEY_ID isn't set");
  });

  it("serves, and says so, when the bucket can't be used", async () => {
    const flags = ["--s3", `${server.endpoint}/no-such-bucket`];
    kedge = await startKedge({ dataDir: temporaryDir(), flags, env: environment() });
    while (!kedge.output().includes("no-such-bucket\" can't be used now")) await pause(50);
    expect(kedge.output()).toContain("404");
  });
});
