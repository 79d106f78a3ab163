import { handlers } from "#broker/registry.ts";
import { referenceKernels } from "#kernels/reference.ts";
import { stampCrc } from "#records/batch.ts";
import { type BatchOptions, buildBatch } from "#records/builder.ts";
import { zlibCodecs } from "#worker/codecs.ts";
import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { awaitCoordinator, createTopic, newProducerId } from "./setup.ts";

const compression = { kernels: referenceKernels, codecs: zlibCodecs };
/** Not older than any retention time. */
const TIME_MS = Date.now() - 200_000;

export function batch(
  values: readonly (string | null)[],
  options: BatchOptions & { key?: string | null; timeMs?: number } = {},
): Uint8Array {
  const { key = null, timeMs = TIME_MS } = options;
  return buildBatch(
    compression,
    values.map((value, i) => ({
      timestampMs: timeMs + i,
      key: key === null ? null : Buffer.from(key),
      value: value === null ? null : Buffer.from(value),
      headers: [],
    })),
    options,
  );
}

/** Changes a batch and gives it a CRC that fits again. */
export function altered(bytes: Uint8Array, change: (view: DataView) => void): Uint8Array {
  const copy = new Uint8Array(bytes);
  change(new DataView(copy.buffer));
  stampCrc(referenceKernels, copy, 0);
  return copy;
}

function produceDraft(
  session: Session,
  name: string,
  records: Uint8Array | null,
  options: { acks?: number; index?: number } = {},
) {
  const { acks = -1, index = 0 } = options;
  const topic = { name: session.topic(name), partitionData: [{ index, records }] };
  return { acks, timeoutMs: 5_000, topicData: [topic] };
}

