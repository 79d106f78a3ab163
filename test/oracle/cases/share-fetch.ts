import * as m from "../messages.ts";
import type { Session } from "../session.ts";
import { batch } from "./records.ts";
import { createTopic } from "./setup.ts";
import { awaitShareCoordinator } from "./share-state.ts";

const UNKNOWN_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";
const ENOUGH_MS = 5_000;
const BATCH_OPTIMIZED = 0;
const RECORD_LIMIT = 1;
const [GAP, ACCEPT, RELEASE, REJECT, RENEW] = [0, 1, 2, 3, 4];

interface Said {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly acknowledgeTypes: readonly number[];
}

const said = (firstOffset: number, lastOffset: number, ...acknowledgeTypes: number[]): Said => ({
  firstOffset,
  lastOffset,
  acknowledgeTypes,
});

export async function shareFetchCases(session: Session): Promise<void> {
  session.begin("share fetches");
  const topicId = await createTopic(session, "shared", 2);
  // Batches 0-4, 5-9 and 10-14.
  for (const start of [0, 5, 10]) {
    const values = Array.from({ length: 5 }, (_, at) => `v${start + at}`);
    await session.tell(m.Produce, 9, {
      acks: -1,
      timeoutMs: 5_000,
      topicData: [{ name: session.topic("shared"), partitionData: [{ index: 0, records: batch(values) }] }],
    });
  }
  for (const version of [1, 2]) {
    await lifeOfASession(session, version, topicId);
    await acknowledgements(session, version, topicId);
  }
  await renewals(session, topicId);
  await recordLimits(session, topicId);
  await wrongRequests(session, topicId);
}

/** A group that begins at the log's start, and a member of it. */
async function memberOf(session: Session, name: string, version: number, topicId: string) {
  session.begin(`${name} ${version}`);
  const groupId = session.topic(`${name}-${version}`);
  await awaitShareCoordinator(session, groupId, topicId);
  await session.tell(m.InitializeShareGroupState, 0, {
    groupId,
    topics: [{ topicId, partitions: [0, 1].map((partition) => ({ partition, stateEpoch: 0, startOffset: 0 })) }],
  });
  const draft = (memberId: string, shareSessionEpoch: number, batches: readonly Said[] | null, more: object) => ({
    groupId,
    memberId,
    shareSessionEpoch,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: 1 << 20,
    maxRecords: 500,
    batchSize: 500,
    topics:
      batches === null
        ? []
        : [{ topicId, partitions: [{ partitionIndex: 0, partitionMaxBytes: 0, acknowledgementBatches: batches }] }],
    ...more,
  });
  return {
    groupId,
    fetch: (what: string, shareSessionEpoch: number, batches: readonly Said[] | null = null, more: object = {}) =>
      session.ask(what, m.ShareFetch, version, draft("a", shareSessionEpoch, batches, more)),
    /** The first fetch takes a while: it loads. */
    begin: (what: string, more: object = {}) =>
      session.ask(what, m.ShareFetch, version, draft("a", 0, [], { maxWaitMs: ENOUGH_MS, ...more })),
    acknowledge: (what: string, shareSessionEpoch: number, batches: readonly Said[] | null, more: object = {}) =>
      session.ask(what, m.ShareAcknowledge, version, draft("a", shareSessionEpoch, batches, more)),
  };
}

