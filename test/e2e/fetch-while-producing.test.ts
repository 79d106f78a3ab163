/**
 * What is fetched while records are produced: every batch has the checksum and the bytes that its producer gave it. Buffers of rows are used
 * again as soon as an answer has been written; one that is used too early would show here.
 */
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createTopic } from "#client/admin.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { ProduceRequest, ProduceResponse } from "#protocol/messages/00-produce.ts";
import { FetchRequest, FetchResponse } from "#protocol/messages/01-fetch.ts";
import { buildBatch } from "#records/builder.ts";
import { readBatches, readRecords } from "#records/reader.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import { valueOf as succeeded, tcpClient } from "../doubles/tcp-client.ts";
import { WireClient } from "../oracle/wire-client.ts";
import { type Kedge, startKedge } from "./kedge.ts";

const TOPIC = "stress";
const PARTITIONS = 3;
/** Of each partition: 40 MB, more than the broker keeps in memory of all of them. */
const BATCHES = 160;
const CRC_FROM = 21;
const V = { produce: 9, fetch: 11 };
/** Not so long ago that retention would take the records. */
const STARTED_MS = Date.now();
const TEST_TIMEOUT_MS = 240_000;

const compression = { kernels: referenceKernels, codecs: zlibCodecs };

let kedge: Kedge;

beforeAll(async () => {
  kedge = await startKedge();
});

afterAll(async () => {
  await kedge?.stop();
});

/** From some bytes to half a megabyte, told by the offset. */
function valueOf(partition: number, offset: number): Uint8Array {
  const length = 100 + (((offset * 7919 + partition * 104_729) % 1000) / 1000) ** 2 * 750_000;
  return new Uint8Array(Math.floor(length)).fill((offset * 31 + partition * 7) & 0xff);
}

function batchOf(partition: number, offset: number): Uint8Array {
  return buildBatch(compression, [{ timestampMs: STARTED_MS, key: null, value: valueOf(partition, offset) }]);
}

/** One batch after the other; the partitions share commits, and buffers go round quickly. */
async function produce(partition: number): Promise<void> {
  const client = await WireClient.connect(kedge.kafka);
  for (let offset = 0; offset < BATCHES; offset++) {
    const partitionData = [{ index: partition, records: batchOf(partition, offset) }];
    const draft = { acks: -1, timeoutMs: 30_000, topicData: [{ name: TOPIC, partitionData }] };
    const answer = await client.call(ProduceRequest, ProduceResponse, V.produce, draft);
    const outcome = answer === "closed" ? undefined : answer.responses[0]?.partitionResponses[0];
    expect(outcome).toMatchObject({ errorCode: 0, baseOffset: offset });
  }
  client.close();
}

/** More than sockets hold: while the client takes nothing, most of an answer is in the broker's hands. */
const ANSWER_BYTES = 8 << 20;

function fetch(client: WireClient, partition: number, offset: number) {
  return client.call(FetchRequest, FetchResponse, V.fetch, {
    maxWaitMs: 2_000,
    minBytes: 1,
    maxBytes: ANSWER_BYTES,
    topics: [{ topic: TOPIC, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: ANSWER_BYTES }] }],
  });
}

/** Checks every batch; the offset behind the last one. */
function check(partition: number, offset: number, records: Uint8Array): number {
  let next = offset;
  for (const { at, header } of readBatches(records)) {
    const crc = referenceKernels.crc32c(records.subarray(at + CRC_FROM, at + header.sizeInBytes));
    expect(crc >>> 0, `the checksum at ${partition}/${header.baseOffset}`).toBe(header.crc >>> 0);
    expect(header.baseOffset).toBe(next);
    const [record] = [...readRecords(compression, records, at)];
    expect(Buffer.compare(record?.value ?? new Uint8Array(0), valueOf(partition, next))).toBe(0);
    next += 1;
  }
  return next;
}

/** For a message: all of an answer but its records. */
const limited = (name: string, value: unknown) => (name === "records" ? undefined : value);

interface Reader {
  readonly partition: number;
  /** How many answers are asked for before the first one is looked at; the broker has to hold on to them. */
  readonly ahead: number;
  /** For so long it takes nothing of the answers from its sockets. */
  readonly pauseMs: number;
}

async function readAll({ partition, ahead, pauseMs }: Reader): Promise<number> {
  const clients: WireClient[] = [];
  for (let i = 0; i < ahead; i++) clients.push(await WireClient.connect(kedge.kafka));
  let next = 0;
  while (next < BATCHES) {
    const from = next;
    // The same range several times at once: each answer leases the same rows.
    const answers = clients.map((client) => fetch(client, partition, from));
    if (pauseMs > 0) {
      for (const client of clients) client.hold();
      await pause(pauseMs);
      for (const client of clients) client.goOn();
    }
    for (const waiting of answers) {
      const answer = await waiting;
      const found = answer === "closed" ? undefined : answer.responses[0]?.partitions[0];
      expect(found?.errorCode, `at ${partition}/${from}: ${JSON.stringify(found, limited)}\n${kedge.output()}`).toBe(0);
      next = Math.max(next, check(partition, from, (found?.records ?? new Uint8Array(0)) as Uint8Array));
    }
  }
  for (const client of clients) client.close();
  return next;
}

describe("fetching while producing", () => {
  it(
    "gives every batch as it was produced, to those who keep up and to those who don't",
    async () => {
      const { client, close } = tcpClient(kedge.kafka);
      succeeded(await createTopic(client, { name: TOPIC, partitionCount: PARTITIONS }));
      close();
      const partitions = Array.from({ length: PARTITIONS }, (_, i) => i);
      const reading = partitions.flatMap((partition) => [
        readAll({ partition, ahead: 1, pauseMs: 0 }),
        readAll({ partition, ahead: 2, pauseMs: 1_000 }),
      ]);
      await Promise.all(partitions.map(produce));
      // Those who come late read what the broker no longer has in memory.
      for (const pauseMs of [0, 300]) {
        reading.push(...partitions.map((partition) => readAll({ partition, ahead: 2, pauseMs })));
      }
      expect(await Promise.all(reading)).toEqual(reading.map(() => BATCHES));
    },
    TEST_TIMEOUT_MS,
  );
});