export async function produceCases(session: Session): Promise<void> {
  session.begin("produce");
  const topicId = await createTopic(session, "produce");
  await createTopic(session, "compacted", 1, { "cleanup.policy": "compact" });
  await createTopic(session, "small", 1, { "max.message.bytes": "200" });
  await createTopic(session, "bounded", 1, {
    "message.timestamp.before.max.ms": "1000",
    "message.timestamp.after.max.ms": "1000",
  });
  for (let version = 3; version <= 12; version++) {
    await session.ask("plain", m.Produce, version, produceDraft(session, "produce", batch([`v${version}`, "x"])));
    await session.ask("no such topic", m.Produce, version, produceDraft(session, "nowhere", batch(["x"])));
  }
  await session.ask("by id", m.Produce, 13, {
    acks: 1,
    topicData: [{ topicId, partitionData: [{ index: 0, records: batch(["id"]) }] }],
  });
  await session.ask("unknown id", m.Produce, 13, {
    acks: 1,
    topicData: [{ topicId: "abcdefghijklmnopqrstuA", partitionData: [{ index: 0, records: batch(["id"]) }] }],
  });
  const refused: Record<string, Uint8Array | null> = {
    "null records": null,
    "no bytes": new Uint8Array(0),
    "half a header": batch(["x"]).subarray(0, 30),
    "cut off": batch(["xxxxxxxxxxxxxxxxx"]).subarray(0, 70),
    "two batches": Buffer.concat([batch(["x"]), batch(["y"])]),
    "trailing bytes": Buffer.concat([batch(["x"]), Buffer.from([1, 2, 3])]),
    "bad crc": (() => {
      const bytes = batch(["x"]);
      bytes[bytes.length - 1] ^= 1;
      return bytes;
    })(),
    "magic 0": altered(batch(["x"]), (view) => view.setInt8(16, 0)),
    "magic 1": altered(batch(["x"]), (view) => view.setInt8(16, 1)),
    "magic 3": altered(batch(["x"]), (view) => view.setInt8(16, 3)),
    "negative count": altered(batch(["x"]), (view) => view.setInt32(57, -1)),
    "count 0": altered(batch(["x"]), (view) => view.setInt32(57, 0)),
    "count too high": altered(batch(["x"]), (view) => view.setInt32(57, 2)),
    "count and delta too high": altered(batch(["x"]), (view) => {
      view.setInt32(57, 2);
      view.setInt32(23, 1);
    }),
    "count and delta too low": altered(batch(["x", "y"]), (view) => {
      view.setInt32(57, 1);
      view.setInt32(23, 0);
    }),
    "negative delta": altered(batch(["x"]), (view) => view.setInt32(23, -1)),
    "control batch": batch(["x"], { control: true }),
    "codec 5": altered(batch(["x"]), (view) => view.setInt16(21, 5)),
    "codec 7": altered(batch(["x"]), (view) => view.setInt16(21, 7)),
    "log append time": altered(batch(["x"]), (view) => view.setInt16(21, 8)),
    "batch length 0": (() => {
      const bytes = new Uint8Array(batch(["x"]));
      new DataView(bytes.buffer).setInt32(8, 0);
      return bytes;
    })(),
    "batch length negative": (() => {
      const bytes = new Uint8Array(batch(["x"]));
      new DataView(bytes.buffer).setInt32(8, -5);
      return bytes;
    })(),
    "batch length huge": (() => {
      const bytes = new Uint8Array(batch(["x"]));
      new DataView(bytes.buffer).setInt32(8, 0x7fffffff);
      return bytes;
    })(),
    "record length too long": altered(batch(["x"]), (view) => view.setInt8(61, 126)),
    "base offset not 0": batch(["x"], { baseOffset: 5 }),
    "sequence without producer": batch(["x"], { baseSequence: 4 }),
    "producer without sequence": batch(["x"], { producerId: 900_000, producerEpoch: 0, baseSequence: -1 }),
    "gzip garbage": altered(batch(["xxxxxxxxxxxxxxxx"]), (view) => view.setInt16(21, 1)),
    "negative timestamp": batch(["x"], { timeMs: -5 }),
    "timestamp in the future": batch(["x"], { timeMs: 4_000_000_000_000 }),
    transactional: batch(["x"], { transactional: true, producerId: 5, producerEpoch: 0, baseSequence: 0 }),
  };
  for (const [name, records] of Object.entries(refused)) {
    // A topic each: what one broker takes and the other doesn't must not shift the offsets of what comes after.
    await createTopic(session, `refuse-${name.replaceAll(" ", "-")}`);
    await session.ask(name, m.Produce, 9, produceDraft(session, `refuse-${name.replaceAll(" ", "-")}`, records));
  }
  for (const acks of [2, -2, 1]) {
    await session.ask(`acks ${acks}`, m.Produce, 9, produceDraft(session, "produce", batch(["x"]), { acks }));
  }
  await session.ask("partition 7", m.Produce, 9, produceDraft(session, "produce", batch(["x"]), { index: 7 }));
  await session.ask("partition -1", m.Produce, 9, produceDraft(session, "produce", batch(["x"]), { index: -1 }));
  await session.ask("no key to compacted", m.Produce, 9, produceDraft(session, "compacted", batch(["x", "y"])));
  await session.ask("key to compacted", m.Produce, 9, produceDraft(session, "compacted", batch(["x"], { key: "k" })));
  await session.ask("tombstone", m.Produce, 9, produceDraft(session, "compacted", batch([null], { key: "k" })));
  await session.ask("too large", m.Produce, 9, produceDraft(session, "small", batch(["x".repeat(300)])));
  await session.ask("too old", m.Produce, 9, produceDraft(session, "bounded", batch(["x"])));
  await session.ask(
    "too new",
    m.Produce,
    9,
    produceDraft(session, "bounded", batch(["x"], { timeMs: Date.now() + 99_999 })),
  );
  for (const codec of [1, 2, 3, 4] as const) {
    await session.ask(`codec ${codec}`, m.Produce, 9, produceDraft(session, "produce", batch(["x", "y"], { codec })));
    await session.ask(`codec ${codec}`, m.Produce, 6, produceDraft(session, "produce", batch(["x", "y"], { codec })));
  }
  await awaitCoordinator(session, "a group");
  await session.ask("internal topic", m.Produce, 9, {
    acks: 1,
    timeoutMs: 1000,
    topicData: [{ name: "__consumer_offsets", partitionData: [{ index: 0, records: batch(["x"], { key: "k" }) }] }],
  });
}

export async function apiVersionsCases(session: Session): Promise<void> {
  session.begin("api versions");
  for (let version = 0; version <= 4; version++) {
    const software = { clientSoftwareName: "oracle", clientSoftwareVersion: "1.0" };
    const { apiKeys, errorCode } = await session.tell(m.ApiVersions, version, software);
    session.note(`error v${version}`, errorCode);
    // What Kedge doesn't serve yet is no departure; docs/support.md lists it.
    const served = new Set(handlers.map(({ apiKey }) => apiKey));
    for (const range of apiKeys)
      if (served.has(range.apiKey)) session.note(`range of ${range.apiKey} v${version}`, range);
  }
  await session.ask("no name", m.ApiVersions, 3, { clientSoftwareName: "", clientSoftwareVersion: "1" });
  await session.ask("an illegal name", m.ApiVersions, 3, { clientSoftwareName: "a b", clientSoftwareVersion: "1" });
  await session.ask("another cluster", m.ApiVersions, 5, {
    clientSoftwareName: "oracle",
    clientSoftwareVersion: "1",
    clusterId: "abcdefghijklmnopqrstuA",
    nodeId: 1,
  });
}

