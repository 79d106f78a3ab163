import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { batch } from "./records.ts";
import { awaitCoordinator, createTopic } from "./setup.ts";
import { noteFetch, noteProducers, Transactional } from "./transactional.ts";

const READ_COMMITTED = 1;

/** What leaders and group coordinators make of what is written in transactions. */
export async function transactionalWriteCases(session: Session): Promise<void> {
  session.begin("transactional");
  await createTopic(session, "written");
  await createTopic(session, "marked");
  await produceCases(session);
  await readCases(session);
  await markerCases(session);
  await offsetCases(session);
}

async function produceCases(session: Session): Promise<void> {
  for (let version = 3; version <= 12; version++) {
    const one = new Transactional(session, `writer${version}`);
    await one.init();
    const ask = async (
      what: string,
      records: Uint8Array,
      options: { acks?: number; transactionalId?: string | null } = {},
    ) => {
      const { responses } = await session.tell(m.Produce, version, one.produceDraft("written", records, options));
      session.note(
        `${what} v${version}`,
        responses[0].partitionResponses.map(({ errorCode }) => errorCode),
      );
    };
    if (version < 12) await ask("nothing was added", one.recordsOf("x", 0));
    await ask("without an id", one.recordsOf("x", 0), { transactionalId: null });
    await ask("another id", one.recordsOf("x", 0), { transactionalId: session.topic("nobody") });
    if (version < 12) await one.add("written");
    await ask("begins with a later sequence", one.recordsOf("x", 3));
    await ask("first", one.recordsOf("a", version < 12 ? 4 : 0));
    await ask("not transactional meanwhile", one.recordsOf("x", version < 12 ? 5 : 1, { transactional: false }));
    await ask("epoch of the future", one.recordsOf("x", 0, { producerEpoch: 5 }));
    await ask("old epoch", one.recordsOf("x", 0, { producerEpoch: -1 }));
    await noteProducers(session, `open v${version}`, "written");
    await one.end(version % 2 === 0, version < 12 ? 4 : 5);
    await ask("a late one", one.recordsOf("late", version < 12 ? 5 : 1));
    await noteProducers(session, `ended v${version}`, "written");
  }
  const [one, other] = [new Transactional(session, "pair1"), new Transactional(session, "pair2")];
  await one.init();
  await other.init();
  const answer = await session.tell(m.Produce, 12, {
    ...one.produceDraft("written", one.recordsOf("a", 0)),
    topicData: [
      { name: session.topic("written"), partitionData: [{ index: 0, records: one.recordsOf("a", 0) }] },
      { name: session.topic("marked"), partitionData: [{ index: 0, records: other.recordsOf("b", 0) }] },
    ],
  });
  session.note(
    "two producers in one request",
    answer.responses.flatMap(({ partitionResponses }) => partitionResponses.map(({ errorCode }) => errorCode)),
  );
}

async function readCases(session: Session): Promise<void> {
  await noteFetch(session, "all is decided, uncommitted", "written", 0);
  await noteFetch(session, "all is decided, committed", "written", READ_COMMITTED);
  await noteFetch(session, "in the middle, committed", "written", READ_COMMITTED, 5);
  const one = new Transactional(session, "reader");
  await one.init();
  await session.tell(m.Produce, 12, one.produceDraft("written", one.recordsOf("open", 0)));
  await session.tell(m.Produce, 12, {
    acks: -1,
    topicData: [{ name: session.topic("written"), partitionData: [{ index: 0, records: batch(["plain"]) }] }],
  });
  await noteFetch(session, "something is open, uncommitted", "written", 0, 10);
  await noteFetch(session, "something is open, committed", "written", READ_COMMITTED, 10);
  for (let version = 2; version <= 11; version++) {
    for (const isolationLevel of [0, READ_COMMITTED]) {
      for (const timestamp of [-1, -2, -3, 0]) {
        if (timestamp === -3 && version < 7) continue;
        const { topics } = await session.tell(m.ListOffsets, version, {
          replicaId: -1,
          isolationLevel,
          topics: [{ name: session.topic("written"), partitions: [{ partitionIndex: 0, timestamp }] }],
        });
        // The markers' timestamps are the brokers' own.
        const { timestamp: _, ...rest } = topics[0].partitions[0];
        if (timestamp !== -3) session.note(`offset of ${timestamp} for isolation ${isolationLevel} v${version}`, rest);
      }
    }
  }
  await one.end(false, 5);
  await noteFetch(session, "aborted in the end, committed", "written", READ_COMMITTED);
  await noteFetch(session, "aborted in the end, at the end", "written", READ_COMMITTED, 30);
}