async function lifeOfASession(session: Session, version: number, topicId: string): Promise<void> {
  const { begin, fetch, acknowledge } = await memberOf(session, "share-session", version, topicId);
  await fetch("goes on with nothing", 1);
  await fetch("ends nothing", -1);
  await acknowledge("acknowledges without a session", 1, [said(0, 4, ACCEPT)]);
  await acknowledge("ends no session", -1, null);
  await acknowledge("begins by acknowledging", 0, [said(0, 4, ACCEPT)]);
  await fetch("begins with acknowledgements", 0, [said(0, 4, ACCEPT)]);
  await begin("begins");
  await fetch("nothing more", 1);
  await fetch("of the past", 1);
  await fetch("of the future", 9);
  await acknowledge("acknowledges of the past", 1, [said(0, 4, ACCEPT)]);
  await acknowledge("acknowledges", 2, [said(0, 4, ACCEPT)]);
  await fetch("acknowledges too", 3, [said(5, 9, ACCEPT)]);
  await fetch("forgets", 4, null, { forgottenTopicsData: [{ topicId, partitions: [0] }] });
  await fetch("adds an unknown topic", 5, null, {
    topics: [{ topicId: UNKNOWN_TOPIC_ID, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
  });
  await fetch("hears of it again", 6);
  await fetch("adds a partition beyond the topic", 7, null, {
    topics: [{ topicId, partitions: [{ partitionIndex: 7, acknowledgementBatches: [] }] }],
    forgottenTopicsData: [{ topicId: UNKNOWN_TOPIC_ID, partitions: [0] }],
  });
  await fetch("adds it again", 8, []);
  await fetch("acknowledges and ends", -1, [said(10, 11, ACCEPT)]);
  await fetch("has ended", 9);
  await begin("begins again");
  await begin("begins anew without an end");
  await acknowledge("ends and acknowledges", -1, [said(12, 12, REJECT)]);
  await begin("has what it gave back");
}

async function acknowledgements(session: Session, version: number, topicId: string): Promise<void> {
  const { begin, acknowledge, fetch } = await memberOf(session, "share-acknowledgements", version, topicId);
  await begin("begins");
  let epoch = 1;
  const say = (what: string, ...batches: Said[]) => acknowledge(what, epoch++, batches);
  await say("of nothing");
  await say("backwards", said(4, 0, ACCEPT));
  await say("no types", said(0, 1));
  await say("too few types", said(0, 3, ACCEPT, ACCEPT));
  await say("unknown type", said(0, 0, 5));
  await say("negative type", said(0, 0, -1));
  await say("renewal", said(0, 0, RENEW));
  await say("out of order", said(3, 3, ACCEPT), said(1, 1, ACCEPT));
  await say("overlapping", said(0, 1, ACCEPT), said(1, 2, ACCEPT));
  await say("beyond what it has", said(14, 15, ACCEPT));
  await say("far beyond", said(100, 101, ACCEPT));
  await say("accepts part of a batch", said(0, 1, ACCEPT));
  await say("accepts it again", said(0, 1, ACCEPT));
  await say("one type each", said(2, 4, ACCEPT, RELEASE, REJECT));
  await say("a gap", said(5, 5, GAP));
  await say("across batches", said(6, 11, RELEASE));
  await fetch("released ones come again", epoch++);
  await say("one that is not held among others", said(3, 7, ACCEPT));
  await fetch("none was accepted", epoch++);
  await acknowledge("of an unknown topic", epoch++, null, {
    topics: [
      { topicId: UNKNOWN_TOPIC_ID, partitions: [{ partitionIndex: 0, acknowledgementBatches: [said(0, 0, ACCEPT)] }] },
    ],
  });
  await acknowledge("of a partition beyond the topic", epoch++, null, {
    topics: [{ topicId, partitions: [{ partitionIndex: 9, acknowledgementBatches: [said(0, 0, ACCEPT)] }] }],
  });
  await acknowledge("of a partition that was not fetched", epoch++, null, {
    topics: [{ topicId, partitions: [{ partitionIndex: 1, acknowledgementBatches: [said(0, 0, ACCEPT)] }] }],
  });
  for (let round = 0; round < 5; round++) {
    await say(`released ${round}`, said(12, 14, RELEASE));
    await fetch(`fetched ${round}`, epoch++);
  }
  await fetch("ends", -1);
}

async function renewals(session: Session, topicId: string): Promise<void> {
  const { begin, acknowledge, fetch } = await memberOf(session, "share-renewals", 2, topicId);
  await begin("begins");
  const alone = { isRenewAck: true, maxBytes: 0, minBytes: 0, maxRecords: 0, maxWaitMs: 0 };
  await acknowledge("renews", 1, [said(0, 4, RENEW)], { isRenewAck: true });
  await acknowledge("renews and accepts", 2, [said(0, 2, RENEW, ACCEPT, RENEW)], { isRenewAck: true });
  await acknowledge("renews what it has accepted", 3, [said(0, 1, RENEW)], { isRenewAck: true });
  await acknowledge("says that it renews, and doesn't", 4, [said(0, 0, ACCEPT)], { isRenewAck: true });
  await fetch("renews by fetching", 5, [said(2, 4, RENEW)], alone);
  await fetch("renews and wants more", 6, [said(2, 4, RENEW)], { isRenewAck: true });
  await fetch("renews without saying so", 6, [said(2, 4, RENEW)]);
  await fetch("ends", -1, [said(2, 3, ACCEPT)]);
}

async function recordLimits(session: Session, topicId: string): Promise<void> {
  for (const [name, shareAcquireMode] of Object.entries({ batch: BATCH_OPTIMIZED, limit: RECORD_LIMIT })) {
    const { begin, fetch, acknowledge } = await memberOf(session, `share-mode-${name}`, 2, topicId);
    const few = { shareAcquireMode, maxRecords: 3, batchSize: 2 };
    await begin("begins", few);
    await fetch("more", 1, null, few);
    await acknowledge("accepts some", 2, [said(0, 1, ACCEPT)]);
    await fetch("more again", 3, null, { ...few, maxRecords: 7 });
    await fetch("batches of three", 4, null, { ...few, maxRecords: 500, batchSize: 3 });
    await fetch("none", 5, null, { ...few, maxRecords: 0 });
    await fetch("ends", -1);
  }
  const { begin, fetch } = await memberOf(session, "share-bytes", 1, topicId);
  await begin("few bytes", { maxBytes: 1 });
  await fetch("more bytes than there are", 1, null, { minBytes: 1_000_000, maxWaitMs: 500 });
  await fetch("ends", -1);
}

async function wrongRequests(session: Session, topicId: string): Promise<void> {
  const { fetch, acknowledge } = await memberOf(session, "share-wrong", 2, topicId);
  for (const [what, more] of Object.entries({
    "no group": { groupId: null },
    "no member": { memberId: null },
    "nameless member": { memberId: "" },
    "long member": { memberId: "m".repeat(37) },
  })) {
    await fetch(what, 0, [], more);
    await acknowledge(what, 1, [said(0, 0, ACCEPT)], more);
  }
  await fetch("unknown mode", 0, [], { shareAcquireMode: 2 });
  const uninitialized = { groupId: session.topic("share-uninitialized"), maxWaitMs: 500 };
  await fetch("a group without state", 0, [], uninitialized);
}