export async function idempotenceCases(session: Session): Promise<void> {
  session.begin("idempotence");
  await createTopic(session, "idempotence");
  const producer = await newProducerId(session, 4);
  session.call("producerId", producer.producerId, "the producer id");
  const send = (what: string, epoch: number, sequence: number, count = 1) => {
    const values = Array.from({ length: count }, (_, i) => `${sequence + i}`);
    const options = { producerId: producer.producerId, producerEpoch: epoch, baseSequence: sequence };
    return session.ask(what, m.Produce, 9, produceDraft(session, "idempotence", batch(values, options)));
  };
  await send("first", 0, 0, 2);
  await send("second", 0, 2);
  await send("repeated first", 0, 0, 2);
  await send("part of the first", 0, 0, 1);
  await send("gap", 0, 9);
  for (let sequence = 3; sequence < 9; sequence++) await send(`sequence ${sequence}`, 0, sequence);
  await send("behind the window", 0, 2);
  await send("last of the window", 0, 4);
  await send("new epoch, wrong sequence", 1, 3);
  await send("new epoch", 1, 0);
  await send("old epoch", 0, 9);
  const wrap = { producerId: producer.producerId + 0, producerEpoch: 2, baseSequence: 0 };
  await session.ask("epoch 2", m.Produce, 9, produceDraft(session, "idempotence", batch(["a"], wrap)));
  const stranger = { producerId: 123_456_789, producerEpoch: 3, baseSequence: 17 };
  await session.ask(
    "unknown producer in the middle",
    m.Produce,
    9,
    produceDraft(session, "idempotence", batch(["s"], stranger)),
  );
  const top = { producerId: 123_456_790, producerEpoch: 0, baseSequence: 2_147_483_646 };
  await session.ask(
    "sequence at the top",
    m.Produce,
    9,
    produceDraft(session, "idempotence", batch(["a", "b", "c"], top)),
  );
  await session.ask(
    "after the wrap",
    m.Produce,
    9,
    produceDraft(session, "idempotence", batch(["d"], { ...top, baseSequence: 1 })),
  );
  for (let version = 0; version <= 5; version++) {
    const init = await newProducerId(session, version);
    session.call("producerId", init.producerId, "a producer id");
    session.note(`init v${version}`, init);
  }
}

export async function readCases(session: Session): Promise<void> {
  session.begin("read");
  const topicId = await createTopic(session, "read", 2);
  for (const value of ["a", "b", "c"]) {
    await session.tell(
      m.Produce,
      9,
      produceDraft(session, "read", batch([value, `${value}2`], { timeMs: TIME_MS + value.charCodeAt(0) * 1000 })),
    );
  }
  const one = batch(["a", "a2"]).length;
  const fetch = (version: number, fetchOffset: number, extra: object = {}, partition: object = {}) => ({
    maxWaitMs: 0,
    minBytes: 0,
    maxBytes: 1_000_000,
    isolationLevel: 0,
    topics: [
      {
        topic: session.topic("read"),
        topicId,
        partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: 100_000, ...partition }],
      },
    ],
    ...(version >= 7 ? { sessionId: 0, sessionEpoch: -1 } : {}),
    ...extra,
  });
  for (let version = 4; version <= 18; version++) {
    await session.ask("from 0", m.Fetch, version, fetch(version, 0));
    await session.ask("read committed from 3", m.Fetch, version, fetch(version, 3, { isolationLevel: 1 }));
    await session.ask("at the end", m.Fetch, version, fetch(version, 6));
    await session.ask("behind the end", m.Fetch, version, fetch(version, 7));
    await session.ask("negative", m.Fetch, version, fetch(version, -1));
    await session.ask("one byte", m.Fetch, version, fetch(version, 2, { maxBytes: 1 }));
    await session.ask("two batches", m.Fetch, version, fetch(version, 0, {}, { partitionMaxBytes: 2 * one }));
    await session.ask("unknown partition", m.Fetch, version, fetch(version, 0, {}, { partition: 9 }));
    await session.ask("future leader epoch", m.Fetch, version, fetch(version, 0, {}, { currentLeaderEpoch: 9 }));
    await session.ask("unknown topic", m.Fetch, version, {
      ...fetch(version, 0),
      topics: [
        {
          topic: session.topic("nowhere"),
          topicId: "abcdefghijklmnopqrstuA",
          partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 9 }],
        },
      ],
    });
  }
  await session.ask("fetched epoch of the future", m.Fetch, 12, fetch(12, 2, {}, { lastFetchedEpoch: 5 }));
  await session.ask("fetched epoch", m.Fetch, 12, fetch(12, 2, {}, { lastFetchedEpoch: 0 }));
  for (let version = 1; version <= 11; version++) {
    for (const timestamp of [
      -1,
      -2,
      -3,
      -4,
      -5,
      -6,
      -7,
      0,
      TIME_MS + 98_000,
      TIME_MS + 98_001,
      TIME_MS + 98_002,
      TIME_MS * 2,
    ]) {
      await session.ask(`offset of ${timestamp}`, m.ListOffsets, version, {
        replicaId: -1,
        topics: [{ name: session.topic("read"), partitions: [{ partitionIndex: 0, timestamp }] }],
      });
    }
    await session.ask("empty partition, unknown partition", m.ListOffsets, version, {
      replicaId: -1,
      topics: [
        {
          name: session.topic("read"),
          partitions: [-1, -2, ...(version > 6 ? [-3] : [])].map((timestamp, i) => ({
            partitionIndex: 1 + i,
            timestamp,
          })),
        },
        { name: session.topic("nowhere"), partitions: [{ partitionIndex: 0, timestamp: -1 }] },
      ],
    });
    for (const entries of [[[0, 0]], [[0], [1], [0]]]) {
      await session.ask(`twice, in ${entries.length} entries`, m.ListOffsets, version, {
        replicaId: -1,
        topics: entries.map((indexes) => ({
          name: session.topic("read"),
          partitions: indexes.map((partitionIndex) => ({ partitionIndex, timestamp: -1 })),
        })),
      });
    }
  }
  for (let version = 2; version <= 4; version++) {
    for (const leaderEpoch of [-1, 0, 1, 5]) {
      await session.ask(`end of epoch ${leaderEpoch}`, m.OffsetForLeaderEpoch, version, {
        replicaId: -1,
        topics: [{ topic: session.topic("read"), partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch }] }],
      });
    }
    await session.ask("epochs amiss", m.OffsetForLeaderEpoch, version, {
      replicaId: -1,
      topics: [
        {
          topic: session.topic("read"),
          partitions: [0, 1, 9].map((partition) => ({ partition, currentLeaderEpoch: 4, leaderEpoch: 0 })),
        },
        { topic: session.topic("nowhere"), partitions: [{ partition: 0, currentLeaderEpoch: -1, leaderEpoch: 0 }] },
      ],
    });
  }
  await deletionCases(session);
}