async function markerCases(session: Session): Promise<void> {
  for (const version of [1, 2]) {
    const producerId = 7_000_000 + version;
    session.call("producerId", producerId, `marked producer ${version}`);
    const write = (what: string, draft: object, topics = ["marked"]) =>
      session.ask(what, m.WriteTxnMarkers, version, {
        markers: [
          {
            producerId,
            producerEpoch: 3,
            transactionResult: true,
            coordinatorEpoch: 2,
            topics: topics.map((name) => ({ name: session.topic(name), partitionIndexes: [0] })),
            ...draft,
          },
        ],
      });
    await session.ask("no markers", m.WriteTxnMarkers, version, { markers: [] });
    await write("nowhere", {}, ["nowhere"]);
    await write("there and nowhere", {}, ["marked", "nowhere"]);
    await write("a marker again", {});
    await write("of an old epoch", { producerEpoch: 2 });
    await write("of an old coordinator", { coordinatorEpoch: 1 });
    await write("of a new epoch", { producerEpoch: 4, transactionResult: false });
    if (version === 2) {
      await write("V2, the same epoch", { producerEpoch: 4, transactionVersion: 2 });
      await write("V2, an older epoch", { producerEpoch: 3, transactionVersion: 2 });
      await write("V2, a newer epoch", { producerEpoch: 5, transactionVersion: 2 });
    }
    await noteProducers(session, `marked v${version}`, "marked");
  }
  await noteFetch(session, "markers alone", "marked", READ_COMMITTED);
}

async function offsetCases(session: Session): Promise<void> {
  for (let version = 0; version <= 5; version++) {
    const one = new Transactional(session, `offsets${version}`);
    const groupId = session.topic(`g${version}`);
    await one.init();
    await awaitCoordinator(session, groupId);
    const partition = { partitionIndex: 0, committedOffset: 5, committedLeaderEpoch: -1, committedMetadata: "m" };
    const draft = (options: object = {}) => ({
      ...one.identity,
      groupId,
      topics: [
        { name: session.topic("written"), partitions: [partition, { ...partition, partitionIndex: 8 }] },
        { name: session.topic("nowhere"), partitions: [partition] },
      ],
      ...options,
    });
    const commit = (what: string, options: object = {}) =>
      session.ask(what, m.TxnOffsetCommit, version, draft(options));
    const fetch = async (what: string) => {
      for (const requireStable of [false, true]) {
        await session.ask(`${what}, stable ${requireStable}, of ${version}`, m.OffsetFetch, 7, {
          groupId,
          topics: [{ name: session.topic("written"), partitionIndexes: [0] }],
          requireStable,
        });
      }
    };
    await commit("an empty group id", { groupId: "" });
    await commit("an unknown transactional id", { transactionalId: session.topic("nobody") });
    await commit("another producer", { producerId: one.producerId + 1_000 });
    await commit("an epoch of the future", { producerEpoch: 6 });
    if (version < 5) {
      await commit("nothing was added");
      await session.ask("add offsets", m.AddOffsetsToTxn, Math.min(version, 4), { ...one.identity, groupId });
      await session.ask("add offsets again", m.AddOffsetsToTxn, Math.min(version, 4), { ...one.identity, groupId });
    }
    if (version >= 3) await commit("a generation", { generationIdOrMemberEpoch: 4, memberId: "nobody" });
    await commit("commit");
    await commit("commit again", { topics: [{ name: session.topic("written"), partitions: [partition] }] });
    await fetch("open");
    await one.end(version % 2 === 0, version < 5 ? 4 : 5);
    await fetch("ended");
    await commit("late");
    await fetch("late");
  }
  const nobody = { transactionalId: session.topic("nobody"), producerId: 1, producerEpoch: 0 };
  for (let version = 0; version <= 4; version++) {
    const answer = { ...nobody, groupId: session.topic("g0") };
    await session.ask("add offsets of nobody", m.AddOffsetsToTxn, version, answer);
  }
}