async function deletionCases(session: Session): Promise<void> {
  await createTopic(session, "compact-only", 1, { "cleanup.policy": "compact" });
  let offset = 1;
  for (let version = 0; version <= 2; version++) {
    for (const [name, before] of [
      ["read", offset],
      ["read", 99],
      ["read", -2],
      ["read", 0],
      ["compact-only", 0],
      ["nowhere", 0],
    ] as const) {
      await session.ask(`delete ${name} before ${before}`, m.DeleteRecords, version, {
        timeoutMs: 5_000,
        topics: [{ name: session.topic(name), partitions: [{ partitionIndex: 0, offset: before }] }],
      });
    }
    await session.ask("start after deletion", m.ListOffsets, 5, {
      replicaId: -1,
      topics: [{ name: session.topic("read"), partitions: [{ partitionIndex: 0, timestamp: -2 }] }],
    });
    offset += 1;
  }
  const deletion = (offset: number) => ({ name: session.topic("read"), partitions: [{ partitionIndex: 0, offset }] });
  await session.ask("delete twice", m.DeleteRecords, 2, { timeoutMs: 5_000, topics: [deletion(99), deletion(0)] });
  await session.ask("delete to the high watermark", m.DeleteRecords, 2, {
    timeoutMs: 5_000,
    topics: [deletion(-1)],
  });
}

export async function sessionCases(session: Session): Promise<void> {
  session.begin("fetch sessions");
  await createTopic(session, "sessions", 2);
  const partitions = [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes: 10_000 }));
  const draft = { maxWaitMs: 0, minBytes: 0, maxBytes: 100_000 };
  const topics = [{ topic: session.topic("sessions"), partitions }];
  for (const version of [7, 11, 12]) {
    const full = await session.tell(m.Fetch, version, { ...draft, sessionId: 0, sessionEpoch: 0, topics });
    const { sessionId } = full;
    session.call("sessionId", sessionId, `session ${version}`);
    session.note(`full v${version}`, full);
    await session.ask("quiet", m.Fetch, version, { ...draft, sessionId, sessionEpoch: 1, topics: [] });
    await session.tell(m.Produce, 9, produceDraft(session, "sessions", batch([`for ${version}`])));
    await session.ask("new data", m.Fetch, version, { ...draft, sessionId, sessionEpoch: 2, topics: [] });
    await session.ask("wrong epoch", m.Fetch, version, { ...draft, sessionId, sessionEpoch: 9, topics: [] });
    await session.ask("forgotten", m.Fetch, version, {
      ...draft,
      sessionId,
      sessionEpoch: 3,
      topics: [],
      forgottenTopicsData: [{ topic: session.topic("sessions"), partitions: [0] }],
    });
    await session.ask("closed", m.Fetch, version, { ...draft, sessionId, sessionEpoch: -1, topics: [] });
    await session.ask("after it was closed", m.Fetch, version, { ...draft, sessionId, sessionEpoch: 4, topics: [] });
  }
}
